"""A run as Markdown: for a ticket, a wiki or a pull request. GitHub's tables; everything from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from albus_dr.journal.stages import stages
from albus_dr.journal.state import EXPIRY, RunState
from albus_dr.report.findings import (
    Mark,
    budget_sentence,
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
    over_budget,
    printable,
    restored_points,
    run_mark,
    seconds_between,
    step_mark,
    title_of,
    troubled,
    unmeasured,
    verdict_mark,
    way,
)
from albus_dr.report.phrases import NOT_MEASURED
from albus_dr.report.proof import proof
from albus_dr.report.words import ENGLISH, Words

PHRASES = {
    "head": "{mark}: {said}",
    "over": "{operation} of {runbook} {way}",
    "wrong": "What went wrong",
    "next": "Next:",
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
    "proof": "What was proved",
    "verifications": "Verifications",
    "verifications.none": "None was made.",
    "residue": "Left behind",
    "residue.none": "Cleanup named nothing that was left behind.",
    "destruction": "Restored data and its destruction",
    "destruction.target": "the target itself",
    "destruction.not": "not seen gone",
    "destruction.expiry": "itself: nobody came back to it",
    "notes": "Notes",
    "limits": "What this does not show",
    "unmeasured": "Not measured: {what}",
    "identity": "Identity",
}

COLUMNS: dict[str, tuple[str, ...]] = {
    "figures": ("", "Measured", "Promised", "Margin", "Verdict"),
    "clocks": ("Clock", "At", "After {start}", "After the one before"),
    "steps": ("Step", "Id", "Site", "Result", "Duration", "Attempts"),
    "proof": ("Workload", "Proof level", "Verifications", "Not verified"),
    "verifications": ("Workload", "What", "Expected", "Found", "Verdict"),
    "destruction": ("Data of", "Where", "Announced", "Destroyed", "By"),
}

# What Markdown reads as markup: anywhere, at the beginning of a line, and the colon that makes a link of an address.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&@$]|^[#+-]|(?<=\d)[.)](?= )|(?<=[a-z]):(?=//))")


def render(state: RunState, words: Words = ENGLISH) -> str:
    """The report as Markdown that ends in a line end."""
    mark = run_mark(state, words)
    parts = [
        f"# {mark.symbol} " + words.say(PHRASES["head"], mark=mark.word, said=_text(headline(state, words))),
        _text(
            words.say(
                PHRASES["over"], operation=operation_name(state, words), runbook=state.runbook, way=way(state, words)
            )
        ),
    ]
    if state.reason:
        parts.append(_text(words.retold(state.reason)))
    parts += _wrong(state, words)
    parts += [f"## {words.say(PHRASES['figures'])}", _figures(state, words)]
    parts += [f"## {words.say(PHRASES['loss'])}", _text(loss(state, words))]
    parts += [f"## {words.say(PHRASES['clocks'])}", _clocks(state, words)]
    parts += [f"## {words.say(PHRASES['steps'])}", _steps(state, words)]
    if rows := proof(state, words):
        parts += [f"## {words.say(PHRASES['proof'])}", _table(_head(words, "proof"), rows)]
    parts += [f"## {words.say(PHRASES['verifications'])}", _verifications(state, words)]
    parts += [
        f"## {words.say(PHRASES['residue'])}",
        _list(map(words.retold, state.residue)) or words.say(PHRASES["residue.none"]),
    ]
    if state.creations:
        parts += [f"## {words.say(PHRASES['destruction'])}", _destruction(state, words)]
    if state.notes:
        parts += [f"## {words.say(PHRASES['notes'])}", _list(map(words.retold, state.notes))]
    gaps = [words.say(PHRASES["unmeasured"], what=what) for what in unmeasured(state, words)]
    if beyond := _list([*gaps, *limits(state, words)]):
        parts += [f"## {words.say(PHRASES['limits'])}", beyond]
    parts += [f"## {words.say(PHRASES['identity'])}", _identity(state, words)]
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


def _head(words: Words, table: str, **values: object) -> list[str]:
    return [words.say(title, **values) if title else "" for title in COLUMNS[table]]


def _said(mark: Mark) -> str:
    return f"{mark.symbol} {mark.word}"


def _wrong(state: RunState, words: Words) -> list[str]:
    steps, over = troubled(state), over_budget(state)
    if not steps and not over:
        return []
    lines = [f"- {_text(budget_sentence(stage, words))}" for stage in over]
    for step in steps:
        why = step.error or step_mark(step.status, words=words).word
        lines.append(f"- **{_text(title_of(step, words))}** ({_text(step.id)}): {_text(why)}")
        if step.hint:
            lines.append(f"  {words.say(PHRASES['next'])} {_text(step.hint)}")
    return [f"## {words.say(PHRASES['wrong'])}", "\n".join(lines)]


def _figures(state: RunState, words: Words) -> str:
    rows: list[tuple[str, ...]] = [
        (
            words.say(PHRASES[objective.key]),
            format_seconds(objective.actual_s, words, beside=objective.promised_s),
            words.duration(objective.promised_s),
            format_seconds(objective.margin_s, words),
            _said(verdict_mark(objective.verdict, words)),
        )
        for objective in objectives(state)
    ]
    rows += [
        (words.say(PHRASES["downtime"]), format_seconds(state.client_downtime_s, words), "", "", ""),
        (words.say(PHRASES["acknowledged"]), format_count(state.acknowledged_writes, words), "", "", ""),
        (words.say(PHRASES["lost"]), format_count(state.lost_writes, words), "", "", ""),
    ]
    return _table(_head(words, "figures"), rows)


def _clocks(state: RunState, words: Words) -> str:
    begin = clock_start(state)
    start = words.say(PHRASES["start.declaration" if state.clock == "declaration" else "start.disruption"])
    head = _head(words, "clocks", start=start)
    took = {stage.clock: words.duration(stage.took_s) for stage in stages(state)}
    rows = [
        (
            clock_label(key, words, operation=state.operation),
            format_moment(at, words),
            format_seconds(seconds_between(begin, at), words),
            took.get(key, "–"),
        )
        for key, at in ordered_clocks(state)
    ]
    return _table(head, rows)


def _steps(state: RunState, words: Words) -> str:
    rows = [
        (
            title_of(step, words),
            step.id,
            step.site,
            _said(step_mark(step.status, step.adopted, words)),
            format_seconds(step.duration_s, words),
            step.attempts,
        )
        for step in state.steps.values()
    ]
    return _table(_head(words, "steps"), rows)


def _verifications(state: RunState, words: Words) -> str:
    if not state.verifications:
        return words.say(PHRASES["verifications.none"])
    rows = [
        (
            found.workload,
            words.retold(found.kind),
            words.retold(found.expected),
            words.retold(found.actual),
            _said(verdict_mark(found.verdict, words)),
        )
        for found in state.verifications
    ]
    return _table(_head(words, "verifications"), rows)


def _destruction(state: RunState, words: Words) -> str:
    rows = [
        (
            made.workload or words.say(PHRASES["destruction.target"]),
            f"{made.site}: {made.path}",
            format_moment(made.announced_at, words),
            format_moment(made.destroyed_at, words) if made.destroyed_at else words.say(PHRASES["destruction.not"]),
            words.say(PHRASES["destruction.expiry"]) if made.destroyed_by == EXPIRY else made.destroyed_by,
        )
        for made in state.creations
    ]
    return _table(_head(words, "destruction"), rows)


def _identity(state: RunState, words: Words) -> str:
    return _table(
        ("", ""),
        (
            (words.say("Run"), state.run),
            (words.say("Operator"), state.operator or words.say(NOT_MEASURED)),
            (words.say("Plan digest"), state.plan_digest),
            *([(words.say("Restored recovery points"), points)] if (points := restored_points(state, words)) else []),
            (words.say("Resumed"), state.resumed),
            (words.say("Events"), state.events),
            (words.say("Last journal hash"), state.last_hash),
            (words.say("Proof level"), level_meaning(state, words)),
        ),
    )
