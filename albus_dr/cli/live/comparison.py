"""Two runs beside each other, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from albus_dr.cli.folding import folded
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.report.compare import Change, Comparison
from albus_dr.report.findings import clock_label, format_seconds, run_mark
from albus_dr.report.sayings import trend_method, trend_sentence
from albus_dr.report.trend import Trend
from albus_dr.report.words import ENGLISH, Words

WIDTH = 80
NAME, CELL = 34, 14  # of a row: its name, and each of its figures


def text(found: Comparison, trend: Trend, words: Words = ENGLISH, width: int = WIDTH) -> str:
    """Lines of at most 80 columns, or as many as there are; longer only where a name is."""
    return "\n".join(_lines(found, trend, words, min(WIDTH, width)))


def _lines(found: Comparison, trend: Trend, words: Words, width: int) -> Iterator[str]:
    for name, state in (("compare.before", found.before), ("compare.after", found.after)):
        mark = run_mark(state, words)
        lead = f"{words.say(PHRASES[name]):8}"
        yield from folded(f"{state.run}  {mark.symbol} {mark.word}", width, first=lead, rest=" " * len(lead))
    yield ""
    yield _row(
        width,
        "",
        words.say(PHRASES["compare.before"]),
        words.say(PHRASES["compare.after"]),
        words.say(PHRASES["compare.change"]),
    )
    yield _change(width, words.say(PHRASES["summary.time"]), found.rta, words)
    margin = words.say(PHRASES["compare.margin"], rto=words.duration(found.after.rto_s))
    yield _change(width, margin, found.margin, words)
    yield from ("", words.say(PHRASES["compare.stages"]))
    for each in found.stages:
        yield _change(width, f"  {clock_label(each.name, words, operation=found.after.operation)}", each, words)
    yield ""
    if found.slower:
        yield from folded(words.say(PHRASES["compare.slower"]), width)
        yield from (_change(width, f"  {each.name}", each, words) for each in found.slower)
    else:
        yield from folded(words.say(PHRASES["compare.no_slower"]), width)
    yield ""
    yield from textwrap.wrap(trend_sentence(trend, found.after.rto_s, words), width)
    if trend.finding != "too_few":
        yield from textwrap.wrap(trend_method(words), width)


def _change(width: int, name: str, change: Change, words: Words) -> str:
    change_s = change.change_s
    signed = "" if change_s is None else f"{'+' if change_s > 0 else ''}{words.duration(change_s)}"
    return _row(width, name, format_seconds(change.before_s, words), format_seconds(change.after_s, words), signed)


def _row(width: int, name: str, *cells: str) -> str:
    if width < NAME + len(cells) * CELL:
        figures = "".join(f"{cell:>{width // len(cells)}}" for cell in cells).rstrip()
        return "\n".join([*(folded(name.strip(), width) if name else ()), figures])
    below = f"{name}\n{'':{NAME}}" if len(name) > NAME else f"{name:{NAME}}"
    return below + "".join(f"{cell:>{CELL}}" for cell in cells).rstrip()
