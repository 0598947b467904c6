"""How long a plan will take: what its steps took before, and a guess for those that nobody has timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from albus_dr.plan.model import Plan
from albus_dr.workloads.step import StepSpec


@dataclass(frozen=True)
class Forecast:
    """``path`` is the chain of steps that takes longest, from first to last; ``measured`` are those of its steps that an
    earlier run has timed. The others' share of the ``seconds`` is a guess that knows nothing of the data's size."""

    path: tuple[StepSpec, ...]
    measured: frozenset[str]
    seconds: float


def forecast(plan: Plan, took_s: Mapping[tuple[str, str], float]) -> Forecast:
    """Of a plan, from the seconds that its steps took before, by id and action."""
    lasts = {step.id: took_s.get((step.id, step.action), step.estimate_s) for step in plan.steps}
    finish: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for step in plan.steps:
        latest = max(step.needs, key=lambda need: finish[need], default=None)
        before[step.id] = latest
        finish[step.id] = lasts[step.id] + (finish[latest] if latest else 0.0)
    chain: list[str] = []
    cursor = max(finish, key=lambda id_: finish[id_], default=None)
    while cursor is not None:
        chain.append(cursor)
        cursor = before[cursor]
    by_id = {step.id: step for step in plan.steps}
    path = tuple(by_id[id_] for id_ in reversed(chain))
    measured = frozenset(step.id for step in path if (step.id, step.action) in took_s)
    return Forecast(path, measured, sum(lasts[id_] for id_ in chain))
