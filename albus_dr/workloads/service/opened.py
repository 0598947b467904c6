"""Whether a drill's copy works on what was restored: the restored servers know who came."""

from __future__ import annotations

from albus_dr.tools.postgres_log import visits_of_others
from albus_dr.workloads import site
from albus_dr.workloads.step import StepContext, Verdict, Verification

WANTED = "a connection"
ELSEWHERE = "none: the copy works on something else, or nothing that it was asked reads from its databases"
NOT_SEEN = "none: a question under verify: whose answer reads from it would show it"


def verify_opened(ctx: StepContext, *, asked: bool) -> tuple[Verification, ...]:
    """One for each database that the service needs; for after the questions, since many connect for the first of them alone.

    Failed where it was ``asked`` something and has opened none of them: the answers came from somewhere else. Of one among
    several nobody can tell whether a question needed it, so that is not evaluated. It is not told who came: the copy of
    another service that needs the same database counts, too.

    Raises StepError when a server's log can't be read.
    """
    needs = [need for need in ctx.workload.needs if ctx.runbook.workloads[need].kind == "postgres"]
    opened = [need for need in needs if visits_of_others(site.drill_server(ctx, need))]
    unseen = (Verdict.FAILED, ELSEWHERE) if asked and not opened else (Verdict.NOT_EVALUATED, NOT_SEEN)
    result = []
    for need in needs:
        verdict, found = (Verdict.PASSED, WANTED) if need in opened else unseen
        result.append(Verification(ctx.spec.workload, f"opened the restored {need}", WANTED, found, verdict))
    return tuple(result)
