"""Own steps before and after a workload: its steps lie on both sides of the fence."""

from __future__ import annotations

from pathlib import Path

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import OPERATIONS, Operation
from albus_dr.workloads.registry import kinds

TOP = Path(__file__).resolve().parents[2]


def plan(folder: Path, operation: Operation, *places: str) -> Plan:
    """The playbook's plan with one own step at each of the places, for example ``before: door``."""
    steps = "".join(
        f"  - {{name: own {number}, wait: 1s, {place}, in: [{operation}]}}\n" for number, place in enumerate(places)
    )
    runbook = folder / "albus.yaml"
    runbook.write_text((TOP / "playbooks" / "albus.yaml").read_text() + (f"\nsteps:\n{steps}" if steps else ""))
    loaded = load_runbook(runbook, TOP / "configs" / "demo.yaml", acts=False)
    return build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_before_and_after_every_workload(tmp_path: Path, operation: Operation) -> None:
    workloads = {step.workload for step in plan(tmp_path, operation).steps} - {""}
    for workload in workloads:
        found = plan(tmp_path, operation, f"before: {workload}", f"after: {workload}")
        order = [step.id for step in found.steps]
        mine = [step.id for step in found.steps if step.workload == workload and ".ready" not in step.id]
        assert order.index("own.own-0") < min(order.index(step) for step in mine), workload
        assert order.index("own.own-1") > max(order.index(step) for step in mine), workload


def test_after_the_door_of_a_failover_is_after_users_came_in(tmp_path: Path) -> None:
    found = plan(tmp_path, "failover", "after: door")
    (own,) = (step for step in found.steps if step.id == "own.own-0")
    assert own.needs == ("door.count",)
