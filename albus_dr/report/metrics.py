"""A run as metrics in Prometheus's text format. What was not measured is not there: a gap, never a zero."""

from __future__ import annotations

from datetime import datetime

from albus_dr.journal.state import RunState
from albus_dr.report.findings import seconds_between
from albus_dr.report.words import utc

_HELP = {
    "run_ended_timestamp_seconds": "When the last run ended.",
    "run_passed": "1 when the last run passed, else 0.",
    "run_exit_code": "Exit code of the last run.",
    "run_duration_seconds": "How long the last run took.",
    "run_left_behind": "How many things the last run left behind.",
    "last_passed_timestamp_seconds": "When a run last passed.",
    "rta_seconds": "Recovery time that the last run measured.",
    "rto_seconds": "Recovery time that is promised.",
    "rpa_seconds": "Recovery point that the last run measured.",
    "rpo_seconds": "Recovery point that is promised.",
    "lost_writes": "Acknowledged writes that the last run lost.",
}


def render(state: RunState, last_passed_at: datetime | None) -> str:
    """The metrics of a run that has ended, labelled with its runbook and operation."""
    ended = state.clocks["ended_at"]
    values: dict[str, float | None] = {
        "run_ended_timestamp_seconds": _timestamp(ended),
        "run_passed": float(state.verdict == "passed"),
        "run_exit_code": None if state.exit_code is None else float(state.exit_code),
        "run_duration_seconds": seconds_between(state.clocks["declared_at"], ended),
        "run_left_behind": float(len(state.residue)),
        "last_passed_timestamp_seconds": _timestamp(last_passed_at),
        "rta_seconds": state.rta_s,
        "rto_seconds": state.rto_s,
        "rpa_seconds": state.rpa_s,
        "rpo_seconds": state.rpo_s,
        "lost_writes": None if state.lost_writes is None else float(state.lost_writes),
    }
    labels = f'{{operation="{_label(state.operation)}",runbook="{_label(state.runbook)}"}}'
    lines = []
    for name, value in values.items():
        if value is not None:
            full = f"albus_dr_{name}"
            lines += [f"# HELP {full} {_HELP[name]}", f"# TYPE {full} gauge", f"{full}{labels} {value!r}"]
    return "\n".join([*lines, ""])


def _timestamp(at: datetime | None) -> float | None:
    return None if at is None else utc(at).timestamp()


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
