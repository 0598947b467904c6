"""The bench while nothing is wrong, and the promises that its parts make: an acknowledged write is kept or missed."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count as counting
from pathlib import Path

import pytest

from albus_dr.bench.patients import document_path
from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench
from albus_dr.bench.traffic import RECORD, count
from albus_dr.errors import RefusedError, UsageError
from tests.bench.bench_client import get_json, request

pytestmark = pytest.mark.real
NUMBERS = counting(10**9)  # far from the traffic's own


def visit(number: int, patient_id: int = 1) -> bytes:
    return json.dumps({"number": number, "patient_id": patient_id, "note": "a test", "amount_cents": 2150}).encode()


def test_the_door_serves_what_the_runbook_verifies(bench: Bench) -> None:
    assert get_json(f"{bench.url}/agenda/today")["appointments"]
    assert get_json(f"{bench.url}/invoices/1")["amount_cents"] > 0
    patient = get_json(f"{bench.url}/patients/1")
    document = patient["documents"][-1]
    status, content = request("GET", f"{bench.url}/patients/1/documents/{document['id']}")
    assert status == 200
    assert hashlib.sha256(content).hexdigest() == document["sha256"]
    assert request("GET", f"{bench.url}/patients/2/documents/{document['id']}")[0] == 404


def test_a_write_is_done_once(bench: Bench) -> None:
    number = next(NUMBERS)
    assert request("POST", f"{bench.url}/visits", visit(number))[0] == 201
    assert request("POST", f"{bench.url}/visits", visit(number))[0] == 200
    with bench.sites[PRIMARY].server.connect() as database:
        query = "SELECT count(*), sum(amount_cents) FROM visit JOIN invoice ON visit_id = visit.id WHERE number = %s"
        assert database.execute(query, (number,)).fetchone() == (1, 2150)
    assert request("POST", f"{bench.url}/visits", visit(next(NUMBERS), patient_id=99_999_999))[0] == 422


def test_the_standby_confirms_every_commit(bench: Bench) -> None:
    with bench.sites[PRIMARY].server.connect() as database:
        query = """SELECT sync_state, slot_name FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid
                   WHERE application_name = %s"""
        assert database.execute(query, (SECONDARY,)).fetchone() == ("sync", f"albus_{SECONDARY}")
    with bench.sites[SECONDARY].server.connect() as database:
        assert database.execute(
            "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names')"
        ).fetchone() == (True, "")


def test_an_uploaded_document_survives_the_loss_of_the_folder(bench: Bench) -> None:
    number, content = next(NUMBERS), b"wound, day 3" * 500
    status, answer = request("POST", f"{bench.url}/patients/1/documents", content, number=number)
    assert status == 201
    document_id = json.loads(answer)["id"]
    path = document_path(bench.sites[PRIMARY].documents, document_id)
    assert path.read_bytes() == content
    for damage in (path.unlink, lambda: path.write_bytes(b"somebody else's")):
        damage()
        assert request("GET", f"{bench.url}/patients/1/documents/{document_id}") == (200, content)
        assert path.read_bytes() == content
    assert request("POST", f"{bench.url}/patients/1/documents", content, number=number)[0] == 200
    assert request("POST", f"{bench.url}/patients/1/documents", b"other", number=number)[0] == 409
    assert request("POST", f"{bench.url}/patients/1/documents", content)[0] == 400


def test_count_sees_what_was_lost(bench: Bench) -> None:
    directory = bench.directory / "traffic"
    before = count(directory)
    assert before["acknowledged_writes"] > 0
    assert before["lost_writes"] == 0
    assert before["client_downtime_s"] >= 0
    acknowledged = [json.loads(line) for line in (directory / RECORD).read_text().splitlines()]
    number = next(line["number"] for line in acknowledged if line["kind"] == "visit")
    with bench.sites[PRIMARY].server.connect() as database:
        database.execute("DELETE FROM invoice USING visit WHERE visit.id = visit_id AND number = %s", (number,))
        assert count(directory)["lost_writes"] == 1
        database.execute(
            "INSERT INTO invoice (visit_id, amount_cents) SELECT id, 1 FROM visit WHERE number = %s", (number,)
        )
        assert count(directory)["lost_writes"] == 0
        database.execute("INSERT INTO document (number, patient_id, name, sha256, size, content)"
                         " VALUES (1, 1, 'never acknowledged', '', 0, '')")  # fmt: skip
        assert count(directory)["lost_writes"] == 0


def test_count_as_a_command_prints_one_object(bench: Bench) -> None:
    command = (sys.executable, "-m", "albus_dr.bench.traffic", "count", str(bench.directory / "traffic"))
    done = subprocess.run(command, timeout=60, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout).keys() == {
        "acknowledged_writes", "lost_writes", "client_downtime_s", "gap_started_at", "reads", "failed_reads"
    }  # fmt: skip


@pytest.fixture
def alone(bench: Bench) -> Iterator[Bench]:
    """The primary without its standby, for a moment."""
    bench.cut_power(SECONDARY)
    yield bench
    bench.start_site(SECONDARY)
    bench.sites[PRIMARY].server.wait_for_standby(SECONDARY, synchronous=True)


def test_what_the_other_site_does_not_have_is_not_acknowledged(alone: Bench) -> None:
    number = next(NUMBERS)
    results: list[int | None] = []

    def post() -> None:
        try:
            results.append(request("POST", f"{alone.url}/visits", visit(number))[0])
        except http.client.HTTPException:
            results.append(None)

    writer = threading.Thread(target=post)
    writer.start()
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with alone.sites[PRIMARY].server.connect() as database:
        while writer.is_alive():  # a cancelled wait commits here alone: the server only warns
            for (pid,) in database.execute(waiting).fetchall():
                database.execute("SELECT pg_cancel_backend(%s)", (pid,))
    writer.join()
    assert results in ([503], [504], [None])
    assert request("GET", f"{alone.url}/health")[0] == 200
    assert get_json(f"{alone.url}/agenda/today")["appointments"]


def test_the_environment_is_a_file_to_source(bench: Bench) -> None:
    command = ("sh", "-c", '. "$1/environment" && env', "sh", str(bench.directory))
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout
    exported = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    assert bench.environment().items() <= exported.items()


def test_another_process_finds_the_same_bench(bench: Bench) -> None:
    attached = Bench.attach(bench.directory)
    assert attached.url == bench.url
    assert {name for name, _ in attached.processes()} == {
        "traffic", "door", f"application at {PRIMARY}",
        *(f"{part} at {site}" for part in ("PostgreSQL", "s3") for site in (PRIMARY, SECONDARY)),
    }  # fmt: skip


def test_nothing_is_open_to_others(bench: Bench) -> None:
    """Not even a name can be listed; what is below a directory that others can't enter need not be looked at."""
    for folder, subfolders, files in os.walk(bench.directory):
        inside = [Path(folder, name) for name in (*subfolders, *files)]
        open_to_others = [path for path in inside if path.stat().st_mode & (0o066 if path.is_dir() else 0o077)]
        assert open_to_others == []
        subfolders[:] = [path.name for path in inside if path.is_dir() and path.stat().st_mode & 0o011]
    assert bench.directory.stat().st_mode & 0o066 == 0


def test_no_secret_is_in_an_argument(bench: Bench) -> None:
    values = [path.read_bytes() for path in (bench.directory / "secrets").iterdir()]
    for _, pid in bench.processes():
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(value in arguments for value in values)


def test_a_bench_that_runs_is_neither_made_again_nor_deleted(bench: Bench) -> None:
    with pytest.raises(UsageError, match="not empty"):
        Bench.create(bench.directory)
    with pytest.raises(UsageError, match="started before"):
        bench.start()
    with pytest.raises(RefusedError, match="still runs"):
        bench.remove()
