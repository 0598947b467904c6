"""Which recovery points a run restored: pure, from its folded journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from albus_dr.journal.fold import parse_time
from albus_dr.journal.state import RunState

_RESTORES = ("restore", "take_back")
_CHOOSES = ("ready_to_restore", *_RESTORES)


@dataclass(frozen=True)
class Restored:
    """What came back of one workload, and whence. The snapshots are restic's, of the target's repository."""

    workload: str
    point: str
    at: datetime
    """As old as this is what was restored."""
    data_snapshot: str
    manifest_snapshot: str


def restored(state: RunState) -> tuple[Restored, ...]:
    """One for each workload that a step restored, in the order of the plan; none where no recovery point was used."""
    facts: dict[str, dict[str, str]] = {}
    done: list[str] = []
    for step in state.steps.values():
        action = step.action.rpartition(".")[2]
        if action in _CHOOSES and step.status == "succeeded":
            facts[step.workload] = facts.get(step.workload, {}) | dict(step.facts)
            done += [step.workload] if action in _RESTORES else []
    return tuple(
        Restored(
            name, facts[name]["point"], parse_time(facts[name]["point_at"]), facts[name].get("data_snapshot", ""),
            facts[name].get("manifest_snapshot", ""),
        )
        for name in dict.fromkeys(done)
        if facts[name].get("point") and facts[name].get("point_at")
    )  # fmt: skip
