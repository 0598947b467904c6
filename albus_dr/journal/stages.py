"""The stages of a run: from each of its clocks to the next, as they came. Pure; engine and reports read the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from albus_dr.journal.state import CLOCKS, RunState, StepState


@dataclass(frozen=True)
class Stage:
    """One stretch between two clocks. Seconds."""

    clock: str
    """The clock that ends it, for example ``fenced_at``."""
    after: str
    """The clock that it begins with."""
    begin: datetime
    end: datetime
    budget_s: float | None
    """What the runbook allows it; None where it says nothing."""
    longest: StepState | None
    """The step that took most of it; None where no step ran in it."""

    @property
    def took_s(self) -> float:
        return (self.end - self.begin).total_seconds()

    @property
    def is_over(self) -> bool:
        return self.budget_s is not None and self.took_s > self.budget_s


def in_order(state: RunState) -> list[tuple[str, datetime]]:
    """The measured clocks by time; those of one moment as the design orders them."""
    return [(key, at) for key, _ in _steady(state) if (at := state.clocks[key]) is not None]


def _steady(state: RunState) -> list[tuple[str, datetime]]:
    measured = [(key, at) for key in CLOCKS if (at := state.steady(key)) is not None]
    return sorted(measured, key=lambda pair: (pair[1], CLOCKS.index(pair[0])))


def stages(state: RunState) -> tuple[Stage, ...]:
    """In the order in which they came. From a drill's assumed disruption to its start, which is the same moment, is none."""
    return tuple(
        Stage(clock, after, begin, end, _budget_s(state.budgets, clock), _longest(state, begin, end))
        for (after, begin), (clock, end) in pairwise(_steady(state))
        if not (state.operation == "drill" and (after, clock) == ("disrupted_at", "started_at") and begin == end)
    )


def _budget_s(budgets: Mapping[str, float], clock: str) -> float | None:
    return budgets.get(clock.removesuffix("_at"))


def _longest(state: RunState, begin: datetime, end: datetime) -> StepState | None:
    """The one that covers most of the stretch."""

    def covered_s(step: StepState) -> float:
        if step.started_at is None or step.ended_at is None:
            return 0.0
        return (min(step.ended_at, end) - max(step.started_at, begin)).total_seconds()

    longest = max(state.steps.values(), key=covered_s, default=None)
    return longest if longest is not None and covered_s(longest) > 0 else None


def waited_s(state: RunState) -> float | None:
    """How long the run waited for people, all approvals together; None where it asked nobody."""
    waits = [step.waited_s for step in state.steps.values() if step.waited_s is not None]
    return sum(waits) if waits else None
