"""A drill that has cleaned up asks nobody whether a step of it was done: what that was about is gone."""

from __future__ import annotations

from pathlib import Path

from albus_dr.engine.run import execute
from albus_dr.errors import ExitCode
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from tests.engine.fake_runs import RUN, Setup, World, actions, declare, execution, folded, step


def test_a_drill_that_was_killed_in_an_own_step_ends_with_its_cleanup(tmp_path: Path) -> None:
    setup = Setup(str(tmp_path), f"sqlite:///{tmp_path / 'engine.sqlite'}")
    steps = (
        step("own.tell", action="fake.blind", repeatable=False),
        step("verify", ("own.tell",)),
        step("cleanup", ("verify",), always=True),
    )
    plan = Plan("fake", "drill", "a", "b", steps)
    store = JournalStore(setup.url, tmp_path)
    try:
        declare(store, plan)
        store.append(RUN, "RunStarted", {})
        store.append(RUN, "StepIntended", {"attempt": 1}, step="own.tell")  # and killed
        store.append(RUN, "RunResumed", {})
        execute(execution(store, setup, plan, actions(setup)))
    finally:
        store.close()
    state = folded(setup)
    assert World(str(tmp_path)).acts() == ["cleanup"]
    assert (state.exit_code, state.verdict, state.waiting_for) == (ExitCode.INTERRUPTED, "incomplete", None)
    assert state.steps["own.tell"].status == "unknown"
