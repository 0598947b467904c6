"""A person must agree before the run goes on. Waiting counts in the recovery time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from albus_dr.errors import RefusedError
from albus_dr.journal.event import Event
from albus_dr.journal.fold import parse_time
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
            if event.step != ctx.spec.id:
                continue
            if event.kind == "ApprovalRequested":
                asked = asked or event
            elif event.kind in ("StepFailed", "StepSkipped"):
                asked = None
        expires = datetime.now(UTC) + timedelta(seconds=approval.within)
        if asked is not None:
            expires = datetime.fromisoformat(asked.data["expires_at"])
        if asked is None or (_given(store, asked, expires) is None and datetime.now(UTC) < expires):
            again = store.append(run, "ApprovalRequested", {"expires_at": expires.isoformat()}, step=ctx.spec.id)
            asked = asked or again
        while True:
            left_s = (expires - datetime.now(UTC)).total_seconds()
            over = left_s <= 0 or ctx.cancelled.is_set()
            if given := _given(store, asked, expires):  # looked for once more when the time is over
                return {"approved_by": given.data["who"]}
            if over:
                break
            ctx.cancelled.wait(min(POLL_S, left_s))
        if approval.otherwise == "continue" and not ctx.cancelled.is_set():
            return {"approved_by": "", "notes": [f"{ctx.spec.title}: nobody answered in time; the runbook says: go on"]}
        raise RefusedError(f"nobody approved within {approval.within:g} s", hint=f"albus-dr resume {run} asks again")

    return Action(act)


def _given(store: JournalStore, asked: Event, expires: datetime) -> Event | None:
    """The answer that was given in time, whoever was there to hear it."""
    for event in store.events(asked.run, after=asked.seq):
        if event.kind == "ApprovalGiven" and event.step == asked.step and parse_time(event.at) <= expires:
            return event
    return None
