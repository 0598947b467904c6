"""The steps of each operation for a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from albus_dr.workloads.postgres.model import Model
from albus_dr.workloads.registry import Derivation, Derived
from albus_dr.workloads.step import StepSpec

Step = Callable[..., StepSpec]
REBUILD_S = 7 * 86_400.0  # not the RTO: users are served meanwhile, and what is ended begins anew. Ctrl-C ends it


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """replicate: dump, copy. drill: restore, verify, amcheck. switchover: stop, promote, verify, follow. failover: promote, verify.
    reprotect: quiesce, keep, rebuild, rejoin, and replicate's."""
    target = derivation.target

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        known = {"action": f"postgres.{verb}", "title": title}
        return StepSpec(id=f"{name}.{verb}", workload=name, site=at, **{**known, **more})

    if derivation.operation == "replicate":
        return _replicate(step, name, derivation)
    if derivation.operation == "drill":
        return _drill(step, name, derivation)
    if derivation.operation == "switchover":
        return _switchover(step, name, model, derivation)
    if derivation.operation == "reprotect":
        return _reprotect(step, name, model, derivation)
    return Derived(
        ready=(step("ready_to_promote", target, f"What {name} at {target} has; what would be lost"),),
        take=_take(step, name, derivation),
    )


def _replicate(step: Step, name: str, derivation: Derivation) -> Derived:
    source, target, rto_s = derivation.source, derivation.target, derivation.runbook.objectives.rto
    return Derived(
        ready=(step("ready_to_dump", source, f"{name} at {source} is the primary, both repositories open"),),
        take=(
            step("dump", source, f"Dump {name} at {source}", timeout_s=rto_s, estimate_s=5),
            step("copy", target, f"Copy the recovery points of {name} to {target}", needs=(f"{name}.dump",),
                 timeout_s=rto_s, retries=2, estimate_s=5),
        ),
    )  # fmt: skip


def _drill(step: Step, name: str, derivation: Derivation) -> Derived:
    target, rto_s = derivation.target, derivation.runbook.objectives.rto
    return Derived(
        ready=(step("ready_to_restore", target, f"{target} has a recovery point of {name}, and room for it"),),
        take=(
            step("restore", target, f"Restore {name} into the isolated target", timeout_s=rto_s, estimate_s=10),
            step("compare", target, f"Compare {name} with its manifest", needs=(f"{name}.restore",), timeout_s=rto_s,
                 clock="data_recovered_at", estimate_s=2),
        ),
        after=(step("amcheck", target, f"Look at every page and index of {name}", timeout_s=rto_s, estimate_s=2),),
    )  # fmt: skip


def _switchover(step: Step, name: str, model: Model, derivation: Derivation) -> Derived:
    source, target = derivation.source, derivation.target
    after = (
        step("follow", source, f"{name} at {source} follows {target}", timeout_s=300, repeatable=False, estimate_s=2),
        *((step("confirm", target, f"Commits at {target} wait for {source} again", needs=(f"{name}.follow",)),)
          if model.replication == "synchronous" else ()),
    )  # fmt: skip
    return Derived(
        ready=(step("ready_to_switch", target, f"{name} at {target} follows {source} closely"),),
        release=(step("stop", source, f"Stop {name} at {source} cleanly", timeout_s=180, estimate_s=0.5),),
        take=_take(step, name, derivation),
        after=after,
    )


def _take(step: Step, name: str, derivation: Derivation) -> tuple[StepSpec, ...]:
    target, rto_s = derivation.target, derivation.runbook.objectives.rto
    return (
        step("promote", target, f"Promote {name} at {target}", timeout_s=120, repeatable=False, estimate_s=0.3),
        step("verify", target, f"Ask {name} at {target} what it must know", needs=(f"{name}.promote",), timeout_s=rto_s,
             clock="data_recovered_at", estimate_s=0.3),
    )  # fmt: skip


def _reprotect(step: Step, name: str, model: Model, derivation: Derivation) -> Derived:
    """Every rebuild is observed by the folder beside the data directory: run twice, none of these does harm."""
    source, target, rto_s = derivation.source, derivation.target, derivation.runbook.objectives.rto
    rejoin = step(
        "rejoin", target, f"{name} at {target} follows {source}", needs=(f"{name}.rebuild",), timeout_s=300, estimate_s=2
    )  # fmt: skip
    reconfirm = step(
        "reconfirm", source, f"Commits at {source} wait for {target} again", needs=(rejoin.id,), action="postgres.confirm"
    )  # fmt: skip
    follows = (rejoin, reconfirm) if model.replication == "synchronous" else (rejoin,)
    replicated = _replicate(step, name, derivation)
    dump, copy = replicated.take
    return Derived(
        ready=(
            *replicated.ready,
            step("ready_to_reprotect", target, f"{name} at {target} may become the standby of {source}", timeout_s=rto_s,
                 estimate_s=2),
        ),
        quiesce=(step("quiesce", target, f"Nothing writes to {name} at {target}", timeout_s=120, estimate_s=0.5),),
        prepare=(
            step("keep", target, f"Keep what {name} at {target} has alone", timeout_s=REBUILD_S, estimate_s=5),
            step("rebuild", target, f"Rebuild {name} at {target} from {source}", needs=(f"{name}.keep",), timeout_s=REBUILD_S,
                 estimate_s=5),
            *follows,
            step("catch_up", target, f"{name} at {target} has nearly everything", needs=(follows[-1].id,),
                 timeout_s=REBUILD_S),
            replace(dump, needs=(f"{name}.catch_up",)),
            copy,
        ),
    )  # fmt: skip
