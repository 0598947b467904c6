"""A few of the faults of `make faults`, on real sites: the two zeros, and a way on each time."""

from __future__ import annotations

import os
import signal

import pytest

from faults import apart, each_event, game_days, killed
from faults.outcome import Outcome

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


def assert_good(outcome: Outcome) -> None:
    assert outcome.failure == ""
    assert outcome.acknowledged > 0
    assert outcome.looked > 10
    assert (outcome.lost, outcome.two_writable) == (0, 0)


def test_the_new_primary_is_killed_while_it_is_promoted(programs: None) -> None:
    victim = killed.Victim("PostgreSQL", "target", {})
    outcome = killed.strike("failover", victim, signal.SIGKILL, "middle")
    assert_good(outcome)
    assert outcome.codes[-1] == 0


def test_albus_dr_is_stopped_in_the_middle_of_a_switchover_and_goes_on(programs: None) -> None:
    outcome = killed.strike("switchover", killed.Victim("albus-dr", "", {}), signal.SIGSTOP, "middle")
    assert_good(outcome)


def test_a_drill_that_is_killed_at_every_event_of_its_journal_leaves_nothing(programs: None) -> None:
    outcome = each_event.drill_at_every_event()
    assert_good(outcome)
    assert outcome.codes.count(-signal.SIGKILL) > 20


def test_nobody_reaches_a_primary_that_lives(programs: None) -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    outcome = apart.primary_cut_off()
    assert_good(outcome)
    assert outcome.codes[0] == 8, "nothing proved that it could not write"


def test_a_primary_that_acknowledges_alone_is_ended_by_its_guard_before_the_other_is_promoted(programs: None) -> None:
    """The leash stands still: the guard does the counting. Replication is asynchronous, so nothing else would hold it."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    outcome = game_days.split("asynchronous", game_days.Hurt("leash", signal.SIGSTOP))
    assert outcome.failure == ""
    assert outcome.codes == (0,), "nobody's word was needed"
    assert outcome.accepted > 0, "it did acknowledge writes alone"
    assert outcome.lost <= outcome.accepted
    assert (outcome.two_writable, outcome.two_open) == (0, 0)
