"""Every state that two sites, two operators, their guards and the witness can reach, and what must hold in each.

Never two writable primaries; no acknowledged write lost in a switchover; always a way forward for a person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from albus_dr.safety import rule
from albus_dr.safety.record import Record
from albus_dr.safety.rule import Decision
from tests.safety import search
from tests.safety.model import Bounds

SECONDS = 600  # on a machine that does much else


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("bounds", search.SMALL, ids=search.describe)
def test_in_no_state_two_primaries_nor_a_lost_write_and_in_each_a_way_forward(
    bounds: Bounds, record_property: Callable[[str, object], None]
) -> None:
    record_property("found", f"{search.explore(bounds):,} states visited: {search.describe(bounds)}")


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("mutation", search.MUTATIONS)
def test_a_mistake_in_the_rule_is_found(mutation: str) -> None:
    found = search.broken(mutation)
    print("\n".join((f"{mutation}: {found.wrong} after {found.states} states", *found.trace)))
    lost = "an acknowledged write is lost in a switchover"
    assert found.wrong == (lost if mutation == "switchover without waiting" else "two writable primaries")
    assert found.trace


def test_a_rule_that_leaves_a_person_stuck_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_ones_own(record: Record, run: str) -> Decision:
        gone = record.claim is not None and record.claim.run != run
        return Decision(False, "another's claim") if gone else right(record, run)

    right = rule.release_claim
    monkeypatch.setattr(rule, "release_claim", only_ones_own)
    with pytest.raises(search.Stuck, match="another's claim"):
        search.explore(replace(search.SMALL[0], operators=1))


def test_a_commit_that_forgets_an_open_start_window_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetting(*args: object) -> Decision:
        decision = right(*args)  # type: ignore[arg-type]
        record = decision.record and replace(decision.record, write_lease=None)
        return replace(decision, record=record)

    right = rule.commit
    monkeypatch.setattr(rule, "commit", forgetting)
    with pytest.raises(AssertionError, match="two writable primaries"):
        search.explore(search.SMALL[0])
