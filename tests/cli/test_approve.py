"""approve answers a step that waits, while somebody is going to hear it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from albus_dr.cli.common import account
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from tests.cli.two_directories import PATIENCE_S, TwoDirectories

THING = """\
  thing:
    kind: command
    drill: {take: ["true"]}
    failover: {take: ["true"]}
"""
AGREE = "own.agree"


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    made = TwoDirectories(tmp_path, THING)
    ask(made, "5m")
    return made


def ask(sites: TwoDirectories, within: str) -> None:
    """A drill asks before it takes, a failover before it fences."""
    steps = "".join(
        f"  - {{name: {name}, approve: {{within: {within}, otherwise: abort}}, before: {before}, in: [{operation}]}}\n"
        for name, before, operation in (("Agree", "thing.take", "drill"), ("Agree to fail over", "fence", "failover"))
    )
    book = sites.base / "runbook.yaml"
    head, _, tail = book.read_text().partition("workloads:\n")
    book.write_text(head.partition("steps:\n")[0] + "steps:\n" + steps + "workloads:\n" + tail)


def state_of(sites: TwoDirectories) -> RunState:
    store = JournalStore(f"sqlite:///{sites.base}/state/engine.sqlite", sites.base / "state")
    try:
        return fold(store.events(store.runs()[-1]))
    finally:
        store.close()


def ended_while_waiting(sites: TwoDirectories, number: int, *words: str) -> int:
    """Begin, wait until it waits, send the signal; its exit code."""
    with sites.started(*words, "--quiet") as run:
        deadline = time.monotonic() + PATIENCE_S
        while not list((sites.base / "state" / "runs").glob("*/journal.jsonl")) or state_of(sites).waiting_for is None:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        run.send_signal(number)
        return run.wait(PATIENCE_S)


def test_a_drill_that_was_stopped_while_it_waited_can_not_be_approved(sites: TwoDirectories) -> None:
    assert ended_while_waiting(sites, signal.SIGINT, "drill", str(sites.base / "runbook.yaml")) == 130
    shown = sites.call("runs", "show", "last")
    assert "albus-dr approve" not in shown.stdout
    assert state_of(sites).steps[AGREE].status == "skipped"

    late = sites.call("approve", "last", AGREE)

    assert late.returncode == 2
    assert "has ended, and nothing waits for an answer" in late.stderr


def test_a_failover_that_was_stopped_while_it_waited_can_be_approved_then_resumed(sites: TwoDirectories) -> None:
    sites.environment |= {"LOGNAME": "director", "USER": "director"}  # who asks to be called so is still who they are
    words = ("failover", str(sites.base / "runbook.yaml"), "--yes", "--fenced-by", "ana, by telephone")
    assert ended_while_waiting(sites, signal.SIGINT, *words) == 10

    assert sites.call("approve", "last", "own.agree-to-fail-over").returncode == 0
    done = sites.call("resume", "last")

    assert done.returncode == 4, done.stderr  # everything was done; no clock of this runbook tells the time
    state = state_of(sites)
    assert {step.status for step in state.steps.values()} == {"succeeded"}
    assert (state.operator, state.acting) == (account(), account())
    assert f"Agree to fail over: approved by {account()}" in state.notes


def test_who_is_too_late_is_told_so(sites: TwoDirectories) -> None:
    ask(sites, "3s")
    assert ended_while_waiting(sites, signal.SIGKILL, "drill", str(sites.base / "runbook.yaml")) == -signal.SIGKILL
    time.sleep(3)

    late = sites.call("approve", "last", AGREE)

    assert late.returncode == 2
    assert "it is too late now" in late.stderr
