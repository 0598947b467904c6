"""Drill by hand, with the program calls of `albus-dr drill` and its parallelism: restore into a new server and a new
directory, compare with the manifests, start the application on it, ask it, remove everything.

    python -m benchmarks.by_hand.drill DIRECTORY    new, and short: a socket lies in it

Waits and checks where a careful script would: a call that fails ends it, and differences are printed and end it with 1.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.by_hand.calls import BIN, DEMO, PYTHON, QUESTIONS, USER, postgres, psql, run, wait_for

SECRETS = DEMO / "secrets"
RESTIC = {
    "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{os.environ['BORDEAUX_S3_PORT']}/albus/backups",
    "RESTIC_PASSWORD_FILE": str(SECRETS / "restic"),
    "AWS_ACCESS_KEY_ID": (SECRETS / "bordeaux-access-key").read_text(),
    "AWS_SECRET_ACCESS_KEY": (SECRETS / "bordeaux-secret-key").read_text(),
}
SERVER = (
    "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off "
    "-c max_wal_size=8GB -c maintenance_work_mem=256MB -c wal_level=minimal -c max_wal_senders=0"
)
TABLES = (
    "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
    "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
)
SETTINGS = (
    "SET TimeZone='UTC'", "SET DateStyle='ISO'", "SET IntervalStyle='postgres'", "SET extra_float_digits=1",
    "SET bytea_output='hex'",
)  # fmt: skip


# A nurse's day, as the playbook rehearses it: what it reads. What it writes follows.
REHEARSED = ("/agenda/today", "/patients/1", "/patients/1/documents/1", "/invoices/1")


class Different(Exception):
    """What was restored is not what was saved."""


def restic(*arguments: str) -> str:
    """What restic prints, at Bordeaux."""
    return run("restic", "-o", "s3.connections=8", *arguments, environment=RESTIC)


def newest(workload: str) -> dict[str, Any]:
    """Find the newest recovery point's manifest and read it; ``data`` is the snapshot to restore."""
    rows = json.loads(restic("snapshots", "--json", "--tag", f"albus-dr,runbook=albus,workload={workload}"))
    rows.sort(key=lambda row: row["time"])
    manifest = next(row for row in reversed(rows) if "part=manifest" in row["tags"])
    point = next(tag for tag in manifest["tags"] if tag.startswith("point="))
    data = next(row for row in rows if point in row["tags"] and "part=data" in row["tags"])
    return {**json.loads(restic("dump", manifest["id"], "/manifest.json")), "data": data["id"]}


def restore_patients(directory: Path, point: dict[str, Any]) -> None:
    """A server without a network, filled from the dump, then counted."""
    base = directory / "patients"
    run("install", "-d", "-m", "700", *(("-o", USER) if USER else ()), str(base))
    postgres("initdb", "-D", str(base / "data"), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
             "--locale=C.UTF-8", "--no-sync")  # fmt: skip
    dump = directory / "patients.dump"
    restic("restore", point["data"], "--json", "--target", str(dump))
    options = f"{SERVER} -c unix_socket_directories='{base}'"
    postgres("pg_ctl", "start", "-w", "-s", "-D", str(base / "data"), "-l", str(base / "data" / "log"), "-o", options)
    ask(base, 'CREATE DATABASE "albus" TEMPLATE template0', database="postgres")
    run(str(BIN / "pg_restore"), "-h", str(base), "-p", "5432", "-U", "postgres", "-d", "albus", "--no-owner",
        "--no-privileges", "--exit-on-error", "-j", "2", str(dump / "patients.dump"))  # fmt: skip
    ask(base, "ANALYZE")
    ask(base, "SELECT max(recorded_at) FROM visit")
    union = " UNION ALL ".join(
        f"SELECT '{name}', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {name} t"  # noqa: S608  # quoted by quote_ident
        for name in ask(base, TABLES).splitlines()
    )
    rows = (line.split("|") for line in ask(base, *SETTINGS, union).splitlines())
    found = {name: {"rows": int(count), "checksum": checksum} for name, count, checksum in rows}
    if found != point["tables"]:
        raise Different("the tables")
    ask(base, "SELECT count(last_value) FROM pg_sequences", "SELECT count(*) FROM pg_largeobject_metadata")
    for question, answer in point["answers"].items():
        if ask(base, question) != answer:
            raise Different(question)
    ask(base, "SELECT max(starts_at) > now() - interval '2 days' FROM appointment")


def check_pages(directory: Path) -> None:
    """Every page and index, once the questions are answered."""
    run(str(BIN / "pg_amcheck"), "--host", str(directory / "patients"), "--port", "5432", "--username", "postgres",
        "--no-password", "--install-missing", "--jobs", str(max(2, os.cpu_count() or 2)), "--database", "albus")  # fmt: skip


def ask(base: Path, *statements: str, database: str = "albus") -> str:
    """What the restored server answers."""
    return psql(base, 5432, statements, database)


def restore_documents(directory: Path, point: dict[str, Any]) -> None:
    """The tree, and every file's SHA-256."""
    target = directory / "documents"
    target.mkdir(mode=0o700)
    restic("restore", point["data"], "--json", "--target", str(target))
    names = run("find", str(target), "-type", "f", "-printf", "%P\\0").split("\0")[:-1]
    hashes = run("xargs", "-0", "-n", "256", "sha256sum", "-z", "--", cwd=target, stdin="\0".join(sorted(names)) + "\0")
    found = {name: digest for digest, name in (line.split("  ", 1) for line in hashes.split("\0") if line)}
    if found != {name: entry["sha256"] for name, entry in point["files"].items()}:
        raise Different("the documents")


def ask_application(directory: Path) -> None:
    """Start it on what was restored, ask it as users would, end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    uri = f"postgresql://postgres@/albus?host={directory / 'patients'}&port=5432"
    with subprocess.Popen(
        (PYTHON, "-m", "albus_dr.bench.application", "serve", "--port", str(port)), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=directory,
        env={**os.environ, "DATABASE_URL": uri, "DOCUMENTS": str(directory / "documents")},
    ) as process:  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/health")
            get(port, *QUESTIONS)
            with ThreadPoolExecutor(1) as pool:
                pages = pool.submit(check_pages, directory)
                get(port, *REHEARSED)
                visit = {"number": 999_999_999, "patient_id": 1, "note": "wound is healing", "amount_cents": 4200}
                get(port, "/visits", post=visit)
                pages.result()
        finally:
            process.kill()


def get(port: int, *paths: str, post: object = None) -> None:
    """One call of curl for each path."""
    sent = () if post is None else ("--json", json.dumps(post))
    for path in paths:
        run("curl", "-fsS", "--max-time", "15", "-o", "/dev/null", *sent, f"http://127.0.0.1:{port}{path}")


def main(directory: Path) -> None:
    """From nothing to a tried copy, and back to nothing."""
    with ThreadPoolExecutor(2) as pool:

        def both(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
            jobs = pool.submit(first), pool.submit(second)
            return jobs[0].result(), jobs[1].result()

        patients, documents = both(lambda: newest("patients"), lambda: newest("documents"))
        run("df", "--output=avail", "-B1", "--", str(directory.parent))
        directory.mkdir(mode=0o711)
        both(lambda: restore_patients(directory, patients), lambda: restore_documents(directory, documents))
    ask_application(directory)
    postgres("pg_ctl", "stop", "-m", "immediate", "-w", "-s", "-D", str(directory / "patients" / "data"))
    shutil.rmtree(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
