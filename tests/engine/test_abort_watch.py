"""A run hears that it is to stop, from whatever process, also after its database was away."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import albus_dr.engine.run as run_module
from albus_dr.engine.run import execute
from albus_dr.journal.errors import JournalError
from albus_dr.journal.event import Event
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.workloads.step import Action, Facts, StepContext
from tests.engine.fake_runs import RUN, Setup, declare, execution, step


class _Away(JournalStore):
    """While ``away`` is set, whoever asks for the newest events is not answered."""

    def __init__(self, url: str, state: Path) -> None:
        super().__init__(url, state)
        self.away, self.asked = threading.Event(), threading.Event()

    def events(self, run: str, *, after: int = -1) -> tuple[Event, ...]:
        if after >= 0 and self.away.is_set():
            self.asked.set()
            raise JournalError("the journal can't be read: the database system is shutting down")
        return super().events(run, after=after)


def test_an_abort_is_heard_after_the_database_was_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "ABORT_POLL_S", 0.05)
    setup = Setup(str(tmp_path), f"sqlite:///{tmp_path / 'engine.sqlite'}")
    store, heard = _Away(setup.url, tmp_path), []

    def act(ctx: StepContext) -> Facts:
        store.away.set()
        assert store.asked.wait(10)
        store.away.clear()
        store.append(RUN, "AbortRequested", {"who": "ana", "why": "a test"})
        heard.append(ctx.cancelled.wait(5))
        return {}

    plan = Plan(
        "fake", "failover", "a", "b", (step("long", action="fake.long"), step("after", ("long",), action="fake.long"))
    )
    declare(store, plan)
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)

    state = execute(execution(store, setup, plan, {"fake.long": Action(act)}))
    store.close()

    assert heard == [True]
    assert state.exit_code == 130
    assert died == []


def test_an_abort_that_comes_while_the_last_step_ends_undoes_nothing(tmp_path: Path) -> None:
    """Users are served by then: the run is what it did."""
    setup = Setup(str(tmp_path), f"sqlite:///{tmp_path / 'engine.sqlite'}")
    store = JournalStore(setup.url, tmp_path)

    def act(_: StepContext) -> Facts:
        store.append(RUN, "AbortRequested", {"who": "ana", "why": "a test"})
        return {}

    plan = Plan("fake", "replicate", "a", "b", (step("last", action="fake.last"),))
    declare(store, plan)
    state = execute(execution(store, setup, plan, {"fake.last": Action(act)}))
    kinds = [event.kind for event in store.events(RUN)]
    store.close()
    assert (state.verdict, state.exit_code) == ("passed", 0)
    assert "StepUndone" not in kinds


def test_an_abort_that_came_before_anybody_listened_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "ABORT_POLL_S", 0.05)
    setup = Setup(str(tmp_path), f"sqlite:///{tmp_path / 'engine.sqlite'}")
    store, acted = JournalStore(setup.url, tmp_path), []

    def act(ctx: StepContext) -> Facts:
        ctx.cancelled.wait(10)
        acted.append(ctx.spec.id)
        return {}

    plan = Plan(
        "fake", "replicate", "a", "b", (step("one", action="fake.act"), step("two", ("one",), action="fake.act"))
    )
    declare(store, plan)
    store.append(RUN, "AbortRequested", {"who": "ana", "why": "a failover begins"})
    state = execute(execution(store, setup, plan, {"fake.act": Action(act)}))
    store.close()
    assert state.exit_code == 130
    assert "two" not in acted
