"""Killed at every recorded event of a failover, then resumed: the end state and the verdict are the same."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.journal.store import JournalStore, verify_chain
from tests.engine.fake_runs import RUN, Setup, World, folded, run_child, step

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.engine.fake_runs"])
EVENTS_OF_A_FAILOVER = (
    30  # declared, disrupted, started; 10 steps of 2; a failed attempt and its retry; 4 clocks; ended
)


def child(setup: Setup) -> int:
    """Run it in a process of its own; its exit code, negative for a signal."""
    process = _forks.Process(target=run_child, args=(setup,))
    process.start()
    process.join(60)
    assert process.exitcode is not None, "the run hangs"
    return process.exitcode


def make(directory: Path) -> Setup:
    return Setup(str(directory), f"sqlite:///{directory / 'engine.sqlite'}")


def assert_recovered(setup: Setup, *, resumed: int) -> None:
    state = folded(setup)
    assert (state.verdict, state.exit_code, state.reason) == (
        "passed",
        0,
        "recovered, verified and within the objectives",
    )
    assert {step.status for step in state.steps.values()} == {"succeeded"}
    unknown = {name for name, at in state.clocks.items() if at is None}
    assert unknown == {"detected_at", "approved_at"}, "nobody said when it was noticed, and nobody was asked"
    assert [(v.kind, v.expected, v.actual, v.verdict) for v in state.verifications] == [
        ("promotions", "1", "1", "passed")
    ]
    assert state.resumed == resumed
    assert state.rta_s is not None
    acts = Counter(World(setup.directory).acts())
    once = ("claim", "fence", "commit", "promote", "files-failed", "files", "start", "open")
    assert acts == dict.fromkeys(once, 1)


def test_without_a_crash_the_failover_passes_and_has_the_events_that_are_crashed_at(tmp_path: Path) -> None:
    setup = make(tmp_path)
    assert child(setup) == 0
    assert_recovered(setup, resumed=0)
    assert folded(setup).events == EVENTS_OF_A_FAILOVER


LAST = EVENTS_OF_A_FAILOVER - 1


@pytest.mark.parametrize(
    ("number", "after"),
    [  # before the first there is no run, and after the last nothing is left to do
        *(pytest.param(number, False, id=f"before {number}") for number in range(1, LAST + 1)),
        *(pytest.param(number, True, id=f"after {number}") for number in range(LAST)),
    ],
)
def test_killed_at_an_event_and_resumed_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, number: int, after: bool
) -> None:
    setup = make(tmp_path)
    dying = replace(setup, die_after_event=number) if after else replace(setup, die_before_event=number)
    assert child(dying) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    assert_recovered(setup, resumed=1)
    store = JournalStore(setup.url, tmp_path)
    verify_chain(store.events(RUN))
    store.close()


def test_killed_once_its_end_is_recorded_it_has_ended(tmp_path: Path) -> None:
    setup = make(tmp_path)
    assert child(replace(setup, die_after_event=LAST)) == -signal.SIGKILL
    assert_recovered(setup, resumed=0)


@pytest.mark.parametrize("name", ["claim", "fence", "commit", "promote", "files", "start", "open"])
def test_killed_between_an_act_and_its_outcome_the_act_is_found_and_not_repeated(tmp_path: Path, name: str) -> None:
    setup = make(tmp_path)
    assert child(replace(setup, die_after_act=name)) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    assert_recovered(setup, resumed=1)
    assert folded(setup).steps[name].adopted


def test_killed_again_and_again_it_still_ends_once(tmp_path: Path) -> None:
    setup = make(tmp_path)
    deaths = 0
    for number in (5, 9, 13, 17, 21):
        deaths += child(replace(setup, resume=deaths > 0, die_after_event=number)) == -signal.SIGKILL
    assert deaths >= 4
    assert child(replace(setup, resume=True)) == 0
    assert_recovered(setup, resumed=deaths)


def test_a_step_that_had_failed_before_the_kill_is_tried_again_by_the_first_resume(tmp_path: Path) -> None:
    """As it is where nobody killed anything: its cause may have been mended."""
    others = [step("fence"), *(step(f"other-{number}", (before,)) for number, before in
                               enumerate(("fence", *(f"other-{number}" for number in range(7)))))]  # fmt: skip
    files = step("files", ("fence",), action="fake.flaky", retries=0)
    steps = (*others, files, step("open", ("files", others[-1].id)))
    setup = replace(make(tmp_path), steps=steps)
    assert child(replace(setup, die_after_act=others[-1].id)) == -signal.SIGKILL
    assert folded(setup).steps["files"].status == "failed"
    assert child(replace(setup, resume=True)) == 0
    state = folded(setup)
    assert (state.steps["files"].status, state.steps["open"].status) == ("succeeded", "succeeded")


BLIND = (step("fence"), step("pay", ("fence",), action="fake.blind", repeatable=False), step("after", ("pay",)))


@pytest.mark.parametrize(("decision", "times"), [("done", 1), ("not_done", 2)])
def test_an_act_that_may_have_happened_and_must_not_be_repeated_waits_for_a_person(
    tmp_path: Path, decision: str, times: int
) -> None:
    setup = replace(make(tmp_path), steps=BLIND)
    assert child(replace(setup, die_after_act="pay")) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    state = folded(setup)
    assert (state.waiting_for, state.exit_code) == ("pay", None)
    assert "--decide pay=done" in state.steps["pay"].hint
    assert World(setup.directory).acts().count("pay") == 1
    assert child(replace(setup, resume=True, decisions={"pay": decision})) == 0
    assert folded(setup).steps["after"].status == "succeeded"
    assert World(setup.directory).acts().count("pay") == times


def test_a_decision_is_about_one_attempt_and_not_about_the_next(tmp_path: Path) -> None:
    setup = replace(make(tmp_path), steps=BLIND)
    assert child(replace(setup, die_after_act="pay")) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    again = replace(setup, resume=True, decisions={"pay": "not_done"}, die_after_act="pay")
    assert child(again) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    assert (folded(setup).waiting_for, World(setup.directory).acts().count("pay")) == ("pay", 2)


@pytest.mark.parametrize("die_at_the_end", [False, True], ids=["it waits", "killed before it waits"])
def test_a_decision_counts_even_when_the_engine_has_a_record_of_the_doubt(tmp_path: Path, die_at_the_end: bool) -> None:
    setup = replace(make(tmp_path), steps=BLIND)
    assert child(replace(setup, die_after_act="pay")) == -signal.SIGKILL
    doubting = replace(setup, resume=True, die_at_the_end=die_at_the_end)
    assert child(doubting) == (-signal.SIGKILL if die_at_the_end else 0)
    assert folded(setup).steps["pay"].status == "unknown"
    assert child(replace(setup, resume=True, decisions={"pay": "done"})) == 0
    assert folded(setup).steps["after"].status == "succeeded"
    assert World(setup.directory).acts() == ["fence", "pay", "after"]
