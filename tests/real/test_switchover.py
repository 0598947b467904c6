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
    """The power-off that the config lists is for the worst day alone."""
    mark = desk.folder / "powered-off"
    first = f"fence: [{{command: [touch, {mark}]}}, {{probe: all}}"
    config = desk.variant("power.yaml", desk.config, ("fence: [{probe: all}", first))
    assert_lost_nothing(desk.operate("switchover", config=config))
    assert not mark.exists()
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


def test_a_switchover_that_is_resumed_after_service_was_restored_loses_nothing(desk: Desk) -> None:
    """It failed after the old primary was stopped; people let that serve again, and somebody resumes the run."""
    step = "  - {name: The network, run: ['false'], before: fence, in: [switchover]}"
    playbook = desk.with_step("network.yaml", step)
    serving = desk.primaries()[0]
    standby = "bordeaux" if serving == "strasbourg" else "strasbourg"
    failed = desk.operate("switchover", playbook=playbook)
    assert failed.code != 0, failed.said
    run = failed.document["run"]
    assert desk.primaries() == []
    old = desk.bench.sites[serving].server
    old.start()
    desk.bench.start_application(serving)
    where = (str(desk.playbook), "--config", str(desk.config))
    assert desk.call("door", *where).code == 0
    with old.connect() as connection:
        connection.execute("SELECT pg_create_restore_point('users are served')")

    asked = desk.call("resume", run)
    assert asked.code == 10, asked.said
    running_still = desk.call("resume", run, "--decide", "own.the-network=done", "--why", "it is mended")
    assert running_still.code == 8, running_still.said
    assert f"{serving} has served since this run stopped it" in running_still.err
    assert f"albus-dr abort {run}" in running_still.err
    assert desk.primaries() == [serving]
    old.run("pg_ctl", "stop", "-D", str(old.data), "-m", "fast", "-w").check("stop")
    stopped_by_hand = desk.call("resume", run)
    assert stopped_by_hand.code == 8, stopped_by_hand.said
    assert f"{serving} has served since this run stopped it" in stopped_by_hand.err
    assert desk.is_standby(standby)

    given_up = desk.call("abort", run, "--why", "as the hint says")
    assert "it was aborted" in given_up.out, given_up.said
    old.start()
    assert desk.call("door", *where).code == 0
    wait_for(lambda: desk.sync_state(serving, standby))
    assert_lost_nothing(desk.operate("switchover"))
    assert desk.primaries() == [standby]
