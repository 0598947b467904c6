"""A run as Markdown: for a ticket, a wiki or a pull request. GitHub's tables; everything from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from albus_dr.journal.state import RunState
from albus_dr.report.findings import (
    NOT_MEASURED,
    Mark,
    clock_label,
    clock_start,
    format_count,
    format_moment,
    format_seconds,
    headline,
    level_meaning,
    limits,
    loss,
    objectives,
    operation_name,
    ordered_clocks,
    printable,
    run_mark,
    seconds_between,
    step_mark,
    troubled,
    unmeasured,
    verdict_mark,
    way,
)
from albus_dr.units import format_duration

PHRASES = {
    "wrong": "What went wrong",
    "next": "Next",
    "figures": "Against the objectives",
    "rto": "Recovery time (RTA against RTO)",
    "rpo": "Recovery point (RPA against RPO)",
    "downtime": "Client downtime",
    "acknowledged": "Acknowledged writes",
    "lost": "Lost writes",
    "loss": "What was lost",
    "clocks": "Clocks",
    "start.disruption": "the disruption",
    "start.declaration": "the declaration",
    "steps": "Steps",
    "verifications": "Verifications",
    "verifications.none": "None was made.",
    "residue": "Left behind",
    "residue.none": "Cleanup named nothing that was left behind.",
    "notes": "Notes",
    "limits": "What this does not show",
    "unmeasured": "Not measured: {what}",
    "identity": "Identity",
}

COLUMNS: dict[str, tuple[str, ...]] = {
    "figures": ("", "Measured", "Promised", "Margin", "Verdict"),
    "clocks": ("Clock", "At", "After {start}"),
    "steps": ("Step", "Id", "Site", "Result", "Duration", "Attempts"),
    "verifications": ("Workload", "What", "Expected", "Found", "Verdict"),
}

# What Markdown reads as markup: anywhere, at the beginning of a line, and the colon that makes a link of an address.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&@$]|^[#+-]|(?<=\d)[.)](?= )|(?<=[a-z]):(?=//))")


def render(state: RunState) -> str:
    """The report as Markdown that ends in a line end."""
    mark = run_mark(state)
    parts = [
        f"# {mark.symbol} {mark.word}: {_text(headline(state))}",
        _text(f"{operation_name(state)} of {state.runbook} {way(state)}"),
    ]
    if state.reason:
        parts.append(_text(state.reason))
    parts += _wrong(state)
    parts += [f"## {PHRASES['figures']}", _figures(state)]
    parts += [f"## {PHRASES['loss']}", _text(loss(state))]
    parts += [f"## {PHRASES['clocks']}", _clocks(state)]
    parts += [f"## {PHRASES['steps']}", _steps(state)]
    parts += [f"## {PHRASES['verifications']}", _verifications(state)]
    parts += [f"## {PHRASES['residue']}", _list(state.residue) or PHRASES["residue.none"]]
    if state.notes:
        parts += [f"## {PHRASES['notes']}", _list(state.notes)]
    gaps = [PHRASES["unmeasured"].format(what=what) for what in unmeasured(state)]
    if beyond := _list([*gaps, *limits(state)]):
        parts += [f"## {PHRASES['limits']}", beyond]
    parts += [f"## {PHRASES['identity']}", _identity(state)]
    return "\n\n".join(parts) + "\n"


def _text(value: object) -> str:
    """The value on one line, with nothing in it that Markdown or HTML would read as markup."""
    return _MARKUP.sub(r"\\\1", " ".join(printable(value).split()))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head)]
    cells = [list(line) for line in lines] + [[_text(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {_text(item)}" for item in items)


def _said(mark: Mark) -> str:
    return f"{mark.symbol} {mark.word}"


def _wrong(state: RunState) -> list[str]:
    if not (steps := troubled(state)):
        return []
    lines = []
    for step in steps:
        lines.append(
            f"- **{_text(step.title)}** ({_text(step.id)}): {_text(step.error or step_mark(step.status).word)}"
        )
        if step.hint:
            lines.append(f"  {PHRASES['next']}: {_text(step.hint)}")
    return [f"## {PHRASES['wrong']}", "\n".join(lines)]


def _figures(state: RunState) -> str:
    rows: list[tuple[str, ...]] = [
        (
            PHRASES[objective.key],
            format_seconds(objective.actual_s),
            format_duration(objective.promised_s),
            format_seconds(objective.margin_s),
            _said(verdict_mark(objective.verdict)),
        )
        for objective in objectives(state)
    ]
    rows += [
        (PHRASES["downtime"], format_seconds(state.client_downtime_s), "", "", ""),
        (PHRASES["acknowledged"], format_count(state.acknowledged_writes), "", "", ""),
        (PHRASES["lost"], format_count(state.lost_writes), "", "", ""),
    ]
    return _table(COLUMNS["figures"], rows)


def _clocks(state: RunState) -> str:
    begin = clock_start(state)
    start = PHRASES["start.declaration" if state.clock == "declaration" else "start.disruption"]
    head = [title.format(start=start) for title in COLUMNS["clocks"]]
    rows = [
        (clock_label(key), format_moment(at), format_seconds(seconds_between(begin, at)))
        for key, at in ordered_clocks(state)
    ]
    return _table(head, rows)


def _steps(state: RunState) -> str:
    rows = [
        (
            step.title,
            step.id,
            step.site,
            _said(step_mark(step.status, step.adopted)),
            format_seconds(step.duration_s),
            step.attempts,
        )
        for step in state.steps.values()
    ]
    return _table(COLUMNS["steps"], rows)


def _verifications(state: RunState) -> str:
    if not state.verifications:
        return PHRASES["verifications.none"]
    rows = [
        (found.workload, found.kind, found.expected, found.actual, _said(verdict_mark(found.verdict)))
        for found in state.verifications
    ]
    return _table(COLUMNS["verifications"], rows)


def _identity(state: RunState) -> str:
    return _table(
        ("", ""),
        (
            ("Run", state.run),
            ("Operator", state.operator or NOT_MEASURED),
            ("Plan digest", state.plan_digest),
            ("Resumed", state.resumed),
            ("Events", state.events),
            ("Last journal hash", state.last_hash),
            ("Proof level", level_meaning(state)),
        ),
    )
