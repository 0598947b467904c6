"""Who may do what, case by case; what follows over time is in test_state_space.py."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace

import pytest

from albus_dr.errors import RefusedError
from albus_dr.safety import rule
from albus_dr.safety.record import Claim, Record, RunLease, WriteLease
from albus_dr.safety.rule import Decision, OldData, Proven
from albus_dr.tools.fence import Identity

RUN = RunLease("r1", "ines@desk", "failover of albus", "desk", 30, 100)
OTHER = RunLease("r2", "omar@laptop", "switchover of albus", "laptop", 30, 100)
LEASE = WriteLease("a", "guard 1", True, 30, 100)
BASE = Record("albus", ("a", "b"), 4, "a", "r0", 50, identities={"patients": "700"})
MINE = replace(BASE, run_lease=RUN)
CLAIMED = replace(MINE, claim=Claim("r1", "b", 100))
PROBED = Proven("a", "r1", "probe")
SEEN = Identity("700", 1, "10:00")


OLD = OldData("b", "700", "nothing", None)


def test_an_old_primary_serves_again_only_once_its_loss_is_named_and_accepted() -> None:
    refused = rule.serve_again(MINE, "r1", "patients", OLD, accepted=False)
    assert not refused.allowed
    assert "b was the primary before" in refused.reason
    assert "at the other site after a became the primary (epoch 4, 1970-01-01 00:00:50 UTC) is lost" in refused.reason
    assert rule.serve_again(MINE, "r1", "patients", OLD, accepted=True).allowed
    assert rule.serve_again(None, "r1", "patients", OLD, accepted=True).allowed, "without the witness: a person's word"
    assert not rule.serve_again(None, "r1", "patients", OLD, accepted=False).allowed
    foreign = rule.serve_again(MINE, "r1", "patients", replace(OLD, system_identifier="701"), accepted=True)
    assert not foreign.allowed
    assert "it is another database" in foreign.reason
    assert not rule.serve_again(replace(BASE, run_lease=OTHER), "r1", "patients", OLD, accepted=True).allowed


def test_a_database_that_the_witness_does_not_know_yet_has_to_be_the_one_that_was_backed_up() -> None:
    unknown = replace(BASE, identities={})
    for backed_up in ("701", None):
        seen = rule.same_identity(unknown, "patients", "701", backed_up)
        assert seen.allowed
        assert seen.record is not None
        assert seen.record.identities == {"patients": "701"}
    assert rule.same_identity(BASE, "patients", "700", "699").allowed, (
        "who wrote the witness anew has looked at the sites"
    )


def test_a_decision_has_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(Decision(True, ""))


def test_a_record_survives_its_text() -> None:
    full = replace(CLAIMED, write_lease=LEASE, unfinished="r0", changed_at=1764000000.123456)
    assert Record.from_text(full.to_text("nonce")) == full
    assert full.to_text("one") != full.to_text("two")
    assert '"changed_at": "2025-11-24T16:00:00.123456Z"' in full.to_text("")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epoch", "3"), ("epoch", None), ("epoch", 3.5), ("epoch", True), ("primary", 5), ("primary", "elsewhere"),
        ("runbook", None), ("sites", "ab"), ("sites", ["a", "a"]), ("sites", [1, 2]), ("unfinished", 3), ("identities", []),
        ("identities", {"patients": 7}), ("changed_at", "2026-01-01"), ("claim", {"run": "r", "target": 1, "at": "1970-01-01T00:00:00Z"}),
        ("run_lease", {**asdict(OTHER), "renewed_at": "1970-01-01T00:00:00Z", "ttl_s": "30"}),
        ("run_lease", {**asdict(OTHER), "renewed_at": "1970-01-01T00:00:00Z", "ttl_s": float("nan")}),
    ],
)  # fmt: skip
def test_a_record_that_was_edited_by_hand_is_refused(key: str, value: object) -> None:
    text = json.dumps({**json.loads(BASE.to_text("")), key: value})
    with pytest.raises(RefusedError, match="not albus-dr's"):
        Record.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"schema": "albus-dr/witness/1"}',
        BASE.to_text("").replace("witness/1", "witness/2"),
    ],
)
def test_a_text_that_is_not_a_record_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="not albus-dr's"):
        Record.from_text(text)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (rule.accept(BASE, "other", ("a", "b"), 0), "speaks of albus"),
        (rule.accept(BASE, "albus", ("a", "c"), 0), "speaks of albus"),
        (rule.accept(replace(BASE, primary="x"), "albus", ("a", "b"), 0), "does not have: x"),
        (rule.accept(BASE, "albus", ("a", "b"), 5), "went backwards: it says 4, and 5"),
        (rule.same_identity(BASE, "patients", "701", "701"), "701, the witness knows 700"),
        (rule.same_identity(replace(BASE, identities={}), "patients", "701", "700"), "the database that was backed up last has 700"),
        (rule.establish(CLAIMED, "albus", ("a", "b"), "b", run="r1", epoch_seen=9, identities={}, now=0, margin_s=5), "r1 has claimed"),
        (rule.take_run(MINE, OTHER, 135, 5), r"failover of albus by ines@desk \(r1\); its lease lapses in 0 s"),
        (rule.renew_run(MINE, "r2", 0), "r1's"),
        (rule.release_run(BASE, "r1", promoted=True), "nobody's"),
        (rule.claim(BASE, "r1", "b", 0), "nobody's, not r1's"),
        (rule.claim(MINE, "r1", "c", 0), "not a site"),
        (rule.release_claim(MINE, "r1"), "nothing is claimed"),
        (rule.release_claim(CLAIMED, "r2"), "r1's"),
        (rule.look(MINE, "r1", "a", 0, 5), "claim is nobody's"),
        (rule.look(replace(CLAIMED, write_lease=LEASE), "r1", "a", 135, 5), "may still start it, for 0 s"),
        (rule.lease_lapsed(MINE, "r1", "a", 999, 5), "claim is nobody's"),
        (rule.lease_lapsed(CLAIMED, "r1", "a", 999, 5), "keeps a lease"),
        (rule.lease_lapsed(replace(CLAIMED, write_lease=replace(LEASE, kept=False)), "r1", "a", 999, 5), "keeps a lease"),
        (rule.lease_lapsed(replace(CLAIMED, write_lease=LEASE), "r1", "a", 135, 5), "lapses in 0 s"),
        (rule.commit(replace(CLAIMED, run_lease=OTHER), "r1", "b", PROBED, 0, 5), "r2's"),
        (rule.commit(MINE, "r1", "b", PROBED, 0, 5), "claim is nobody's"),
        (rule.commit(CLAIMED, "r1", "a", PROBED, 0, 5), "claimed b, not a"),
        (rule.commit(CLAIMED, "r1", "b", Proven("b", "r1", "probe"), 0, 5), "proof is of b"),
        (rule.commit(CLAIMED, "r1", "b", Proven("a", "r0", "probe"), 0, 5), "claim of r0"),
        (rule.commit(replace(CLAIMED, write_lease=LEASE), "r1", "b", Proven("a", "r1", "lease"), 135, 5), "lapses in"),
        (rule.promote(replace(CLAIMED, primary="b", changed_by="r1"), "r1", "b", 0), "has claimed"),
        (rule.promote(MINE, "r1", "b", 0), "a is primary"),
        (rule.promote(replace(MINE, primary="b"), "r1", "b", 0), "by r0"),
        (rule.promotes(SEEN, SEEN, in_recovery=False, behind=False), "not in recovery"),
        (rule.promotes(SEEN, SEEN, in_recovery=True, behind=True), "not replayed"),
        (rule.promotes(SEEN, replace(SEEN, timeline=2), in_recovery=True, behind=False), "timeline 2, not on 1"),
        (rule.promotes(SEEN, replace(SEEN, started="9"), in_recovery=True, behind=False), "started at 9"),
        (rule.promotes(SEEN, replace(SEEN, system_identifier="7"), in_recovery=True, behind=False), "another database"),
        (rule.start(BASE, LEASE, 0, 5), "backwards"),
        (rule.start(BASE, replace(LEASE, site="b"), 0, 0), "a is the primary"),
        (rule.start(CLAIMED, LEASE, 0, 0), "r1 is changing"),
        (rule.renew(BASE, "a", "guard 1", 0), "nobody's"),
        (rule.renew(replace(BASE, write_lease=LEASE), "a", "guard 2", 0), "guard 1's"),
        (rule.renew(replace(BASE, write_lease=LEASE, primary="b"), "a", "guard 1", 0), "b is the primary"),
        (rule.release_write(replace(BASE, write_lease=LEASE), "a", "guard 2"), "not this guard's"),
        (rule.write(BASE, "b"), "not b"),
        (rule.overwrite(BASE, "r1", "patients", OldData("b", "700", "nothing", "/kept")), "nobody's"),
        (rule.overwrite(MINE, "r1", "patients", OldData("a", "700", "nothing", "/kept")), "a is its primary"),
        (rule.overwrite(MINE, "r1", "patients", OldData("x", "700", "nothing", "/kept")), "x is not the standby"),
        (rule.overwrite(MINE, "r1", "patients", OldData("b", "700", "standby", "/kept")), "standby runs"),
        (rule.overwrite(MINE, "r1", "patients", OldData("b", "701", "nothing", "/kept")), "another database"),
        (rule.overwrite(MINE, "r1", "patients", OldData("b", "700", "nothing", None)), "kept yet"),
        (rule.overwrite(replace(CLAIMED, claim=Claim("r2", "b", 0)), "r1", "patients",
                        OldData("b", "700", "nothing", "/kept")), "r2 is changing"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(decision: Decision, reason: str) -> None:
    assert not decision.allowed
    assert decision.record is None
    assert re.search(reason, decision.reason), decision.reason


def test_the_run_lease_is_taken_when_it_has_lapsed_or_by_its_own_run_or_place() -> None:
    assert rule.take_run(MINE, OTHER, 135.01, 5).record == replace(MINE, run_lease=replace(OTHER, renewed_at=135.01))
    assert rule.take_run(MINE, replace(OTHER, run="r1"), 100, 5).allowed
    assert rule.take_run(MINE, replace(OTHER, place="desk"), 100, 5).allowed


def test_a_commit_counts_the_epoch_and_ends_claim_and_lease() -> None:
    decided = rule.commit(replace(CLAIMED, write_lease=LEASE), "r1", "b", PROBED, 200, 5)
    expected = replace(MINE, epoch=5, primary="b", changed_by="r1", changed_at=200, unfinished="r1")
    assert decided.record == expected
    promoted = rule.promote(expected, "r1", "b", 130)
    assert promoted.allowed
    assert promoted.record == replace(expected, write_lease=WriteLease("b", rule.PROMOTION, False, 0, 130))
    held = replace(expected, write_lease=WriteLease("b", "guard 2", True, 30, 120))
    ended = rule.promote(held, "r1", "b", 130).record
    assert ended == replace(held, write_lease=WriteLease("b", rule.PROMOTION, False, 30, 120)), "its window stays open"
    assert not rule.renew(ended, "b", "guard 2", 131).allowed
    released = rule.release_run(expected, "r1", promoted=True).record
    assert released == replace(expected, run_lease=None, unfinished=None)
    kept = rule.release_run(expected, "r1", promoted=False).record
    assert kept is not None
    assert kept.unfinished == "r1"


def test_a_change_that_came_to_no_end_is_done_again_to_the_same_target() -> None:
    half = replace(BASE, primary="b", epoch=5, unfinished="r1", run_lease=OTHER)
    claimed = rule.claim(half, "r2", "b", 0).record
    assert claimed is not None
    assert rule.commit(claimed, "r2", "b", Proven("a", "r2", "command"), 0, 5).allowed


def test_a_commit_to_the_same_primary_keeps_its_open_start_window() -> None:
    window = WriteLease("b", "guard 2", False, 10, 100)
    half = replace(BASE, primary="b", run_lease=OTHER, claim=Claim("r2", "b", 100), write_lease=window)
    done = rule.commit(half, "r2", "b", Proven("a", "r2", "command"), 101, 5).record
    assert done is not None
    assert done.write_lease == window


def test_a_commit_to_the_same_primary_takes_the_proof_from_its_lease_until_a_guard_renews() -> None:
    """What is promoted now is bound by no lease from before: the lapse of one would prove nothing of it."""
    lease = WriteLease("b", "guard 2", True, 10, 100)
    half = replace(BASE, primary="b", run_lease=OTHER, claim=Claim("r2", "b", 100), write_lease=lease)
    done = rule.commit(half, "r2", "b", Proven("a", "r2", "command"), 101, 5).record
    assert done is not None
    assert done.write_lease == replace(lease, kept=False)
    renewed = rule.renew(done, "b", "guard 2", 102).record
    assert renewed is not None
    assert renewed.write_lease == replace(lease, renewed_at=102)


def test_whoever_is_in_charge_replaces_or_releases_the_claim_of_a_run_that_is_gone() -> None:
    orphan = replace(CLAIMED, run_lease=OTHER)
    assert rule.claim(orphan, "r2", "b", 7).record == replace(orphan, claim=Claim("r2", "b", 7))
    assert rule.release_claim(orphan, "r2").record == replace(orphan, claim=None)


def test_a_lapsed_lease_names_its_figures() -> None:
    decided = rule.lease_lapsed(replace(CLAIMED, write_lease=LEASE), "r1", "a", 140, 5)
    assert decided.allowed
    assert decided.reason == (
        "the lease of a (guard 1) lapsed: 40 s since its last renewal, for a time to live of 30 s and a margin of 5 s"
    )


def test_a_lost_register_is_written_anew_above_every_epoch_that_was_seen() -> None:
    anew = rule.establish(
        None, "albus", ("a", "b"), "b", run="r1", epoch_seen=7, identities={"p": "1"}, now=9, margin_s=5
    ).record
    assert anew == Record("albus", ("a", "b"), 8, "b", "r1", 9, identities={"p": "1"})


def test_a_register_written_anew_keeps_the_primarys_window_and_waits_for_the_other_sites() -> None:
    window = WriteLease("a", "guard 1", False, 10, 100)
    held = replace(BASE, write_lease=window)

    def tell(primary: str, now: float) -> Decision:
        return rule.establish(
            held,
            "albus",
            ("a", "b"),
            primary,
            run="r1",
            epoch_seen=0,
            identities={},
            now=now,
            margin_s=5,
            other_ended=True,
        )

    told = tell("a", 101).record
    assert told is not None
    assert told.write_lease == window
    assert "may write, for 14 s more" in tell("b", 101).reason
    told = tell("b", 116).record
    assert told is not None
    assert told.write_lease is None


def test_a_person_names_another_primary_only_once_no_promotion_can_arrive_at_the_one_that_is_named() -> None:
    """The run that committed b may have passed its last question, and sent its promotion to the standby that runs there."""
    committed = replace(BASE, primary="b", changed_by="r0", unfinished="r0")

    def told(record: Record | None, *, other_ended: bool) -> Decision:
        return rule.establish(
            record, "albus", ("a", "b"), "a", run="r1", epoch_seen=0, identities={}, now=0, margin_s=5, other_ended=other_ended
        )  # fmt: skip

    refused = told(committed, other_ended=False)
    assert not refused.allowed
    assert "the witness names b as the primary, by r0" in refused.reason
    assert told(replace(committed, unfinished=None), other_ended=False).allowed is False
    assert told(committed, other_ended=True).allowed
    assert "the run lease is r2's" in told(replace(committed, run_lease=OTHER), other_ended=True).reason
    assert told(BASE, other_ended=False).allowed, "the standby of the primary that is named already goes on running"
    assert told(None, other_ended=False).allowed


def test_after_a_person_has_written_the_record_a_lease_proves_nothing_until_its_guard_has_renewed_it() -> None:
    """The primary may have been promoted by hand while the witness was away: no lease binds it."""
    told = rule.establish(
        replace(BASE, write_lease=LEASE),
        "albus",
        ("a", "b"),
        "a",
        run="r1",
        epoch_seen=0,
        identities={},
        now=101,
        margin_s=5,
    ).record
    assert told is not None
    claimed = replace(told, claim=CLAIMED.claim, run_lease=CLAIMED.run_lease)
    assert "proves nothing" in rule.lease_lapsed(claimed, "r1", "a", 999, 5).reason
    renewed = rule.renew(claimed, "a", LEASE.holder, 110).record
    assert renewed is not None
    assert not rule.lease_lapsed(renewed, "r1", "a", 144, 5).allowed
    assert rule.lease_lapsed(renewed, "r1", "a", 146, 5).allowed


def test_what_is_overwritten_is_neither_primary_nor_running_nor_unkept() -> None:
    assert rule.overwrite(MINE, "r1", "patients", OldData("b", "700", "nothing", "/kept")).allowed
