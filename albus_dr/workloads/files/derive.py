"""The steps of each operation for a directory tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from albus_dr.workloads.files.model import Model
from albus_dr.workloads.registry import Derivation, Derived
from albus_dr.workloads.step import StepSpec


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """replicate: back up, copy, warm. drill and failover: restore, verify. switchover: carry the last changes over.
    reprotect: keep, and replicate's."""
    source, target = derivation.source, derivation.target
    rto_s = derivation.runbook.objectives.rto

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        return StepSpec(
            id=f"{name}.{verb}",
            workload=name,
            site=at,
            action=f"files.{verb}",
            title=title,
            **{"timeout_s": rto_s, **more},
        )

    ready_to_back_up = step("ready_to_back_up", source, f"{name} is there, both repositories open", timeout_s=60)
    ready_to_restore = step(
        "ready_to_restore", target, f"{target} has a recovery point of {name}, and room for it", timeout_s=60
    )
    if derivation.operation == "replicate":
        return Derived(ready=(ready_to_back_up,), take=_recovery_point(step, name, model, derivation))
    if derivation.operation == "drill":
        return Derived(
            ready=(ready_to_restore,),
            take=(
                step("restore", target, f"Restore {name} into the isolated target", estimate_s=5),
                step("compare", target, f"Compare {name} with its manifest", needs=(f"{name}.restore",), estimate_s=1,
                     clock="data_recovered_at"),
            ),
        )  # fmt: skip
    if derivation.operation == "reprotect":
        keep = step("keep", target, f"Keep the files of {name} that {target} has alone", estimate_s=2)
        back_up, *others = _recovery_point(step, name, model, derivation)
        return Derived(
            ready=(
                ready_to_back_up,
                step("ready_to_keep", target, f"{target} has room for what it has alone of {name}", timeout_s=600),
            ),
            prepare=(keep, replace(back_up, needs=(keep.id,)), *others),
        )
    if derivation.operation == "switchover":
        return Derived(
            ready=(ready_to_back_up,),
            forward=(step("bring_forward", target, f"Bring {name} at {target} nearly up to date", estimate_s=5),),
            release=(step("carry_over", target, f"Carry the last changes of {name} over to {target}", estimate_s=3),),
            take=(step("compare_trees", target, f"Compare {name} at both sites", clock="data_recovered_at"),),
        )  # fmt: skip
    return Derived(
        ready=(ready_to_restore,),
        take=(
            step("take_back", target, f"Restore {name} at {target}", estimate_s=2),
            step("verify", target, f"Compare {name} at {target} with its manifest", needs=(f"{name}.take_back",), estimate_s=1,
                 clock="data_recovered_at"),
        ),
    )  # fmt: skip


def _recovery_point(
    step: Callable[..., StepSpec], name: str, model: Model, derivation: Derivation
) -> tuple[StepSpec, ...]:
    """From the source's tree to the target's repository, and its warm copy where the runbook wants one."""
    source, target = derivation.source, derivation.target
    warm = step("warm", target, f"Refresh the copy of {name} at {target}", needs=(f"{name}.copy",), estimate_s=2)
    return (
        step("back_up", source, f"Back up {name} at {source}", estimate_s=5),
        step("copy", target, f"Copy the recovery points of {name} to {target}", needs=(f"{name}.back_up",), retries=2,
             estimate_s=5),
        *((warm,) if model.warm else ()),
    )  # fmt: skip
