"""What the data of an operation are held against."""

from __future__ import annotations

from albus_dr.runbook.model import Runbook

HOLDS_DATA = ("postgres", "files")


def promised_rpo_s(runbook: Runbook, operation: str) -> dict[str, float]:
    """Seconds, by workload that holds data, or of which the runbook says how old they may be: a third party's kind."""
    return {
        name: rpo_s(runbook, name, operation)
        for name, model in runbook.workloads.items()
        if model.kind in HOLDS_DATA or model.rpo is not None
    }


def rpo_s(runbook: Runbook, workload: str, operation: str) -> float:
    """What an operation's data are held against. A database's stricter objective is its standby's to keep; a drill
    restores recovery points and leaves the standby alone, so there the runbook's own objective holds."""
    model = runbook.workloads[workload]
    by_standby = operation == "drill" and model.kind == "postgres"
    return runbook.objectives.rpo if model.rpo is None or by_standby else model.rpo
