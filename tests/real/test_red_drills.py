"""A drill turns red for each of these, and its first line names the workload and the cause.

Beside them in test_bad_days: a flipped byte in a pack, a document that was replaced. Older recovery points are drilled here,
too: they share the bench.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from albus_dr.cli.points import by_chance as chosen_by_chance
from albus_dr.errors import NotReadyError
from albus_dr.tools import namespace
from albus_dr.tools.host import LocalHost
from tests.real.operator_desk import Called, Desk, first_line, verdicts

pytestmark = pytest.mark.real

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to make it go wrong in this way")


def red(called: Called, code: int, *words: str) -> None:
    """It ended with the code, the first line says the words, and nothing of the drill is left."""
    assert called.code == code, called.said
    assert called.document["verdict"] == "failed"
    for word in words:
        assert word in first_line(called), called.said
    assert called.document["residue"] == []


@pytest.fixture(scope="module", autouse=True)
def points_are_as_they_were(desk: Desk) -> Iterator[None]:
    before = {site: desk.points(site) for site in ("strasbourg", "bordeaux")}
    yield
    assert {site: desk.points(site) for site in before} == before


@pytest.fixture(autouse=True)
def the_bench_is_as_it_was(desk: Desk) -> Iterator[None]:
    yield
    assert desk.primaries() == ["strasbourg"]
    assert desk.scratch() == []
    assert desk.processes_in_scratch() == []


# --- recovery points that are none any more -----------------------------------------------------------------------


@contextlib.contextmanager
def forged_point(desk: Desk, workload: str) -> Iterator[list[str]]:
    """The tags of a newer recovery point of the workload at bordeaux, ``forged``, with the newest one's manifest and no
    data yet. What was backed up with these tags is gone afterwards."""
    newest = [point for point in desk.points("bordeaux") if point.startswith(f"{workload}/")][-1].split("/")[1]
    rows = json.loads(desk.restic("bordeaux", "snapshots", "--json", "--tag", f"point={newest},part=manifest"))
    manifest = desk.restic("bordeaux", "dump", rows[0]["id"], "/manifest.json")
    tags = ["--tag", "albus-dr", "--tag", "runbook=albus", "--tag", f"workload={workload}", "--tag", "point=forged"]
    as_file = ("--stdin", "--stdin-filename", "manifest.json")
    try:
        desk.restic("bordeaux", "backup", *tags, "--tag", "part=manifest", *as_file, stdin=manifest)
        yield tags
    finally:
        desk.restic("bordeaux", "forget", "--tag", "point=forged", "--unsafe-allow-remove-all")


@contextlib.contextmanager
def later_points_forgotten(desk: Desk) -> Iterator[None]:
    """Recovery points that are made meanwhile are gone afterwards, at both sites."""
    before = {site: set(desk.points(site)) for site in ("strasbourg", "bordeaux")}
    try:
        yield
    finally:
        later = {point for site, points in before.items() for point in set(desk.points(site)) - points}
        for id_ in {point.split("/")[1] for point in later}:
            for site in before:
                desk.restic(site, "forget", "--tag", f"point={id_}", "--unsafe-allow-remove-all")


@pytest.mark.parametrize("workload", ["patients", "documents"])
def test_a_deleted_snapshot(desk: Desk, workload: str) -> None:
    with later_points_forgotten(desk):
        assert desk.operate("replicate").code == 0
        point = [each for each in desk.points("bordeaux") if each.startswith(f"{workload}/")][-1].split("/")[1]
        rows = json.loads(desk.restic("bordeaux", "snapshots", "--json", "--tag", f"point={point},part=data"))
        desk.restic("bordeaux", "forget", rows[0]["id"])
        called = desk.operate("drill")
    red(called, 5, workload, "a manifest and no data", point, "A snapshot was deleted")
    assert not [step for step in called.document["steps"] if step["id"].endswith(".restore") and step["attempts"]]


def test_a_dump_cut_short(desk: Desk) -> None:
    newest = [point for point in desk.points("bordeaux") if point.startswith("patients/")][-1].split("/")[1]
    rows = json.loads(desk.restic("bordeaux", "snapshots", "--json", "--tag", f"point={newest},part=data"))
    tree = desk.folder / "dump"
    desk.restic("bordeaux", "restore", rows[0]["id"], "--target", str(tree))
    dump = tree / "patients.dump"
    os.truncate(dump, dump.stat().st_size // 2)
    try:
        with forged_point(desk, "patients") as tags:
            desk.restic("bordeaux", "backup", *tags, "--tag", "part=data", ".", cwd=tree)
            called = desk.operate("drill")
    finally:
        shutil.rmtree(tree)
    red(called, 4, "patients", "the dump could not be restored", "pg_restore")


def test_a_table_that_was_emptied_before_the_backup(desk: Desk) -> None:
    """Somebody said that it is right (--accept-shrunken); the runbook's own question finds that it is not."""
    server = desk.bench.sites["strasbourg"].server
    with later_points_forgotten(desk):
        with server.connect("albus") as connection:
            connection.execute("ALTER TABLE appointment RENAME TO kept")
            connection.execute("CREATE TABLE appointment (LIKE kept INCLUDING ALL)")
        try:
            replicated = desk.operate("replicate", "--accept-shrunken")
            called = desk.operate("drill")
        finally:
            with server.connect("albus") as connection:
                connection.execute("DROP TABLE appointment")
                connection.execute("ALTER TABLE kept RENAME TO appointment")
    assert replicated.code == 0, replicated.said
    red(called, 5, "patients", "FROM appointment", "expected t")


def test_the_repository_of_another_runbook(desk: Desk) -> None:
    playbook = desk.variant("other.yaml", desk.playbook, ("runbook: albus\n", "runbook: clinic\n"))
    called = desk.operate("drill", playbook=playbook)
    red(called, 3, "patients", "holds no recovery point of the runbook clinic", "it holds some of: albus")


# --- the target ---------------------------------------------------------------------------------------------------


def require_namespaces(desk: Desk) -> None:
    """Skips where the host can't make one, and says why."""
    try:
        made = namespace.make(LocalHost(), str(desk.folder), ("sleep", "60"), environment={})
    except NotReadyError as error:
        pytest.skip(error.message)
    os.kill(made.keeper, 9)


@only_root
def test_a_target_that_can_reach_the_network(desk: Desk) -> None:
    """An unshare that says yes and does nothing, as in some containers."""
    require_namespaces(desk)
    programs = desk.folder / "programs"
    programs.mkdir()
    (programs / "unshare").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (programs / "unshare").chmod(0o755)
    called = desk.operate("drill", environment={"PATH": f"{programs}:{os.environ['PATH']}"})
    red(called, 8, "patients, application", "can reach the network", "127.0.0.1:")
    assert not [step for step in called.document["steps"] if step["id"].endswith(".restore") and step["attempts"]]


def test_what_was_restored_calls_nobody_and_does_not_know(desk: Desk) -> None:
    """The copy tries to reach this test before it serves. That is no failure of the drill: the call is lost."""
    require_namespaces(desk)
    wrote = desk.folder / "tried"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        script = desk.folder / "calls.py"
        script.write_text(
            "import os, socket, sys\n"
            f"try: socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 5); said = 'reached'\n"
            "except OSError as error: said = type(error).__name__\n"
            f"open({str(wrote)!r}, 'w').write(said)\n"
            "os.execv(sys.executable, (sys.executable, '-m', 'albus_dr.bench.application', 'serve', *sys.argv[1:]))\n"
        )
        called = desk.operate("drill", config=with_copy(desk, str(script), "--port"))
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert called.code == 0, called.said
    assert wrote.read_text() == "ConnectionRefusedError"
    networks = {
        v["workload"]: v["verdict"] for v in called.document["verifications"] if v["expected"] == "loopback alone"
    }
    assert networks == {"patients": "passed", "application": "passed"}


def with_copy(desk: Desk, *command: str) -> Path:
    """The config with another way to start the copy; the port is the last argument."""
    given = ", ".join(json.dumps(part) for part in (sys.executable, *command))
    usual = '["${ALBUS_DEMO_PYTHON}", -m, albus_dr.bench.application, serve, --port, "{port}"]'
    return desk.variant("config.yaml", desk.config, (usual, f'[{given}, "{{port}}"]'))


# --- the application, the objectives, the cleanup -----------------------------------------------------------------


def test_an_application_that_answers_200_with_an_error_page(desk: Desk) -> None:
    script = desk.folder / "error_page.py"
    script.write_text(
        "import http.server, sys\n"
        "class Page(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'<h1>Internal Server Error</h1>')\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Page).serve_forever()\n"
    )
    called = desk.operate("drill", config=with_copy(desk, str(script)))
    red(called, 5, "application", "GET /agenda/today", "the body is not JSON")
    failed = [step["id"] for step in called.document["steps"] if step["status"] == "failed"]
    assert failed == ["application.verify_copy"], "it was not the runbook's question that found it"


def test_a_copy_that_works_on_the_standby(desk: Desk) -> None:
    """It was left the database of every day, by a Unix socket, which no network cuts off. All its answers are right."""
    standby = desk.bench.sites["bordeaux"].server.url
    usual = 'DATABASE_URL: "{patients}", DOCUMENTS: "{documents}"}\n          health: /health\n'
    # The bench's own health page asks whether a write would be taken; many don't.
    left = usual.replace("{patients}", standby).replace("/health", "/agenda/today")
    config = desk.variant("config.yaml", desk.config, (usual, left))
    text = desk.playbook.read_text()
    rehearse = text[text.index("    rehearse:") : text.index("  door:")]
    called = desk.operate(
        "drill", playbook=desk.variant("unrehearsed.yaml", desk.playbook, (rehearse, "")), config=config
    )
    red(called, 5, "application", "opened the restored patients", "the copy works on something else")
    assert called.document["proof_level"] == "L2"
    assert called.document["proof_levels"] == {"patients": "L2", "documents": "L2", "application": "L1"}
    asked = [each for each in called.document["verifications"] if each["kind"].startswith("GET ")]
    assert {each["verdict"] for each in asked} == {"passed"}


def test_a_marker_older_than_the_rpo(desk: Desk) -> None:
    playbook = desk.variant(
        "strict.yaml", desk.playbook, ("  rpo: 15m\n", "  rpo: 1s\n"), ("    rpo: 15m ", "    rpo: 1s ")
    )
    called = desk.operate("drill", playbook=playbook)
    red(called, 6, "patients", "its newest write is", "the objective is 1.0 s")


def test_a_marker_that_finds_dates_that_lie_ahead(desk: Desk) -> None:
    """Of appointments, say; or of a primary whose clock is ahead. It has said 0 of data of any age."""
    ahead = ("marker: SELECT max(recorded_at) ", "marker: SELECT max(recorded_at) + interval '2 days' ")
    called = desk.operate("drill", playbook=desk.variant("ahead.yaml", desk.playbook, ahead))
    assert (called.code, called.document["verdict"]) == (4, "incomplete"), called.said
    assert called.document["reason"].startswith("patients: the age of its newest write was not measured: it is dated ")
    assert called.document["actuals"]["rpa_s"] is None
    assert "patients" not in called.document["actuals"]["rpa_by_workload"]


def test_a_step_over_its_budget(desk: Desk) -> None:
    letters = '  letters:\n    kind: command\n    timeout: 2s\n    drill: {verify: [sleep, "600"]}\n'
    playbook = desk.variant("slow.yaml", desk.playbook, ("\nworkloads:\n", f"\nworkloads:\n{letters}"))
    called = desk.operate("drill", playbook=playbook)
    red(called, 4, "letters", "sleep did not end within ")  # what is left of its 2 s


@only_root
def test_a_failed_cleanup(desk: Desk) -> None:
    """Something is mounted in the target: it can't be removed. Once it is gone, resume cleans up."""
    held = 'd={}/scratch/${{ALBUS_DR_RUN##*-}}/held; mkdir "$d" && mount -t tmpfs tmpfs "$d"'
    script = held.format(desk.bench.sites["bordeaux"].directory)
    step = f"  - {{name: Hold, run: [sh, -c, {json.dumps(script)}], after: documents, in: [drill]}}"
    called = desk.operate("drill", playbook=desk.with_step("held.yaml", step))
    if "own.hold failed" in called.said:
        pytest.skip("no file system can be mounted here")
    (left,) = desk.scratch()
    place = desk.bench.sites["bordeaux"].directory / "scratch" / left
    try:
        assert called.code == 7, called.said
        assert first_line(called).startswith("✗ Failed. cleanup failed: ")
        for word in ("patients, documents", str(place)):
            assert word in first_line(called)
        assert called.document["residue"] == [str(place)]
        assert desk.processes_in_scratch() == []
    finally:
        subprocess.run(("umount", str(place / "held")), check=True, timeout=10)
    resumed = desk.call("resume", called.document["run"], "--json")
    assert resumed.code == 0, resumed.said
    assert resumed.document["residue"] == []


# --- older recovery points ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def a_newer_point(desk: Desk) -> Iterator[None]:
    """A newer recovery point of everything, for as long as the block lasts."""
    before = {site: desk.points(site) for site in ("strasbourg", "bordeaux")}
    try:
        replicated = desk.operate("replicate")
        assert replicated.code == 0, replicated.said
        yield
    finally:
        for site, points in before.items():
            for point in set(desk.points(site)) - set(points):
                desk.restic(site, "forget", "--tag", f"point={point.split('/')[1]}", "--unsafe-allow-remove-all")


def restored(desk: Desk, run: str) -> dict[str, str]:
    """By workload: the recovery point that the run restored."""
    events = [event for event in desk.events(run) if event["kind"] == "StepSucceeded"]
    return {
        event["step"].partition(".")[0]: event["data"]["facts"]["point"]
        for event in events
        if event["step"].endswith(".restore")
    }


def test_older_recovery_points_are_restored_and_say_nothing_about_the_rpo(desk: Desk) -> None:
    first = dict(point.split("/") for point in desk.points("bordeaux"))
    between = datetime.now(UTC).isoformat()
    with a_newer_point(desk):
        newest = dict(point.split("/") for point in desk.points("bordeaux"))
        assert set(first.values()).isdisjoint(newest.values())
        by_id = desk.operate("drill", "--point", first["documents"])
        sampled = desk.operate("drill", "--all-points", "5", "--seed", "4711")
        by_time = desk.operate("drill", "--point", between)
        by_chance = desk.operate("drill", "--point", "random")
        unknown = desk.operate("drill", "--point", "20200101T000000Z-abcdef")

    assert by_id.code == 0, by_id.said
    document = by_id.document
    assert restored(desk, document["run"]) == first
    assert (document["point"], document["verdict"]) == (first["documents"], "passed")
    assert document["actuals"]["rpa_s"] is None
    assert document["actuals"]["rta_s"] > 0
    assert verdicts(document) == {"passed"}

    assert by_time.code == 0, by_time.said
    assert restored(desk, by_time.document["run"]) == first
    assert (by_time.document["point"], by_time.document["actuals"]["rpa_s"]) == (between, None)

    assert sampled.code == 0, sampled.said
    (only,) = sampled.document["runs"]
    assert (sampled.document["schema"], sampled.document["seed"]) == ("albus-dr/drills/1", 4711)
    assert restored(desk, only["run"]) == first
    assert "there are 1 older recovery points: each is drilled" in sampled.err
    assert "1 of 1 older recovery points passed (--seed 4711 chooses the same ones)" in sampled.err

    assert by_chance.code == 0, by_chance.said
    chosen = restored(desk, by_chance.document["run"])
    assert chosen in (first, newest)
    printed = re.search(r"the recovery point (\S+) was chosen by chance; --seed (\d+) chooses it again", by_chance.err)
    assert printed, by_chance.said
    assert printed[1] == chosen["patients"]
    assert chosen_by_chance((first["patients"], newest["patients"]), int(printed[2]), 1) == (printed[1],)

    assert unknown.code == 2, unknown.said
    assert "no workload has this recovery point" in unknown.err
    compliance = desk.call("compliance", str(desk.playbook), "--config", str(desk.config), "--json")
    decisive = compliance.document["drill"]
    assert not decisive or decisive["run"] not in (document["run"], only["run"], by_chance.document["run"])
