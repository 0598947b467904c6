"""Where the recovery time of a kind of run is going, and when it would cross the objective. Pure.

The line is Theil and Sen's: the median of the slopes between every two runs, which a single bad day does not bend. It is
believed where Mann and Kendall's test (two-sided, 5 %) says that the order of the runs is no chance. Fewer than
``FEWEST`` runs, or runs that lie closer together than ``SHORTEST``, have no trend.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import NormalDist, median
from typing import Literal

from albus_dr.journal.state import LOOKS_BACK, RunState
from albus_dr.report.words import utc

FEWEST = 5
SHORTEST = timedelta(days=28)
FARTHEST = timedelta(days=3650)
_CHANCE = 0.05

Finding = Literal["too_few", "level", "faster", "slower", "beyond"]


@dataclass(frozen=True)
class Trend:
    """``too_few``: nothing can be said. ``level``: no trend that stands out from the scatter. ``beyond``: its line has
    crossed the objective already."""

    finding: Finding
    runs: int
    """Those that measured a recovery time within the period."""
    since: datetime | None
    """When the first of them ended."""
    slope_s_per_day: float | None
    """How much longer recovery takes from day to day; None where there is no trend."""
    crosses_at: datetime | None
    """When the line reaches the objective; None where it does not within ten years."""
    height_s: float | None = None
    """What the line says for the moment ``since``."""


def trend(runs: Iterable[RunState], rto_s: float, at: datetime) -> Trend:
    """Of runs of one kind, in any order, held against the objective at the moment ``at``."""
    measured = sorted(_measured(runs, at))
    since = measured[0][0] if measured else None
    if since is None or len(measured) < FEWEST or measured[-1][0] - since < SHORTEST:
        return Trend("too_few", len(measured), since, None, None)
    days = [((moment - since) / timedelta(days=1), rta_s) for moment, rta_s in measured]
    if _chance([rta_s for _, rta_s in days]) > _CHANCE:
        return Trend("level", len(measured), since, None, None)
    slope = median(
        (later - early) / (end - begin) for (begin, early), (end, later) in combinations(days, 2) if end > begin
    )
    height = median(rta_s - slope * day for day, rta_s in days)
    today = (utc(at) - since) / timedelta(days=1)
    if height + slope * today >= rto_s:
        return Trend("beyond", len(measured), since, slope, None, height)
    if slope <= 0:
        return Trend("faster", len(measured), since, slope, None, height)
    ahead_days = (rto_s - height) / slope - today
    crosses_at = utc(at) + timedelta(days=ahead_days) if ahead_days <= FARTHEST / timedelta(days=1) else None
    return Trend("slower", len(measured), since, slope, crosses_at, height)


def _measured(runs: Iterable[RunState], at: datetime) -> Iterable[tuple[datetime, float]]:
    for run in runs:
        ended = run.clocks.get("ended_at")
        if (
            run.exit_code is not None
            and run.rta_s is not None
            and ended
            and timedelta(0) <= utc(at) - utc(ended) <= LOOKS_BACK
        ):
            yield utc(ended), run.rta_s


def _chance(values: Sequence[float]) -> float:
    """How likely so much order is where there is none (Mann and Kendall, corrected for ties and for continuity)."""
    order = sum((later > early) - (later < early) for early, later in combinations(values, 2))
    n = len(values)
    ties = sum(count * (count - 1) * (2 * count + 5) for count in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    if order == 0 or variance == 0:
        return 1.0
    return 2 * (1 - NormalDist().cdf((abs(order) - 1) / math.sqrt(variance)))
