"""A bug in a step fails it with exit code 1; its details are in the run's directory, private, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from albus_dr.engine.run import execute
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.tools.process import register_secret
from albus_dr.workloads.step import Action, Facts, StepContext
from tests.engine.fake_runs import RUN, Setup, declare, execution, step

SECRET = "hunter2-of-the-database"


def act(_: StepContext) -> Facts:
    raise KeyError(SECRET)


@pytest.mark.parametrize("writable", [True, False])
def test_its_details_are_in_the_log_that_the_hint_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, writable: bool
) -> None:
    register_secret(SECRET)
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    store = JournalStore(url, tmp_path)
    plan = Plan("fake", "failover", "a", "b", (step("first", action="fake.broken"),))
    declare(store, plan)
    log = tmp_path / "runs" / RUN / "albus-dr.log"
    if not writable:
        log.mkdir()

    state = execute(execution(store, Setup(str(tmp_path), url), plan, {"fake.broken": Action(act)}))
    store.close()

    assert state.exit_code == 1
    assert "KeyError" in (state.steps["first"].error or "")
    assert "step first failed" not in caplog.text, "without a handler it is printed on stderr"
    if not writable:
        assert state.steps["first"].hint.startswith("the details could not be written")
        return
    assert state.steps["first"].hint == f"the details are in {log}"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "in act" in log.read_text()
    assert SECRET not in log.read_text()
