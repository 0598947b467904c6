"""What stops a failover, and what lets it go on: nothing is promoted before everything is in order."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from albus_dr.journal.state import CLOCKS
from tests.real.operator_desk import Called, Desk, ended, kill, running

pytestmark = pytest.mark.real

STEP = "own.the-director-agrees"
APPROVE = "  - {name: The director agrees, approve: {within: 1h, otherwise: abort}, before: fence, in: [failover]}"


@pytest.fixture(autouse=True)
def nothing_is_promoted(desk: Desk, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "last" not in request.node.name:
        assert desk.promotions("bordeaux") == 0
        assert desk.is_standby("bordeaux")


@pytest.fixture(scope="module")
def approved(desk: Desk) -> Path:
    """A playbook whose failover waits for a person."""
    return desk.with_step("approve.yaml", APPROVE)


def refused(called: Called, code: int, *words: str) -> None:
    assert called.code == code, called.said
    for word in words:
        assert word in called.err, called.said


@pytest.mark.parametrize("verb", ["failover", "switchover"])
def test_without_a_terminal_it_wants_yes(desk: Desk, verb: str) -> None:
    known = desk.runs()
    arguments = [word for word in desk.operation(verb) if word != "--yes"]
    refused(desk.call(*arguments), 2, verb, "say --yes")
    assert desk.runs() == known


def test_a_primary_that_lives_is_not_failed_over(desk: Desk) -> None:
    called = desk.operate("failover")
    refused(called, 8, "strasbourg is not fenced", "is alive", "albus-dr switchover")
    steps = {step["id"]: step["status"] for step in called.document["steps"]}
    assert steps["fence"] == "failed"
    assert steps["patients.promote"] == "skipped"
    assert desk.primaries() == ["strasbourg"]
    assert desk.sync_state("strasbourg", "bordeaux") == "sync"
    with urllib.request.urlopen(f"{desk.bench.url}/agenda/today", timeout=15) as answer:
        assert answer.status == 200, "the door to a primary that lives was closed"


def test_a_statement_does_not_outweigh_a_primary_that_lives(desk: Desk) -> None:
    called = desk.operate("failover", "--fenced-by", "somebody pulled the plug")
    refused(called, 8, "strasbourg is not fenced", "is alive")
    assert desk.primaries() == ["strasbourg"]


def test_more_loss_than_the_objective_wants_a_word(desk: Desk) -> None:
    """From here on the primary has no power."""
    desk.bench.cut_power("strasbourg")
    called = desk.operate("failover", playbook=far_behind(desk, desk.playbook))
    refused(called, 8, "patients: the newest write at bordeaux is", "objective 15 min", "is lost", "--accept-data-loss")
    assert {step["id"] for step in called.document["steps"] if step["status"] == "failed"} == {
        "patients.ready_to_promote"
    }


def far_behind(desk: Desk, playbook: Path) -> Path:
    """The playbook with a marker that finds nothing of the last two days, as where a standby fell behind."""
    return desk.variant(
        "behind.yaml",
        playbook,
        ("marker: SELECT max(recorded_at) ", "marker: SELECT max(recorded_at) - interval '2 days' "),
    )


def test_one_at_a_time_a_killed_one_comes_first_and_its_runbook_may_not_change(desk: Desk, approved: Path) -> None:
    known = desk.runs()
    with running(desk.begin(*desk.operation("failover", playbook=approved))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "ApprovalRequested", STEP, child)
        for verb in ("failover", "switchover"):
            refused(desk.operate(verb, playbook=approved), 8, "another run is in progress", run, "albus-dr runs")
        refused(desk.call("resume", run), 8, "another run is in progress", run)
        kill(child)
    refused(desk.operate("failover", playbook=approved), 8, run, "is not finished", f"albus-dr resume {run}")

    before = approved.read_text()
    approved.write_text(before.replace("within: 1h", "within: 2h"))
    try:
        refused(desk.call("resume", run), 8, "the runbook has changed", "put the runbook back")
    finally:
        approved.write_text(before)

    stopped = desk.call("abort", run, "--why", "the site came back", "--json")
    assert stopped.code == 130, stopped.said
    assert stopped.document["verdict"] == "incomplete"
    assert "it was aborted" in stopped.err
    assert desk.primaries() == []
    assert [event["data"]["why"] for event in desk.events(run) if event["kind"] == "AbortRequested"] == [
        "the site came back"
    ]


def test_the_last_an_approved_failover_with_an_accepted_loss_says_so(desk: Desk, approved: Path) -> None:
    playbook = far_behind(desk, approved)
    known = desk.runs()
    disrupted, detected = ((datetime.now(UTC) - timedelta(seconds=ago)).isoformat() for ago in (20, 10))
    told = ("--disrupted-at", disrupted, "--detected-at", detected, "--accept-data-loss", "--json")
    arguments = desk.operation("failover", *told, playbook=playbook)
    with running(desk.begin(*arguments)) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "ApprovalRequested", STEP, child)
        assert desk.promotions("bordeaux") == 0
        assert desk.call("approve", run, STEP).code == 0
        called = ended(child)
    refused(called, 6, "patients", "older than the disruption")
    assert {step["status"] for step in called.document["steps"]} == {"succeeded"}
    assert called.document["actuals"]["lost_writes"] == 0, "the marker was behind, the standby was not"
    assert desk.promotions("bordeaux") == 1
    clocks = called.document["clocks"]
    assert tuple(clocks) == CLOCKS
    times = [datetime.fromisoformat(at) for at in clocks.values()]
    assert all(early < late for early, late in pairwise(times)), (
        "each is known, in the order of the design, none after no time"
    )
    for report in ("report.md", "report.html"):
        assert "--accept-data-loss" in (desk.state / "runs" / run / report).read_text()
