"""albus-dr is killed at many moments of one failover: what was done is not done again, and nothing is lost. Then the new
primary is lost, too: after the other site follows it again, and before."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from albus_dr.evidence.envelope import payload_of
from tests.real.operator_desk import Called, Desk, kill, running, wait_for

pytestmark = pytest.mark.real

MOMENTS = (
    ("StepIntended", "patients.ready_to_promote"),
    ("StepSucceeded", "documents.ready_to_restore"),
    ("StepIntended", "fence"),
    ("StepSucceeded", "fence"),
    ("StepIntended", "patients.promote"),
    ("StepSucceeded", "patients.promote"),
    ("StepIntended", "application.start"),
    ("StepSucceeded", "application.verify"),
    ("StepIntended", "door.open"),
    ("StepIntended", "door.count"),
)


def test_a_failover_that_is_killed_at_ten_moments_ends_well(desk: Desk) -> None:
    disrupted_at = datetime.now(UTC).isoformat()
    desk.bench.destroy_site("strasbourg")
    known = desk.runs()
    with running(desk.begin(*desk.operation("failover", "--disrupted-at", disrupted_at))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, *MOMENTS[0], child)
        kill(child)
    killed = 1
    for kind, step in MOMENTS[1:]:
        with running(desk.begin("resume", run)) as child:
            desk.wait_for_event(run, kind, step, child)
            kill(child)
        killed += 1
    last = desk.call("resume", run, "--json")
    assert last.code == 0, last.said
    document = last.document
    assert document["verdict"] == "passed"
    assert document["resumed"] == killed
    assert document["actuals"]["lost_writes"] == 0
    assert document["actuals"]["acknowledged_writes"] > 0
    assert desk.promotions("bordeaux") == 1
    assert desk.primaries() == ["bordeaux"]
    ends = [event for event in desk.events(run) if event["kind"] == "RunEnded"]
    assert len(ends) == 1
    succeeded = [event["step"] for event in desk.events(run) if event["kind"] == "StepSucceeded"]
    assert sorted(succeeded) == sorted(set(succeeded)), "a step that was done was done again"
    assert_evidence_of(desk, run, killed, disrupted_at)


def assert_evidence_of(desk: Desk, run: str, resumed: int, disrupted_at: str) -> None:
    """An auditor has the file and the public key, and nothing else; one changed byte is found."""
    pack, key, elsewhere = desk.folder / "evidence.json", desk.folder / "auditor.pub", desk.folder / "auditor"
    assert desk.call("evidence", "keygen").code == 0
    assert desk.call("evidence", "create", run, "--output", str(pack)).code == 0
    (desk.state / "evidence.key.pub").rename(key)

    def verify() -> Called:
        environment = {"ALBUS_DR_STATE": str(elsewhere)}
        return desk.call("evidence", "verify", str(pack), "--key", str(key), environment=environment)

    verified = verify()
    assert verified.code == 0, verified.said
    predicate = json.loads(payload_of(pack.read_bytes()))["predicate"]
    changed = predicate["change_of_primary"]
    assert (changed["applies"], changed["epoch"]) == (True, 2)
    assert (changed["fence"]["site"], changed["fence"]["method"]) == ("strasbourg", "probe")
    assert "nothing listens on port" in changed["fence"]["rests_on"]
    assert predicate["run"]["resumed"] == resumed
    people = [(each["role"], each["what"]) for each in predicate["people"]]
    assert people == [
        ("ordered", "failover"), ("stated", f"disrupted_at: {disrupted_at}"), *[("resumed", None)] * resumed,
    ]  # fmt: skip
    assert {(each["name"], each["step"]) for each in predicate["programs"]} == {
        ("albus-dr", None), ("restic", "documents.ready_to_restore"), ("PostgreSQL", "patients.verify"), ("HAProxy", "door.ready"),
    }  # fmt: skip
    assert not predicate["destruction"]["applies"]
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    refused = verify()
    assert refused.code == 5, refused.said


# --- the second strike --------------------------------------------------------------------------------------------------


def written(desk: Desk) -> int:
    return len((desk.bench.directory / "traffic" / "acknowledged.jsonl").read_text().splitlines())


def patients_step(desk: Desk, run: str, step: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        event["data"]["facts"]
        for event in desk.events(run)
        if (event["kind"], event["step"]) == ("StepSucceeded", f"patients.{step}")
    )
    return found


def failover(desk: Desk, *more: str) -> list[str]:
    return desk.operation("failover", "--json", "--disrupted-at", datetime.now(UTC).isoformat(), *more)


def lose_strasbourg_once_more(desk: Desk) -> None:
    """It loses its power; bordeaux serves, alone, and users write there. Then bordeaux's own repository is all it has."""
    desk.bench.cut_power("strasbourg")
    called = desk.call(*failover(desk))
    assert called.code == 0, called.said
    before = written(desk)
    wait_for(lambda: written(desk) > before + 30 or None)


def test_the_new_primary_burns_once_the_other_site_follows_it(desk: Desk) -> None:
    desk.bench.rebuild_site("strasbourg")
    assert desk.operate("reprotect").code == 0
    desk.bench.destroy_site("bordeaux")
    too_early = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()  # users were served after it
    called = desk.call(*desk.operation("failover", "--json", "--disrupted-at", too_early))
    assert called.code == 0, called.said
    assert [note for note in called.document["notes"] if "younger than the disruption that was given" in note]
    assert called.document["actuals"]["lost_writes"] == 0
    assert desk.primaries() == ["strasbourg"]
    desk.bench.rebuild_site("bordeaux")
    assert desk.operate("reprotect").code == 0


def test_the_new_primary_is_lost_before_anything_follows_it(desk: Desk) -> None:
    """The old one serves again, once what that loses is named and accepted; and what was lost is there to be listed."""
    lose_strasbourg_once_more(desk)
    server = desk.bench.sites["strasbourg"].server
    desk.bench.start_store("strasbourg")
    stray = desk.bench.sites["strasbourg"].documents / "written-last"
    stray.write_text("in no recovery point")
    desk.bench.cut_power("bordeaux")

    refused = desk.call(*failover(desk))

    assert refused.code == 8, refused.said
    for words in (
        "strasbourg was the primary before",
        "after bordeaux became the primary (epoch",
        "--accept-data-loss",
    ):
        assert words in refused.err
    assert not server.running()
    assert not (server.data / "standby.signal").exists()

    known = desk.runs()
    with running(desk.begin(*failover(desk, "--accept-data-loss"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepIntended", "patients.promote", child)
        wait_for(lambda: (server.data / "standby.signal").exists() or None, child)
        kill(child)
    called = desk.call("resume", run, "--json")
    assert called.code in (0, 6), called.said
    assert desk.primaries() == ["strasbourg"]
    assert called.document["actuals"]["lost_writes"] > 0, "what was written at bordeaux alone can't be here"
    assert "was the primary before" in " ".join(called.document["notes"])
    assert not stray.exists()
    kept = list(stray.parent.parent.glob(f"documents.albus-dr-*/tree/{stray.name}"))
    assert [path.read_text() for path in kept] == ["in no recovery point"]

    desk.bench.start_site("bordeaux")  # its disks were only without power
    back = desk.operate("reprotect")
    assert back.code == 0, back.said
    diverged = patients_step(desk, back.document["run"], "keep")["diverged"]
    assert diverged["rows"]["public.visit"] >= 20
    assert desk.sync_state("strasbourg", "bordeaux") == "sync"


def test_an_old_primary_that_runs_is_stopped_and_promoted_though_the_witness_dies_too(desk: Desk) -> None:
    lose_strasbourg_once_more(desk)
    desk.bench.start_site("strasbourg")  # without a guard: a second primary
    desk.bench.cut_power("bordeaux")
    known = desk.runs()
    with running(desk.begin(*failover(desk, "--accept-data-loss"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepSucceeded", "claim", child)
        kill(child)
    early = desk.call("resume", run, "--without-witness", "Ines, who sees it")
    assert early.code == 8, early.said
    assert "the witness answers" in early.err
    witness = desk.bench.directory / "witness"
    aside = witness.rename(witness.with_name("witness-aside"))
    witness.write_text("not a directory")
    refused = desk.call("resume", run)
    assert refused.code == 8, refused.said
    assert "--without-witness" in refused.err
    called = desk.call("resume", run, "--without-witness", "Ines, who saw both burn", "--json")
    assert called.code in (0, 6), called.said
    assert desk.primaries() == ["strasbourg"]
    assert "Ines, who saw both burn" in json.dumps(desk.events(run))
    witness.unlink()
    aside.rename(witness)
    told = desk.call("witness", "set", *desk.operation("", "--primary", "strasbourg")[1:])
    assert told.code == 0, told.said
    desk.bench.start_site("bordeaux")
    assert desk.operate("reprotect").code == 0


def test_a_rebuild_that_was_cut_off_is_not_served_from_and_what_was_kept_is(desk: Desk) -> None:
    """The second strike in the middle of a reprotect: the hint is done to the letter."""
    lose_strasbourg_once_more(desk)
    desk.bench.start_site("strasbourg")
    known = desk.runs()
    data = desk.bench.sites["strasbourg"].server.data
    with running(desk.begin(*desk.operation("reprotect"))) as child:
        run = desk.new_run(known, child)
        state = data.with_name(f"{data.name}.albus-dr-{run.partition('-')[2]}") / "state.json"
        wait_for(lambda: (state.exists() and json.loads(state.read_text())["stage"] == "rebuilding") or None, child)
        kill(child)
    desk.bench.cut_power("bordeaux")
    refused = desk.call(*failover(desk, "--accept-data-loss"))
    assert refused.code == 8, refused.said
    assert "nobody trusts that directory" in refused.err
    commands = refused.err.partition("then fail over again: ")[2].splitlines()[0]
    subprocess.run(commands, shell=True, check=True)
    called = desk.call(*failover(desk, "--accept-data-loss"))
    assert called.code in (0, 6), called.said
    assert desk.primaries() == ["strasbourg"]
