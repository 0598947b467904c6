"""The same runbook gives the same plan; a drill and a failover ask nothing of the source that they must not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import OPERATIONS, Operation
from albus_dr.workloads.registry import kinds

TOP = Path(__file__).resolve().parents[2]
DIGEST = "import sys; from tests.plan.test_plan_is_stable import plan; print(plan(sys.argv[1]).digest)"


def plan(operation: Operation) -> Plan:
    loaded = load_runbook(TOP / "playbooks" / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False)
    return build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_order_and_round_trip(operation: Operation) -> None:
    found = plan(operation)
    seen: set[str] = set()
    for step in found.steps:
        assert set(step.needs) <= seen, step.id
        seen.add(step.id)
    again = Plan.from_json(json.loads(json.dumps(found.to_json())))
    assert again.digest == found.digest


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST, "failover"], cwd=TOP, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(digests) == 1


def test_another_question_is_another_plan() -> None:
    found = plan("drill")
    other = {**found.protects, "patients": {**found.protects["patients"], "verify": []}}
    assert found.protects["patients"]["verify"]
    assert replace(found, protects=other).digest != found.digest


def test_a_drill_has_no_step_at_the_source() -> None:
    assert {step.site for step in plan("drill").steps} <= {"", "bordeaux"}


def test_a_planned_changes_fence_has_time_to_compare_all_files_and_a_failovers_is_short() -> None:
    def fence_s(operation: Operation) -> float:
        return next(step.timeout_s for step in plan(operation).steps if step.id == "fence")

    carried_s = next(step.timeout_s for step in plan("switchover").steps if step.id == "documents.carry_over")
    assert fence_s("switchover") == fence_s("failback") == carried_s
    assert fence_s("failover") < 300
