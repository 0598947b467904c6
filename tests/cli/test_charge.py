"""Which way a failover goes, by what the witness and the journal say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.cli.charge import resumed_standpoint, standpoint, witness_of
from albus_dr.cli.common import load_runbook
from albus_dr.engine.history import was_promoted
from albus_dr.errors import RefusedError
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.runbook.loader import Loaded
from albus_dr.safety import rule
from albus_dr.safety.record import RunLease
from albus_dr.safety.rule import Proven
from tests.engine.test_roles import Past

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setenv("ALBUS_DR_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ALBUS_DEMO", str(tmp_path))
    return load_runbook(TOP / "playbooks" / "albus.yaml", None, acts=False)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path / "state")
    yield Past(store)
    store.close()


def committed(loaded: Loaded, run: str) -> None:
    """The witness was told that bordeaux is primary, and not that the run has come to its end."""
    witness, lease = witness_of(loaded), RunLease(run, "x@y", "failover", "here", 30.0, 0.0)
    witness.begin("strasbourg", run=run)
    proof = Proven("strasbourg", run, "command")
    witness.change(lambda record, now: rule.take_run(record, lease, now, 5.0))
    witness.change(lambda record, now: rule.claim(record, run, "bordeaux", now))
    witness.change(lambda record, now: rule.commit(record, run, "bordeaux", proof, now, 5.0))


def test_a_change_that_nobody_saw_through_is_done_again(loaded: Loaded, past: Past) -> None:
    committed(loaded, "failover-elsewhere")
    at = standpoint(past.store, loaded, "failover", {}, "failover-r2")
    assert (at.source, at.target, at.epoch) == ("strasbourg", "bordeaux", 2)
    assert "does it again" in at.notes[0]


def test_a_change_that_the_journal_saw_through_is_not_done_again(loaded: Loaded, past: Past) -> None:
    """The witness was away when the run ended. Now bordeaux is lost: strasbourg takes over."""
    run = past.declare("r1")
    past.did(run, "ready", "fence", "promote", "open")
    past.end(run)
    committed(loaded, run)
    at = standpoint(past.store, loaded, "failover", {}, "failover-r2")
    assert (at.source, at.target) == ("bordeaux", "strasbourg")
    assert at.notes == ()


def test_a_run_that_changes_no_primary_promoted_nothing(past: Past) -> None:
    run = past.declare("r1", "reprotect", steps=("ready", "open"))
    past.did(run, "ready", "open")
    assert not was_promoted(past.store, run)
    assert not was_promoted(past.store, "nobody knows it")


def test_a_replicate_that_goes_on_may_ask_who_serves(loaded: Loaded, past: Past) -> None:
    declared = {
        "runbook": "albus",
        "operation": "replicate",
        "source": "strasbourg",
        "target": "bordeaux",
        "options": {},
    }
    run = past.declare("r1", "replicate", steps=("ready",))
    at = resumed_standpoint(past.store, loaded, declared, fold(past.store.events(run)), stop=False)
    assert (at.source, at.target, at.witness is None) == ("strasbourg", "bordeaux", False)


FAILOVER = {"runbook": "albus", "operation": "failover", "source": "strasbourg", "target": "bordeaux", "options": {}}


def test_a_run_that_ends_asks_the_witness_whatever_was_stated_before(loaded: Loaded, past: Past) -> None:
    """It may have claimed before a person stated that it goes on without."""
    witness_of(loaded).begin("strasbourg", run="first")
    stated = {**FAILOVER, "options": {"without_witness": "ana"}}
    assert resumed_standpoint(past.store, loaded, stated, begun(past), stop=True).witness is not None


STATED = {**FAILOVER, "options": {"without_witness": "ana"}}
STEPS = ("ready", "claim", "fence", "commit", "promote", "open")


def begun(past: Past, *did: str) -> RunState:
    """A failover without the witness, killed after these steps."""
    run = past.declare("r1", steps=STEPS)
    past.did(run, *did)
    if "commit" in did:
        past.committed_alone(run, epoch=2)
    return fold(past.store.events(run))


def test_a_run_by_a_persons_word_is_not_gone_on_with_once_the_witness_answers(loaded: Loaded, past: Past) -> None:
    """Whoever does not know this run may have told it meanwhile that the old primary serves."""
    witness_of(loaded).begin("strasbourg", run="operator 2")
    with pytest.raises(RefusedError, match="strasbourg is the primary") as refused:
        resumed_standpoint(past.store, loaded, STATED, begun(past, "ready", "claim", "fence"), stop=False)
    assert "albus-dr abort failover-r1" in refused.value.hint
    assert "witness set" not in refused.value.hint, "nothing can have been promoted"


def test_a_witness_that_does_not_know_of_the_promotion_is_told_first(loaded: Loaded, past: Past) -> None:
    """Killed in the middle of it: bordeaux may serve already, and then no failover can be begun anew."""
    witness_of(loaded).begin("strasbourg", run="first")
    state = begun(past, "ready", "claim", "fence", "commit")
    past.failed(state.run, "promote")
    state = fold(past.store.events(state.run))
    with pytest.raises(RefusedError, match="went backwards") as refused:
        resumed_standpoint(past.store, loaded, STATED, state, stop=False)
    assert "witness set RUNBOOK --primary bordeaux" in refused.value.hint
    witness_of(loaded).establish("bordeaux", run="told", epoch_seen=2, identities={}, other_ended=True)
    assert resumed_standpoint(past.store, loaded, STATED, state, stop=False).witness is not None


def test_a_witness_that_holds_nothing_answers(loaded: Loaded, past: Past) -> None:
    with pytest.raises(RefusedError, match="holds nothing"):
        resumed_standpoint(past.store, loaded, STATED, begun(past, "ready"), stop=False)


def test_a_run_that_has_promoted_is_gone_on_with_whatever_the_witness_says(loaded: Loaded, past: Past) -> None:
    witness_of(loaded).begin("strasbourg", run="first")
    state = begun(past, *STEPS[:-1])
    assert resumed_standpoint(past.store, loaded, STATED, state, stop=False).witness is None


def test_a_run_that_has_promoted_one_of_two_servers_is_gone_on_with(loaded: Loaded, past: Past) -> None:
    """Its site serves in part: neither site could be written down, and no failover begun anew."""
    witness_of(loaded).begin("strasbourg", run="first")
    run = past.declare("r1", steps=("ready", "claim", "fence", "commit", "promote", "promote2", "open"))
    past.did(run, "ready", "claim", "fence")
    past.committed_alone(run, epoch=2)
    past.did(run, "promote")
    past.failed(run, "promote2")
    at = resumed_standpoint(past.store, loaded, STATED, fold(past.store.events(run)), stop=False)
    assert (at.target, at.witness) == ("bordeaux", None)


def test_a_run_by_a_persons_word_is_gone_on_with_while_the_witness_is_silent(
    loaded: Loaded, past: Past, tmp_path: Path
) -> None:
    (tmp_path / "witness").write_text("not a directory")
    at = resumed_standpoint(past.store, loaded, STATED, begun(past, "ready", "claim", "fence"), stop=False)
    assert (at.witness, at.notes) == (None, ("the run goes on without the witness",))


def test_a_failover_is_begun_anew_after_one_that_promoted_nothing(loaded: Loaded, past: Past) -> None:
    """The epoch that it counted without the witness was never in the world."""
    witness_of(loaded).begin("strasbourg", run="first")
    run = begun(past, "ready", "claim", "fence", "commit").run
    past.abort(run)
    at = standpoint(past.store, loaded, "failover", {}, "failover-r2")
    assert (at.source, at.target, at.epoch) == ("strasbourg", "bordeaux", 1)


def test_a_run_ends_where_the_witness_was_lost(loaded: Loaded, past: Past) -> None:
    at = resumed_standpoint(past.store, loaded, FAILOVER, begun(past, "ready"), stop=True)
    assert (at.witness, at.notes) == (None, ()), "what holds nothing holds no claim"
