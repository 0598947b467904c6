"""Two runs beside each other, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from albus_dr.cli.live.phrases import PHRASES
from albus_dr.report.compare import Change, Comparison
from albus_dr.report.findings import clock_label, format_seconds, run_mark
from albus_dr.report.sayings import trend_method, trend_sentence
from albus_dr.report.trend import Trend
from albus_dr.report.words import ENGLISH, Words

WIDTH = 80


def text(found: Comparison, trend: Trend, words: Words = ENGLISH) -> str:
    """Lines of at most 80 columns, longer only where a name is."""
    return "\n".join(_lines(found, trend, words))


def _lines(found: Comparison, trend: Trend, words: Words) -> Iterator[str]:
    for name, state in (("compare.before", found.before), ("compare.after", found.after)):
        mark = run_mark(state, words)
        yield f"{words.say(PHRASES[name]):8}{state.run}  {mark.symbol} {mark.word}"
    yield ""
    yield _row(
        "",
        words.say(PHRASES["compare.before"]),
        words.say(PHRASES["compare.after"]),
        words.say(PHRASES["compare.change"]),
    )
    yield _change(words.say(PHRASES["summary.time"]), found.rta, words)
    yield _change(words.say(PHRASES["compare.margin"], rto=words.duration(found.after.rto_s)), found.margin, words)
    yield from ("", words.say(PHRASES["compare.stages"]))
    for each in found.stages:
        yield _change(f"  {clock_label(each.name, words, operation=found.after.operation)}", each, words)
    yield ""
    if found.slower:
        yield words.say(PHRASES["compare.slower"])
        yield from (_change(f"  {each.name}", each, words) for each in found.slower)
    else:
        yield words.say(PHRASES["compare.no_slower"])
    yield ""
    yield from textwrap.wrap(trend_sentence(trend, found.after.rto_s, words), WIDTH)
    if trend.finding != "too_few":
        yield from textwrap.wrap(trend_method(words), WIDTH)


def _change(name: str, change: Change, words: Words) -> str:
    change_s = change.change_s
    signed = "" if change_s is None else f"{'+' if change_s > 0 else ''}{words.duration(change_s)}"
    return _row(name, format_seconds(change.before_s, words), format_seconds(change.after_s, words), signed)


def _row(name: str, *cells: str) -> str:
    below = f"{name}\n{'':34}" if len(name) > 34 else f"{name:34}"
    return below + "".join(f"{cell:>14}" for cell in cells).rstrip()
