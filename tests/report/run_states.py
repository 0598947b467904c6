"""Runs as the journal would fold them: one that passed, one that failed, one in progress, one with nothing measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from albus_dr.journal.state import CLOCKS, Creation, RunState, StepState, VerificationState

ZERO = datetime(2026, 1, 31, 9, 14, 3, 120_000, tzinfo=UTC)
SITES: dict[str, Any] = {
    "strasbourg": {
        "latitude": 48.5734, "longitude": 7.7521, "country": "FR", "provider": "demo", "account": "strasbourg",
        "certificate": "",
    },
    "bordeaux": {
        "latitude": 44.8378, "longitude": -0.5792, "country": "FR", "provider": "demo", "account": "bordeaux",
        "certificate": "",
    },
    "distance_km": 759.6,
}  # fmt: skip
STEPS = (
    ("run.preflight", "What patients at bordeaux has; what would be lost", "", "bordeaux", "run.preflight", (), 0.05, 0.32),
    ("patients.fence", "Prove that strasbourg can't write", "", "strasbourg", "run.fence", ("run.preflight",), 0.33, 0.61),
    ("patients.promote", "Promote patients at bordeaux", "patients", "bordeaux", "postgres.promote",
     ("patients.fence",), 0.62, 0.98),
    ("documents.restore", "Restore documents at bordeaux", "documents", "bordeaux",
     "files.restore", ("patients.fence",), 0.62, 1.47),
    ("patients.verify", "Ask patients at bordeaux what it must know", "patients", "bordeaux", "postgres.verify", ("patients.promote",),
     0.99, 1.20),
    ("application.start", "Start application at bordeaux", "application", "bordeaux", "service.start",
     ("patients.verify", "documents.restore"), 1.48, 1.95),
    ("application.verify", "Ask application at bordeaux", "application", "bordeaux", "service.verify",
     ("application.start",), 1.96, 2.02),
    ("door.switch", "Open the door to bordeaux", "door", "bordeaux", "traffic.switch",
     ("application.verify",), 2.03, 2.06),
    ("door.verify", "Come in by the door", "door", "bordeaux", "traffic.verify",
     ("door.switch",), 2.07, 2.31),
)  # fmt: skip


def after(seconds: float) -> datetime:
    """A moment, counted from the disruption."""
    return ZERO + timedelta(seconds=seconds)


def bare(operation: str = "failover") -> RunState:
    """A declared run in which nothing has happened and nothing is measured."""
    steps = {
        id_: StepState(id_, title, workload, site, action, tuple(needs))
        for id_, title, workload, site, action, needs, _, _ in STEPS
    }
    return RunState(
        run="2026-01-31-failover-7f3a", runbook="albus",
        description={"en": "Appointments and billing", "fr": "Rendez-vous et facturation"}, operation=operation,
        scenario=None, plan_digest="9f2c" * 16, source="strasbourg", target="bordeaux", rto_s=14400.0, rpo_s=900.0,
        clock="disruption", steps=steps, sites=SITES, events=1, last_hash="ab12" * 16,
    )  # fmt: skip


def passed() -> RunState:
    """A failover that worked: service back after 2.31 s, nothing lost."""
    state = bare()
    for id_, *_, begin, end in STEPS:
        step = state.steps[id_]
        step.status, step.started_at, step.ended_at = "succeeded", after(begin), after(end)
        step.duration_s, step.attempts = end - begin, 1
    state.steps["door.verify"].attempts = 2
    state.clocks = {
        "disrupted_at": ZERO, "declared_at": after(0.01), "started_at": after(0.04), "fenced_at": after(0.61),
        "data_recovered_at": after(1.47), "service_verified_at": after(2.02), "clients_verified_at": after(2.3104),
        "ended_at": after(2.42),
    }  # fmt: skip
    state.verdict, state.exit_code, state.proof_level = "passed", 0, "L4"
    state.scenario, state.operator, state.events = "primary-killed", "demo", 47
    state.rta_s, state.rpa_s, state.client_downtime_s = 2.3104, 0.0417, 2.1883
    state.rpa_by_workload = {"patients": 0.0417}
    state.acknowledged_writes, state.lost_writes = 1204, 0
    state.verifications = [
        VerificationState("patients.verify", "patients", "SELECT count(*) FROM patient", "4000", "4000", "passed"),
        VerificationState("patients.verify", "patients", "SELECT count(*) FROM invoice", "12000", "12000", "passed"),
        VerificationState("documents.restore", "documents", "SHA-256 of 812 files", "812 equal", "812 equal", "passed"),
        VerificationState(
            "application.verify", "application", "GET /agenda/today",
            "status 200, length(appointments) > `0`", "status 200, length(appointments) > `0`", "passed",
        ),
    ]  # fmt: skip
    state.notes = [
        "strasbourg is fenced by probe: host “all” answered; server “database”: no process owns /srv/strasbourg/postgres, "
        "nothing listens on port 5432"
    ]
    return state


def failed_drill() -> RunState:
    """A drill whose documents could not be restored, and that left a directory behind."""
    state = bare("drill")
    state.steps = {id_: step for id_, step in state.steps.items() if not id_.startswith(("door", "patients.fence"))}
    for id_, *_, begin, end in STEPS[:4]:
        if id_ in state.steps:
            step = state.steps[id_]
            step.status, step.started_at, step.ended_at = "succeeded", after(begin), after(end)
            step.duration_s, step.attempts = end - begin, 1
    broken = state.steps["documents.restore"]
    broken.status, broken.attempts, broken.exit_code = "failed", 3, 4
    broken.error = "restic ended with code 12: wrong password or no key found"
    broken.hint = "compare the file named by sites.bordeaux.repositories.backups.password with the repository's key"
    state.steps["patients.verify"].status = "unknown"
    state.steps["patients.verify"].error = "the server answered to nobody"
    for id_ in ("application.start", "application.verify"):
        state.steps[id_].status = "skipped"
    state.verdict, state.exit_code, state.reason = (
        "failed",
        4,
        "documents.restore failed: restic ended with code 12: wrong password or no key found",
    )
    state.clocks.update(declared_at=after(0.01), started_at=after(0.04), ended_at=after(1.6))
    state.clock, state.proof_level = "declaration", "L1"
    state.verifications = [
        VerificationState("patients.verify", "patients", "SELECT count(*) FROM patient", "4000", "3871", "failed"),
        VerificationState("documents.restore", "documents", "SHA-256 of 812 files", "812 equal", "", "not_evaluated"),
    ]
    state.residue = ["bordeaux: /var/lib/albus-dr/scratch/7f3a/documents (1.2 GiB)"]
    scratch, by = "/var/lib/albus-dr/scratch", "ana"
    state.creations = [
        Creation("2026-01-30-drill-5c4a", "", "bordeaux", "all", f"{scratch}/5c4a", None, after(0.1), by),
        Creation(state.run, "", "bordeaux", "all", f"{scratch}/7f3a", after(0.2)),
        Creation(state.run, "patients", "bordeaux", "all", f"{scratch}/7f3a/patients", after(0.3), after(1.5), by),
        Creation(state.run, "documents", "bordeaux", "all", f"{scratch}/7f3a/documents", after(0.4)),
    ]
    return state


def in_progress() -> RunState:
    """A failover that waits for the director, hours after the disruption."""
    state = bare()
    first, fence = state.steps["run.preflight"], state.steps["patients.fence"]
    first.status, first.started_at, first.ended_at = "succeeded", after(7200.1), after(7200.5)
    first.duration_s, first.attempts, first.adopted = 0.4, 1, True
    fence.status, fence.started_at, fence.attempts, fence.title = "waiting", after(7200.6), 1, "The director agrees"
    state.clocks.update(disrupted_at=ZERO, declared_at=after(7190), started_at=after(7200))
    state.waiting_for, state.resumed = "patients.fence", 1
    return state


def unmeasured() -> RunState:
    """A failover that ended without a single measurement."""
    state = bare()
    state.verdict, state.exit_code, state.sites = "not_evaluated", 4, {}
    assert all(state.clocks[key] is None for key in CLOCKS)
    return state


def too_late() -> RunState:
    """A failover that worked, an hour and ten minutes too late, and lost writes."""
    state = passed()
    state.verdict, state.exit_code, state.reason = "failed", 6, "recovered after 5 h 10 min; the objective is 4 h"
    state.rta_s, state.rto_s, state.lost_writes = 18_600.0, 14_400.0, 17
    state.clocks["clients_verified_at"], state.clocks["ended_at"] = after(18_600), after(18_601)
    state.steps["door.verify"].ended_at = after(18_600)
    state.steps["door.verify"].duration_s = 18_597.93
    return state


def over_budget() -> RunState:
    """A failover that worked in time, and waited for the director longer than its budget allows."""
    state = passed()
    agree = state.steps["run.preflight"]
    agree.title, agree.action, agree.waited_s = "The director agrees", "own.approve", 1500.0
    agree.ended_at, agree.duration_s = after(1500.05), 1500.0
    late = 1500.0
    for id_, *_, begin, end in STEPS[1:]:
        state.steps[id_].started_at, state.steps[id_].ended_at = after(late + begin), after(late + end)
    state.clocks = {key: None if at is None else at + timedelta(seconds=late) for key, at in state.clocks.items()}
    state.clocks |= {
        "disrupted_at": ZERO, "detected_at": after(0.005), "declared_at": after(0.01), "started_at": after(0.04),
        "approved_at": after(1500.05),
    }  # fmt: skip
    state.rta_s, state.client_downtime_s = late + 2.3104, late + 2.1883
    state.budgets = {"approved": 900.0, "fenced": 600.0, "data_recovered": 7200.0}
    state.verdict, state.exit_code = "failed", 6
    state.reason = "the stage approved took 25 min; its budget is 15 min; most of it: run.preflight, 25 min"
    return state


def lost_promised() -> RunState:
    """A failover in time, after which users missed three writes that synchronous replication was to keep."""
    state = passed()
    state.verdict, state.exit_code, state.lost_writes = "failed", 6, 3
    state.reason = (
        "acknowledged writes were lost: 3. The runbook promises synchronous replication, and nobody accepted a loss"
    )
    return state


ALL = {
    "passed": passed, "failed_drill": failed_drill, "in_progress": in_progress, "unmeasured": unmeasured,
    "too_late": too_late, "over_budget": over_budget, "lost_promised": lost_promised,
}  # fmt: skip
