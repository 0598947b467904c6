"""This run beside the earlier ones of its kind: what got slower, how much margin is left, and where that is going."""

from __future__ import annotations

from albus_dr.journal.state import RunState
from albus_dr.report.compare import Change, compare
from albus_dr.report.dots import Dot, dots_svg, top_s
from albus_dr.report.findings import format_seconds, printable, run_mark, title_of
from albus_dr.report.html.page import Page, e, marked, table, ul
from albus_dr.report.sayings import trend_method, trend_sentence
from albus_dr.report.trend import Trend, trend
from albus_dr.report.words import utc

SHOWN = 10


def earlier_runs(page: Page) -> str:
    """A table of the last ones and this one, what got slower since the one before, and the trend."""
    if not page.earlier:
        return f"<p>{page.say('earlier.none')}</p>"
    runs = [*page.earlier, page.state]
    rows = [_row(page, run) for run in runs[-SHOWN - 1 :]]
    return table("earlier", page.head("earlier"), rows) + _slower(page) + _trend(page, runs)


def _row(page: Page, run: RunState) -> tuple[str, ...]:
    words, ended = page.words, run.clocks.get("ended_at")
    margin_s = None if run.rta_s is None else run.rto_s - run.rta_s
    name = e(run.run) if run.run != page.state.run else f"<b>{e(run.run)}</b>"
    when = e(words.day(ended)) if ended else "–"
    return (
        name, when, marked(run_mark(run, words)), e(format_seconds(run.rta_s, words)), e(format_seconds(margin_s, words)),
    )  # fmt: skip


def _slower(page: Page) -> str:
    before = page.earlier[-1]
    slower = compare(before, page.state).slower
    heading = f"<h3>{page.say('earlier.slower', run=before.run)}</h3>"
    return heading + (ul(_said(page, change) for change in slower) or f"<p>{page.say('earlier.no_slower')}</p>")


def _said(page: Page, change: Change) -> str:
    figures = {
        name: format_seconds(value, page.words)
        for name, value in (("before", change.before_s), ("after", change.after_s))
    }
    step = page.state.steps.get(change.name)
    return page.plain("earlier.step", step=title_of(step, page.words) if step else change.name, **figures)


def _trend(page: Page, runs: list[RunState]) -> str:
    at = page.state.clocks.get("ended_at") or page.state.clocks.get("declared_at")
    if at is None:
        return ""
    found = trend(runs, page.state.rto_s, at)
    return (
        f"<h3>{page.say('earlier.trend')}</h3><p>{e(trend_sentence(found, page.state.rto_s, page.words))}</p>"
        f"{_picture(page, runs, found)}<p><small>{e(trend_method(page.words))}</small></p>"
    )


def _picture(page: Page, runs: list[RunState], found: Trend) -> str:
    words, rto_s = page.words, page.state.rto_s
    dots = [
        Dot(utc(ended), run.rta_s, run.rta_s <= run.rto_s)
        for run in runs
        if run.rta_s is not None and (ended := run.clocks.get("ended_at")) is not None
    ]
    if len(dots) < 2:
        return ""
    times = [dot.rta_s for dot in dots]
    first, last = words.day(dots[0].at), words.day(dots[-1].at)
    shortest, longest = words.duration(min(times)), words.duration(max(times))
    label = page.plain("earlier.dots", count=words.number(len(dots)), shortest=shortest, longest=longest)
    key = "timeline.rto_here" if rto_s <= top_s(dots, rto_s) else "earlier.rto_above"
    svg = dots_svg(dots, found, rto_s, printable(label))
    ends = f'<p class="ends"><span>{e(first)}</span><b>{e(label)}</b><span>{e(last)}</span></p>'
    return (
        f'<figure class="dots">{svg}{ends}<figcaption>{page.say(key, rto=words.duration(rto_s))}</figcaption></figure>'
    )
