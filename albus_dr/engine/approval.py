"""A person must agree before the run goes on. Waiting counts in the recovery time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from albus_dr.errors import RefusedError
from albus_dr.journal.store import JournalStore
from albus_dr.runbook.model import Approval
from albus_dr.workloads.step import Action, Facts, StepContext

POLL_S = 0.5


def approval_action(store: JournalStore, run: str) -> Action:
    """The action of `approve:` steps: it waits for ApprovalGiven in the journal."""

    def act(ctx: StepContext) -> Facts:
        approval = Approval.model_validate(
            {**ctx.spec.params["approve"], "within": f"{ctx.spec.params['approve']['within']}s"}
        )
        asked = None  # the request of a process that was killed still stands; one that ended in a refusal does not
        for event in store.events(run, after=0):
            if event.step == ctx.spec.id and event.kind in ("ApprovalRequested", "StepFailed"):
                asked = event if event.kind == "ApprovalRequested" else None
        expires = datetime.now(UTC) + timedelta(seconds=approval.within)
        if asked is None:
            asked = store.append(run, "ApprovalRequested", {"expires_at": expires.isoformat()}, step=ctx.spec.id)
        else:
            expires = datetime.fromisoformat(asked.data["expires_at"])
        while datetime.now(UTC) < expires and not ctx.cancelled.is_set():
            for event in store.events(run, after=asked.seq):
                if event.kind == "ApprovalGiven" and event.step == ctx.spec.id:
                    return {"approved_by": event.data["who"]}
            ctx.cancelled.wait(POLL_S)
        if approval.otherwise == "continue" and not ctx.cancelled.is_set():
            return {"approved_by": "", "notes": [f"{ctx.spec.title}: nobody answered in time; the runbook says: go on"]}
        raise RefusedError(f"nobody approved within {approval.within:g} s", hint=f"albus-dr resume {run} asks again")

    return Action(act)
