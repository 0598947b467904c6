"""A run as metrics in Prometheus's text format. What was not measured is not there: a gap, never a zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from albus_dr.journal.stages import stages
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
    "stage_seconds": "How long the stage of the last run took that ended with this clock.",
    "stage_budget_seconds": "How long the runbook lets the stage take.",
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
    labels = f'operation="{_label(state.operation)}",runbook="{_label(state.runbook)}"'
    lines: list[str] = []
    for name, value in values.items():
        if value is not None:
            lines += _family(name, {labels: value})
    passed = {f'{labels},stage="{stage.clock.removesuffix("_at")}"': stage for stage in stages(state)}
    lines += _family("stage_seconds", {where: stage.took_s for where, stage in passed.items()})
    allowed = {where: stage.budget_s for where, stage in passed.items() if stage.budget_s is not None}
    return "\n".join([*lines, *_family("stage_budget_seconds", allowed), ""])


def _family(name: str, values: Mapping[str, float]) -> list[str]:
    """The lines of a metric, by labels; none where there is no value."""
    full = f"albus_dr_{name}"
    heading = [f"# HELP {full} {_HELP[name]}", f"# TYPE {full} gauge"] if values else []
    return [*heading, *(f"{full}{{{labels}}} {value!r}" for labels, value in values.items())]


def _timestamp(at: datetime | None) -> float | None:
    return None if at is None else utc(at).timestamp()


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
