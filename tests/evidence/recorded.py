"""A drill's journal in which everything happened, with a secret and a patient's name wherever free text can stand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from albus_dr.cli.common import load_runbook
from albus_dr.evidence.predicate import Surroundings, Tool, predicate
from albus_dr.journal.event import Event
from albus_dr.journal.store import JournalStore
from albus_dr.plan.build import build
from albus_dr.workloads.registry import kinds

TOP = Path(__file__).resolve().parents[2]
RUN = "drill-20260301T040000Z-0badcafe"
PATIENT, SECRET = "Zéphyrine Quarkmarten", "s3cr3t-kumquat-7719"
FREE = f"row of {PATIENT}, opened with {SECRET}"
DIRECTORY = "/var/lib/albus-dr/scratch/0badcafe"
SITES = {
    "strasbourg": {"latitude": 48.5734, "longitude": 7.7521, "country": "FR", "provider": "Hosting A", "account": "a-1",
                   "certificate": "HDS"},
    "bordeaux": {"latitude": 44.8378, "longitude": -0.5792, "country": "FR", "provider": "Hosting B", "account": "b-1",
                 "certificate": ""},
    "distance_km": 759.6,
}  # fmt: skip
# What is written among the options because albus-dr found it in its history: nobody said it.
FOUND = {"epoch_seen": 2, "backed_up": {"patients": "7301"}, "returned_unkept": True}
AROUND = Surroundings(
    datetime(2026, 3, 2, 9, 0, tzinfo=UTC), "0.1.0", (Tool("restic", "0.18.0", None), Tool("rclone", None, "not found")),
)  # fmt: skip


def events(folder: Path) -> tuple[Event, ...]:
    """The events of the run, from a real journal in the folder."""
    loaded = load_runbook(TOP / "playbooks" / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False)
    plan = build(loaded.runbook, "drill", source="strasbourg", target="bordeaux", kinds=kinds())
    store = JournalStore(f"sqlite:///{folder / 'engine.sqlite'}", folder)
    try:
        store.append(RUN, "RunDeclared", {
            "runbook": "albus", "description": "Appointments", "operation": "drill", "scenario": None,
            "plan": plan.to_json(), "plan_digest": plan.digest, "source": "strasbourg", "target": "bordeaux",
            "operator": "ana@ops1", "version": "0.1.0", "options": {"accept_shrunken": False, "point": "latest", **FOUND}, "sites": SITES,
            "repository": {"commit": "4f" * 20, "runbook_is_committed": True, "reason": ""},
            "objectives": {"rto_s": 14400.0, "rpo_s": 900.0, "clock": "disruption", "drill_every_s": 31536000.0,
                           "distance_km": 500.0},
            "notes": [FREE],
        })  # fmt: skip
        store.append(RUN, "RunStarted", {})
        store.append(RUN, "ClockRecorded", {"clock": "disrupted_at", "at": "2026-03-01T04:00:00+00:00"})
        for step in plan.steps:
            store.append(RUN, "StepIntended", {"attempt": 1}, step=step.id)
            if step.id == "documents.compare":
                store.append(RUN, "StepAttemptFailed", {"error": FREE, "attempt": 1}, step=step.id)
                store.append(RUN, "StepUnknown", {"reason": FREE, "hint": FREE}, step=step.id)
                store.append(RUN, "StepDecided", {"decision": "done", "who": "ben@ops1", "why": "looked"}, step=step.id)
                store.append(RUN, "RunResumed", {"operator": "ben@ops1", "version": "0.2.0"})
                store.append(RUN, "StepIntended", {"attempt": 2}, step=step.id)
            if step.id == "application.start_copy":
                store.append(RUN, "ApprovalRequested", {"expires_at": "2026-03-01T05:00:00+00:00"}, step=step.id)
                store.append(RUN, "ApprovalGiven", {"who": "eva@ops2", "why": "read it"}, step=step.id)
            store.append(RUN, "StepSucceeded", _outcome(step.id), step=step.id)
        for clock, minute in (("data_recovered_at", 5), ("service_verified_at", 9)):
            store.append(RUN, "ClockRecorded", {"clock": clock, "at": f"2026-03-01T04:{minute:02}:00+00:00"})
        store.append(RUN, "RunEnded", {
            "verdict": "passed", "exit_code": 0, "reason": FREE, "proof_level": "L3", "residue": [], "notes": [FREE],
            "actuals": {"rta_s": 540.0, "rpa_s": 61.5, "rpa_by_workload": {"patients": 61.5}, "client_downtime_s": None,
                        "acknowledged_writes": None, "lost_writes": None},
        })  # fmt: skip
        return store.events(RUN)
    finally:
        store.close()


POINT = {
    "point": "20260301T035000Z-0a1b2c3d", "point_at": "2026-03-01T03:50:00.120000+00:00", "data_snapshot": "ab" * 32,
    "manifest_snapshot": "cd" * 32,
}  # fmt: skip


def _outcome(step: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"said": FREE, "notes": [FREE]}
    if step == "cleanup":
        facts |= {"removed": DIRECTORY, "removed_at": "2026-03-01T04:10:00.000Z", "residue": []}
    if step in ("patients.ready_to_restore", "documents.ready_to_restore"):
        facts |= {"programs": [{"name": "restic", "version": "0.18.0", "host": "db2"}], **POINT}
    if step == "patients.compare":
        facts |= {"programs": [{"name": "PostgreSQL", "version": "15.18 (Debian 15.18-0+deb12u1)", "host": "db2"}]}
    return {
        "facts": facts, "adopted": step == "isolate", "duration_s": 1.25,
        "verifications": [
            {"workload": step.partition(".")[0], "kind": kind, "expected": expected, "actual": actual, "verdict": verdict}
            for kind, expected, actual, verdict in _COMPARED.get(step, ())
        ],
    }  # fmt: skip


_COMPARED = {
    "patients.compare": (
        ("rows and checksum of patient", "4000 rows, checksum 0a1b2c3d", "4000 rows, checksum 0a1b2c3d", "passed"),
        ("SELECT count(*) FROM patient", "4000", "4000", "passed"),
        ("SELECT name FROM patient LIMIT 1", PATIENT, PATIENT, "passed"),
        ("SELECT phone FROM patient LIMIT 1", "0612345678", "0612345678", "passed"),
        ("SELECT count(*) FROM invoice", "the manifest", "no recovery point has an answer to compare with", "not_evaluated"),
    ),
    "application.verify_copy": (
        ("GET /agenda/today", "status 200, length(appointments) > `0`", "status 200, length(appointments) > `0`", "passed"),
        ("GET /patients/1", "status 200", f"status 500: {FREE}", "failed"),
    ),
}  # fmt: skip


def recorded(folder: Path, *profiles: str) -> dict[str, Any]:
    """The predicate of the run."""
    return predicate(events(folder), AROUND, profiles)
