"""The steps of each operation for the door."""

from __future__ import annotations

from typing import Any

from albus_dr.workloads.registry import Derivation, Derived
from albus_dr.workloads.step import StepSpec
from albus_dr.workloads.traffic import Model

COUNT_S = 300.0


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """switchover and failover: close, open, verify through the door, count what users saw. reprotect: close it to the
    returned site."""
    source, target = derivation.source, derivation.target
    if derivation.operation in ("replicate", "drill"):
        return Derived()

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        return StepSpec(id=f"{name}.{verb}", workload=name, site=at, title=title,
                        **{"action": f"traffic.{verb}", "timeout_s": 30, "estimate_s": 0.1, **more})  # fmt: skip

    planned = derivation.operation == "switchover"
    ready = step("ready", target, "The door answers")
    if derivation.operation == "reprotect":
        stays_closed = step("quiesce", target, f"The door is closed to {target}", action="traffic.close", retries=3)
        return Derived(ready=(ready,), quiesce=(stays_closed,))
    return Derived(
        ready=(ready,),
        release=(
            step("close", source, f"Close the door to {source}", retries=3, clock="disrupted_at" if planned else ""),
        ),
        take=(
            step("open", target, f"Open the door to {target}", retries=3),
            step("verify", target, "Come in by the door", needs=(f"{name}.open",), clock="clients_verified_at"),
        ),
        after=(step("count", target, "Count what users saw", timeout_s=COUNT_S, estimate_s=2),),
    )
