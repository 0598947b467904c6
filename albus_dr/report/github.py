"""A run as GitHub's workflow commands: printed in a job, each becomes an annotation of the run's page.

An error for each cause, a warning for what a reader must know, one line for the verdict. As everything that a CI's log shows,
it may be public: no text that a program printed is in it but the failed step's own error, which the log has anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

from albus_dr.journal.state import RunState
from albus_dr.report.findings import (
    budget_sentence,
    format_seconds,
    headline,
    objectives,
    operation_name,
    over_budget,
    printable,
    run_mark,
    step_mark,
    troubled,
    undone,
    unexplained,
)
from albus_dr.units import format_duration


def render(state: RunState) -> str:
    """One command a line; ends in a line end."""
    return "".join(f"{line}\n" for line in _lines(state))


def _lines(state: RunState) -> Iterator[str]:
    passed = state.verdict == "passed" and state.exit_code is not None
    title = f"{operation_name(state)} of {state.runbook}: {run_mark(state).word.lower()}"
    yield _command("notice" if passed else "error", title, headline(state))
    for step in troubled(state):
        hint = f"\nWhat to do: {step.hint}" if step.hint else ""
        yield _command("error", f"{step.id} {step_mark(step.status).word}", f"{step.error or step.title}{hint}")
    if unexplained(state):
        yield _command("error", "Why", state.reason)
    for found in state.verifications:
        if found.verdict == "failed":
            said = f"expected {found.expected}, found {found.actual}"
            yield _command("error", f"{found.workload}: {found.kind}", said)
    for objective in objectives(state):
        if objective.verdict == "failed":
            took = format_seconds(objective.actual_s, beside=objective.promised_s)
            said = f"{took}, where {format_duration(objective.promised_s)} were promised"
            yield _command("error", f"{objective.key.upper()} missed", said)
    for stage in over_budget(state):
        yield _command("error", "Over budget", budget_sentence(stage))
    for item in state.residue:
        yield _command("error", "Left behind", item)
    if skipped := [step.id for step in undone(state.steps.values()) if step not in troubled(state)]:
        yield _command("warning", "Not done", ", ".join(skipped))
    for note in state.notes:
        yield _command("warning", "Note", note)


def _command(kind: str, title: str, message: str) -> str:
    safe = _data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={safe}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped as the runner unescapes it; nothing in a text can begin a command of its own."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
