"""What a run claims to have proved, of the whole and of each workload, and what takes a claim back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.journal.proof import run_level, workload_levels
from albus_dr.journal.state import NETWORK, OPENED, RunState, StepState, VerificationState
from albus_dr.plan.build import build
from albus_dr.runbook.model import Operation
from albus_dr.workloads.registry import kinds
from tests.report import run_states

TOP = Path(__file__).resolve().parents[2]
VERIFYING = ("compare", "verify", "verify_copy", "rehearse", "amcheck", "compare_trees")


def done(operation: Operation) -> RunState:
    """A run of the playbook in which every step succeeded and every comparison passed."""
    loaded = load_runbook(TOP / "playbooks" / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False)
    plan = build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())
    steps = {
        step.id: StepState(step.id, step.title, step.workload, step.site, step.action, step.needs, status="succeeded")
        for step in plan.steps
    }
    state = replace(run_states.bare(operation), steps=steps)
    for clock in {step.clock for step in plan.steps} - {""}:
        state.clocks[clock] = run_states.ZERO
    state.verifications = [
        VerificationState(step.id, step.workload, "a comparison", "1", "1", "passed")
        for step in plan.steps
        if step.workload and step.action.partition(".")[2] in VERIFYING
    ]
    return state


def damaged(state: RunState, step: str) -> RunState:
    """The step found something else; what waited for it was not done."""
    state.steps[step].status = "failed"
    for later in state.steps.values():
        if step in later.needs or any(state.steps[need].status != "succeeded" for need in later.needs):
            later.status = "skipped"
    state.verifications = [found for found in state.verifications if state.steps[found.step].status == "succeeded"]
    state.verifications.append(VerificationState(step, state.steps[step].workload, "a comparison", "1", "2", "failed"))
    return state


@pytest.mark.parametrize(
    ("operation", "level"), [("failover", "L4"), ("switchover", "L4"), ("failback", "L5"), ("drill", "L3")]
)
def test_when_all_of_it_worked(operation: Operation, level: str) -> None:
    state = done(operation)
    assert run_level(state, passed=True) == level
    names = ("patients", "documents", "application", *(("door",) if operation != "drill" else ()))
    assert workload_levels(state, passed=True) == dict.fromkeys(names, level)


@pytest.mark.parametrize("operation", ["replicate", "reprotect"])
def test_copies_alone_are_a_probe(operation: Operation) -> None:
    state = done(operation)
    assert run_level(state, passed=True) == "L1"
    assert set(workload_levels(state, passed=True).values()) == {"L1"}


@pytest.mark.parametrize("kind", ["role at bordeaux", "collations", "encoding", NETWORK])
def test_what_is_the_same_over_empty_tables_is_no_comparison_of_data(kind: str) -> None:
    state = damaged(done("failover"), "application.verify")
    for found in state.verifications:
        if found.workload == "patients":
            found.kind = kind
    state.verifications = [found for found in state.verifications if found.workload != "documents"]
    assert run_level(state, passed=False) == "L1"
    assert workload_levels(state, passed=False)["patients"] == "L1"
    for found in state.verifications:
        if found.workload == "patients":
            found.kind = "SELECT count(*) FROM visit"
    assert workload_levels(state, passed=False)["patients"] == "L2"


def test_a_change_of_primary_that_came_too_late_is_not_the_highest() -> None:
    state = done("failover")
    assert run_level(state, passed=False) == "L3"
    assert set(workload_levels(state, passed=False).values()) == {"L3"}


DAMAGES = {
    # what failed: patients, documents, application, the run
    "patients.compare": ("L1", "L2", "L0", "L1"),
    "documents.compare": ("L2", "L1", "L0", "L1"),
    "application.verify_copy": ("L2", "L2", "L1", "L2"),
    "application.rehearse": ("L2", "L2", "L1", "L2"),
    "patients.amcheck": ("L1", "L3", "L3", "L1"),
}


@pytest.mark.parametrize("step", DAMAGES)
def test_a_comparison_that_failed_takes_the_claim_back(step: str) -> None:
    state = damaged(done("drill"), step)
    if step.endswith("compare"):
        state.clocks["data_recovered_at"] = state.clocks["service_verified_at"] = None
    levels = workload_levels(state, passed=False)
    assert (*levels.values(), run_level(state, passed=False)) == DAMAGES[step]


def unasked(operation: Operation, *workloads: str) -> RunState:
    """As ``done``, of a runbook that has no ``verify:`` for these workloads: their copies are isolated, and asked nothing."""
    state = done(operation)
    state.verifications = [found for found in state.verifications if found.workload not in workloads]
    state.verifications += [
        VerificationState("application.start_copy", name, NETWORK, "loopback alone", "loopback alone", "passed")
        for name in workloads
    ]
    return state


def test_an_application_that_was_asked_nothing_served_nothing() -> None:
    state = unasked("drill", "application")
    assert run_level(state, passed=True) == "L2"
    assert workload_levels(state, passed=True) == {"patients": "L2", "documents": "L2", "application": "L1"}


def test_a_day_with_the_application_is_an_answer_of_its_own() -> None:
    state = unasked("drill", "application")
    state.verifications.append(
        VerificationState("application.rehearse", "application", "GET /agenda", "status 200", "status 200", "passed")
    )
    assert run_level(state, passed=True) == "L3"
    assert set(workload_levels(state, passed=True).values()) == {"L3"}


def looked_at(need: str, verdict: str) -> VerificationState:
    return VerificationState("application.verify_copy", "application", f"{OPENED}{need}", "a connection", "", verdict)


def test_a_copy_that_opened_none_of_its_databases_was_asked_about_something_else() -> None:
    state = damaged(done("drill"), "application.verify_copy")
    state.verifications[-1] = looked_at("patients", "failed")
    assert run_level(state, passed=False) == "L2"
    assert workload_levels(state, passed=False) == {"patients": "L2", "documents": "L2", "application": "L1"}


def test_a_database_that_nobody_saw_opened_was_served_by_nobody() -> None:
    state = done("drill")
    state.verifications += [looked_at("patients", "not_evaluated")]
    assert workload_levels(state, passed=True) == {"patients": "L2", "documents": "L3", "application": "L3"}
    state.verifications += [looked_at("patients", "passed")]
    assert workload_levels(state, passed=True)["patients"] == "L3", "another service needs it, too"


def test_an_opened_database_is_no_answer_of_the_application() -> None:
    state = unasked("drill", "application")
    state.verifications += [looked_at("patients", "passed")]
    assert run_level(state, passed=True) == "L2"
    assert workload_levels(state, passed=True)["application"] == "L1"


def test_who_came_in_by_the_door_was_served_though_nobody_asked_the_application_itself() -> None:
    state = unasked("failover", "application")
    assert run_level(state, passed=True) == "L4"
    levels = workload_levels(state, passed=True)
    assert levels == {"patients": "L4", "documents": "L4", "application": "L1", "door": "L4"}
    assert run_level(state, passed=False) == "L3"
    nobody = unasked("failover", "application", "door")
    assert run_level(nobody, passed=False) == "L2"


def test_data_that_no_application_needs_are_restored_and_no_more() -> None:
    state = done("drill")
    start = state.steps["application.start_copy"]
    start.needs = tuple(need for need in start.needs if need != "documents.compare")
    assert workload_levels(state, passed=True) == {"patients": "L3", "documents": "L2", "application": "L3"}


def test_what_was_not_compared_is_not_verified() -> None:
    state = done("drill")
    for found in state.verifications:
        if found.workload == "documents":
            found.verdict = "not_evaluated"
    assert workload_levels(state, passed=True)["documents"] == "L1"


def test_nothing_done_is_declared() -> None:
    state = run_states.bare()
    assert run_level(state, passed=False) == "L0"
    assert set(workload_levels(state, passed=False).values()) == {"L0"}


def test_a_network_that_nothing_leaves_says_nothing_about_data() -> None:
    state = done("drill")
    for id_ in ("patients.compare", "application.start_copy", "application.verify_copy"):
        state.steps[id_].status = "skipped"
    isolated = VerificationState("patients.restore", "patients", NETWORK, "loopback alone", "loopback alone", "passed")
    state.verifications = [isolated]
    assert workload_levels(state, passed=False)["patients"] == "L1"
    state.verifications = [replace(isolated, kind="a comparison")]
    assert workload_levels(state, passed=False)["patients"] != "L1"
