"""What --point takes, and choices by chance that can be made again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from albus_dr.cli.operate import Manner
from albus_dr.cli.operation import Call
from albus_dr.cli.points import by_chance, parse
from albus_dr.errors import UsageError

CALL = Call(Path("nowhere.yaml"), None, Manner(None, as_json=False, verbose=False, quiet=True))
POINTS = tuple(f"2026{month:02}10T004700Z-{month:06x}" for month in range(1, 13))


def test_the_same_seed_chooses_the_same_points_whatever_came_since() -> None:
    chosen = by_chance(POINTS, 4711, 4)
    assert chosen == by_chance(reversed(POINTS), 4711, 4) == tuple(sorted(chosen))
    assert len(set(chosen)) == 4
    later = by_chance((*POINTS, "20270110T004700Z-00000d"), 4711, 4)
    assert len(set(chosen) - set(later)) <= 1
    assert len({by_chance(POINTS, seed, 1) for seed in range(200)}) == len(POINTS), "some are never chosen"


def test_more_than_there_are_is_all_of_them() -> None:
    assert by_chance(POINTS, 1, 99) == POINTS


def test_a_time_is_told_in_utc() -> None:
    assert parse("2026-03-10T00:47:00+01:00", CALL) == "2026-03-09T23:47:00+00:00"
    assert parse("latest", CALL) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("yesterday", "neither latest, random, the id of a recovery point nor a time"),
        ((datetime.now(UTC) + timedelta(days=1)).isoformat(), "in the future"),
        ("0001-01-01T00:00:00+14:00", "nor a time"),
        ("20269999T999999Z-abcdef", "nor a time"),
        ("2026-03-10", "is a day, and no time"),
        ("2026-03-10T00:47:00", "has no zone"),
    ],
)
def test_what_is_no_point(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(text, CALL)
