"""Two operators with a state directory each, as on two machines: they share the sites and the witness, nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.real.operator_desk import Called, Desk, ended, kill, running

pytestmark = pytest.mark.real
ROUNDS = 3


def other_desk(desk: Desk, folder: Path) -> Desk:
    """Another operator's machine: the same sites, a state directory of its own."""
    return Desk(desk.bench, folder)


@pytest.fixture(scope="module")
def pair(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Desk]:
    return desk, other_desk(desk, tmp_path_factory.mktemp("second"))


def record(desk: Desk) -> dict[str, object]:
    shown = desk.call("witness", "show", str(desk.playbook), "--config", str(desk.config), "--json")
    assert shown.code == 0, shown.said
    found: dict[str, object] = json.loads(shown.out)["record"]
    return found


def both(pair: tuple[Desk, Desk], verbs: tuple[str, str]) -> list[Called]:
    """Two operations that begin in the same second."""
    children = [desk.begin(*desk.operation(verb, "--json")) for desk, verb in zip(pair, verbs, strict=True)]
    return [ended(child) for child in children]


def test_of_two_who_start_in_the_same_second_one_wins_and_the_other_is_told_who(pair: tuple[Desk, Desk]) -> None:
    for number in range(ROUNDS):
        before = record(pair[0]) if number else {"epoch": 1, "primary": "strasbourg"}
        first, second = both(pair, ("switchover", "failover"))
        # The failover finds a primary that lives, or somebody else's run lease: 8 either way. The switchover wins, or is
        # refused because the failover was first.
        assert second.code == 8, second.said
        assert first.code in (0, 8), first.said
        refused = [called for called in (first, second) if "another run is in progress" in called.err]
        assert len(refused) <= 1
        if refused:
            assert "its lease lapses in" in refused[0].err
            assert "by " in refused[0].err
        after = record(pair[0])
        assert len(pair[0].primaries()) == 1
        assert after["primary"] == pair[0].primaries()[0]
        assert after["epoch"] == int(str(before["epoch"])) + (first.code == 0)
        assert (after["claim"], after["run_lease"]) == (None, None)


def test_of_two_switchovers_one_is_refused_by_name(pair: tuple[Desk, Desk]) -> None:
    desk, other = pair
    known = desk.runs()
    with running(desk.begin(*desk.operation("switchover"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepIntended", "claim", child)
        called = other.operate("switchover")
        assert called.code == 8, called.said
        assert run in called.err
        assert ended(child).code == 0
    assert len(desk.primaries()) == 1


def test_an_abort_names_another_run_that_holds_the_lease(pair: tuple[Desk, Desk]) -> None:
    desk, _ = pair
    mine = desk.operate("failover")
    assert mine.code == 8, "the primary lives"
    register = desk.bench.directory / "witness" / "albus.register"
    free = register.read_text()
    lease = {"run": "switchover-elsewhere", "holder": "omar@laptop", "purpose": "switchover of albus", "place": "laptop",
             "ttl_s": 3600.0, "renewed_at": datetime.now(UTC).isoformat()}  # fmt: skip
    assert '"run_lease": null' in free
    register.write_text(free.replace('"run_lease": null', f'"run_lease": {json.dumps(lease)}'))
    given_up = desk.call("abort", mine.document["run"])
    register.write_text(free)
    assert given_up.code == 8, given_up.said
    assert "is given up, and nothing could be cleaned up: another run is in progress" in given_up.err
    assert "switchover-elsewhere" in given_up.err


def test_a_claim_is_left_where_a_run_was_killed_and_resume_goes_on_with_it(pair: tuple[Desk, Desk]) -> None:
    desk, other = pair
    serving = desk.primaries()
    known = desk.runs()
    with running(desk.begin(*desk.operation("switchover"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepSucceeded", "claim", child)
        kill(child)
    assert run in str(record(desk)["claim"])
    refused = other.operate("switchover")  # its run lease has not lapsed
    assert refused.code == 8, refused.said
    door = desk.call("door", str(desk.playbook), "--config", str(desk.config))
    assert door.code == 8, door.said
    assert f"{run} has claimed" in door.err
    for kind, step in (("StepSucceeded", "fence"), ("StepSucceeded", "commit"), ("StepIntended", "patients.promote")):
        with running(desk.begin("resume", run)) as child:
            desk.wait_for_event(run, kind, step, child)
            kill(child)
    last = desk.call("resume", run, "--json")
    assert last.code == 0, last.said
    assert last.document["actuals"]["lost_writes"] == 0
    assert desk.primaries() != serving
    assert record(desk)["claim"] is None


def test_an_aborted_run_gives_its_claim_back(pair: tuple[Desk, Desk]) -> None:
    desk, _ = pair
    known = desk.runs()
    before = record(desk) or {"epoch": 1, "primary": "strasbourg"}  # nothing was written yet, where it runs alone
    with running(desk.begin(*desk.operation("switchover"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepSucceeded", "claim", child)
        kill(child)
    assert desk.call("abort", run, "--why", "a test").code == 130
    after = record(desk)
    assert (after["claim"], after["run_lease"]) == (None, None)
    assert (after["epoch"], after["primary"]) == (before["epoch"], before["primary"])
    assert desk.primaries() == [before["primary"]]
    back = desk.operate("switchover")  # the door may have been closed already: this brings everything up again
    assert back.code == 0, back.said


def test_an_epoch_that_went_backwards_is_refused_and_a_person_writes_the_witness_anew(pair: tuple[Desk, Desk]) -> None:
    desk, _ = pair
    register = desk.bench.directory / "witness" / "albus.register"
    good = register.read_text()
    epoch = int(str(record(desk)["epoch"]))
    register.write_text(good.replace(f'"epoch": {epoch}', '"epoch": 1'))
    for verb in ("switchover", "failover"):
        called = desk.operate(verb)
        assert called.code == 8, called.said
        assert f"went backwards: it says 1, and {epoch} was seen" in called.err
        assert "witness set" in called.err
    serving = desk.primaries()[0]
    standby = next(site for site in ("strasbourg", "bordeaux") if site != serving)
    arguments = ("witness", "set", str(desk.playbook), "--config", str(desk.config), "--yes", "--primary")
    wrong = desk.call(*arguments, standby)
    assert wrong.code == 8, wrong.said
    told = desk.call(*arguments, serving)
    assert told.code == 0, told.said
    assert record(desk)["epoch"] == epoch + 1
    status = desk.call("status", str(desk.playbook), "--config", str(desk.config), "--json")
    assert json.loads(status.out)["witness"]["primary"] == serving


def test_the_witness_is_told_of_no_other_primary_while_a_promotion_may_still_arrive(pair: tuple[Desk, Desk]) -> None:
    """The run has committed and lies there; somebody wants to go back to the old primary without giving it up."""
    desk, _ = pair
    wait = "  - {name: A look, approve: {within: 10m, otherwise: abort}, after: commit, in: [switchover]}"
    known, serving = desk.runs(), desk.primaries()[0]
    with running(desk.begin(*desk.operation("switchover", playbook=desk.with_step("look.yaml", wait)))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "ApprovalRequested", "own.a-look", child)
        kill(child)
    before = record(desk)
    assert before["primary"] != serving
    back = desk.call("witness", "set", *desk.operation("", "--primary", serving)[1:])
    assert back.code == 8, back.said
    assert f"the witness names {before['primary']} as the primary, by {run}" in back.err
    assert f"stop PostgreSQL at {before['primary']}" in back.err
    assert record(desk) == before
    with running(desk.begin("resume", run, "--json")) as child:
        desk.wait_for_event(run, "ApprovalRequested", "own.a-look", child, count=2)
        assert desk.call("approve", run, "own.a-look", "--why", "it goes on").code == 0
        assert ended(child).code == 0
    assert desk.primaries() == [before["primary"]]


def test_a_foreign_database_is_refused(pair: tuple[Desk, Desk]) -> None:
    desk, _ = pair
    register = desk.bench.directory / "witness" / "albus.register"
    assert desk.operate("replicate").code == 0
    changed = desk.operate("switchover")  # the witness knows the database from here on
    assert changed.code == 0, changed.said
    good = register.read_text()
    known = json.loads(good.partition("\n")[2])["identities"]["patients"]
    register.write_text(good.replace(known, "7000000000000000001"))
    called = desk.operate("switchover")
    assert called.code == 8, called.said
    assert "it is another database" in called.err
    declared = next(event for event in desk.events(changed.document["run"]) if event["kind"] == "RunDeclared")
    assert declared["data"]["options"]["backed_up"] == {"patients": known}, (
        "what a first change of primary holds it against"
    )
    register.write_text(register.read_text().replace("7000000000000000001", known))


def test_a_silent_witness_stops_a_change_and_names_what_goes_on_last(pair: tuple[Desk, Desk]) -> None:
    """The last one: the primary is lost, and the failover goes on by a person's word."""
    desk, _ = pair
    place = desk.bench.directory / "witness"
    aside = place.with_name("witness-aside")
    place.rename(aside)
    place.write_text("not a directory")
    called = desk.operate("switchover")
    assert called.code == 8, called.said
    assert "replicate, drill and status go on" in called.err
    assert desk.operate("replicate").code == 0
    serving = desk.primaries()[0]
    desk.bench.destroy_site(serving)
    stated = desk.operate("failover", "--without-witness", "Ines, who saw it burn", "--accept-data-loss")
    assert stated.code in (0, 6), stated.said
    assert "Ines, who saw it burn" in json.dumps(desk.events(stated.document["run"]))
    place.unlink()
    aside.rename(place)
    late = desk.operate("switchover")
    assert late.code == 8, late.said
    assert "went backwards" in late.err
