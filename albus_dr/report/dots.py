"""Recovery times over a year: a dot for each run, the objective's line where it fits, and the trend where there is one.

Places are percentages, so that the picture fits a phone and a page without shrinking any text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from albus_dr.report.trend import Trend

_FITS = 0.2  # of the objective: below that, dots on its scale would lie on the floor
_ABOVE = 1.15


@dataclass(frozen=True)
class Dot:
    """One run: when it ended, its recovery time in seconds, and whether it kept the objective."""

    at: datetime
    rta_s: float
    kept: bool


def top_s(dots: Sequence[Dot], rto_s: float) -> float:
    """The recovery time at the upper edge."""
    longest_s = max(dot.rta_s for dot in dots)
    return max(longest_s, rto_s if longest_s >= _FITS * rto_s else 0.0, 0.001) * _ABOVE


def dots_svg(dots: Sequence[Dot], trend: Trend, rto_s: float, label: str) -> str:
    """At least two dots, oldest first."""
    first, last, top = dots[0].at, dots[-1].at, top_s(dots, rto_s)
    span = max(last - first, timedelta(seconds=1))

    def x(at: datetime) -> str:
        return f"{2 + 96 * ((at - first) / span):.2f}%"

    def y(seconds: float) -> str:
        return f"{100 * (1 - min(max(seconds / top, 0.0), 1.0)):.2f}%"

    parts = [f'<line class="grid" x1="0" x2="100%" y1="{y(0)}" y2="{y(0)}"/>']
    if rto_s <= top:
        parts.append(f'<line class="rto" x1="0" x2="100%" y1="{y(rto_s)}" y2="{y(rto_s)}"/>')
    if trend.since is not None and trend.slope_s_per_day is not None and trend.height_s is not None:
        ends = [
            trend.height_s + trend.slope_s_per_day * ((at - trend.since) / timedelta(days=1)) for at in (first, last)
        ]
        parts.append(f'<line class="trend" x1="{x(first)}" x2="{x(last)}" y1="{y(ends[0])}" y2="{y(ends[1])}"/>')
    parts += [
        f'<circle class="dot {"good" if dot.kept else "bad"}" cx="{x(dot.at)}" cy="{y(dot.rta_s)}" r="4"/>'
        for dot in dots
    ]
    return f'<svg class="dots" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
