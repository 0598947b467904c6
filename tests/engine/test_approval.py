"""Who is asked, until when, and what becomes of an answer that nobody was there to hear."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import albus_dr.engine.approval as approval_module
from albus_dr.engine.approval import approval_action
from albus_dr.engine.run import conclude
from albus_dr.errors import ExitCode, RefusedError
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.config import Config
from albus_dr.workloads.step import Facts, RunInfo, StepContext
from tests.engine.fake_runs import RUN, declare, runbook, step

AGREE = step("own.agree", action="own.approve", params={"approve": {"within": 30.0, "otherwise": "abort"}})
PLAN = Plan("fake", "drill", "a", "b", (AGREE,))


class Asked:
    """A run whose one step asks a person."""

    def __init__(self, store: JournalStore, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.cancelled = threading.Event()
        declare(store, PLAN)

    def request(self, seconds: float) -> datetime:
        """As a process that was killed has left it; when it expires."""
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        self.store.append(RUN, "StepIntended", {"attempt": 1}, step=AGREE.id)
        self.store.append(RUN, "ApprovalRequested", {"expires_at": expires.isoformat()}, step=AGREE.id)
        return expires

    def give(self) -> None:
        self.store.append(RUN, "ApprovalGiven", {"who": "eva", "why": ""}, step=AGREE.id)

    def act(self, within_s: float = 30.0) -> Facts:
        self.store.append(RUN, "StepIntended", {"attempt": 1}, step=AGREE.id)
        spec = replace(AGREE, params={"approve": {"within": within_s, "otherwise": "abort"}})
        now = datetime.now(UTC)
        return approval_action(self.store, RUN).act(
            StepContext(
                spec=spec, run=RunInfo(RUN, "drill", "a", "b", now, None, self.folder), runbook=runbook(),
                config=Config.model_construct(version=1, sites={}), base=self.folder, config_base=self.folder,
                facts_of=lambda _: {}, progress=lambda *_: None, announce=lambda *_: None, cancelled=self.cancelled,
                deadline=time.monotonic() + 60,
            )
        )  # fmt: skip

    @property
    def state(self) -> RunState:
        return fold(self.store.events(RUN))

    def count(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.store.events(RUN))


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    yield Asked(store, tmp_path)
    store.close()


def wait_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.01)


def test_an_answer_in_time_holds_although_the_process_was_dead_until_later(asked: Asked) -> None:
    expires = asked.request(0.5)
    asked.give()
    assert datetime.now(UTC) < expires, "this machine is too slow for the test"
    wait_until(expires)
    assert asked.act() == {"approved_by": "eva"}
    assert asked.count("ApprovalRequested") == 1


def test_an_answer_after_the_time_does_not_hold(asked: Asked) -> None:
    wait_until(asked.request(0.01))
    asked.give()
    with pytest.raises(RefusedError, match="nobody approved within 30 s"):
        asked.act()


def test_an_answer_just_before_the_end_is_seen(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval_module, "POLL_S", 20.0)
    timer = threading.Timer(0.2, asked.give)
    timer.start()
    assert asked.act(within_s=2) == {"approved_by": "eva"}
    timer.join()


def test_a_run_that_goes_on_asks_again_until_the_same_time(asked: Asked) -> None:
    """The process that had asked was killed. Who looks at the run must see that it waits, to be able to answer."""
    expires = asked.request(20)
    thread = threading.Thread(target=asked.act)
    thread.start()
    deadline = time.monotonic() + 10
    while asked.count("StepIntended") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    while asked.state.steps[AGREE.id].status != "waiting" and time.monotonic() < deadline:
        time.sleep(0.02)
    status, waiting_for = asked.state.steps[AGREE.id].status, asked.state.waiting_for
    asked.give()
    thread.join(10)
    assert (status, waiting_for) == ("waiting", AGREE.id)
    assert not thread.is_alive()
    times = {event.data["expires_at"] for event in asked.store.events(RUN) if event.kind == "ApprovalRequested"}
    assert times == {expires.isoformat()}


def test_a_run_that_ends_while_it_waits_waits_for_nobody(asked: Asked) -> None:
    asked.request(20)
    judgement = conclude(asked.store, RUN, runbook(), PLAN)
    asked.store.append(RUN, "RunEnded", judgement.to_json())
    state = asked.state
    assert (state.exit_code, state.waiting_for) == (ExitCode.STEP_FAILED, None)
    assert (state.steps[AGREE.id].status, state.steps[AGREE.id].error) == (
        "skipped",
        "the run ended before anybody answered",
    )
    assert state.steps[AGREE.id].waited_s is not None
    asked.store.append(RUN, "RunResumed", {"operator": "ana"})
    asked.cancelled.set()
    with pytest.raises(RefusedError):
        asked.act()
    assert asked.count("ApprovalRequested") == 2, "what was asked before the end does not stand any more"
