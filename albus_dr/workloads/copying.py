"""Recovery points travel from the source's repository to the target's."""

from __future__ import annotations

from albus_dr.errors import StepError
from albus_dr.tools.restic import Repository
from albus_dr.workloads import recovery_points
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

QUICK_S = 30.0


def copy_points(ctx: StepContext, source: Repository, target: Repository) -> Facts:
    """Copy what the target lacks, then compare both lists and read the newest manifest back."""
    name, runbook = ctx.spec.workload, ctx.runbook.runbook
    mine = recovery_points.listing(source, runbook, name, timeout_s=QUICK_S)
    theirs = recovery_points.listing(target, runbook, name, timeout_s=QUICK_S)
    missing = recovery_points.missing(mine, theirs)
    if missing:
        target.copy_from(source, missing, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled)
        theirs = recovery_points.listing(target, runbook, name, timeout_s=QUICK_S)
    still = recovery_points.missing(mine, theirs)
    if still:
        raise StepError(f"{name}: {len(still)} snapshots did not arrive in {target}")
    newest, future = recovery_points.complete(theirs, target)[-1], recovery_points.from_the_future(theirs)
    manifest = recovery_points.read_manifest(target, newest, timeout_s=QUICK_S)
    return {"copied_snapshots": len(missing), "point": newest.id, "point_at": newest.data.time.isoformat(),
            "newest_write_at": manifest.get("newest_write_at"), "left_out": len(future),
            "notes": recovery_points.notes_on(future, name, target)}  # fmt: skip


def verify_copy(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    """The target's newest recovery point is the one that this run made."""
    workload = ctx.spec.workload
    made = next(
        (
            ctx.facts_of(f"{workload}.{verb}").get("point")
            for verb in ("dump", "back_up")
            if ctx.facts_of(f"{workload}.{verb}")
        ),
        None,
    )
    arrived = Verdict.PASSED if facts["point"] == made else Verdict.FAILED
    return (Verification(workload, "recovery point at the other site", str(made), str(facts["point"]), arrived),)
