"""What a run amounts to, from its state alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from albus_dr.engine.promise import may_lose
from albus_dr.engine.verdict import Judgement, judge
from albus_dr.errors import ExitCode
from albus_dr.journal.state import RunState, StepState, VerificationState
from albus_dr.runbook.model import Runbook
from albus_dr.workloads import postgres
from albus_dr.workloads.step import Verdict

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RTO_S, RPO_S = 100.0, 10.0


def run(
    operation: str = "failover", *, clients_s: float | None = 50, service_s: float | None = 40, age_s: float | None = 5,
    clock: str = "disruption", disrupted: bool = True, **facts: Any,
) -> RunState:  # fmt: skip
    """A run that did everything; the service was verified ``service_s``, the clients ``clients_s`` after the start."""
    state = RunState(
        run="r", runbook="b", description="", operation=operation, scenario=None, plan_digest="", source="a",
        target="z", rto_s=RTO_S, rpo_s=RPO_S, clock=clock,
    )  # fmt: skip
    state.verifications.append(VerificationState("db.count", "db", "rows", "1", "1", "passed"))
    state.clocks |= {
        "disrupted_at": START if disrupted else None,
        "declared_at": START + timedelta(seconds=20),
        "data_recovered_at": START + timedelta(seconds=30),
        "service_verified_at": None if service_s is None else START + timedelta(seconds=service_s),
        "clients_verified_at": None if clients_s is None else START + timedelta(seconds=clients_s),
    }
    if age_s is not None:
        facts["newest_write_at"] = (START - timedelta(seconds=age_s)).isoformat()
    for id_, action, mine in (
        ("db.promote", "postgres.promote", facts),
        ("db.count", "postgres.count", {}),
        ("cleanup", "site.cleanup", {}),
    ):
        state.steps[id_] = StepState(
            id=id_, title=id_, workload="db" if "." in id_ else "", site="z", action=action, needs=(),
            status="succeeded", facts=mine,
        )  # fmt: skip
    if service_s is not None:
        state.steps["app.verify"] = replace(
            state.steps["db.count"], id="app.verify", title="app.verify", workload="app", action="service.verify"
        )
        state.verifications.append(
            VerificationState("app.verify", "app", "GET /", "status 200", "status 200", "passed")
        )
    return state


ALL_CLOCKS = frozenset({"fenced_at", "data_recovered_at", "service_verified_at", "clients_verified_at"})


def judged(
    state: RunState, code: int = 4, tolerated: tuple[str, ...] = (), clocks: frozenset[str] = ALL_CLOCKS, *,
    may_lose: bool = True,
) -> Judgement:  # fmt: skip
    codes = {step.id: code for step in state.steps.values() if step.status == "failed"}
    promised = {"db": RPO_S}
    return judge(
        state, failure_codes=codes, tolerated=frozenset(tolerated), rpo_by_workload=promised, clocks=clocks, may_lose=may_lose
    )  # fmt: skip


def test_the_age_of_the_whole_is_not_that_of_a_part() -> None:
    """The database has no marker, say; the documents beside it are new."""
    promised = {"db": RPO_S, "documents": RPO_S}
    state = run()
    judgement = judge(
        state, failure_codes={}, tolerated=frozenset(), rpo_by_workload=promised, clocks=ALL_CLOCKS, may_lose=True
    )
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INCOMPLETE, ExitCode.STEP_FAILED)
    assert judgement.reason == "documents: the age of its newest write was not measured"
    assert judgement.actuals.rpa_s is None
    assert judgement.actuals.rpa_by_workload == {"db": 5.0}


def failing(step: str, state: RunState) -> RunState:
    state.steps[step].status, state.steps[step].error = "failed", "it broke"
    return state


@pytest.mark.parametrize("code", [2, 3, 4, 5, 8])
def test_a_failed_step_gives_the_run_its_exit_code(code: int) -> None:
    found = judged(failing("db.promote", run()), code)
    assert (found.verdict, found.exit_code) == (Verdict.FAILED, ExitCode(code))
    assert "db.promote failed: it broke" in found.reason


@pytest.mark.parametrize(
    ("state", "verdict", "code"),
    [
        (run(), Verdict.PASSED, 0),
        (run("switchover"), Verdict.PASSED, 0),
        (run("drill", clients_s=None), Verdict.PASSED, 0),
        (run("replicate", clients_s=None, service_s=None, age_s=None), Verdict.PASSED, 0),
        (run(clients_s=RTO_S), Verdict.PASSED, 0),
        (run(clients_s=RTO_S + 0.001), Verdict.FAILED, 6),
        (run(clients_s=None), Verdict.INCOMPLETE, 4),
        (run(disrupted=False), Verdict.INCOMPLETE, 4),
        (run("drill", service_s=None), Verdict.INCOMPLETE, 4),
        (run("drill", service_s=50, clients_s=RTO_S + 1), Verdict.PASSED, 0),
        (run(age_s=RPO_S), Verdict.PASSED, 0),
        (run(age_s=RPO_S + 0.001), Verdict.FAILED, 6),
        (run(age_s=None), Verdict.INCOMPLETE, 4),
        (run("switchover", lost_writes=1), Verdict.FAILED, 5),
        (run("switchover", lost_writes=0), Verdict.PASSED, 0),
        (run("switchover", lost_writes=1, clients_s=RTO_S + 1), Verdict.FAILED, 5),
        (run("failover", lost_writes=1), Verdict.PASSED, 0),
        (run(residue=["/z/left"]), Verdict.FAILED, 7),
        (failing("cleanup", run("drill")), Verdict.FAILED, 7),
    ],
)
def test_verdicts(state: RunState, verdict: Verdict, code: int) -> None:
    found = judged(state)
    assert (found.verdict, int(found.exit_code)) == (verdict, code), found.reason


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (None, 0), (1, 6)])
def test_a_failover_whose_databases_promise_to_lose_nothing_has_failed_where_it_did(
    lost: int | None, code: int
) -> None:
    found = judged(run("failover") if lost is None else run("failover", lost_writes=lost), may_lose=False)
    assert int(found.exit_code) == code
    assert (found.verdict is Verdict.FAILED) is bool(code)
    if code:
        assert found.reason == (
            "acknowledged writes were lost: 1. The runbook promises synchronous replication, and nobody accepted a loss"
        )


@pytest.mark.parametrize(
    ("replication", "options", "may"),
    [
        (("synchronous",), {}, False),
        (("synchronous",), {"accept_data_loss": True}, True),
        (("synchronous", "asynchronous"), {}, True),
        ((), {}, True),
    ],
)
def test_who_may_lose(replication: tuple[str, ...], options: dict[str, Any], may: bool) -> None:
    points = {"dump": "backups"}
    databases = {
        f"db{number}": postgres.Model.model_validate({
            "kind": "postgres", "server": "database", "database": "albus", "replication": each, "recovery_points": points,
        })
        for number, each in enumerate(replication)
    }  # fmt: skip
    parts: dict[str, Any] = {"workloads": databases}
    assert may_lose(Runbook.model_construct(**parts), options) is may


def test_what_was_left_is_named() -> None:
    found = judged(run(residue=["/z/left"]))
    assert found.residue == ("/z/left",)
    assert "/z/left" in found.reason


@pytest.mark.parametrize("status", ["pending", "running", "skipped", "unknown", "waiting"])
def test_what_was_not_done_is_not_a_pass(status: str) -> None:
    state = run()
    state.steps["db.count"].status = status
    found = judged(state)
    assert (found.verdict, found.exit_code) == (Verdict.INCOMPLETE, ExitCode.STEP_FAILED)
    assert "db.count" in found.reason


def test_a_tolerated_failure_leaves_the_run_incomplete() -> None:
    found = judged(failing("db.count", run()), tolerated=("db.count",))
    assert (found.verdict, found.exit_code) == (Verdict.INCOMPLETE, ExitCode.STEP_FAILED)


def test_unmeasured_is_none_and_not_zero() -> None:
    actuals = judged(run(clients_s=None, age_s=None)).actuals
    assert (actuals.rta_s, actuals.rpa_s, actuals.client_downtime_s) == (None, None, None)
    assert (actuals.acknowledged_writes, actuals.lost_writes, actuals.rpa_by_workload) == (None, None, {})


def test_where_the_recovery_time_starts_and_ends() -> None:
    assert judged(run()).actuals.rta_s == 50
    assert judged(run(clock="declaration")).actuals.rta_s == 30
    assert judged(run("drill")).actuals.rta_s == 40
    assert judged(run("replicate")).actuals.rta_s is None
    assert judged(run(age_s=5)).actuals.rpa_s == 5
    assert judged(run(age_s=-5)).actuals.rpa_s == 0


def test_a_runbook_is_measured_as_far_as_it_goes_and_says_so() -> None:
    data_only = frozenset({"fenced_at", "data_recovered_at"})
    drill = judged(run("drill", clients_s=None, service_s=None), clocks=data_only)
    assert (drill.verdict, drill.actuals.rta_s, drill.proof_level) == (Verdict.PASSED, 30, "L2")
    assert any("ends where the data were verified" in note for note in drill.notes)

    no_door = judged(run(clients_s=None), clocks=ALL_CLOCKS - {"clients_verified_at"})
    assert (no_door.verdict, no_door.actuals.rta_s, no_door.proof_level) == (Verdict.PASSED, 40, "L3")
    assert any("the runbook has no door" in note for note in no_door.notes)

    assert judged(run()).notes == ()


def test_a_clock_that_the_plan_sets_is_not_replaced_by_an_earlier_one() -> None:
    found = judged(run(clients_s=None))
    assert (found.verdict, found.actuals.rta_s) == (Verdict.INCOMPLETE, None)


def test_nothing_is_the_recovery_point_of_a_run_that_recovered_nothing() -> None:
    refused = failing("db.promote", run(clients_s=None, service_s=None))
    refused.clocks["data_recovered_at"] = None
    assert (judged(refused).actuals.rpa_s, judged(refused).actuals.rpa_by_workload) == (None, {})


def test_a_clock_that_was_set_back_in_between_shortens_no_recovery() -> None:
    state = run(clients_s=50)
    state.set_back_before = {"clients_verified_at": 3600.0}
    found = judged(state)
    assert (found.actuals.rta_s, found.exit_code) == (3650.0, ExitCode.OBJECTIVE_MISSED)


def test_a_reason_tells_an_objective_from_what_missed_it_by_little() -> None:
    state = run(clients_s=120.2, age_s=10.02)
    state.rto_s = 120.0
    assert judged(state).reason == "recovered after 2 min 0.2 s; the objective is 2 min"
    state.rto_s = 7200.0
    late = "db: its newest write is 10.02 s older than the disruption; the objective is 10.0 s"
    assert judged(state).reason == late
    state = run(clients_s=14_459)
    state.rto_s, state.budgets = 100_000.0, {"clients_verified": 14_400.0}
    state.clocks["service_verified_at"] = START + timedelta(seconds=40)
    assert "took 4 h 0 min 19 s; its budget is 4 h" in judged(state).reason


def test_a_clock_that_was_set_back_measures_nothing() -> None:
    found = judged(run(clients_s=-580))
    assert (found.verdict, found.exit_code, found.actuals.rta_s) == (Verdict.INCOMPLETE, ExitCode.STEP_FAILED, None)


def test_a_stage_beyond_its_budget_misses_an_objective_and_names_the_step() -> None:
    state = run()
    state.budgets = {"service_verified": 9.0}
    slow = state.steps["db.count"]
    slow.started_at, slow.ended_at, slow.duration_s = START + timedelta(seconds=31), START + timedelta(seconds=39), 8.0
    found = judged(state)
    assert (found.verdict, found.exit_code) == (Verdict.FAILED, ExitCode.OBJECTIVE_MISSED)
    assert found.reason == "the stage service_verified took 10.0 s; its budget is 9.0 s; most of it: db.count, 8.0 s"
    state.budgets = {"service_verified": 10.0}
    assert judged(state).verdict is Verdict.PASSED


def test_proof_levels() -> None:
    empty = run(clients_s=None, service_s=None)
    empty.clocks["data_recovered_at"] = None
    assert judged(empty).proof_level == "L1"
    for step in empty.steps.values():
        step.status = "pending"
    assert judged(empty).proof_level == "L0"
    assert judged(run(clients_s=None, service_s=None)).proof_level == "L2"
    uncompared = run(clients_s=None, service_s=None)
    uncompared.verifications.clear()
    assert judged(uncompared).proof_level == "L1"
    assert judged(run("drill")).proof_level == "L3"
    assert judged(run(clients_s=RTO_S + 1)).proof_level == "L3"  # clients came back, too late: not the highest
    assert judged(run()).proof_level == "L4"


def test_a_verdict_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="not true or false"):
        bool(Verdict.PASSED)


def test_the_age_of_a_point_that_was_asked_for_is_not_measured_and_misses_nothing() -> None:
    state = run("drill", clients_s=None, age_s=RPO_S * 1000)
    assert judged(state).exit_code == ExitCode.OBJECTIVE_MISSED
    state.point = "20260301T030000Z-aaaaaa"
    found = judged(state)
    assert (found.verdict, found.actuals.rpa_s, found.actuals.rpa_by_workload) == (Verdict.PASSED, None, {})
    assert found.actuals.rta_s == 40
    assert any(state.point in note for note in found.notes)


def test_what_cleanup_left_is_said_with_its_reason() -> None:
    state = failing("cleanup", run("drill", clients_s=None))
    state.steps["cleanup"].facts = {"residue": ["/scratch/5c4a"]}
    found = judged(state, 7)
    assert (found.exit_code, found.residue) == (ExitCode.CLEANUP_FAILED, ("/scratch/5c4a",))
    assert found.reason == "cleanup failed: it broke"


def test_a_newest_write_that_lies_ahead_of_a_drill_measures_nothing() -> None:
    """A wrong clock, or a marker such as ``max(starts_at)``: how old the data are, it does not tell."""
    for ahead_s in (60.001, 1200, 86400 * 30):
        found = judged(run("drill", clients_s=None, age_s=-ahead_s))
        assert (found.verdict, found.exit_code) == (Verdict.INCOMPLETE, ExitCode.STEP_FAILED)
        assert (found.actuals.rpa_s, found.actuals.rpa_by_workload, found.actuals.rta_s) == (None, {}, 40)
        assert found.reason.startswith("db: the age of its newest write was not measured: it is dated ")
    assert "it is dated 20 min later than the disruption" in judged(run("drill", age_s=-1200)).reason


@pytest.mark.parametrize("ahead_s", [0, 5, 60])
def test_what_was_written_while_a_drill_began_is_not_lost(ahead_s: float) -> None:
    found = judged(run("drill", clients_s=None, age_s=-ahead_s))
    assert (found.verdict, found.actuals.rpa_by_workload, found.notes) == (Verdict.PASSED, {"db": 0.0}, ())


def test_the_worst_of_several_is_not_known_where_one_was_not_measured() -> None:
    state = run("drill", clients_s=None, age_s=-1200)
    scans = (START - timedelta(seconds=5)).isoformat()
    state.steps["scans.compare"] = StepState(
        id="scans.compare", title="", workload="scans", site="z", action="files.compare", needs=(), status="succeeded",
        facts={"newest_write_at": scans},
    )  # fmt: skip
    found = judged(state)
    assert (found.actuals.rpa_s, found.actuals.rpa_by_workload) == (None, {"scans": 5})


def test_it_is_noted_where_it_is_not_the_reason_and_of_a_point_that_was_asked_for_not_at_all() -> None:
    failed = judged(failing("db.count", run("drill", clients_s=None, age_s=-1200)))
    assert failed.verdict is Verdict.FAILED
    assert [note for note in failed.notes if "it is dated 20 min later" in note]
    passed = judged(run("drill", clients_s=None, age_s=-1200))
    assert passed.reason not in passed.notes
    old = run("drill", clients_s=None, age_s=-1200)
    old.point = "20260301T030000Z-aaaaaa"
    assert (judged(old).verdict, len(judged(old).notes)) == (Verdict.PASSED, 1)


def test_a_newest_write_after_the_disruption_fails_no_failover_and_is_told() -> None:
    """Users may have been served after the moment that a person gave: nothing of that is lost."""
    found = judged(run(age_s=-1200))
    assert (found.verdict, found.actuals.rpa_s) == (Verdict.PASSED, 0)
    (note,) = found.notes
    assert note.startswith("db: its newest write is dated 20 min later than the disruption")
    assert judged(run(age_s=-60)).notes == ()


def test_in_a_switchover_what_is_written_until_the_old_primary_stops_is_no_finding() -> None:
    found = judged(run("switchover", age_s=-1200))
    assert (found.verdict, found.actuals.rpa_s, found.notes) == (Verdict.PASSED, 0, ())
