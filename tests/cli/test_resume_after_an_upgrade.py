"""A run is bound to its runbook; a newer albus-dr that plans other steps for the same one does not strand it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.cli.operate import _same_plan
from albus_dr.errors import RefusedError
from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.runbook.loader import Loaded
from albus_dr.workloads.registry import kinds

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    own = "\nsteps:\n  - {name: tell, run: [./tell.sh, now], after: door, in: [failover]}\n"
    runbook = tmp_path / "albus.yaml"
    runbook.write_text((TOP / "playbooks" / "albus.yaml").read_text() + own)
    return load_runbook(runbook, TOP / "configs" / "demo.yaml", acts=False)


def planned(loaded: Loaded) -> Plan:
    return build(loaded.runbook, "failover", source="strasbourg", target="bordeaux", kinds=kinds())


def declared(plan: Plan) -> dict[str, Any]:
    """What the journal has of a run that was begun with the plan."""
    kept: dict[str, Any] = json.loads(json.dumps({
        "operation": "failover", "source": "strasbourg", "target": "bordeaux", "plan": plan.to_json(), "plan_digest": plan.digest,
    }))  # fmt: skip
    return kept


def test_it_goes_on_by_the_plan_that_it_was_begun_with(loaded: Loaded) -> None:
    plan = planned(loaded)
    of_old: dict[str, dict[str, Any]] = {"fence": {"retries": 0}, "own.tell": {"repeatable": True, "estimate_s": 9.0}}
    older = replace(
        plan,
        steps=tuple(replace(s, **of_old.get(s.id, {})) for s in plan.steps if s.id != "claim"),
    )
    assert older.digest != plan.digest
    assert _same_plan(loaded, declared(older)).digest == older.digest
    assert _same_plan(loaded, declared(plan)) == plan


@pytest.mark.parametrize("what", ["protects", "own"])
def test_another_runbook_is_refused(loaded: Loaded, what: str) -> None:
    plan = planned(loaded)
    if what == "protects":
        other = replace(plan, protects={**plan.protects, "documents": {"kind": "files"}})
    else:
        params = {"run": ["./tell.sh", "later"]}
        other = replace(plan, steps=tuple(replace(s, params=params) if s.id == "own.tell" else s for s in plan.steps))
    with pytest.raises(RefusedError, match="the runbook has changed since the run began"):
        _same_plan(loaded, declared(other))
