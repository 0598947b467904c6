"""Where recovery is going: said only where it can be."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from albus_dr.journal.state import RunState
from albus_dr.report.sayings import trend_sentence
from albus_dr.report.trend import Trend, trend
from tests.report.run_states import passed

NOW = datetime(2026, 12, 31, tzinfo=UTC)
RTO_S = 4 * 3600.0


def runs(times_s: Sequence[float | None], *, every_days: float = 30) -> list[RunState]:
    """A run for each recovery time, the last of them today."""
    found = []
    for number, rta_s in enumerate(reversed(times_s)):
        state = replace(passed(), rta_s=rta_s, rto_s=RTO_S)
        state.clocks = {**state.clocks, "ended_at": NOW - timedelta(days=number * every_days)}
        found.append(state)
    return found


def found(times_s: Sequence[float | None], *, every_days: float = 30) -> Trend:
    return trend(runs(times_s, every_days=every_days), RTO_S, NOW)


def test_a_steady_loss_of_margin_crosses_the_objective_on_a_day_that_can_be_named() -> None:
    growing = found([3600 + 600 * month for month in range(10)])  # 9,000 s today; 5,400 s are left, at 600 s a month
    assert (growing.finding, growing.runs) == ("slower", 10)
    assert growing.slope_s_per_day == pytest.approx(20)
    assert growing.crosses_at == NOW + timedelta(days=270)
    assert trend_sentence(growing, RTO_S) == (
        "Recovery gets slower by 10 min in 30 days (10 runs within 13 months). If that goes on, it crosses the RTO of 4 h on "
        "2027-09-27."
    )


def test_one_bad_day_does_not_bend_it() -> None:
    times = [3600 + 600 * month for month in range(10)]
    times[4] = 14_000
    bent = found(times)
    assert bent.slope_s_per_day == pytest.approx(20, rel=0.15)


@pytest.mark.parametrize(
    ("times_s", "every_days"),
    [([], 30), ([100, 200, 300, 400], 30), ([100, 200, 300, 400, None], 30), ([100, 200, 300, 400, 500], 6)],
    ids=["none", "four", "five, one unmeasured", "within 24 days"],
)
def test_too_little_is_said_to_be_too_little(times_s: list[float | None], every_days: float) -> None:
    few = found(times_s, every_days=every_days)
    assert (few.finding, few.slope_s_per_day, few.crosses_at) == ("too_few", None, None)
    assert "not enough runs" in trend_sentence(few, RTO_S)


def test_quarterly_drills_that_come_a_week_late_have_a_trend() -> None:
    """As a promise of one a year has them by itself."""
    found_ = found([3600 + 600 * quarter for quarter in range(5)], every_days=98)
    assert (found_.finding, found_.runs) == ("slower", 5)


def test_scatter_is_no_trend() -> None:
    chance = random.Random(7)
    assert found([3600 + chance.uniform(-300, 300) for _ in range(12)]).finding == "level"
    assert found([3600.0] * 12).finding == "level"


def test_faster_far_away_and_beyond() -> None:
    assert found([3600 - 60 * month for month in range(8)]).finding == "faster"
    far = found([60 + 0.5 * month for month in range(8)])
    assert (far.finding, far.crosses_at) == ("slower", None)
    assert "within 10 years" in trend_sentence(far, RTO_S)
    assert found([RTO_S - 1000 + 600 * month for month in range(8)]).finding == "beyond"


def test_what_is_much_older_than_a_year_or_lies_ahead_does_not_count() -> None:
    times: list[float | None] = [100.0 * number for number in range(20)]
    assert found(times, every_days=60).runs == 7
    assert trend(runs(times), RTO_S, NOW - timedelta(days=240)).runs == 12
