"""A failback is a reprotect and then a switchover, in one plan."""

from __future__ import annotations

import pytest

from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.runbook.loader import load
from albus_dr.runbook.model import Operation
from albus_dr.workloads.registry import kinds
from tests.real.operator_desk import CONFIG, PLAYBOOK


def plan(operation: Operation) -> Plan:
    runbook = load(PLAYBOOK, CONFIG, kinds=kinds(), environment={}, require_environment=False).runbook
    return build(runbook, operation, source="bordeaux", target="strasbourg", kinds=kinds())


def behind(found: Plan) -> dict[str, set[str]]:
    """By step: everything that must have succeeded before it."""
    before: dict[str, set[str]] = {}
    for step in found.steps:
        before[step.id] = set(step.needs).union(*(before[need] for need in step.needs))
    return before


def test_it_has_the_steps_of_both_and_no_others() -> None:
    steps = {step.id for step in plan("failback").steps}
    assert steps == {step.id for operation in ("reprotect", "switchover") for step in plan(operation).steps}


def test_every_change_waits_for_every_look() -> None:
    for operation in ("reprotect", "failback"):
        found = plan(operation)
        looks = {step.id for step in found.steps if ".ready_to_" in step.id and not step.needs}
        assert len(looks) == 4
        assert looks <= behind(found)["door.quiesce"]


def test_nothing_is_kept_before_the_returned_site_is_quiet_and_nothing_rebuilt_before_it_is_kept() -> None:
    before = behind(plan("failback"))
    quiet = {"door.quiesce", "application.quiesce", "patients.quiesce"}
    assert quiet <= before["patients.keep"]
    assert quiet <= before["documents.keep"]
    assert "patients.keep" in before["patients.rebuild"]
    assert "documents.keep" in before["documents.warm"]


def test_the_door_closes_only_once_the_returned_site_is_a_standby_again() -> None:
    before = behind(plan("failback"))
    assert {"patients.rejoin", "patients.reconfirm", "patients.ready_to_switch", "documents.bring_forward"} <= before[
        "door.close"
    ]
    assert {"patients.catch_up", "documents.warm"} <= before["patients.ready_to_switch"]
    assert "fence" in before["patients.promote"]


@pytest.mark.parametrize("operation", ["switchover", "failback"])
def test_a_look_that_refuses_leaves_the_targets_files_as_they_were(operation: Operation) -> None:
    found = plan(operation)
    looks = {step.id for step in found.steps if step.action.partition(".")[2].startswith("ready")}
    assert {"patients.ready_to_switch", "door.ready"} <= looks <= behind(found)["documents.bring_forward"]


@pytest.mark.parametrize("operation", ["reprotect", "failback"])
def test_own_steps_find_their_places(operation: Operation) -> None:
    runbook = load(PLAYBOOK, CONFIG, kinds=kinds(), environment={}, require_environment=False).runbook
    from albus_dr.runbook.model import OwnStep

    own = OwnStep.model_validate({"name": "Look", "run": ["true"], "before": "patients.rebuild", "in": [operation]})
    with_own = runbook.model_copy(update={"steps": (own,)})
    found = build(with_own, operation, source="bordeaux", target="strasbourg", kinds=kinds())
    assert "own.look" in behind(found)["patients.rebuild"]
    assert "patients.keep" in behind(found)["own.look"]
