"""What the data of an operation are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from albus_dr.runbook.model import HOLDS_DATA, Runbook
from albus_dr.workloads.postgres.model import Model as PostgresModel


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


def may_lose(runbook: Runbook, options: Mapping[str, Any]) -> bool:
    """May a failover lose what users were told is kept? Not where every database promises that both sites have a write before
    it is acknowledged, unless the operator accepted a loss."""
    databases = [model for model in runbook.workloads.values() if isinstance(model, PostgresModel)]
    promised = bool(databases) and all(model.replication == "synchronous" for model in databases)
    return not promised or bool(options.get("accept_data_loss"))
