"""Durations and distances as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from albus_dr.units import (
    format_bytes,
    format_duration,
    great_circle_km,
    parse_distance_km,
    parse_duration,
    rfc3339,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900), ("1h30m", 5400), ("1h 30m", 5400), ("90s", 90), ("250ms", 0.25), ("2d", 172_800),
        ("1w", 604_800), ("1y", 31_536_000), (" 4h ", 14_400), ("1.5h", 5400), ("0s", 0),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "15", "m", "15 minutes", "-5m", "1h30", "1:30", "5M", 15, 1.5, None, True])
def test_what_is_not_a_duration(text: object) -> None:
    with pytest.raises(ValueError, match="for example 15m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["101y", "9" * 400 + "h", "99y 366d"])
def test_a_duration_that_no_clock_can_take(text: str) -> None:
    with pytest.raises(ValueError, match="100 years at most"):
        parse_duration(text)


def test_distances() -> None:
    assert parse_distance_km("500 km") == 500
    assert parse_distance_km("1.5km") == 1.5


@pytest.mark.parametrize("text", ["500", "500 m", "-5 km", "km", 500, None])
def test_what_is_not_a_distance(text: object) -> None:
    with pytest.raises(ValueError, match="for example 500 km"):
        parse_distance_km(text)


def test_distances_between_cities() -> None:
    strasbourg, gravelines, bordeaux = (48.5734, 7.7521), (50.9871, 2.1281), (44.8378, -0.5792)
    assert great_circle_km(*strasbourg, *gravelines) == pytest.approx(484, abs=1)
    assert great_circle_km(*strasbourg, *bordeaux) == pytest.approx(758, abs=1)
    assert great_circle_km(*strasbourg, *strasbourg) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"), (0.085, "85 ms"), (12.34, "12.3 s"), (60, "1 min"), (90, "1 min 30 s"), (14_400, "4 h"),
        (5400, "1 h 30 min"), (90_000, "1 d 1 h"), (-90, "-1 min 30 s"), (0.9996, "1.0 s"), (59.96, "1 min"),
    ],
)  # fmt: skip
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "limit", "text"),
    [
        (14_459, 14_400, "4 h 0 min 59 s"), (14_400.3, 14_400, "4 h 0 min 0.3 s"), (60.2, 60, "1 min 0.2 s"),
        (12.342, 12.34, "12.342 s"), (90_001, 90_000, "1 d 1 h 0 min 1 s"), (59.96, 60, "59.96 s"),
        (14_400, 14_400, "4 h"), (14_460, 14_400, "4 h 1 min"), (9000, 14_400, "2 h 30 min"),
    ],
)  # fmt: skip
def test_a_duration_never_reads_as_a_limit_that_it_is_not(seconds: float, limit: float, text: str) -> None:
    assert format_duration(seconds, beside=limit) == text


def test_sizes_for_people() -> None:
    assert [format_bytes(n) for n in (512, 1536, 5 * 1024**4)] == ["512 B", "1.5 KiB", "5.0 TiB"]


@pytest.mark.parametrize(
    ("zone", "hour"), [(UTC, 0), (timezone(timedelta(hours=1)), 1), (None, 0)], ids=["UTC", "another", "none: UTC"]
)
def test_a_moment_in_documents(zone: timezone | None, hour: int) -> None:
    at = datetime(2026, 3, 10, hour, 47, 0, 120_450, tzinfo=zone)
    assert rfc3339(at) == "2026-03-10T00:47:00.120Z"
    assert rfc3339(at, "seconds") == "2026-03-10T00:47:00Z"
    assert rfc3339(at, "microseconds") == "2026-03-10T00:47:00.120450Z"
