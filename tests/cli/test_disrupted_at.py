"""--disrupted-at HH:MM: the last one, and no day too much by mistake."""

from __future__ import annotations

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


@pytest.mark.parametrize("hours", [0.1, 2])
def test_a_time_that_has_not_come_is_not_taken_for_a_day_ago(hours: float) -> None:
    text, moment = hours_from_now(hours)
    with pytest.raises(UsageError) as caught:
        parse_moment("--disrupted-at", text)
    assert "ago at the last: it is " in caught.value.message
    yesterday = caught.value.hint.rpartition(": ")[2]
    assert parse_moment("--disrupted-at", yesterday) == moment - timedelta(days=1)
