"""--disrupted-at HH:MM: the last one, and no day too much by mistake."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from albus_dr.cli.operate import parse_moment
from albus_dr.errors import UsageError


def hours_from_now(hours: float) -> tuple[str, datetime]:
    moment = (datetime.now().astimezone() + timedelta(hours=hours)).replace(second=0, microsecond=0)
    return moment.strftime("%H:%M"), moment.astimezone(UTC)


@pytest.mark.parametrize("hours", [-1, -11])
def test_hours_ago_even_before_midnight(hours: float) -> None:
    text, moment = hours_from_now(hours)
    assert parse_moment("--disrupted-at", text) == moment


def test_the_second_counts_where_it_is_given() -> None:
    moment = (datetime.now().astimezone() - timedelta(minutes=9)).replace(microsecond=0)
    assert parse_moment("--disrupted-at", moment.strftime("%H:%M:%S")) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    "text", ["25:00", "12:61", "1:30", "+1:00", "12.30", "12:30:61", "12:30:5", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        parse_moment("--disrupted-at", text)


@pytest.mark.parametrize("hours", [0.1, 2])
def test_a_time_that_has_not_come_is_not_taken_for_a_day_ago(hours: float) -> None:
    text, moment = hours_from_now(hours)
    with pytest.raises(UsageError) as caught:
        parse_moment("--disrupted-at", text)
    assert "ago at the last: it is " in caught.value.message
    yesterday = caught.value.hint.rpartition(": ")[2]
    assert parse_moment("--disrupted-at", yesterday) == moment - timedelta(days=1)


def test_nobody_notices_a_loss_before_it_happened() -> None:
    times = ("--disrupted-at", "2026-03-10T03:12:00+01:00", "--detected-at", "2026-03-10T03:11:59+01:00")
    done = subprocess.run(
        (sys.executable, "-m", "albus_dr", "failover", "nowhere.yaml", *times, "--yes"), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--detected-at lies before --disrupted-at" in done.stderr
