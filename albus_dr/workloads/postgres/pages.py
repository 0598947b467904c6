"""drill: pg_amcheck reads every page of what was restored. Users would not wait for it, so no clock does."""

from __future__ import annotations

import os

from albus_dr.tools import postgres_amcheck
from albus_dr.tools.process import TimeoutExpired
from albus_dr.units import format_duration
from albus_dr.workloads import site
from albus_dr.workloads.postgres.access import model_of, name_of
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

SPARE_S = 10.0  # of the step's time: to end it, and to say so
WHOLE = "no damage"
NAMED = 3


def check_pages(ctx: StepContext) -> Facts:
    """What it found. That it can't be asked, or has not ended in time, is no error: it is what was not verified."""
    server = site.drill_server(ctx, name_of(ctx))
    if reason := postgres_amcheck.why_not(server):
        return {"not_verified": reason}
    within_s = max(1.0, ctx.remaining_s - SPARE_S)
    try:
        damaged = postgres_amcheck.damaged_relations(
            server,
            model_of(ctx).database,
            jobs=max(2, os.cpu_count() or 2),
            timeout_s=within_s,
            cancelled=ctx.cancelled,
        )
    except TimeoutExpired:
        if ctx.cancelled.is_set():
            raise
        return {"not_verified": f"pg_amcheck had not ended after {format_duration(within_s)}"}
    return {"damaged": list(damaged)}


def verify_pages(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    kind = "pg_amcheck"
    if reason := facts.get("not_verified"):
        return (Verification(name_of(ctx), kind, WHOLE, reason, Verdict.NOT_EVALUATED),)
    damaged = facts["damaged"]
    if not damaged:
        return (Verification(name_of(ctx), kind, WHOLE, WHOLE, Verdict.PASSED),)
    more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
    found = f"damage in {', '.join(damaged[:NAMED])}{more}"
    return (Verification(name_of(ctx), kind, WHOLE, found, Verdict.FAILED),)
