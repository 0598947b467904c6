"""What goes wrong before anything is lost: each ends with its own code, says what and where, and touches nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.real.operator_desk import (
    ROOT,
    Called,
    Desk,
    assert_no_secret_in,
    ended,
    first_line,
    kill,
    processes_with,
    running,
)

pytestmark = pytest.mark.real

WRONG = "5e" * 20
AT_ONCE = timedelta(seconds=30)
DRILL = "before: isolate, in: [drill]"


def at_once(called: Called) -> None:
    """Both ends of the run are seconds apart: restic by itself tries for fifteen minutes."""
    clocks = called.document["clocks"]
    begun, over = (datetime.fromisoformat(clocks[key]) for key in ("declared_at", "ended_at"))
    assert over - begun < AT_ONCE, called.said


def refused(called: Called, code: int, *words: str) -> None:
    """It ended with the code and said the words, on stderr and in the JSON of --json."""
    assert called.code == code, called.said
    for word in words:
        assert word in called.err, called.said
    assert WRONG not in called.said


def failed_step(called: Called) -> dict[str, str]:
    """The one step of the run that failed."""
    failed = [step for step in called.document["steps"] if step["status"] == "failed"]
    assert len(failed) == 1, failed
    found: dict[str, str] = failed[0]
    return found


@pytest.fixture(autouse=True)
def nothing_else_was_touched(desk: Desk) -> Iterator[None]:
    """Whatever a test made go wrong: roles, patients' recovery points and the drill's place are as they were."""
    before = {site: desk.points(site) for site in ("strasbourg", "bordeaux")}
    yield
    for site, points in before.items():
        new = [point for point in desk.points(site) if point not in points]
        assert desk.points(site)[: len(points)] == points
        assert not [point for point in new if not point.startswith("documents/")], (
            "only documents may be replicated here"
        )
    assert desk.primaries() == ["strasbourg"]
    assert desk.sync_state("strasbourg", "bordeaux") == "sync"
    assert desk.scratch() == []
    assert desk.processes_in_scratch() == []


# --- repositories that do not open --------------------------------------------------------------------------------


@pytest.fixture
def wrong(desk: Desk) -> Path:
    """A file with a secret that opens nothing."""
    path = desk.folder / "wrong"
    path.write_text(WRONG)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("verb", ["drill", "replicate"])
def test_a_wrong_restic_password(desk: Desk, wrong: Path, verb: str) -> None:
    config = desk.variant("config.yaml", desk.config, ("${ALBUS_DEMO}/secrets/restic", str(wrong)))
    called = desk.operate(verb, config=config)
    refused(called, 3, "backups", "the password is wrong", "compare the secret")
    at_once(called)


@pytest.mark.parametrize("verb", ["drill", "replicate"])
def test_a_wrong_s3_key(desk: Desk, wrong: Path, verb: str) -> None:
    config = desk.variant("config.yaml", desk.config, ("${ALBUS_DEMO}/secrets/bordeaux-secret-key", str(wrong)))
    port = desk.bench.sites["bordeaux"].store.port
    called = desk.operate(verb, config=config)
    refused(called, 3, "backups", f"http://127.0.0.1:{port} refuses the keys", "compare")
    at_once(called)


def test_a_missing_bucket(desk: Desk) -> None:
    config = desk.variant("config.yaml", desk.config, ("${BORDEAUX_S3_PORT}/albus/", "${BORDEAUX_S3_PORT}/nowhere/"))
    called = desk.operate("drill", config=config)
    refused(called, 3, "backups", "there is no bucket nowhere", "compare")
    at_once(called)


def test_a_missing_repository(desk: Desk) -> None:
    config = desk.variant(
        "config.yaml", desk.config, ("${BORDEAUX_S3_PORT}/albus/backups", "${BORDEAUX_S3_PORT}/albus/none")
    )
    called = desk.operate("drill", config=config)
    refused(called, 3, "backups", "there is no repository", "restic init")
    at_once(called)


def test_an_s3_server_that_is_down(desk: Desk) -> None:
    called = desk.operate("drill", environment={"BORDEAUX_S3_PORT": "1"})
    refused(called, 3, "backups", "http://127.0.0.1:1 does not answer", "compare")
    at_once(called)


# --- programs and disks -------------------------------------------------------------------------------------------


def test_a_restic_that_is_too_old(desk: Desk) -> None:
    programs = desk.folder / "old"
    programs.mkdir()
    (programs / "restic").write_text("#!/bin/sh\necho restic 0.14.0 compiled with go1.19.8 on linux/amd64\n")
    (programs / "restic").chmod(0o755)
    called = desk.operate("drill", environment={"PATH": f"{programs}:{os.environ['PATH']}"})
    refused(called, 3, "restic", "0.14.0", "0.17.1 or newer is needed", "albus-dr doctor")


def test_no_restic_at_all(desk: Desk) -> None:
    programs = desk.folder / "without"
    programs.mkdir()
    for directory in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(directory).glob("*"):
            if program.name != "restic":
                (programs / program.name).unlink(missing_ok=True)
                (programs / program.name).symlink_to(program)
    # albus-dr looks beside its own Python, too: this one stands where no restic is.
    packages = os.pathsep.join((str(ROOT), sysconfig.get_paths()["purelib"]))
    (programs / "python").unlink(missing_ok=True)
    (programs / "python").symlink_to(sys.executable)
    environment = desk.environment({"PATH": str(programs), "PYTHONPATH": packages})
    if any(shutil.which("restic", path=path) for path in ("/usr/local/sbin", "/usr/sbin", "/sbin")):
        pytest.skip("restic stands in sbin here, where albus-dr looks whatever PATH says")
    child = subprocess.Popen(
        (str(programs / "python"), "-m", "albus_dr", *desk.operation("drill", "--json")), env=environment,
        cwd=desk.folder, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    refused(ended(child), 3, "the program restic is not installed here", "albus-dr doctor")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_scratch_disk_that_is_too_small(desk: Desk) -> None:
    small = desk.bench.directory / "bordeaux" / "small"
    small.mkdir()
    mounted = subprocess.run(
        ("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)), check=False, timeout=10, capture_output=True
    )
    if mounted.returncode != 0:
        small.rmdir()
        pytest.skip("no file system can be mounted here")
    try:
        config = desk.variant(
            "config.yaml", desk.config, ("${ALBUS_DEMO}/bordeaux/scratch", "${ALBUS_DEMO}/bordeaux/small")
        )
        called = desk.operate("drill", config=config)
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(("umount", str(small)), check=True, timeout=10)
        small.rmdir()
    refused(called, 3, "the restore needs", "are free", "bordeaux", "make room")
    started = {step["id"] for step in called.document["steps"] if step["attempts"]}
    assert not started & {"patients.restore", "documents.restore"}


# --- data that is not what was saved ------------------------------------------------------------------------------


def packs_of(desk: Desk, workload: str) -> list[Path]:
    """The packs in bordeaux's bucket that hold this workload's data and no other's."""
    found = []
    other = {"patients": "documents", "documents": "patients"}[workload]
    names = {point.split("/")[1]: point.split("/")[0] for point in desk.points("bordeaux")}
    snapshots = json.loads(desk.restic("bordeaux", "snapshots", "--json"))
    owner = {one["id"]: next(names[tag[6:]] for tag in one["tags"] if tag.startswith("point=")) for one in snapshots}
    for pack in (desk.bench.sites["bordeaux"].directory / "s3" / "albus" / "backups" / "data").rglob("*"):
        if pack.is_file():
            said = desk.restic("bordeaux", "find", "--json", "--pack", pack.name)
            owners = {owner[row["snapshot"]] for row in json.loads(said or "[]") if row["object_type"] == "blob"}
            if workload in owners and other not in owners:
                found.append(pack)
    return found


@pytest.mark.parametrize(("workload", "other"), [("patients", "documents"), ("documents", "patients")])
def test_a_corrupt_pack(desk: Desk, workload: str, other: str) -> None:
    pack = max(packs_of(desk, workload), key=lambda path: path.stat().st_size)
    intact = pack.read_bytes()
    half = len(intact) // 2
    pack.write_bytes(intact[:half] + bytes([intact[half] ^ 1]) + intact[half + 1 :])
    try:
        called = desk.operate("drill")
    finally:
        pack.write_bytes(intact)
    refused(called, 5)
    assert workload in first_line(called), called.said
    assert "its data is damaged" in first_line(called)
    assert failed_step(called)["workload"] == workload
    compared = {step["id"]: step["status"] for step in called.document["steps"]}
    assert compared[f"{other}.compare"] == "succeeded"
    assert compared["cleanup"] == "succeeded"
    assert called.document["residue"] == []


def forged_point(desk: Desk, tree: Path) -> str:
    """A recovery point of documents at bordeaux with the newest one's manifest and this tree; its id."""
    newest = [point for point in desk.points("bordeaux") if point.startswith("documents/")][-1].split("/")[1]
    rows = json.loads(desk.restic("bordeaux", "snapshots", "--json", "--tag", f"point={newest},part=manifest"))
    manifest = desk.restic("bordeaux", "dump", rows[0]["id"], "/manifest.json")
    tags = ("--tag", "albus-dr", "--tag", "runbook=albus", "--tag", "workload=documents", "--tag", "point=forged")
    desk.restic("bordeaux", "backup", *tags, "--tag", "part=data", ".", cwd=tree)
    desk.restic(
        "bordeaux",
        "backup",
        *tags,
        "--tag",
        "part=manifest",
        "--stdin",
        "--stdin-filename",
        "manifest.json",
        stdin=manifest,
    )
    return "forged"


def test_a_document_that_was_replaced_is_found(desk: Desk) -> None:
    newest = [point for point in desk.points("bordeaux") if point.startswith("documents/")][-1].split("/")[1]
    rows = json.loads(desk.restic("bordeaux", "snapshots", "--json", "--tag", f"point={newest},part=data"))
    tree = desk.folder / "tree"
    desk.restic("bordeaux", "restore", rows[0]["id"], "--target", str(tree))
    replaced = next(path for path in sorted(tree.rglob("*")) if path.is_file())
    replaced.write_bytes(bytes(len(replaced.read_bytes())))
    try:
        forged_point(desk, tree)
        called = desk.operate("drill")
    finally:
        desk.restic("bordeaux", "forget", "--tag", "point=forged", "--unsafe-allow-remove-all")
        shutil.rmtree(tree)
    refused(called, 5)
    assert "documents" in first_line(called), called.said
    assert "1 differ" in first_line(called)
    assert failed_step(called)["id"] == "documents.compare"
    assert replaced.name not in called.said, "a document's name may be a patient's"


# --- dumps that are no recovery points ----------------------------------------------------------------------------

TABLES = """
CREATE TABLE patient (id bigint); CREATE TABLE invoice (id bigint);
CREATE TABLE visit (recorded_at timestamptz); CREATE TABLE appointment (starts_at timestamptz);
"""


@contextlib.contextmanager
def another_database(desk: Desk, *statements: str) -> Iterator[Path]:
    """A database ``other`` made by these statements; a playbook that protects it instead."""
    server = desk.bench.sites["strasbourg"].server
    with server.connect() as connection:
        connection.execute("CREATE DATABASE other")
    try:
        with server.connect("other") as connection:
            for statement in statements:
                connection.execute(statement.encode())
        yield desk.variant("other.yaml", desk.playbook, ("database: albus\n", "database: other\n"))
    finally:
        with server.connect() as connection:
            connection.execute("DROP DATABASE other WITH (FORCE)")


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        pytest.param((TABLES,), ("the dump is empty: no table has a row",), id="empty"),
        pytest.param(
            (TABLES, "INSERT INTO patient VALUES (1)"), ("the dump has shrunk", "look at the database"), id="shrunken"
        ),
        pytest.param(
            (
                TABLES,
                "CREATE TABLE ballast AS SELECT gen_random_uuid() FROM generate_series(1, 400000)",
                "INSERT INTO patient VALUES (1)",
                "INSERT INTO appointment VALUES (now())",
                "INSERT INTO visit VALUES (now())",
            ),
            ("are empty now", "invoice", "look at the database"),
            id="emptied table",
        ),
    ],
)
def test_replicate_refuses_a_dump_that_somebody_must_look_at(
    desk: Desk, statements: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with another_database(desk, *statements) as playbook:
        before = [point for point in desk.points("strasbourg") if point.startswith("patients/")]
        called = desk.operate("replicate", playbook=playbook)
        assert [point for point in desk.points("strasbourg") if point.startswith("patients/")] == before
    refused(called, 5, "patients", *words)
    assert failed_step(called)["id"] == "patients.dump"


# --- people and signals -------------------------------------------------------------------------------------------


def test_a_step_that_hangs_is_ended_with_its_children(desk: Desk) -> None:
    mark = f"hangs-for-{desk.bench.directory.name}"
    script = f"sleep 600 & sleep 601 & exec sleep 602 # {mark}"
    step = f"""  - {{name: Hang, run: [env, "MARK={mark}", sh, -c, "{script}"], timeout: 2s, after: isolate, in: [drill]}}"""
    called = desk.operate("drill", playbook=desk.with_step("hang.yaml", step))
    refused(called, 4, "own.hang", "did not end within", "its children were ended")
    assert processes_with(f"MARK={mark}") == []
    assert called.document["residue"] == []


def test_an_approval_from_another_process_lets_a_drill_go_on(desk: Desk) -> None:
    step = f"  - {{name: The director agrees, approve: {{within: 5m, otherwise: abort}}, {DRILL}}}"
    playbook = desk.with_step("approve.yaml", step)
    known = desk.runs()
    with running(desk.begin(*desk.operation("drill", "--json", playbook=playbook))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "ApprovalRequested", "own.the-director-agrees", child)
        assert desk.scratch() == []
        wrong_step = desk.call("approve", run, "own.nobody")
        refused(wrong_step, 2, "own.nobody", "waits for nobody", "own.the-director-agrees")
        approved = desk.call("approve", run, "own.the-director-agrees", "--why", "by telephone", "--json")
        assert approved.code == 0, approved.said
        assert approved.document["step"] == "own.the-director-agrees"
        called = ended(child)
    assert called.code == 0, called.said
    given = [event for event in desk.events(run) if event["kind"] == "ApprovalGiven"]
    assert [event["data"]["why"] for event in given] == ["by telephone"]
    shown = called.document
    assert shown["clocks"]["approved_at"] == given[0]["at"]
    assert shown["clocks"]["started_at"] < shown["clocks"]["approved_at"] < shown["clocks"]["data_recovered_at"]
    (waited_s,) = (step["waited_s"] for step in shown["steps"] if step["action"] == "own.approve")
    assert shown["waited_s"] == waited_s > 0


def test_a_stage_over_its_budget_turns_a_drill_red_and_names_the_step(desk: Desk) -> None:
    tight = desk.variant("tight.yaml", desk.playbook, ("data_recovered: 2h", "data_recovered: 10ms"))
    called = desk.operate("drill", playbook=tight)
    assert called.code == 6, called.said
    first = next(line for line in called.err.splitlines() if line.strip())
    assert first.startswith("✗ Failed. the stage data_recovered took"), called.said
    assert first == first_line(called)
    (stage,) = (each for each in called.document["stages"] if each["clock"] == "data_recovered_at")
    begin, end = (datetime.fromisoformat(called.document["clocks"][key]) for key in (stage["after"], stage["clock"]))

    def covered(step: dict[str, Any]) -> timedelta:
        started, ended = (datetime.fromisoformat(step[key]) for key in ("started_at", "ended_at"))
        return min(ended, end) - max(started, begin)

    longest = max((step for step in called.document["steps"] if step["ended_at"]), key=covered)
    assert f"its budget is 10 ms; most of it: {longest['id']}, " in first
    assert stage["took_s"] > stage["budget_s"] == 0.01


def test_an_approval_that_nobody_gives_aborts(desk: Desk) -> None:
    step = f"  - {{name: The director agrees, approve: {{within: 1s, otherwise: abort}}, {DRILL}}}"
    called = desk.operate("drill", playbook=desk.with_step("expires.yaml", step))
    refused(called, 8, "own.the-director-agrees", "nobody approved within 1 s")
    restored = [step for step in called.document["steps"] if step["id"].endswith(".restore")]
    assert {step["status"] for step in restored} == {"skipped"}


def test_ctrl_c_in_a_drill_cleans_up(desk: Desk) -> None:
    known = desk.runs()
    with running(desk.begin(*desk.operation("drill", "--json"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepIntended", "documents.restore", child)
        child.send_signal(signal.SIGINT)
        called = ended(child)
    refused(called, 130, "stopping")
    assert called.document["verdict"] == "incomplete"
    assert called.document["residue"] == []


def test_a_second_ctrl_c_leaves_at_once_and_abort_cleans_up(desk: Desk) -> None:
    """A step that can't be asked to end holds up the first one, long enough for the second."""
    script = "trap '' TERM; while :; do sleep 1; done"
    step = f'  - {{name: Stubborn, run: [sh, -c, "{script}"], after: isolate, in: [drill]}}'
    known = desk.runs()
    playbook = desk.with_step("stubborn.yaml", step)
    with running(desk.begin(*desk.operation("drill", "--json", playbook=playbook))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepIntended", "own.stubborn", child)
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        while "stopping" not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        assert ended(child).code == 130
    if not [event for event in desk.events(run) if event["kind"] == "RunEnded"]:  # the first may be faster than we are
        refused(desk.call("abort", run, "--json"), 130, "it was aborted")
    shown = desk.call("runs", "show", run, "--json").document
    assert (shown["verdict"], shown["residue"]) == ("incomplete", [])


KILLED_AT = (
    ("CreationAnnounced", "isolate"),
    ("CreationAnnounced", "patients.restore"),
    ("StepSucceeded", "documents.restore"),
    ("StepIntended", "application.verify_copy"),
    ("StepIntended", "cleanup"),
    ("StepSucceeded", "cleanup"),
)


def test_a_drill_that_is_killed_at_six_moments_ends_well_and_leaves_nothing(desk: Desk) -> None:
    known = desk.runs()
    child = desk.begin(*desk.operation("drill"))
    run = desk.new_run(known, child)
    for number, (kind, step) in enumerate(KILLED_AT):
        with running(child if number == 0 else desk.begin("resume", run)) as running_one:
            desk.wait_for_event(run, kind, step, running_one)
            running_one.kill()  # behind the cleanup it may be quicker than the kill, and end
            ended(running_one)
        if (kind, step) == ("StepSucceeded", "documents.restore"):
            assert desk.scratch() != []
    if not [event for event in desk.events(run) if event["kind"] == "RunEnded"]:
        called = desk.call("resume", run)
        assert called.code == 0, called.said
    document = desk.document(run)
    assert document["verdict"] == "passed"
    assert document["resumed"] >= len(KILLED_AT) - 1
    assert document["residue"] == []
    made = document["destruction"]
    assert {each["workload"] for each in made} == {None, "patients", "documents", "application"}
    assert all(each["destroyed_at"] for each in made)


def test_the_next_drill_clears_what_a_killed_one_left(desk: Desk) -> None:
    known = desk.runs()
    with running(desk.begin(*desk.operation("drill"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, "StepIntended", "application.start_copy", child)
        kill(child)
    left = desk.scratch()
    assert len(left) == 1
    called = desk.operate("drill")
    assert called.code == 0, called.said
    text = (desk.state / "runs" / called.document["run"] / "report.md").read_text()
    assert "removed what an earlier drill left" in text
    assert left[0] in text


# --- secrets: last, over everything that the tests above left -----------------------------------------------------


def test_no_secret_is_in_anything_that_was_written(desk: Desk) -> None:
    assert_no_secret_in(desk.state, desk)
