"""What comes after the last clock of a run, the cleanup of a drill say, has its budget, too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from albus_dr.engine.run import execute
from albus_dr.errors import ExitCode
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.workloads.step import Action, Facts, StepContext
from tests.engine.fake_runs import FAILOVER, RUN, Setup, actions, declare, execution, folded, step

TAKES_S = 0.3


def slowly(_: StepContext) -> Facts:
    time.sleep(TAKES_S)
    return {}


@pytest.mark.parametrize(("budget_s", "code"), [(TAKES_S / 3, ExitCode.OBJECTIVE_MISSED), (600.0, ExitCode.PASSED)])
def test_a_cleanup_that_takes_longer_than_its_budget_misses_it(tmp_path: Path, budget_s: float, code: ExitCode) -> None:
    setup = Setup(str(tmp_path), f"sqlite:///{tmp_path / 'engine.sqlite'}")
    plan = Plan(
        "fake", "failover", "a", "b", (*FAILOVER, step("cleanup", ("clients",), action="fake.slow", always=True))
    )
    store = JournalStore(setup.url, tmp_path)
    try:
        declare(store, plan, budgets={"ended": budget_s})
        store.append(RUN, "RunStarted", {})
        execute(execution(store, setup, plan, {**actions(setup), "fake.slow": Action(slowly)}))
    finally:
        store.close()
    state = folded(setup)
    assert state.exit_code == code, state.reason
    assert ("the stage ended took" in state.reason) is (code is ExitCode.OBJECTIVE_MISSED), state.reason
