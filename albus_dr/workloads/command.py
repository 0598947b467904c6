"""Whatever else: commands of the user's own, one for each phase of an operation."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import Field

from albus_dr.errors import VerificationError
from albus_dr.runbook.model import Name, Seconds, Strict, WorkloadModel
from albus_dr.tools.host import LocalHost
from albus_dr.workloads import access
from albus_dr.workloads.own import run_environment
from albus_dr.workloads.registry import Derivation, Derived, Reference
from albus_dr.workloads.step import Action, Facts, StepContext, StepSpec

Argv = tuple[str, ...]


class Commands(Strict):
    """Arguments without a shell. ALBUS_DR_RUN, _OPERATION, _SOURCE, _TARGET and _SITE are in the environment."""

    ready: Argv | None = Field(None, description="Exit code 0: ready. At the target.")
    release: Argv | None = Field(None, description="Let go of the source (switchover). At the source.")
    take: Argv | None = Field(None, description="Make it work at the target, or copy to it (replicate, reprotect).")
    verify: Argv | None = Field(None, description="Exit code 0: it works. At the target.")
    repeatable: bool = Field(False, description="`take` does no harm when it is run twice.")


class Model(WorkloadModel):
    """Anything with commands."""

    kind: Literal["command"]
    host: Name | None = Field(None, description="The host, by its name at each site. Default: where albus-dr runs.")
    timeout: Seconds = Field(300.0, description="Of each command.")
    replicate: Commands | None = None
    drill: Commands | None = None
    switchover: Commands | None = None
    failover: Commands | None = None
    reprotect: Commands | None = None


def references(model: Model) -> tuple[Reference, ...]:
    """The host is checked by the loader as every host is."""
    return ()


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


def _run(ctx: StepContext) -> Facts:
    model = cast(Model, ctx.workload)
    where = access.host(ctx, ctx.spec.site, model.host) if model.host else LocalHost()
    cwd = str(ctx.base) if isinstance(where, LocalHost) else None
    done = where.run(
        ctx.spec.params["run"],
        timeout_s=ctx.remaining_s,
        environment=run_environment(ctx),
        cwd=cwd,
        cancelled=ctx.cancelled,
    )
    if done.code != 0 and ctx.spec.action == "command.verify":
        raise VerificationError(f"{ctx.spec.workload}: its verification ended with {done.code}: {done.last_words}")
    return {"output": done.check(ctx.spec.title).last_words}


ACTIONS = {f"command.{verb}": Action(_run) for verb in ("ready", "release", "take", "verify")}
