"""What the first steps need is read while the engine starts; what goes wrong with it is theirs to say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from albus_dr.engine.run import Execution, execute
from albus_dr.errors import NotReadyError
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.config import Config
from albus_dr.workloads.step import Action, Facts, RunInfo, StepContext
from tests.engine.fake_runs import RUN, declare, runbook, step


def test_only_steps_that_wait_for_none_look_ahead_and_what_they_raise_stops_nothing(tmp_path: Path) -> None:
    said: list[str] = []

    def look_ahead(ctx: StepContext) -> None:
        said.append(f"ahead of {ctx.spec.id}")
        raise NotReadyError("the secret is missing")

    def act(ctx: StepContext) -> Facts:
        said.append(ctx.spec.id)
        return {}

    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    plan = Plan(
        "fake", "drill", "a", "b", (step("first", action="fake.ahead"), step("second", ("first",), action="fake.ahead"))
    )
    declare(store, plan)
    execution = Execution(
        store=store, url=f"sqlite:///{tmp_path / 'engine.sqlite'}", plan=plan,
        info=RunInfo(RUN, "drill", "a", "b", datetime.now(UTC), None, tmp_path), runbook=runbook(),
        config=Config.model_construct(version=1, sites={}, proxies={}), base=tmp_path, config_base=tmp_path,
        actions={"fake.ahead": Action(act, look_ahead=look_ahead)}, progress=lambda *_: None,
    )  # fmt: skip

    state = execute(execution)
    store.close()

    assert said == ["ahead of first", "first", "second"]
    assert [one.status for one in state.steps.values()] == ["succeeded", "succeeded"]
