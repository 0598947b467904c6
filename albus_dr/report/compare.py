"""Two runs of one kind beside each other: what got slower, and how much margin is left. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from albus_dr.journal.stages import stages
from albus_dr.journal.state import CLOCKS, RunState
from albus_dr.report.trend import Trend
from albus_dr.report.words import utc
from albus_dr.units import rfc3339

SCHEMA = "albus-dr/comparison/1"
_NOTICEABLE_S = 0.1
_NOTICEABLE_SHARE = 0.1


@dataclass(frozen=True)
class Change:
    """One length in both runs, in seconds; None where a run did not measure it."""

    name: str
    before_s: float | None
    after_s: float | None

    @property
    def change_s(self) -> float | None:
        return None if self.before_s is None or self.after_s is None else self.after_s - self.before_s

    @property
    def is_slower(self) -> bool:
        """By a tenth, and by more than machines differ from one moment to the next."""
        change_s = self.change_s
        least_s = max(_NOTICEABLE_S, _NOTICEABLE_SHARE * (self.before_s or 0.0))
        return change_s is not None and change_s > least_s


@dataclass(frozen=True)
class Comparison:
    """``before`` and ``after`` are runs of one runbook and one operation."""

    before: RunState
    after: RunState
    rta: Change
    margin: Change
    stages: tuple[Change, ...]
    steps: tuple[Change, ...]

    @property
    def slower(self) -> tuple[Change, ...]:
        """The steps that got slower, by how much."""
        return tuple(sorted((step for step in self.steps if step.is_slower), key=lambda step: -(step.change_s or 0.0)))


def compare(before: RunState, after: RunState) -> Comparison:
    """Every stage and every step of either, in the order of the later one."""
    first, second = _by_clock(before), _by_clock(after)
    steps = dict.fromkeys([*after.steps, *before.steps])
    return Comparison(
        before, after, Change("rta", before.rta_s, after.rta_s), Change("margin", _margin_s(before), _margin_s(after)),
        tuple(Change(key, first.get(key), second.get(key)) for key in CLOCKS if key in first or key in second),
        tuple(Change(id_, _took_s(before, id_), _took_s(after, id_)) for id_ in steps),
    )  # fmt: skip


def _by_clock(state: RunState) -> dict[str, float]:
    return {stage.clock: stage.took_s for stage in stages(state)}


def _took_s(state: RunState, step: str) -> float | None:
    return state.steps[step].duration_s if step in state.steps else None


def _margin_s(state: RunState) -> float | None:
    return None if state.rta_s is None else state.rto_s - state.rta_s


def document(found: Comparison, trend: Trend) -> dict[str, Any]:
    """The JSON of a comparison. Durations are seconds, times RFC 3339 in UTC; null is not measured."""
    return {
        "schema": SCHEMA, "runbook": found.after.runbook, "operation": found.after.operation, "before": found.before.run,
        "after": found.after.run, "rto_s": found.after.rto_s, "rta": _plain(found.rta), "margin": _plain(found.margin),
        "stages": [{"clock": each.name, **_plain(each)} for each in found.stages],
        "steps": [{"id": each.name, **_plain(each), "is_slower": each.is_slower} for each in found.steps],
        "trend": trend_document(trend),
    }  # fmt: skip


def trend_document(trend: Trend) -> dict[str, Any]:
    """The JSON of a trend."""
    return {
        "finding": trend.finding, "runs": trend.runs, "since": trend.since and _stamp(trend.since),
        "slope_s_per_day": trend.slope_s_per_day, "crosses_at": trend.crosses_at and _stamp(trend.crosses_at),
    }  # fmt: skip


def _plain(change: Change) -> Mapping[str, float | None]:
    figures = {"before_s": change.before_s, "after_s": change.after_s, "change_s": change.change_s}
    return {name: None if value is None else round(value, 3) for name, value in figures.items()}


def _stamp(at: datetime) -> str:
    return rfc3339(at, "seconds")


def of_a_kind(state: RunState, runs: Iterable[RunState]) -> list[RunState]:
    """The ended runs of this one's kind, to the same site, that were ordered before it; oldest first. The kind of a drill
    that was asked for an old recovery point is that of the same point."""
    begin = state.clocks.get("declared_at")
    if begin is None:
        return []
    kind = (state.runbook, state.operation, state.target, state.point)
    dated = [
        (utc(at), run)
        for run in runs
        if (run.runbook, run.operation, run.target, run.point) == kind and run.exit_code is not None
        and (at := run.clocks.get("declared_at")) is not None and utc(at) < utc(begin)
    ]  # fmt: skip
    return [run for _, run in sorted(dated, key=lambda pair: pair[0])]
