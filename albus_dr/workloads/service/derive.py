"""The steps of each operation for an application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from albus_dr.workloads.registry import Derivation, Derived
from albus_dr.workloads.service import Model
from albus_dr.workloads.step import StepSpec

START_S = 120.0


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """drill: start a copy, verify, rehearse. switchover: stop, start, verify. failover: start, verify. reprotect: stop what runs at
    the returned site."""
    source, target = derivation.source, derivation.target

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        return StepSpec(
            id=f"{name}.{verb}",
            workload=name,
            site=at,
            action=f"service.{verb}",
            title=title,
            timeout_s=START_S,
            **more,
        )

    if derivation.operation == "replicate":
        return Derived()
    if derivation.operation == "drill":
        return Derived(
            take=(
                step("start_copy", target, f"Start a copy of {name} on what was restored"),
                step(
                    "verify_copy",
                    target,
                    f"Ask the copy of {name}",
                    needs=(f"{name}.start_copy",),
                    clock="service_verified_at",
                ),
            ),
            after=(step("rehearse", target, f"Work a day with the copy of {name}"),) if model.rehearse else (),
        )
    stop = step("stop", source, f"Stop {name} at {source}")
    if derivation.operation == "reprotect":
        stays_off = replace(stop, id=f"{name}.quiesce", site=target, title=f"{name} does not run at {target}")
        return Derived(quiesce=(stays_off,))
    return Derived(
        release=(stop,) if derivation.operation == "switchover" else (),
        take=(
            step("start", target, f"Start {name} at {target}", estimate_s=0.5),
            step(
                "verify",
                target,
                f"Ask {name} at {target}",
                needs=(f"{name}.start",),
                clock="service_verified_at",
                estimate_s=0.2,
            ),
        ),
    )
