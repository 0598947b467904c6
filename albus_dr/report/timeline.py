"""When each step ran, as bars on one scale. Geometry first (fractions of the width), then SVG.

Each bar is a small SVG of its own whose sizes are percentages: it fits 400 px and 1600 px without shrinking any text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from albus_dr.journal.state import CLOCKS, RunState, StepState
from albus_dr.report.findings import clock_label, clock_start, seconds_between
from albus_dr.report.words import Words, utc

_TICKS_S = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 14400, 21600, 43200, 86400, 172800, 604800,
)  # fmt: skip
_MOST_TICKS = 5
_CLOSE = 0.045  # of the width: two numbers nearer than this would print over each other on a phone
_THINNEST = 0.0005  # a bar of no width at all is not drawn, not even its edge


@dataclass(frozen=True)
class Window:
    """The stretch of time that the timeline shows."""

    begin: datetime
    span_s: float
    zero_is_clock: bool
    """True where the left edge is the moment that the recovery time counts from."""

    def place(self, at: datetime) -> float:
        """Where the moment lies, as a fraction of the width; outside 0..1 it is not in the window."""
        return (utc(at) - self.begin).total_seconds() / self.span_s

    def ticks(self) -> list[tuple[float, float]]:
        """Fractions of the width with their seconds, counted from the left edge."""
        step_s = next((size for size in _TICKS_S if self.span_s / size <= _MOST_TICKS), self.span_s / _MOST_TICKS)
        count = math.floor(self.span_s / step_s + 1e-9)
        return [(index * step_s / self.span_s, index * step_s) for index in range(count + 1)]


@dataclass(frozen=True)
class Bar:
    """One step on the timeline: fractions of the width. ``open_ended``: its end was not recorded."""

    left: float
    right: float
    open_ended: bool


@dataclass(frozen=True)
class Flag:
    """Clocks that fall on (almost) the same place: their keys, and where."""

    place: float
    keys: tuple[str, ...]


def window(state: RunState) -> Window | None:
    """From the clock's start, or from the first step where that start lies far before it, to the last moment known.

    None where no step has begun.
    """
    starts = [utc(step.started_at) for step in state.steps.values() if step.started_at is not None]
    if not starts:
        return None
    ends = [utc(step.ended_at) for step in state.steps.values() if step.ended_at is not None]
    first = min(starts)
    last = max([*starts, *ends])
    working_s = (last - first).total_seconds()
    zero = clock_start(state)
    ahead_s = seconds_between(zero, first)
    # A disruption hours before anyone declared it would squeeze the steps into the last pixel.
    from_clock = zero is not None and ahead_s is not None and 0 <= ahead_s <= max(working_s, 1.0)
    begin = utc(zero) if from_clock and zero is not None else first
    clocks = [utc(at) for key in CLOCKS if (at := state.clocks.get(key)) is not None]
    last = max([last, *(at for at in clocks if at - last <= timedelta(seconds=max(working_s, 1.0)))])
    return Window(begin, max((last - begin).total_seconds(), 0.001) * 1.02, from_clock)


def bar(shown: Window, step: StepState) -> Bar | None:
    """Where the step lies in the window; None where it has not begun."""
    if step.started_at is None:
        return None
    left = min(max(shown.place(step.started_at), 0.0), 1.0)
    if step.ended_at is None:
        return Bar(left, 1.0, open_ended=True)
    return Bar(left, min(max(shown.place(step.ended_at), left), 1.0), open_ended=False)


def flags(shown: Window, state: RunState, numbers: dict[str, int]) -> list[Flag]:
    """The clocks within the window by place; those too near to be told apart share a flag."""
    placed = sorted(
        (shown.place(at), numbers[key], key)
        for key in CLOCKS
        if (at := state.clocks.get(key)) is not None and -1e-9 <= shown.place(at) <= 1 + 1e-9
    )
    found: list[Flag] = []
    for place, _, key in placed:
        if found and place - found[-1].place < _CLOSE:
            found[-1] = Flag(found[-1].place, (*found[-1].keys, key))
        else:
            found.append(Flag(place, (key,)))
    return found


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3f}%"


def _upright(places: Iterable[float], name: str) -> str:
    return "".join(f'<line class="{name}" x1="{_percent(x)}" x2="{_percent(x)}" y1="0" y2="100%"/>' for x in places)


def rto_place(shown: Window, state: RunState) -> float | None:
    """Where the objective's line stands in the window, as a fraction; above 1 it lies beyond the right edge."""
    zero = clock_start(state)
    return None if zero is None else shown.place(zero + timedelta(seconds=state.rto_s))


def row_svg(shown: Window, state: RunState, step: StepState, tone: str, label: str) -> str:
    """The bar of one step, with the lines of the scale, the clocks and the objective behind it."""
    clocks = [place for at in state.clocks.values() if at is not None and 0 <= (place := shown.place(at)) <= 1]
    rto = rto_place(shown, state)
    parts = [
        _upright((place for place, _ in shown.ticks()), "grid"),
        _upright(clocks, "clock"),
        _upright([rto] if rto is not None and 0 <= rto <= 1 else [], "rto"),
    ]
    if (drawn := bar(shown, step)) is not None:
        kind = " open" if drawn.open_ended else " adopted" if step.adopted else ""
        parts.append(
            f'<rect class="bar {tone}{kind}" x="{_percent(drawn.left)}" y="50%" transform="translate(0 -7)" '
            f'width="{_percent(max(drawn.right - drawn.left, _THINNEST))}" height="14" rx="2"/>'
        )
    return f'<div class="lane"><svg class="row" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg></div>'


def axis_svg(shown: Window, state: RunState, numbers: dict[str, int], words: Words) -> str:
    """The scale: numbers of the clocks above, time below. Hidden from screen readers: the tables say the same."""
    parts = []
    for flag in flags(shown, state, numbers):
        text = "·".join(str(numbers[key]) for key in flag.keys)
        title = ", ".join(clock_label(key, words, operation=state.operation) for key in flag.keys)
        parts.append(
            f'<text class="flag" x="{_percent(flag.place)}" y="13" text-anchor="{_anchor(flag.place)}">{text}'
            f"<title>{escape(title)}</title></text>"
        )
    for place, seconds in shown.ticks():
        parts.append(
            f'<text class="tick" x="{_percent(place)}" y="32" text-anchor="{_anchor(place)}">{escape(words.whole(seconds))}</text>'
        )
    return f'<svg class="axis" aria-hidden="true">{"".join(parts)}</svg>'


def _anchor(place: float) -> str:
    return "start" if place < 0.04 else "end" if place > 0.96 else "middle"


def scale_svg(actual_s: float, promised_s: float, tone: str, label: str) -> str:
    """The run's length against the objective, both on one honest scale that begins at the clock's start.

    The needle marks where a length ends that is too short to be seen; the bar itself is never made longer.
    """
    whole = max(actual_s, promised_s, 0.001)
    actual, promised = max(actual_s, 0.0) / whole, promised_s / whole
    return (
        f'<svg class="scale" role="img" aria-label="{escape(label)}">'
        '<rect class="rail" x="0" y="16" width="100%" height="10" rx="1"/>'
        f'<rect class="bar {tone} flat" x="0" y="16" width="{_percent(actual)}" height="10"/>'
        f'<line class="needle {tone}" x1="{_percent(actual)}" x2="{_percent(actual)}" y1="4" y2="30"/>'
        f'<line class="rto" x1="{_percent(promised)}" x2="{_percent(promised)}" y1="4" y2="30"/></svg>'
    )
