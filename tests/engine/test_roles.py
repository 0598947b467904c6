"""What earlier runs mean: who is primary after them, and what must be finished or given up first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from albus_dr.engine.history import (
    aborted,
    changed_primary,
    primary_and_secondary,
    require_nothing_unfinished,
    require_same_primary,
    returned_unkept,
    roles_last_told,
    runs_of,
)
from albus_dr.errors import ExitCode, RefusedError
from albus_dr.journal.fold import fold
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import Objectives, Operation, Runbook, SitePair
from albus_dr.workloads.step import StepSpec

A, B = "strasbourg", "bordeaux"
ACTIONS = {
    "ready": "db.ready_to_promote", "fence": "site.fence", "close": "traffic.close", "promote": "postgres.promote",
    "promote2": "postgres.promote", "open": "traffic.open", "bring": "files.bring_forward", "claim": "site.claim",
    "commit": "site.commit", "agree": "own.approve", "pause": "own.wait", "mute": "own.run",
}  # fmt: skip
FAILOVER = ("ready", "fence", "promote", "open")
OBJECTIVES = Objectives.model_validate({"rto": "4h", "rpo": "15m", "drill_every": "1y"})
RUNBOOK = Runbook.model_construct(
    version=1, runbook="albus", objectives=OBJECTIVES, sites=SitePair(primary=A, secondary=B), workloads={}
)


class Past:
    """Writes runs into a journal as the engine does, step by step."""

    def __init__(self, store: JournalStore) -> None:
        self.store = store

    def declare(
        self, run: str, operation: Operation = "failover", source: str = A, target: str = B, *,
        steps: tuple[str, ...] = FAILOVER, runbook: str = "albus", may_fail: str = "", epoch_seen: int = 0,
    ) -> str:  # fmt: skip
        run = f"{operation}-{run}"  # as the runs are named
        specs = tuple(
            StepSpec(id=id_, workload="", site=target, action=ACTIONS[id_], title=id_,
                     on_failure="continue" if id_ == may_fail else "stop")
            for id_ in steps
        )  # fmt: skip
        plan = Plan(runbook, operation, source, target, specs)
        self.store.append(
            run, "RunDeclared",
            {"runbook": runbook, "operation": operation, "plan": plan.to_json(), "plan_digest": plan.digest,
             "source": source, "target": target, "options": {"epoch_seen": epoch_seen},
             "objectives": {"rto_s": 1.0, "rpo_s": 1.0, "clock": "disruption"}},
        )  # fmt: skip
        self.store.append(run, "RunStarted")
        return run

    def did(self, run: str, *steps: str) -> None:
        for step in steps:
            self.store.append(run, "StepIntended", {"attempt": 1}, step=step)
            self.store.append(run, "StepSucceeded", {"facts": {}, "adopted": False}, step=step)

    def committed_alone(self, run: str, epoch: int) -> None:
        """Without the witness: the commit counts an epoch on its own."""
        facts = {"epoch": epoch, "is_witnessed": False}
        self.store.append(run, "StepSucceeded", {"facts": facts, "adopted": False}, step="commit")

    def failed(self, run: str, step: str) -> None:
        self.store.append(run, "StepIntended", {"attempt": 1}, step=step)
        self.store.append(run, "StepFailed", {"error": "no"}, step=step)

    def end(self, run: str, verdict: str = "passed", code: ExitCode = ExitCode.PASSED) -> None:
        nothing = dict.fromkeys(("rta_s", "rpa_s", "client_downtime_s", "acknowledged_writes", "lost_writes"))
        actuals: dict[str, Any] = {**nothing, "rpa_by_workload": {}}
        data = {
            "verdict": verdict,
            "exit_code": int(code),
            "reason": "",
            "proof_level": "L1",
            "residue": [],
            "notes": [],
        }
        self.store.append(run, "RunEnded", {**data, "actuals": actuals})

    def passed(
        self, run: str, operation: Operation = "failover", source: str = A, target: str = B, **more: Any
    ) -> None:
        run = self.declare(run, operation, source, target, **more)
        self.did(run, *more.get("steps", FAILOVER))
        self.end(run)

    def abort(self, run: str) -> None:
        self.store.append(run, "AbortRequested", {"who": "the director", "why": "a mistake"})

    def resume(self, run: str) -> None:
        self.store.append(run, "RunResumed", {"operator": "the director"})

    @property
    def roles(self) -> tuple[str, str]:
        return primary_and_secondary(self.store, RUNBOOK)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    store = JournalStore(f"sqlite:///{tmp_path}/engine.sqlite", tmp_path)
    yield Past(store)
    store.close()


# --- what the witness told the runs --------------------------------------------------------------------------------------


def test_a_run_tells_the_roles_only_of_a_later_epoch_than_the_last_change_here(past: Past) -> None:
    def drill(run: str, source: str, target: str, epoch: int) -> tuple[str, str]:
        past.declare(run, "drill", source, target, steps=("ready",), epoch_seen=epoch)
        return roles_last_told(past.store, RUNBOOK)

    assert drill("r1", A, B, 4) == (A, B)
    change = past.declare("r2", steps=("commit", "promote"))
    past.committed_alone(change, epoch=1)  # this journal had made no change of primary: it counted from nothing
    past.did(change, "promote")
    assert roles_last_told(past.store, RUNBOOK) == (B, A), "the drill was told of more, before"
    assert drill("r3", A, B, 1) == (B, A)
    assert drill("r4", A, B, 5) == (A, B)
    assert drill("r5", B, A, 1) == (A, B), "the witness was silent"
    assert drill("r6", "lille", "lyon", 6) == (A, B), "sites of another name"
    assert past.roles == (B, A)


# --- what the other site has alone ---------------------------------------------------------------------------------------


def test_from_a_failover_to_a_reprotect_the_other_site_may_have_something_alone(past: Past) -> None:
    past.passed("r1", "switchover")
    assert not returned_unkept(past.store, "albus")
    past.passed("r2", "failover")
    past.passed("r3", "replicate", B, A, steps=("ready",))
    past.end(past.declare("r4", "reprotect", B, A, steps=("ready", "open")), "failed", ExitCode.STEP_FAILED)
    assert returned_unkept(past.store, "albus")
    past.passed("r5", "reprotect", B, A, steps=("ready", "open"))
    assert not returned_unkept(past.store, "albus")


# --- who is primary ---------------------------------------------------------------------------------------------------


def test_without_any_run_the_runbook_decides(past: Past) -> None:
    assert past.roles == (A, B)


def test_each_change_turns_the_roles_round(past: Past) -> None:
    past.passed("r1", "failover", A, B)
    assert past.roles == (B, A)
    past.passed("r2", "switchover", B, A)
    assert past.roles == (A, B)
    past.passed("r3", "switchover", A, B)
    assert past.roles == (B, A)


@pytest.mark.parametrize("operation", ["replicate", "drill"])
def test_what_changes_no_primary_changes_no_role(past: Past, operation: Operation) -> None:
    past.passed("r1", operation, A, B)
    assert past.roles == (A, B)
    past.passed("r2", "failover", A, B)
    past.passed("r3", operation, B, A)
    assert past.roles == (B, A)


def test_another_runbooks_runs_mean_nothing(past: Past) -> None:
    past.passed("r1", runbook="billing")
    past.declare("r2", runbook="billing")
    assert past.roles == (A, B)
    require_nothing_unfinished(past.store, "albus")
    assert [state.run for state in runs_of(past.store, "albus")] == []
    assert [state.run for state in runs_of(past.store, "billing")] == ["failover-r2", "failover-r1"], "newest first"


def test_the_promotion_decides_and_not_the_verdict(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready", "fence")
    assert past.roles == (A, B), "a fence alone makes nobody primary where something is promoted"
    past.did(run, "promote")
    assert past.roles == (B, A), "the run goes on, and the standby is a primary already"
    past.failed(run, "open")
    past.end(run, "failed", ExitCode.STEP_FAILED)
    assert past.roles == (B, A)


def test_a_promotion_that_failed_or_only_began_changes_nothing(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready", "fence")
    past.store.append(run, "StepIntended", {"attempt": 1}, step="promote")
    assert past.roles == (A, B)
    past.store.append(run, "StepFailed", {"error": "no"}, step="promote")
    assert past.roles == (A, B)


def test_one_of_two_promotions_is_no_change_of_primary(past: Past) -> None:
    run = past.declare("r1", steps=("ready", "fence", "promote", "promote2"))
    past.did(run, "ready", "fence", "promote")
    assert not changed_primary(fold(past.store.events(run)))
    past.did(run, "promote2")
    assert changed_primary(fold(past.store.events(run)))


def test_where_nothing_is_promoted_the_fence_decides(past: Past) -> None:
    run = past.declare("r1", steps=("ready", "fence", "open"))
    past.did(run, "ready")
    assert past.roles == (A, B)
    past.did(run, "fence")
    assert past.roles == (B, A)


def test_giving_up_does_not_undo_a_promotion(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready", "fence", "promote")
    past.abort(run)
    past.end(run, "incomplete", ExitCode.STEP_FAILED)
    assert past.roles == (B, A)


def test_a_run_that_was_given_up_before_it_promoted_leaves_the_roles_of_the_one_before(past: Past) -> None:
    past.passed("r1", "failover", A, B)
    run = past.declare("r2", "switchover", B, A)
    past.did(run, "ready", "fence")
    past.abort(run)
    past.end(run, "incomplete", ExitCode.STEP_FAILED)
    assert past.roles == (B, A)


def test_a_promotion_in_a_resumed_run_counts(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready", "fence")
    past.failed(run, "promote")
    past.end(run, "failed", ExitCode.STEP_FAILED)
    past.resume(run)
    past.did(run, "promote")
    assert past.roles == (B, A)


# --- what is not finished ---------------------------------------------------------------------------------------------


def refused(past: Past, run: str) -> None:
    with pytest.raises(RefusedError, match=f"{run} was begun and is not finished") as raised:
        require_nothing_unfinished(past.store, "albus")
    assert f"albus-dr resume {run}" in raised.value.hint
    assert f"albus-dr abort {run}" in raised.value.hint


def test_a_run_that_has_not_ended_is_unfinished(past: Past) -> None:
    past.declare("r1")
    refused(past, "failover-r1")


@pytest.mark.parametrize("operation", ["replicate", "drill"])
def test_what_changes_no_primary_is_never_in_the_way(past: Past, operation: Operation) -> None:
    run = past.declare("r1", operation)
    past.did(run, "ready", "promote")
    require_nothing_unfinished(past.store, "albus")


@pytest.mark.parametrize(("fails", "ended", "stays"), [
    ("mute", True, False), ("mute", False, True), ("open", True, True),
], ids=["what may fail", "it was killed after that", "what may not"])  # fmt: skip
def test_a_failover_without_what_may_fail_is_finished(past: Past, fails: str, ended: bool, stays: bool) -> None:
    """Recovery points are made while the site is unprotected, though the staff could not be told."""
    steps = (*FAILOVER, "mute")
    run = past.declare("r1", steps=steps, may_fail="mute")
    past.did(run, *(step for step in steps if step != fails))
    past.failed(run, fails)
    if ended:
        past.end(run, "incomplete", ExitCode.STEP_FAILED)
    if stays:
        refused(past, run)
    else:
        require_nothing_unfinished(past.store, "albus")


def test_a_finished_run_is_finished(past: Past) -> None:
    past.passed("r1")
    require_nothing_unfinished(past.store, "albus")


def test_a_run_that_ended_half_way_is_unfinished_until_somebody_decides(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready", "fence")
    past.failed(run, "promote")
    past.end(run, "failed", ExitCode.STEP_FAILED)
    refused(past, run)
    past.resume(run)
    past.did(run, "promote", "open")
    refused(past, run)
    past.end(run)
    require_nothing_unfinished(past.store, "albus")


def test_a_run_that_only_looked_is_nothing_to_finish(past: Past) -> None:
    run = past.declare("r1")
    past.failed(run, "ready")
    past.end(run, "failed", ExitCode.NOT_READY)
    require_nothing_unfinished(past.store, "albus")


def test_a_fence_that_proved_nothing_is_nothing_to_finish(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready")
    past.failed(run, "fence")
    past.end(run, "failed", ExitCode.REFUSED)
    require_nothing_unfinished(past.store, "albus")


@pytest.mark.parametrize(("step", "left"), [("agree", False), ("pause", False), ("mute", True)])
def test_who_was_asked_before_a_fence_that_proved_nothing_has_nothing_to_finish(
    past: Past, step: str, left: bool
) -> None:
    """The failover is typed again, with a person's word; a command of the user's own may have changed something."""
    run = past.declare("r1", steps=("ready", step, "fence", "promote"))
    past.did(run, "ready", step)
    past.failed(run, "fence")
    past.end(run, "failed", ExitCode.REFUSED)
    if left:
        refused(past, run)
    else:
        require_nothing_unfinished(past.store, "albus")


def test_a_claim_that_was_given_back_is_nothing_to_finish(past: Past) -> None:
    run = past.declare("r1", "switchover", steps=("ready", "bring", "claim", "close"))
    past.did(run, "ready", "bring", "claim")
    past.failed(run, "close")
    past.end(run, "failed", ExitCode.REFUSED)
    with pytest.raises(RefusedError):  # the door may be half closed
        require_nothing_unfinished(past.store, "albus")
    run = past.declare("r2", "switchover", steps=("ready", "bring", "claim", "close"))
    past.did(run, "ready", "bring", "claim")
    past.end(run, "incomplete", ExitCode.REFUSED)
    require_nothing_unfinished(past.store, "albus")


def test_a_closed_door_before_a_fence_that_proved_nothing_is_unfinished(past: Past) -> None:
    run = past.declare("r1", "switchover", steps=("ready", "close", "fence", "promote"))
    past.did(run, "ready", "close")
    past.failed(run, "fence")
    past.end(run, "failed", ExitCode.REFUSED)
    refused(past, run)


def test_an_older_unfinished_run_is_not_hidden_by_replication(past: Past) -> None:
    past.declare("r1")
    past.passed("r2", "replicate")
    refused(past, "failover-r1")


def test_abort_and_resume_take_turns(past: Past) -> None:
    run = past.declare("r1")
    past.did(run, "ready", "fence")
    assert not aborted(past.store, run)
    past.abort(run)
    assert aborted(past.store, run)
    require_nothing_unfinished(past.store, "albus")
    past.resume(run)
    assert not aborted(past.store, run)
    refused(past, run)
    past.abort(run)
    assert aborted(past.store, run)


@pytest.mark.parametrize("operation", ["replicate", "reprotect"])
def test_a_run_is_not_gone_on_with_once_what_it_copies_to_serves(past: Past, operation: Operation) -> None:
    old = past.declare("1", operation, steps=("ready",))
    require_same_primary(past.store, RUNBOOK, fold(past.store.events(old)))
    past.passed("2", "failback", steps=FAILOVER)
    with pytest.raises(RefusedError, match=f"{B} serves now"):
        require_same_primary(past.store, RUNBOOK, fold(past.store.events(old)))


def test_a_change_of_primary_is_gone_on_with_after_its_own_promotion(past: Past) -> None:
    run = past.declare("1")
    past.did(run, "ready", "fence", "promote")
    require_same_primary(past.store, RUNBOOK, fold(past.store.events(run)))


def test_a_change_that_was_given_up_is_not_gone_on_with_after_another_one(past: Past) -> None:
    run = past.declare("1")
    past.abort(run)
    past.passed("2")
    with pytest.raises(RefusedError, match="can't be gone on with"):
        require_same_primary(past.store, RUNBOOK, fold(past.store.events(run)))


def test_another_runbook_of_the_same_name_has_no_say(past: Past) -> None:
    past.passed("1", "switchover", A, "lyon")
    with pytest.raises(
        RefusedError, match="switchover-1 made lyon the primary of a runbook albus; the sites of this one are"
    ):
        primary_and_secondary(past.store, RUNBOOK)
