"""A planned change of primary under traffic, there and back, and one during which albus-dr is killed."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request

import pytest

from tests.real.operator_desk import Called, Desk, ended, kill, running, wait_for

pytestmark = pytest.mark.real

MOMENTS = (
    ("StepIntended", "documents.bring_forward"),
    ("StepIntended", "door.close"),
    ("StepIntended", "application.stop"),
    ("StepIntended", "patients.stop"),
    ("StepSucceeded", "fence"),
    ("StepIntended", "patients.promote"),
    ("StepIntended", "application.start"),
    ("StepSucceeded", "door.open"),
)


def assert_lost_nothing(called: Called) -> None:
    assert called.code == 0, called.said
    document = called.document
    assert document["verdict"] == "passed"
    assert document["proof_level"] == "L4"
    assert document["actuals"]["lost_writes"] == 0
    assert document["actuals"]["acknowledged_writes"] > 0
    assert document["actuals"]["rta_s"] > 0


def test_switchover_loses_nothing_and_the_old_primary_follows(desk: Desk) -> None:
    assert_lost_nothing(desk.operate("switchover"))
    assert desk.primaries() == ["bordeaux"]
    assert desk.sync_state("bordeaux", "strasbourg") == "sync"


def test_a_door_that_was_started_again_lets_nobody_in_until_it_is_told_who_serves(desk: Desk) -> None:
    (door,) = [pid for name, pid in desk.bench.processes() if name == "door"]
    os.kill(door, signal.SIGKILL)
    wait_for(lambda: all(pid != door for _, pid in desk.bench.processes()) or None)
    desk.bench.start_door()
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{desk.bench.url}/agenda/today", timeout=15)
    where = (str(desk.playbook), "--config", str(desk.config))
    assert "door at bordeaux: it is closed; it should be open: albus-dr door sets it" in desk.call("status", *where).out
    called = desk.call("door", *where)
    assert called.code == 0, called.said
    assert "door is open to bordeaux alone: it is the primary in epoch 2" in called.out
    with urllib.request.urlopen(f"{desk.bench.url}/agenda/today", timeout=15) as answer:
        assert answer.status == 200
    assert "door at" not in desk.call("status", *where).out


def test_replicate_goes_the_other_way_now(desk: Desk) -> None:
    called = desk.operate("replicate")
    assert called.code == 0, called.said
    assert {step["site"] for step in called.document["steps"] if step["id"].endswith((".dump", ".back_up"))} == {
        "bordeaux"
    }


def test_switchover_back(desk: Desk) -> None:
    assert_lost_nothing(desk.operate("switchover"))
    assert desk.primaries() == ["strasbourg"]
    assert desk.sync_state("strasbourg", "bordeaux") == "sync"


def test_a_switchover_that_is_killed_at_eight_moments_ends_well(desk: Desk) -> None:
    before = desk.promotions("bordeaux")
    known = desk.runs()
    with running(desk.begin(*desk.operation("switchover"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, *MOMENTS[0], child)
        kill(child)
    for kind, step in MOMENTS[1:]:
        with running(desk.begin("resume", run)) as child:
            desk.wait_for_event(run, kind, step, child)
            kill(child)
    last = desk.call("resume", run, "--json")
    assert_lost_nothing(last)
    assert last.document["resumed"] == len(MOMENTS)
    assert desk.promotions("bordeaux") == before + 1
    assert desk.primaries() == ["bordeaux"]
    assert desk.sync_state("bordeaux", "strasbourg") == "sync"
    succeeded = [event["step"] for event in desk.events(run) if event["kind"] == "StepSucceeded"]
    assert sorted(succeeded) == sorted(set(succeeded)), "a step that was done was done again"


def test_a_line_that_fails_just_before_the_old_primary_stops_leaves_a_way_on(desk: Desk) -> None:
    """What was written last is at one site. Nothing is committed, and what the hint says leads to the end."""
    step = "  - {name: The line, approve: {within: 5m, otherwise: abort}, before: patients.stop, in: [switchover]}"
    known, old = desk.runs(), desk.bench.sites["bordeaux"].server
    with running(desk.begin(*desk.operation("switchover", playbook=desk.with_step("line.yaml", step)))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "ApprovalRequested", "own.the-line", child)
        with old.connect() as connection:
            connection.execute("ALTER ROLE replicator NOLOGIN")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        wait_for(lambda: desk.sync_state("bordeaux", "strasbourg") is None or None)
        with old.connect() as connection:  # without it nothing would be missing at the other site
            connection.execute("SELECT pg_create_restore_point('written last')")
        assert desk.call("approve", run, "own.the-line", "--why", "the test cut it").code == 0
        refused = ended(child)
    assert refused.code == 8, refused.said
    assert "strasbourg has not received everything that bordeaux wrote" in refused.err
    assert f"albus-dr resume {run}" in refused.err
    assert desk.primaries() == []
    witness = desk.call("witness", "show", str(desk.playbook), "--config", str(desk.config), "--json").document
    assert (witness["record"]["primary"], witness["record"]["claim"]) == ("bordeaux", None), "a guard may start it"

    old.start()
    with old.connect() as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute("ALTER ROLE replicator LOGIN")
    wait_for(lambda: desk.sync_state("bordeaux", "strasbourg"))
    assert_lost_nothing(desk.call("resume", run, "--json"))
    assert desk.primaries() == ["strasbourg"]
    assert desk.sync_state("strasbourg", "bordeaux") == "sync"
