"""The course of the run: every step as a bar on one scale, and the whole against the objective."""

from __future__ import annotations

from albus_dr.journal.state import StepState
from albus_dr.report import timeline
from albus_dr.report.findings import (
    Mark,
    clock_start,
    format_share,
    objectives,
    ordered_clocks,
    printable,
    seconds_between,
    step_mark,
    title_of,
    troubled,
    verdict_mark,
)
from albus_dr.report.html.page import Page, e, marked, quoted


def timeline_of(page: Page) -> str:
    """A caption, the axis, one bar for each step, and the scale of the objective."""
    state = page.state
    shown = timeline.window(state)
    rows = f'<ol class="rows">{"".join(_row(page, shown, step) for step in state.steps.values())}</ol>'
    if shown is None:
        return f'<p class="caption">{page.say("timeline.none")}</p>{rows}{_scale(page)}'
    numbers = {key: number for number, (key, _) in enumerate(ordered_clocks(state), 1)}
    axis = timeline.axis_svg(shown, state, numbers, page.words)
    return (
        f'<p class="caption">{_caption(page, shown)}</p>\n'
        f'<div class="scale-row"><span></span>{axis}</div>\n{rows}\n{_scale(page)}'
    )


def _caption(page: Page, shown: timeline.Window) -> str:
    state, words = page.state, page.words
    ahead_s = seconds_between(clock_start(state), shown.begin)
    if shown.zero_is_clock:
        said = page.say("timeline.clock", clock=page.clock)
    elif ahead_s is not None and ahead_s >= 0:
        said = page.say("timeline.first", time=words.duration(ahead_s), clock=page.clock)
    else:
        said = page.say("timeline.first_unknown")
    place = timeline.rto_place(shown, state)
    rto = words.duration(state.rto_s)
    if place is not None and place > 1:
        said += " " + page.say("timeline.rto_beyond", rto=rto, times=words.number(place, 0 if place >= 10 else 1))
    elif place is not None and place >= 0:
        said += " " + page.say("timeline.rto_here", rto=rto)
    return said


def _row(page: Page, shown: timeline.Window | None, step: StepState) -> str:
    words = page.words
    mark = step_mark(step.status, step.adopted, words)
    facts = [words.duration(step.duration_s)] if step.duration_s is not None else []
    if step.attempts > 1:
        facts.append(page.plain("row.attempts", count=words.number(step.attempts)))
    if step.waited_s is not None:
        facts.append(page.plain("row.waited", time=words.duration(step.waited_s)))
    took = f'<span class="took">{marked(mark)} {e(" · ".join(facts))}</span>'
    why = f"<small>{quoted(page, step.error)}</small>" if step.error and step not in troubled(page.state) else ""
    label = printable(_row_label(page, shown, step, mark))
    svg = "" if shown is None else timeline.row_svg(shown, page.state, step, mark.tone, label)
    return f'<li><span class="what">{e(title_of(step, words))}{took}{why}</span>{svg}</li>\n'


def _row_label(page: Page, shown: timeline.Window | None, step: StepState, mark: Mark) -> str:
    title, words = title_of(step, page.words), page.words
    begin_s = None if shown is None else seconds_between(shown.begin, step.started_at)
    if shown is None or begin_s is None:
        return page.plain("row.label_none", title=title, status=mark.word)
    end_s = seconds_between(shown.begin, step.ended_at)
    end = page.plain("end_unknown") if end_s is None else words.duration(end_s)
    return page.plain("row.label", title=title, status=mark.word, begin=words.duration(begin_s), end=end)


def _scale(page: Page) -> str:
    time, _ = objectives(page.state)
    title = page.say("scale")
    promised = page.words.duration(time.promised_s)
    if time.actual_s is None:
        text = page.say("scale.unmeasured", promised=promised)
        return f'<figure class="scale"><figcaption>{title}</figcaption><p>{text}</p></figure>'
    kept = time.verdict == "passed"
    actual = page.words.duration(time.actual_s, beside=time.promised_s)
    share = format_share(time.actual_s, time.promised_s, page.words)
    label = page.plain("scale.label" if kept else "scale.over", actual=actual, promised=promised, share=share)
    svg = timeline.scale_svg(time.actual_s, time.promised_s, verdict_mark(time.verdict).tone, printable(label))
    right = page.say("scale.rto", time=promised) if kept else page.say("scale.rta", time=actual)
    return (
        f'<figure class="scale"><figcaption>{title}</figcaption>{svg}'
        f'<p class="ends"><span>0</span><b>{e(label)}</b><span>{right}</span></p></figure>'
    )
