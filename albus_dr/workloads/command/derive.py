"""The steps of each operation for the user's own commands."""

from __future__ import annotations

from typing import Any, cast

from albus_dr.workloads.command import Commands, Model
from albus_dr.workloads.registry import Derivation, Derived
from albus_dr.workloads.step import StepSpec


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """One step for each command that the operation has."""
    commands = cast(Commands | None, getattr(model, derivation.operation))
    if commands is None:
        return Derived()

    def phase(verb: str, at: str, title: str, *, id_: str = "", **more: Any) -> tuple[StepSpec, ...]:
        argv = getattr(commands, verb)
        if argv is None:
            return ()
        spec = StepSpec(
            id=f"{name}.{id_ or verb}", workload=name, site=at, action=f"command.{verb}", title=title,
            params={"run": list(argv)}, timeout_s=model.timeout, **more,
        )  # fmt: skip
        return (spec,)

    source, target = derivation.source, derivation.target
    if derivation.operation == "reprotect":  # a failback has these beside those of the switchover
        protect = phase(
            "take", target, f"Protect {name} at {target}", id_="protect", repeatable=commands.repeatable
        )  # fmt: skip
        needs = tuple(step.id for step in protect)
        return Derived(
            ready=phase("ready", target, f"{name} at {target} is ready to be protected", id_="ready_to_reprotect"),
            prepare=(
                *protect,
                *phase("verify", target, f"Verify {name} at {target}", id_="verify_protected", needs=needs),
            ),
        )
    take = phase("take", target, f"Take {name} over at {target}", repeatable=commands.repeatable)
    needs = tuple(step.id for step in take)
    return Derived(
        ready=phase("ready", target, f"{name} is ready at {target}"),
        release=phase("release", source, f"Let go of {name} at {source}"),
        take=(*take, *phase("verify", target, f"Verify {name} at {target}", needs=needs)),
    )
