"""The steps of each operation for a PostgreSQL database."""

from __future__ import annotations

from typing import Any

from albus_dr.workloads.postgres.model import Model
from albus_dr.workloads.registry import Derivation, Derived
from albus_dr.workloads.step import StepSpec


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """replicate: dump, copy. drill: restore, verify. switchover: stop, promote, verify, follow. failover: promote, verify."""
    source, target = derivation.source, derivation.target

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        return StepSpec(id=f"{name}.{verb}", workload=name, site=at, action=f"postgres.{verb}", title=title, **more)

    rto_s = derivation.runbook.objectives.rto
    verify = step(
        "verify", target, f"Ask {name} at {target} what it must know", needs=(f"{name}.promote",), timeout_s=rto_s,
        clock="data_recovered_at", estimate_s=0.3,
    )  # fmt: skip
    promote = step(
        "promote", target, f"Promote {name} at {target}", timeout_s=120, repeatable=False, estimate_s=0.3,
    )  # fmt: skip
    if derivation.operation == "replicate":
        return Derived(
            ready=(step("ready_to_dump", source, f"{name} at {source} is the primary, both repositories open"),),
            take=(
                step("dump", source, f"Dump {name} at {source}", timeout_s=rto_s, estimate_s=5),
                step("copy", target, f"Copy the recovery points of {name} to {target}", needs=(f"{name}.dump",),
                     timeout_s=rto_s, retries=2, estimate_s=5),
            ),
        )  # fmt: skip
    if derivation.operation == "drill":
        return Derived(
            ready=(step("ready_to_restore", target, f"{target} has a recovery point of {name}, and room for it"),),
            take=(
                step("restore", target, f"Restore {name} into the isolated target", timeout_s=rto_s, estimate_s=10),
                step("compare", target, f"Compare {name} with its manifest", needs=(f"{name}.restore",), timeout_s=rto_s,
                     clock="data_recovered_at", estimate_s=2),
            ),
        )  # fmt: skip
    if derivation.operation == "switchover":
        after = (
            step("follow", source, f"{name} at {source} follows {target}", timeout_s=300, repeatable=False, estimate_s=2),
            *((step("confirm", target, f"Commits at {target} wait for {source} again", needs=(f"{name}.follow",)),)
              if model.replication == "synchronous" else ()),
        )  # fmt: skip
        return Derived(
            ready=(step("ready_to_switch", target, f"{name} at {target} follows {source} closely"),),
            release=(step("stop", source, f"Stop {name} at {source} cleanly", timeout_s=120, estimate_s=0.5),),
            take=(promote, verify),
            after=after,
        )
    return Derived(
        ready=(step("ready_to_promote", target, f"{name} at {target} is a standby; what would be lost"),),
        take=(promote, verify),
    )
