"""The witness over a real register in a file: decisions are written once, whoever else writes meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from albus_dr.errors import RefusedError
from albus_dr.safety import rule
from albus_dr.safety.record import Record, RunLease
from albus_dr.safety.witness import Witness, run_lease
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.register import Held, TrustedRegister, Unreachable, WriteUnknown

SITES = ("a", "b")
PATIENCE_S = 30.0


def lease(run: str, *, place: str = "", ttl_s: float = 30.0) -> RunLease:
    return RunLease(run, f"{run}@desk", "failover of albus", place or run, ttl_s, 0)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    made = Witness(TrustedRegister(FilePlace(tmp_path), "albus"), "albus", SITES, 0.2)
    made.begin("a", run="r0")
    return made


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_record_is_written_once(witness: Witness) -> None:
    assert witness.begin("b", run="r1").primary == "a"
    seen = witness.read()
    assert seen.record is not None
    assert (seen.record.epoch, seen.record.primary, seen.record.changed_by) == (1, "a", "r0")


def test_an_epoch_that_went_backwards_and_a_foreign_runbook_are_refused(witness: Witness, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="went backwards: it says 1, and 2 was seen"):
        witness.read(2)
    with pytest.raises(RefusedError, match="speaks of albus"):
        Witness(TrustedRegister(FilePlace(tmp_path), "albus"), "other", SITES, 1).read()


def test_nothing_is_changed_in_an_empty_register(tmp_path: Path) -> None:
    empty = Witness(TrustedRegister(FilePlace(tmp_path), "albus"), "albus", SITES, 1)
    assert empty.read().record is None
    with pytest.raises(RefusedError, match="holds nothing about albus") as refused:
        empty.change(lambda record, now: rule.claim(record, "r1", "b", now))
    assert "albus-dr witness set RUNBOOK --primary SITE" in refused.value.hint, "a file is wanted, not the name"


def test_a_register_that_was_lost_is_written_anew_above_what_was_seen(witness: Witness) -> None:
    anew = witness.establish("b", run="r9", epoch_seen=7, identities={"patients": "1"}, other_ended=True)
    assert (anew.epoch, anew.primary, anew.identities) == (8, "b", {"patients": "1"})
    assert witness.read(8).record == anew


def test_of_many_who_want_the_run_lease_at_once_one_has_it(witness: Witness) -> None:
    taken: list[str] = []
    refused: list[str] = []
    start, done = threading.Barrier(6), threading.Barrier(6)

    def operator(run: str) -> None:
        start.wait()
        try:
            with run_lease(witness, lease(run), lambda _: None, lambda: False):
                taken.append(run)
                done.wait()
        except RefusedError as error:
            refused.append(error.message)
            done.wait()

    threads = [threading.Thread(target=operator, args=(f"r{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(taken) == 1
    assert len(refused) == 5
    assert all(f"failover of albus by {taken[0]}@desk ({taken[0]})" in message for message in refused)


def test_the_run_lease_outlives_its_time_as_long_as_its_run_lives(witness: Witness) -> None:
    with run_lease(witness, lease("r1", ttl_s=0.4), lambda _: None, lambda: False):
        time.sleep(1.2)
        with pytest.raises(RefusedError, match="another run is in progress"):
            witness.change(lambda record, now: rule.take_run(record, lease("r2"), now, witness.margin_s))
    assert witness.change(lambda record, now: rule.take_run(record, lease("r2"), now, 0)).run_lease is not None


def test_a_run_that_was_replaced_is_told_so(witness: Witness) -> None:
    told: list[str] = []
    with run_lease(witness, lease("r1", place="desk", ttl_s=0.4), told.append, lambda: False):
        witness.change(lambda record, now: rule.take_run(record, lease("r2", place="desk"), now, witness.margin_s))
        wait_for(lambda: bool(told))
    assert told == ["the run lease is r2's (failover of albus by r2@desk) now"]
    record = witness.read().record
    assert record is not None
    assert record.run_lease is not None
    assert record.run_lease.run == "r2", "who was replaced gives nothing back"


@dataclass
class Forgetful:
    """Does what it is told, and says of every second write that the answer was lost, having done it or not."""

    register: TrustedRegister
    arrives: bool
    writes: int = 0
    name: str = "a forgetful register"

    def read(self) -> Held:
        return self.register.read()

    def write(self, text: str, expected: str | None) -> str:
        self.writes += 1
        if self.writes % 2 == 0:
            return self.register.write(text, expected)
        if self.arrives:
            self.register.write(text, expected)
        raise WriteUnknown("the answer was lost")


@pytest.mark.parametrize("arrives", [True, False])
def test_a_write_whose_answer_was_lost_is_looked_for_and_done_once(
    witness: Witness, tmp_path: Path, arrives: bool
) -> None:
    forgetful = Witness(Forgetful(TrustedRegister(FilePlace(tmp_path), "albus"), arrives), "albus", SITES, 1)
    witness.change(lambda record, now: rule.take_run(record, lease("r1"), now, 1))
    witness.change(lambda record, now: rule.claim(record, "r1", "b", now))
    proven = rule.Proven("a", "r1", "command")
    asked: list[int] = []

    def commit(record: Record, now: float) -> rule.Decision:
        asked.append(record.epoch)
        return rule.commit(record, "r1", "b", proven, now, 1)

    assert forgetful.change(commit).epoch == 2
    assert asked == [1]
    assert witness.read().record == forgetful.change(lambda record, _: rule.Decision(True, ""))


def test_a_witness_that_can_not_be_reached_says_so(tmp_path: Path) -> None:
    class Gone(Forgetful):
        def read(self) -> Held:
            raise Unreachable("nobody answers")

    gone = Witness(Gone(TrustedRegister(FilePlace(tmp_path), "albus"), True), "albus", SITES, 1)
    with pytest.raises(Unreachable):
        gone.change(lambda record, now: rule.claim(record, "r1", "b", now))
