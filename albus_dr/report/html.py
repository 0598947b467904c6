"""A run as one HTML file for the people who answer for it: no network, no script, readable on a phone and on paper.

Everything that comes from the state goes through ``_e``. The page's policy forbids any load, should one slip in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from albus_dr.journal.state import RunState, StepState
from albus_dr.report import timeline
from albus_dr.report.findings import (
    NOT_MEASURED,
    Mark,
    Objective,
    clock_label,
    clock_start,
    distance_km,
    format_count,
    format_moment,
    format_seconds,
    format_share,
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
    "title": "{operation} of {runbook}: {verdict}",
    "over": "{operation} of {runbook} {way}",
    "wrong": "What went wrong",
    "next": "What to do",
    "figures": "Measured against what was promised",
    "rto": "Recovery time",
    "rpo": "Recovery point",
    "rto.long": "RTA: from the {clock} until users were seen served",
    "rto.long.drill": "RTA: from the {clock} until the restored service had answered",
    "rpo.long": "RPA: from the newest write that was found to the disruption",
    "downtime": "Client downtime",
    "downtime.long": "how long users' own requests failed",
    "writes": "Lost writes",
    "writes.long": "of {count} that users had been told were saved",
    "writes.unmeasured": "acknowledged writes: not measured",
    "promised": "Promised",
    "margin": "Margin",
    "missed_by": "Missed by",
    "used": "{share} of it used",
    "verdict": "Verdict",
    "objective.passed": "kept",
    "objective.failed": "missed",
    "objective.not_evaluated": "not evaluated",
    "objective.stricter": "A workload missed an objective of its own, stricter than this.",
    "loss": "What was lost",
    "loss.workload": "Newest write found, before the disruption",
    "timeline": "Timeline",
    "timeline.clock": "Counted from the {clock}. Numbers are the clocks below.",
    "timeline.first": "Counted from the first step, {time} after the {clock}. Numbers are the clocks below.",
    "timeline.first_unknown": "Counted from the first step. Numbers are the clocks below.",
    "timeline.rto_beyond": "The line of the RTO ({rto}) lies beyond the right edge, at {times} times this width.",
    "timeline.rto_here": "The dashed line is the RTO ({rto}).",
    "timeline.none": "No step has begun.",
    "scale": "The whole run against the RTO, on one scale",
    "scale.label": "{actual} of the {promised} that were promised: {share}",
    "scale.over": "{actual}, where {promised} were promised: {share}",
    "scale.unmeasured": "The recovery time was not measured. Promised: {promised}.",
    "row.attempts": "{count} attempts",
    "row.label": "{title}: {status}, from {begin} to {end}",
    "row.label_none": "{title}: {status}",
    "end_unknown": "an end that was not recorded",
    "clocks": "Clocks",
    "clock.disruption": "disruption",
    "clock.declaration": "declaration",
    "verifications": "Verifications",
    "verifications.none": "None was made.",
    "steps": "Steps in figures",
    "residue": "Left behind",
    "residue.none": "Cleanup named nothing that was left behind.",
    "notes": "Notes",
    "limits": "What this does not show",
    "unmeasured": "Not measured",
    "sites": "Sites",
    "role.source": "source",
    "role.target": "target",
    "distance": "The sites lie {distance} apart (great circle).",
    "distance.none": "The distance between the sites was not measured.",
    "not_given": "not given",
    "identity": "Identity of this run",
    "identity.run": "Run",
    "identity.runbook": "Runbook",
    "identity.scenario": "Scenario",
    "identity.operator": "Operator",
    "identity.digest": "Plan digest",
    "identity.level": "Proof level",
    "identity.resumed": "Resumed",
    "identity.events": "Events in the journal",
    "identity.hash": "Last journal hash",
    "identity.exit": "Exit code",
    "times": "{count} times",
    "foot": "Drawn by albus-dr from the run's journal alone. Times are UTC.",
}

COLUMNS: dict[str, tuple[str, ...]] = {
    "clocks": ("No.", "Clock", "At", "After the {clock}"),
    "verifications": ("Workload", "What was asked", "Expected", "Found", "Verdict"),
    "steps": ("Step", "Action", "Site", "Began", "Duration", "Attempts", "Result"),
    "sites": ("Site", "Role", "Coordinates", "Country", "Provider", "Account", "Certificate"),
}

STYLE = Path(__file__).with_name("report.css")


def render(state: RunState) -> str:
    """The page as text that ends in a line end."""
    mark = run_mark(state)
    title = _say("title", operation=operation_name(state), runbook=state.runbook, verdict=mark.word.lower())
    body = "".join(
        (
            _opening(state, mark),
            _wrong(state),
            _figures(state),
            _section("loss", _loss(state)),
            _section("timeline", _timeline(state)),
            _section("clocks", _clocks(state)),
            _section("verifications", _verifications(state)),
            _section("residue", _list(state.residue) or f"<p>{_say('residue.none')}</p>"),
            _section("notes", _list(state.notes)) if state.notes else "",
            _section("limits", _limits(state)),
            _section("sites", _sites(state)),
            _section("steps", _steps(state)),
            _section("identity", _identity(state)),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n<footer><p>{_say('foot')}</p></footer>\n</body>\n</html>\n"
    )


def _e(value: object) -> str:
    return escape(printable(value))


def _unbroken(html: str) -> str:
    """Numbers that keep their units when a large line breaks."""
    return re.sub(r"[\d.,]+ (?:ms|s|min|h|d)\b(?: \d+ (?:s|min|h)\b)?", r'<span class="nb">\g<0></span>', html)


def _say(phrase: str, /, **values: object) -> str:
    """The phrase with its values, all of it escaped."""
    return _e(PHRASES[phrase].format(**values))


def _mark(mark: Mark, word: str | None = None) -> str:
    text = _e(mark.word if word is None else word)
    return f'<span class="mark {mark.tone}"><span aria-hidden="true">{_e(mark.symbol)}</span> {text}</span>'


def _section(name: str, content: str, kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<section{css} aria-labelledby="h-{name}">\n<h2 id="h-{name}">{_say(name)}</h2>\n{content}\n</section>\n'


def _list(items: Iterable[str]) -> str:
    rows = "".join(f"<li>{_e(item)}</li>" for item in items)
    return f"<ul>{rows}</ul>" if rows else ""


def _table(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already. On a phone each row becomes a card; the roles keep it a table to read."""
    top = "".join(f'<th scope="col" role="columnheader">{_e(title)}</th>' for title in head)
    body = ""
    for row in rows:
        cells = f'<th scope="row" role="rowheader" data-label="{_e(head[0])}">{row[0]}</th>' + "".join(
            f'<td role="cell" data-label="{_e(title)}"><span>{cell}</span></td>'
            for title, cell in zip(head[1:], row[1:], strict=True)
        )
        body += f'<tr role="row">{cells}</tr>\n'
    return (
        f'<table role="table" class="{name}" aria-labelledby="h-{name}">'
        f'<thead role="rowgroup"><tr role="row">{top}</tr></thead>\n<tbody role="rowgroup">\n{body}</tbody></table>'
    )


def _value(text: str, measured: bool) -> str:
    return f'<span class="{"measured" if measured else "unmeasured"}">{_e(text)}</span>'


def _clock_word(state: RunState) -> str:
    return PHRASES["clock.declaration" if state.clock == "declaration" else "clock.disruption"]


def _opening(state: RunState, mark: Mark) -> str:
    over = _say("over", operation=operation_name(state), runbook=state.runbook, way=way(state))
    begin = clock_start(state) or state.clocks.get("started_at")
    when = "" if begin is None else f'<span class="when">{_e(format_moment(begin))}</span>'
    said = f'<p class="lead">{_e(state.description)}</p>' if state.description else ""
    reason = f'<p class="reason">{_e(state.reason)}</p>' if state.reason else ""
    return (
        f'<header class="opening {mark.tone}">\n<p class="over"><span>{over}</span>{when}</p>\n'
        f'<p class="verdict">{_mark(mark)}</p>\n<h1>{_unbroken(_e(headline(state)))}</h1>\n{reason}{said}</header>\n'
    )


def _wrong(state: RunState) -> str:
    if not (steps := troubled(state)):
        return ""
    items = ""
    for step in steps:
        mark = step_mark(step.status)
        hint = f'<p class="hint"><b>{_say("next")}:</b> {_e(step.hint)}</p>' if step.hint else ""
        items += (
            f'<li><h3>{_mark(mark)} {_e(step.title)}</h3><p class="id">{_e(step.id)}</p>'
            f'<pre>{_e(step.error or mark.word)}</pre>{hint}</li>'
        )  # fmt: skip
    return _section("wrong", f'<ul class="wrong">{items}</ul>', "alarm")


def _figures(state: RunState) -> str:
    time, point = objectives(state)
    cards = [
        _promise(
            time, "rto", _say("rto.long.drill" if state.operation == "drill" else "rto.long", clock=_clock_word(state))
        ),
        _promise(point, "rpo", _say("rpo.long")),
        _figure("downtime", format_seconds(state.client_downtime_s), state.client_downtime_s, _say("downtime.long")),
        _figure("writes", format_count(state.lost_writes), state.lost_writes, _written(state), _writes_tone(state)),
    ]
    return _section("figures", f'<div class="figures">{"".join(cards)}</div>')


def _written(state: RunState) -> str:
    if state.acknowledged_writes is None:
        return _say("writes.unmeasured")
    return _say("writes.long", count=format_count(state.acknowledged_writes))


def _writes_tone(state: RunState) -> str:
    return "bad" if state.lost_writes else "none"


def _figure(name: str, text: str, measured: float | None, long: str, tone: str = "none", rest: str = "") -> str:
    css = "value" if measured is not None else "value unmeasured"
    return (
        f'<div class="figure {tone}"><h3>{_say(name)}</h3><p class="{css}">{_e(text)}</p>'
        f'<p class="long">{long}</p>{rest}</div>'
    )


def _promise(objective: Objective, name: str, long: str) -> str:
    mark = verdict_mark(objective.verdict)
    word = PHRASES[f"objective.{objective.verdict}"]
    lines = [(_say("promised"), f"{_e(format_duration(objective.promised_s))} ({objective.key.upper()})")]
    if objective.margin_s is not None and objective.actual_s is not None:
        name_of_rest = "margin" if objective.margin_s >= 0 else "missed_by"
        share = _say("used", share=format_share(objective.actual_s, objective.promised_s))
        lines.append((_say(name_of_rest), f"{_e(format_duration(abs(objective.margin_s)))} <small>{share}</small>"))
    lines.append((_say("verdict"), _mark(mark, word)))
    rest = "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in lines)
    if objective.stricter_missed:
        long = f"{long}. <b>{_say('objective.stricter')}</b>"
    return _figure(name, format_seconds(objective.actual_s), objective.actual_s, long, mark.tone, f"<dl>{rest}</dl>")


def _loss(state: RunState) -> str:
    said = f'<p class="said">{_e(loss(state))}</p>'
    if not state.rpa_by_workload:
        return said
    rows = "".join(
        f"<div><dt>{_e(name)}</dt><dd>{_e(format_seconds(value))}</dd></div>"
        for name, value in state.rpa_by_workload.items()
    )
    return f'{said}<h3>{_say("loss.workload")}</h3><dl class="pairs">{rows}</dl>'


def _timeline(state: RunState) -> str:
    shown = timeline.window(state)
    rows = f'<ol class="rows">{"".join(_row(shown, state, step) for step in state.steps.values())}</ol>'
    if shown is None:
        return f'<p class="caption">{_say("timeline.none")}</p>{rows}{_scale(state)}'
    numbers = {key: number for number, (key, _) in enumerate(ordered_clocks(state), 1)}
    return (
        f'<p class="caption">{_caption(shown, state)}</p>\n'
        f'<div class="scale-row"><span></span>{timeline.axis_svg(shown, state, numbers)}</div>\n{rows}\n{_scale(state)}'
    )


def _caption(shown: timeline.Window, state: RunState) -> str:
    clock = _clock_word(state)
    ahead_s = seconds_between(clock_start(state), shown.begin)
    if shown.zero_is_clock:
        said = _say("timeline.clock", clock=clock)
    elif ahead_s is not None and ahead_s >= 0:
        said = _say("timeline.first", time=format_duration(ahead_s), clock=clock)
    else:
        said = _say("timeline.first_unknown")
    place = timeline.rto_place(shown, state)
    rto = format_duration(state.rto_s)
    if place is not None and place > 1:
        times = f"{place:,.0f}" if place >= 10 else f"{place:.1f}"
        said += " " + _say("timeline.rto_beyond", rto=rto, times=times)
    elif place is not None and place >= 0:
        said += " " + _say("timeline.rto_here", rto=rto)
    return said


def _row(shown: timeline.Window | None, state: RunState, step: StepState) -> str:
    mark = step_mark(step.status, step.adopted)
    facts = [format_duration(step.duration_s)] if step.duration_s is not None else []
    if step.attempts > 1:
        facts.append(PHRASES["row.attempts"].format(count=step.attempts))
    took = f'<span class="took">{_mark(mark)} {_e(" · ".join(facts))}</span>'
    why = f"<small>{_e(step.error)}</small>" if step.error and step not in troubled(state) else ""
    label = _row_label(shown, step, mark)
    svg = "" if shown is None else timeline.row_svg(shown, state, step, mark.tone, printable(label))
    return f'<li><span class="what">{_e(step.title)}{took}{why}</span>{svg}</li>\n'


def _row_label(shown: timeline.Window | None, step: StepState, mark: Mark) -> str:
    begin_s = None if shown is None else seconds_between(shown.begin, step.started_at)
    if shown is None or begin_s is None:
        return PHRASES["row.label_none"].format(title=step.title, status=mark.word)
    end_s = seconds_between(shown.begin, step.ended_at)
    end = PHRASES["end_unknown"] if end_s is None else format_duration(end_s)
    return PHRASES["row.label"].format(title=step.title, status=mark.word, begin=format_duration(begin_s), end=end)


def _scale(state: RunState) -> str:
    time, _ = objectives(state)
    if time.actual_s is None:
        text = _say("scale.unmeasured", promised=format_duration(time.promised_s))
        return f'<figure class="scale"><figcaption>{_say("scale")}</figcaption><p>{text}</p></figure>'
    phrase = "scale.label" if time.verdict == "passed" else "scale.over"
    label = PHRASES[phrase].format(
        actual=format_duration(time.actual_s),
        promised=format_duration(time.promised_s),
        share=format_share(time.actual_s, time.promised_s),
    )
    svg = timeline.scale_svg(time.actual_s, time.promised_s, verdict_mark(time.verdict).tone, label)
    right = (
        f"RTO {format_duration(time.promised_s)}"
        if time.verdict == "passed"
        else f"RTA {format_duration(time.actual_s)}"
    )
    return (
        f'<figure class="scale"><figcaption>{_say("scale")}</figcaption>{svg}'
        f'<p class="ends"><span>0</span><b>{_e(label)}</b><span>{_e(right)}</span></p></figure>'
    )


def _clocks(state: RunState) -> str:
    begin = clock_start(state)
    rows = []
    for number, (key, at) in enumerate(ordered_clocks(state), 1):
        after_s = seconds_between(begin, at)
        rows.append(
            (
                str(number) if at is not None else "–",
                _e(clock_label(key)),
                _value(format_moment(at), at is not None),
                _value(format_seconds(after_s), after_s is not None),
            )
        )
    head = [title.format(clock=_clock_word(state)) for title in COLUMNS["clocks"]]
    return _table("clocks", head, rows)


def _verifications(state: RunState) -> str:
    if not state.verifications:
        return f"<p>{_say('verifications.none')}</p>"
    rows = [
        (
            _e(found.workload),
            _e(found.kind),
            f"<code>{_e(found.expected)}</code>",
            f"<code>{_e(found.actual)}</code>",
            _mark(verdict_mark(found.verdict)),
        )
        for found in state.verifications
    ]
    return _table("verifications", COLUMNS["verifications"], rows)


def _limits(state: RunState) -> str:
    gaps, beyond = _list(unmeasured(state)), _list(limits(state))
    return (f"<h3>{_say('unmeasured')}</h3>{gaps}" if gaps else "") + beyond


def _sites(state: RunState) -> str:
    rows = []
    for name, role in ((state.source, "role.source"), (state.target, "role.target")):
        site = state.sites.get(name)
        facts = site if isinstance(site, dict) else {}
        rows.append(
            (
                _e(name),
                _say(role),
                _coordinates(facts.get("latitude"), facts.get("longitude")),
                *(
                    _e(facts.get(key) or PHRASES["not_given"])
                    for key in ("country", "provider", "account", "certificate")
                ),
            )
        )
    apart = distance_km(state)
    said = _say("distance.none") if apart is None else _say("distance", distance=f"{apart:,.0f} km")
    return f"<p>{said}</p>" + _table("sites", COLUMNS["sites"], rows)


def _coordinates(latitude: object, longitude: object) -> str:
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return _say("not_given")
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return _e(f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}")


def _steps(state: RunState) -> str:
    rows = [
        (
            f"<code>{_e(step.id)}</code>",
            _e(step.action),
            _e(step.site or "–"),
            _value(format_moment(step.started_at), step.started_at is not None),
            _value(format_seconds(step.duration_s), step.duration_s is not None),
            str(step.attempts),
            _mark(step_mark(step.status, step.adopted)),
        )
        for step in state.steps.values()
    ]
    return _table("steps", COLUMNS["steps"], rows)


def _identity(state: RunState) -> str:
    pairs = (
        ("run", state.run),
        ("runbook", state.runbook),
        ("scenario", state.scenario or PHRASES["not_given"]),
        ("operator", state.operator or PHRASES["not_given"]),
        ("digest", state.plan_digest),
        ("level", level_meaning(state)),
        ("exit", NOT_MEASURED if state.exit_code is None else state.exit_code),
        ("resumed", PHRASES["times"].format(count=state.resumed)),
        ("events", state.events),
        ("hash", state.last_hash),
    )
    rows = "".join(f"<div><dt>{_say(f'identity.{name}')}</dt><dd>{_e(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="pairs identity">{rows}</dl>'
