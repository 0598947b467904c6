"""The JSON of a run: the shape that scripts rely on (``albus_dr/journal/run.schema.json``)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from albus_dr.journal.restored import restored
from albus_dr.journal.stages import stages, waited_s
from albus_dr.journal.state import CLOCKS, HOW_DESTROYED, RUN_SCHEMA, RunState
from albus_dr.report.proof import levels
from albus_dr.units import rfc3339


def run_document(state: RunState) -> dict[str, Any]:
    """The run as JSON-serialisable data.

    Times are RFC 3339 in UTC with milliseconds and Z, durations are seconds to the millisecond, and what was not
    measured is None. ``exit_code`` is None while the run has not ended.
    """
    return {
        "schema": RUN_SCHEMA,
        "run": state.run,
        "runbook": state.runbook,
        "operation": state.operation,
        "scenario": state.scenario,
        "plan_digest": state.plan_digest,
        "source": state.source,
        "target": state.target,
        "operator": state.operator,
        "point": state.point or None,
        "verdict": state.verdict,
        "exit_code": state.exit_code,
        "reason": state.reason,
        "proof_level": state.proof_level,
        "proof_levels": levels(state),
        "objectives": {
            "rto_s": _ms(state.rto_s),
            "rpo_s": _ms(state.rpo_s),
            "clock": state.clock,
            "budgets": {name: _ms(budget_s) for name, budget_s in state.budgets.items()},
        },
        "actuals": {
            "rta_s": _ms(state.rta_s),
            "rpa_s": _ms(state.rpa_s),
            "rpa_by_workload": {name: _ms(value) for name, value in state.rpa_by_workload.items()},
            "client_downtime_s": _ms(state.client_downtime_s),
            "acknowledged_writes": state.acknowledged_writes,
            "lost_writes": state.lost_writes,
        },
        "clocks": {key: _moment(state.clocks.get(key)) for key in CLOCKS},
        "stages": [
            {"clock": stage.clock, "after": stage.after, "took_s": _ms(stage.took_s), "budget_s": _ms(stage.budget_s)}
            for stage in stages(state)
        ],
        "waited_s": _ms(waited_s(state)),
        "steps": [
            {
                "id": step.id,
                "title": step.title,
                "workload": step.workload,
                "site": step.site,
                "action": step.action,
                "needs": list(step.needs),
                "status": step.status,
                "started_at": _moment(step.started_at),
                "ended_at": _moment(step.ended_at),
                "duration_s": _ms(step.duration_s),
                "attempts": step.attempts,
                "waited_s": _ms(step.waited_s),
                "adopted": step.adopted,
                "error": step.error,
                "hint": step.hint,
            }
            for step in state.steps.values()
        ],
        "verifications": [
            {
                "step": found.step,
                "workload": found.workload,
                "kind": found.kind,
                "expected": found.expected,
                "actual": found.actual,
                "verdict": found.verdict,
            }
            for found in state.verifications
        ],
        "restored": [
            {
                "workload": each.workload,
                "point": each.point,
                "point_at": _moment(each.at),
                "data_snapshot": each.data_snapshot or None,
                "manifest_snapshot": each.manifest_snapshot or None,
            }
            for each in restored(state)
        ],
        "residue": list(state.residue),
        "destruction": [
            {
                "run": made.run,
                "workload": made.workload or None,
                "site": made.site,
                "host": made.host,
                "path": made.path,
                "announced_at": _moment(made.announced_at),
                "destroyed_at": _moment(made.destroyed_at),
                "destroyed_by": made.destroyed_by or None,
                "how": HOW_DESTROYED if made.destroyed_at else None,
            }
            for made in state.creations
        ],
        "resumed": state.resumed,
        "waiting_for": state.waiting_for,
        "notes": list(state.notes),
        "sites": dict(state.sites),
        "events": state.events,
        "last_hash": state.last_hash,
    }


def render(state: RunState) -> str:
    """The document of ``run_document`` as text that ends in a line end."""
    return json.dumps(run_document(state), indent=2) + "\n"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
