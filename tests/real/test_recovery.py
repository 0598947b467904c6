"""Good days and the worst one: replicate again, drill without the primary, lose it for good, fail over."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from psycopg import sql

from albus_dr.journal.state import CLOCKS
from albus_dr.report.french import FRENCH
from tests.real.operator_desk import ROOT, Desk, assert_no_secret_in, ended, running, verdicts

pytestmark = pytest.mark.real

SCHEMA = json.loads((ROOT / "albus_dr" / "journal" / "run.schema.json").read_text())


def stored_bytes(desk: Desk, site: str) -> int:
    """What the site's S3 server holds."""
    return sum(path.stat().st_size for path in (desk.bench.sites[site].directory / "s3").rglob("*") if path.is_file())


def test_a_second_replicate_stores_little_and_its_copy_is_verified(desk: Desk) -> None:
    before = stored_bytes(desk, "bordeaux")
    points = desk.points("bordeaux")
    with running(desk.begin(*desk.operation("replicate", "--json", "-v"))) as child:
        arguments = watch_arguments(child)
        called = ended(child)
    assert called.code == 0, called.said
    document = called.document
    jsonschema.validate(document, SCHEMA)
    assert document["verdict"] == "passed"
    assert document["actuals"]["rta_s"] is None, "replicate recovers nothing: it has no recovery time"
    arrived = {v["workload"]: v for v in document["verifications"] if v["kind"] == "recovery point at the other site"}
    assert set(arrived) == {"patients", "documents"}
    for verification in arrived.values():
        assert verification["verdict"] == "passed"
        assert verification["expected"] == verification["actual"]
    now = desk.points("bordeaux")
    assert now[: len(points)] == points
    assert sorted(point.split("/")[0] for point in now[len(points) :]) == ["documents", "patients"]
    assert {v["actual"] for v in arrived.values()} == {point.split("/")[1] for point in now[len(points) :]}
    assert stored_bytes(desk, "bordeaux") - before < before / 2
    assert "pg_dump" in arguments, "nothing was seen of what replicate starts"
    assert "restic" in arguments
    assert_no_secret_in(desk.state, desk, arguments, called.said)


def watch_arguments(child: subprocess.Popen[str]) -> str:
    """The arguments of everything that ran on this machine while the child did: everybody may see them."""
    seen: set[bytes] = set()
    while child.poll() is None:
        for place in Path("/proc").iterdir():
            if place.name.isdigit():
                with contextlib.suppress(OSError):
                    seen.add((place / "cmdline").read_bytes())
        time.sleep(0.002)
    return b"\n".join(seen).decode(errors="replace")


class Ears:
    """Listens in place of a site that is gone, and counts who came."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @contextmanager
    def at(self, name: str, listener: socket.socket) -> Iterator[None]:
        listener.listen()
        listener.settimeout(0.1)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    listener.accept()[0].close()
                except TimeoutError:
                    continue
                self.heard.append(name)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            listener.close()


def on_port(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def on_path(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener


def follow(desk: Desk, conninfo: str) -> str:
    """Tell the standby whom to follow, nobody by an empty text; whom it followed before."""
    with desk.bench.sites["bordeaux"].server.connect() as connection:
        row = connection.execute("SHOW primary_conninfo").fetchone()
        assert row is not None
        connection.execute(sql.SQL("ALTER SYSTEM SET primary_conninfo = {}").format(sql.Literal(conninfo)))
        connection.execute("SELECT pg_reload_conf()")
    return str(row[0])


def test_a_drill_passes_without_the_primary_and_asks_it_nothing(desk: Desk) -> None:
    bench = desk.bench
    strasbourg = bench.sites["strasbourg"]
    bench.stop_traffic()  # the nurses and the standby would knock as well
    bench.stop_site("strasbourg")
    conninfo = follow(desk, "")
    ears = Ears()
    with ExitStack() as stack:
        stack.enter_context(ears.at("PostgreSQL", on_port(strasbourg.server.port)))
        stack.enter_context(ears.at("S3", on_port(strasbourg.store.port)))
        stack.enter_context(ears.at("the application", on_port(strasbourg.application.port)))
        by_path = strasbourg.server.socket / f".s.PGSQL.{strasbourg.server.port}"
        by_path.unlink(missing_ok=True)
        stack.enter_context(ears.at("PostgreSQL's socket", on_path(by_path)))
        known = {pid for _, pid in bench.processes()}
        ears.heard.clear()
        called = desk.operate("drill")
        heard = list(ears.heard)
    by_path.unlink()
    follow(desk, conninfo)
    assert called.code == 0, called.said
    document = called.document
    jsonschema.validate(document, SCHEMA)
    assert heard == []
    assert document["verdict"] == "passed"
    assert document["residue"] == []
    assert document["proof_level"] == "L3"
    assert document["actuals"]["rta_s"] > 0
    assert document["actuals"]["rpa_s"] > 0
    assert {v["workload"] for v in document["verifications"]} >= {"patients", "documents", "application"}
    assert verdicts(document) == {"passed"}
    assert desk.scratch() == []
    assert desk.processes_in_scratch() == []
    assert {pid for _, pid in bench.processes()} <= known
    assert desk.primaries() == []
    assert desk.promotions("bordeaux") == 0


def test_a_runbook_of_data_alone_has_drills_that_pass(desk: Desk) -> None:
    """Without an application the recovery time ends where the data were verified, and that is said."""
    whole = desk.playbook.read_text()
    playbook = desk.folder / "data-alone.yaml"
    playbook.write_text(whole[: whole.index("  application:")])

    drill = desk.operate("drill", playbook=playbook)

    assert drill.code == 0, drill.said
    assert drill.document["verdict"] == "passed"
    assert drill.document["proof_level"] == "L2"
    assert drill.document["actuals"]["rta_s"] > 0
    assert drill.document["clocks"]["service_verified_at"] is None
    report = desk.state / "runs" / drill.document["run"] / "report.md"
    assert "the recovery time ends where the data were verified" in report.read_text()


def test_failover_after_the_site_is_destroyed_loses_nothing(desk: Desk) -> None:
    bench = desk.bench
    bench.start_site("strasbourg")
    bench.sites["strasbourg"].server.wait_for_standby("bordeaux", synchronous=True)
    application = bench.sites["strasbourg"].directory / "application.json"
    started = desk.run_python("albus_dr.bench.application", "start", str(application))
    assert started.code == 0, started.said
    bench.start_traffic()
    bench.destroy_site("strasbourg")
    called = desk.operate("failover", "--disrupted-at", datetime.now(UTC).isoformat())
    assert called.code == 0, called.said
    document = called.document
    jsonschema.validate(document, SCHEMA)
    assert document["verdict"] == "passed"
    assert document["proof_level"] == "L4"
    actuals = document["actuals"]
    assert actuals["lost_writes"] == 0
    assert actuals["acknowledged_writes"] > 0
    assert actuals["rta_s"] > 0
    assert actuals["rpa_s"] > 0
    assert actuals["client_downtime_s"] > 0
    unknown = {name for name, at in document["clocks"].items() if at is None}
    assert unknown == {"detected_at", "approved_at"}, "nobody said when it was noticed, and nobody was asked"
    times = [datetime.fromisoformat(at) for at in document["clocks"].values() if at is not None]
    assert all(early < late for early, late in pairwise(times)), "in the order of the design, and no stage took no time"
    assert tuple(document["clocks"]) == CLOCKS
    assert desk.promotions("bordeaux") == 1


@pytest.mark.parametrize("name", ["report.html", "report.json", "report.md", "junit.xml", "journal.jsonl"])
def test_every_run_left_private_reports(desk: Desk, name: str) -> None:
    for run in desk.runs():
        path = desk.state / "runs" / run / name
        assert path.stat().st_size > 0
        assert path.stat().st_mode & 0o077 == 0
    assert desk.state.stat().st_mode & 0o077 == 0


def test_the_reports_of_these_runs_have_french_for_everything_that_the_program_wrote(desk: Desk) -> None:
    """What the runbook asks for, as SQL or a path, is quoted in every language."""
    runbook = desk.playbook.read_text()
    for run in desk.runs():
        document = desk.document(run)
        kinds = {found["kind"] for found in document["verifications"] if found["kind"].partition(" ")[2] not in runbook}
        told = {*document["notes"], *(step["title"] for step in document["steps"]), *kinds}
        assert told
        assert sorted(text for text in told if not FRENCH.knows(text)) == []
        answers = {found[key] for found in document["verifications"] for key in ("expected", "actual")}
        assert "gives " not in " ".join(map(FRENCH.retold, answers))


def test_no_secret_is_in_anything_that_was_written(desk: Desk) -> None:
    assert_no_secret_in(desk.state, desk)
