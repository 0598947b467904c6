"""A run that has ended as the spans of a trace. No text that a program printed: it may hold a patient's name."""

from __future__ import annotations

from albus_dr.journal.state import RunState, StepState
from albus_dr.tools.traces import Span


def spans_of(state: RunState) -> tuple[Span, ...]:
    """The run, then each step that began and ended. Raises ValueError for a run that has not ended."""
    declared, ended = state.clocks["declared_at"], state.clocks["ended_at"]
    if declared is None or ended is None:
        raise ValueError(f"{state.run} has not ended")
    measured = {
        "rta_s": state.rta_s,
        "rpa_s": state.rpa_s,
        "exit_code": state.exit_code,
        "lost_writes": state.lost_writes,
    }
    about: dict[str, str | int | float] = {
        "albus_dr.run": state.run, "albus_dr.runbook": state.runbook, "albus_dr.operation": state.operation,
        "albus_dr.source": state.source, "albus_dr.target": state.target, "albus_dr.verdict": state.verdict,
        "albus_dr.proof_level": state.proof_level, "albus_dr.rto_s": state.rto_s,
        **{f"albus_dr.{name}": value for name, value in measured.items() if value is not None},
    }  # fmt: skip
    failed = "" if state.verdict == "passed" else state.verdict
    whole = Span(f"{state.operation} {state.runbook}", declared, ended, about, failed)
    return (whole, *(span for step in state.steps.values() if (span := _span(step)) is not None))


def _span(step: StepState) -> Span | None:
    if step.started_at is None or step.ended_at is None:
        return None
    about: dict[str, str | int | float] = {
        "albus_dr.step": step.id, "albus_dr.action": step.action, "albus_dr.workload": step.workload,
        "albus_dr.site": step.site, "albus_dr.attempts": step.attempts,
        **({"albus_dr.waited_s": step.waited_s} if step.waited_s is not None else {}),
    }  # fmt: skip
    return Span(step.id, step.started_at, step.ended_at, about, "" if step.status == "succeeded" else step.status)
