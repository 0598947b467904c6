"""Is there a valid drill within the period, within the objectives? Pure: the same runs and time, the same answer.

What a drill proved ends with the first of three things: the period is over; the drill's plan is another one today; a
later drill of the same plan failed, which disproves the earlier one. A drill that was interrupted, waits, or was refused
proves nothing, either way; nor does one that was asked for an older recovery point. A drill counts from when its data had
come back, and not from when somebody resumed it for its cleanup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from albus_dr.errors import ExitCode
from albus_dr.journal.stages import stages
from albus_dr.journal.state import RunState
from albus_dr.units import format_duration, rfc3339

SCHEMA = "albus-dr/compliance/1"
Result = Literal["compliant", "overdue", "objective_missed"]
_CODES: dict[Result, ExitCode] = {
    "compliant": ExitCode.PASSED,
    "overdue": ExitCode.OVERDUE,
    "objective_missed": ExitCode.OBJECTIVE_MISSED,
}


@dataclass(frozen=True)
class Promise:
    """What the runbook promises today. Seconds."""

    runbook: str
    drill_every_s: float
    rto_s: float
    rpo_s: Mapping[str, float]
    """By workload: what its newest restored write is held against."""
    plan_digest: str
    """Of the drill that the runbook would plan today."""
    target: str
    """The site that such a drill would restore at."""
    budgets: Mapping[str, float] = field(default_factory=dict)
    """By the clock that ends a stage: what it may take."""


@dataclass(frozen=True)
class Compliance:
    """The answer at one moment."""

    runbook: str
    at: datetime
    result: Result
    reason: str
    due_at: datetime
    """When the next drill must have passed; when overdue, since when, which is ``at`` where no drill ever counted."""
    drill: RunState | None
    """The drill that decides; None when none of today's plan has proved anything."""
    every_s: float
    plan_digest: str

    @property
    def exit_code(self) -> ExitCode:
        return _CODES[self.result]


def decide(promise: Promise, runs: Sequence[RunState], at: datetime) -> Compliance:
    """The answer at the moment ``at`` (with a zone), from the runbook's runs in any order. Later ones don't exist yet."""
    known = sorted(_telling(runs, at), key=told_at, reverse=True)
    last = next((run for run in known if run.plan_digest == promise.plan_digest), None)

    def answer(result: Result, reason: str, due_at: datetime) -> Compliance:
        every_s, digest = promise.drill_every_s, promise.plan_digest
        return Compliance(promise.runbook, at, result, reason, due_at, last, every_s, digest)

    if last is None:
        return answer("overdue", _nothing_proved(promise, known), at)
    due_at = _proved_at(last) + timedelta(seconds=promise.drill_every_s)
    missed = _missed(promise, last)
    if last.verdict != "passed" and not missed:
        return answer("overdue", f"the last drill failed ({last.run}): {last.reason}", _ended_at(last))
    if at > due_at:
        every = format_duration(promise.drill_every_s)
        reason = f"the last drill ({last.run}) is older than {every}, the period"
        if later := _proved_nothing(runs, last, at):  # a sentence of its own: French has no other way
            reason = f"the last drill ({last.run}) is older than {every}, the period; {later.run} ended later, and proved nothing"
        return answer("overdue", reason, due_at)
    if missed:
        return answer("objective_missed", f"the last drill missed an objective ({last.run}): {missed}", due_at)
    return answer("compliant", f"{last.run} passed", due_at)


def undecided(found: Compliance, damage: str) -> Compliance:
    """The answer where a later drill can't be read: it may have disproved what the earlier one showed."""
    reason = f"{damage}, so nobody can tell what that drill proved"
    return replace(found, result="overdue", reason=reason, due_at=found.at, drill=None)


def _nothing_proved(promise: Promise, known: Sequence[RunState]) -> str:
    if not known:
        return "no drill has passed yet"
    if known[0].target != promise.target:
        return (
            f"the sites have changed places since the last drill ({known[0].run}): "
            f"none has shown yet that {promise.target} can recover"
        )
    return f"the plan has changed since the last drill ({known[0].run}): what it proved no longer holds"


def _telling(runs: Iterable[RunState], at: datetime) -> Iterator[RunState]:
    """The drills that had ended by then and proved something: that recovery works, or that it does not."""
    for run in runs:
        ended = run.clocks["ended_at"]
        # What did all that it was to do and was not measured has not shown that recovery works.
        did_all = all(step.status == "succeeded" for step in run.steps.values())
        unmeasured = run.verdict == "incomplete" and run.exit_code == ExitCode.STEP_FAILED and did_all
        told = run.verdict == "passed" or unmeasured or (run.verdict == "failed" and run.exit_code != ExitCode.REFUSED)
        if (
            run.operation == "drill"
            and not run.point
            and run.exit_code is not None
            and told
            and ended is not None
            and ended <= at
        ):
            yield run


def _proved_nothing(runs: Iterable[RunState], last: RunState, at: datetime) -> RunState | None:
    """The newest drill of the same plan that ended after the last one that counts: refused, broken off, a step left undone."""
    later = [
        run for run in runs
        if run.operation == "drill" and not run.point and run.plan_digest == last.plan_digest
        and (ended := run.clocks["ended_at"]) and _ended_at(last) < ended <= at
    ]  # fmt: skip
    return max(later, key=_ended_at, default=None)


def _ended_at(run: RunState) -> datetime:
    ended = run.clocks["ended_at"]
    assert ended is not None
    return ended


def told_at(run: RunState) -> datetime:
    """When a run that has ended told what it tells: a cleanup that succeeds when it is resumed proves nothing anew."""
    ends = [
        step.ended_at for step in run.steps.values()
        if step.ended_at and not (step.action == "site.cleanup" and step.status == "succeeded")
    ]  # fmt: skip
    return max(ends, default=_ended_at(run))


def _proved_at(run: RunState) -> datetime:
    return run.clocks["service_verified_at"] or run.clocks["data_recovered_at"] or _ended_at(run)


def _missed(promise: Promise, run: RunState) -> str:
    """Which objective a recovered and verified drill missed: those of its own day, and those of today. Else empty."""
    if run.verdict != "passed":
        return run.reason if run.exit_code == ExitCode.OBJECTIVE_MISSED else ""
    if run.rta_s is None or run.rta_s > promise.rto_s:
        took = "not measured" if run.rta_s is None else format_duration(run.rta_s, beside=promise.rto_s)
        return f"its recovery time was {took}; {format_duration(promise.rto_s)} is promised today"
    for workload, limit_s in promise.rpo_s.items():
        found = run.rpa_by_workload.get(workload)
        if found is None or found > limit_s:
            age = "not measured" if found is None else format_duration(found, beside=limit_s)
            return f"{workload}: the age of its newest write was {age}; {format_duration(limit_s)} is promised today"
    for stage in stages(replace(run, budgets=promise.budgets)):
        if stage.is_over and stage.budget_s is not None:
            name, took = stage.clock.removesuffix("_at"), format_duration(stage.took_s, beside=stage.budget_s)
            return f"its stage {name} took {took}; {format_duration(stage.budget_s)} is its budget today"
    return ""


def document(found: Compliance) -> dict[str, Any]:
    """The JSON of an answer (``compliance.schema.json``). Times are RFC 3339 in UTC, durations seconds."""
    drill = found.drill
    return {
        "schema": SCHEMA, "runbook": found.runbook, "at": rfc3339(found.at), "result": found.result,
        "exit_code": int(found.exit_code), "reason": found.reason, "due_at": rfc3339(found.due_at),
        "every_s": found.every_s, "plan_digest": found.plan_digest,
        "drill": {
            "run": drill.run, "verdict": drill.verdict, "exit_code": drill.exit_code,
            "ended_at": rfc3339(_ended_at(drill)), "rta_s": drill.rta_s, "rpa_s": drill.rpa_s,
            "proof_level": drill.proof_level,
        } if drill else None,
    }  # fmt: skip
