"""What --point takes, and choices by chance that can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from albus_dr.cli import points
from albus_dr.cli.drill import _order
from albus_dr.cli.operate import Manner
from albus_dr.cli.operation import Call
from albus_dr.cli.points import by_chance, history, parse
from albus_dr.errors import NotReadyError, UsageError
from albus_dr.report.french import FRENCH
from albus_dr.tools.restic import Snapshot
from albus_dr.workloads.recovery_points import RecoveryPoint, choose, moment_of

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
        ("9000-01-01T00:00:00+00:00", "in the future"),
        ("0001-01-01T00:00:00+14:00", "nor a time"),
        ("20269999T999999Z-abcdef", "nor a time"),
        ("2026-03-10", "is a day, and no time"),
        ("2026-03-10T00:47:00", "has no zone"),
    ],
)
def test_what_is_no_point(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(text, CALL)


def test_a_choice_by_chance_is_told_in_the_readers_language_and_noted_in_english(
    capsys: pytest.CaptureFixture[str],
) -> None:
    manner = Manner(None, as_json=False, verbose=False, quiet=False, words=FRENCH)
    order = _order(Call(Path("nowhere.yaml"), None, manner), POINTS[0], 7)
    assert "tiré au sort" in capsys.readouterr().err
    assert order.notes == (f"the recovery point {POINTS[0]} was chosen by chance; --seed 7 chooses it again",)


# --- what is drawn from -------------------------------------------------------------------------------------------


def made(*ids: str) -> tuple[RecoveryPoint, ...]:
    snapshots = [Snapshot(id_, moment_of(id_), frozenset(), (), "") for id_ in ids]
    return tuple(RecoveryPoint(one.id, one, one) for one in snapshots)


def at(day: int, second: int, token: str) -> str:
    return f"202603{day:02}T0047{second:02}Z-{token * 6}"


def drawn_from(monkeypatch: pytest.MonkeyPatch, **histories: tuple[RecoveryPoint, ...]) -> tuple[str, ...]:
    monkeypatch.setattr(points, "_all_points", lambda _: iter(histories.items()))
    return history(CALL)


PATIENTS, DOCUMENTS = [at(day, 0, "a") for day in range(1, 11)], [at(day, 5, "d") for day in range(1, 11)]


def test_what_was_replicated_together_is_drilled_once_whatever_was_first(monkeypatch: pytest.MonkeyPatch) -> None:
    together = drawn_from(monkeypatch, patients=made(*PATIENTS), documents=made(*DOCUMENTS))
    assert together == tuple(PATIENTS)
    assert drawn_from(monkeypatch, documents=made(*DOCUMENTS), patients=made(*PATIENTS)) == tuple(DOCUMENTS)
    assert drawn_from(monkeypatch, patients=made(*PATIENTS[:-1]), documents=made(*DOCUMENTS[:-1])) == together[:-1]


@pytest.mark.parametrize("kept", [slice(9, 10), slice(0, 1), slice(4, 5), slice(0, 10, 3)])
def test_each_moment_that_any_workload_has_is_there_and_the_newest_is_last(
    monkeypatch: pytest.MonkeyPatch, kept: slice
) -> None:
    patients, documents = made(*PATIENTS[kept]), made(*DOCUMENTS)
    found = drawn_from(monkeypatch, patients=patients, documents=documents)
    drilled = [(choose(patients, point), choose(documents, point)) for point in found]
    assert [each for _, each in drilled] == list(documents)
    assert drilled[-1] == (patients[-1], documents[-1])
    assert len(set(found)) == 10


def test_a_point_between_those_of_others_is_a_moment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of both is drawn last: it is what a drill without --point restores."""
    patients, documents = made(PATIENTS[0], PATIENTS[4]), made(DOCUMENTS[0], DOCUMENTS[4], DOCUMENTS[5], DOCUMENTS[9])
    found = drawn_from(monkeypatch, patients=patients, documents=documents)
    assert found == (PATIENTS[0], PATIENTS[4], DOCUMENTS[5], DOCUMENTS[9])


def test_nobody_chooses_among_the_points_of_one_where_another_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotReadyError, match="documents: there is no recovery point"):
        drawn_from(monkeypatch, patients=made(*PATIENTS), documents=())
    with pytest.raises(UsageError, match="no workload of this runbook keeps recovery points"):
        drawn_from(monkeypatch)


def test_thousands_are_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [
        f"202603{day:02}T{hour:02}{minute:02}00Z-aaaaaa"
        for day in range(1, 15)
        for hour in range(24)
        for minute in range(60)
    ]
    assert len(drawn_from(monkeypatch, patients=made(*many), documents=made(*many[::7]))) == len(many)
