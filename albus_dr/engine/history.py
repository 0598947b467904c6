"""What earlier runs mean for the next: who is primary now, and what is not finished."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from albus_dr.errors import RefusedError
from albus_dr.journal.errors import BrokenChain
from albus_dr.journal.fold import fold
from albus_dr.journal.state import CHANGES_PRIMARY, LOOKS_BACK, RECOVERS, RunState, StepState
from albus_dr.runbook.model import Runbook

if TYPE_CHECKING:
    from albus_dr.journal.store import JournalStore

_LOOKED_BACK = 20  # replications: some may have failed before they asked
CHANGES_SITES = (*CHANGES_PRIMARY, "reprotect")  # one of them at a time, and no replication meanwhile


def runs_of(
    store: JournalStore, runbook: str, operations: Collection[str] = (), *, damaged: list[BrokenChain] | None = None
) -> Iterator[RunState]:
    """The runbook's runs, newest first; of these operations alone when some are named.

    Whoever waits for the answer names them: replication leaves tens of thousands of runs a year. A run whose journal was
    changed (whose it was can't be known either) raises BrokenChain, or is put into ``damaged``, newest first.
    """
    return _folded(store, runbook, reversed(store.runs(operations)), damaged)


def runs_like(store: JournalStore, state: RunState, damaged: list[BrokenChain]) -> list[RunState]:
    """The runbook's runs of the same operation, not much older than a year before it; none for those that leave thousands.

    ``damaged`` takes those that can't be read.
    """
    if state.operation not in RECOVERS or (declared := state.clocks["declared_at"]) is None:
        return []
    found = []
    for run in runs_of(store, state.runbook, (state.operation,), damaged=damaged):
        at = run.clocks["declared_at"]
        if at is not None and declared - at > LOOKS_BACK:
            break
        found.append(run)
    return found


def took_s(store: JournalStore, runbook: str, operation: str) -> dict[tuple[str, str], float]:
    """Seconds that each step took, by id and action: in the newest run of the operation that passed, else in that of another."""
    found: dict[tuple[str, str], float] = {}
    for one in (operation, *(other for other in (*RECOVERS, "reprotect") if other != operation)):
        passed = next((run for run in runs_of(store, runbook, (one,), damaged=[]) if run.verdict == "passed"), None)
        for step in passed.steps.values() if passed else ():
            if step.duration_s is not None and not step.adopted:
                found.setdefault((step.id, step.action), step.duration_s)
    return found


def open_runs_of(store: JournalStore, runbook: str, operations: Collection[str]) -> Iterator[RunState]:
    """Those of them that have not ended and can be read."""
    states = _folded(store, runbook, store.open_runs(operations), [])
    return (state for state in states if state.exit_code is None)


def _folded(
    store: JournalStore, runbook: str, runs: Iterable[str], damaged: list[BrokenChain] | None = None
) -> Iterator[RunState]:
    for run in runs:
        try:
            state = fold(store.events(run))
        except BrokenChain as broken:
            if damaged is None:
                raise
            damaged.append(broken)
            continue
        if state.runbook == runbook:
            yield state


def was_promoted(store: JournalStore, run: str) -> bool:
    """True where this journal saw the run through its promotions; False where it did not, or does not know the run."""
    events = store.events(run)
    if not events:
        return False
    state = fold(events)
    return state.operation in CHANGES_PRIMARY and changed_primary(state)


def primary_and_secondary(store: JournalStore, runbook: Runbook) -> tuple[str, str]:
    """The sites' roles by the journal: the last promotion that succeeded decides, else the runbook. Steps assert it.

    Raises RefusedError where that was of other sites: two runbooks have one name.
    """
    pair = (runbook.sites.primary, runbook.sites.secondary)
    change = _last_change(store, runbook.runbook)
    if change is None:
        return pair
    if change.target not in pair:
        raise RefusedError(
            f"{change.run} made {change.target} the primary of a runbook {change.runbook}; the sites of this one are "
            f"{' and '.join(pair)}",
            hint="if it is another runbook, give this one another name (runbook:); if its sites were renamed, name an "
            "empty state directory (ALBUS_DR_STATE) and begin anew",
        )
    return change.target, next(site for site in pair if site != change.target)


def roles_last_told(store: JournalStore, runbook: Runbook) -> tuple[str, str]:
    """The sites' roles as the witness told the runs here: those of the newest run that was told of a later epoch than that of
    the last change of primary here, else ``primary_and_secondary``. For whoever asks nobody but the journal.

    While the witness is silent a run is made for the journal's own roles, in the journal's own epoch: that tells nothing.
    """
    roles, change = primary_and_secondary(store, runbook), _last_change(store, runbook.runbook)
    seen = [step.facts.get("epoch") for step in change.steps.values()] if change else []
    epoch = max((each for each in seen if isinstance(each, int)), default=0)
    runs = (
        *runs_of(store, runbook.runbook, ("drill", "reprotect"), damaged=[]),
        *islice(runs_of(store, runbook.runbook, ("replicate",), damaged=[]), _LOOKED_BACK),
    )
    told = [
        run for run in runs
        if run.epoch_seen > epoch and {run.source, run.target} == set(roles)
        # A change without the witness counts its epoch from what this journal knew, and that may have been less.
        and (change is None or _declared_at(run) > _declared_at(change))
    ]  # fmt: skip
    newest = max(told, key=lambda run: (run.epoch_seen, _declared_at(run)), default=None)
    return (newest.source, newest.target) if newest else roles


def _last_change(store: JournalStore, runbook: str) -> RunState | None:
    return next((run for run in runs_of(store, runbook, CHANGES_PRIMARY) if changed_primary(run)), None)


def _declared_at(run: RunState) -> datetime:
    declared = run.clocks["declared_at"]
    assert declared is not None
    return declared


def returned_unkept(store: JournalStore, runbook: str) -> bool:
    """True from a failover on until a reprotect has kept what the other site has alone."""
    for state in runs_of(store, runbook, CHANGES_SITES):
        if state.operation == "reprotect":
            if state.verdict == "passed":
                return False
        elif changed_primary(state):
            return state.operation == "failover"
    return False


def knows_primary(store: JournalStore, runbook: str) -> bool:
    """True where runs of the runbook are made that change or ask its primary, so that this journal may say who it is."""
    return next(runs_of(store, runbook, (*CHANGES_SITES, "replicate"), damaged=[]), None) is not None


def epoch_seen(store: JournalStore, runbook: str) -> int:
    """The highest epoch of the witness that a change of primary here has seen or made; 0 when there was none.

    One that was counted without the witness says something of the world only once a promotion has begun.
    """
    seen = (
        step.facts.get("epoch")
        for state in runs_of(store, runbook, CHANGES_PRIMARY)
        for step in state.steps.values()
        if step.facts.get("is_witnessed", True) or may_have_promoted(state)
    )
    return max((epoch for epoch in seen if isinstance(epoch, int)), default=0)


def backed_up(store: JournalStore, runbook: str) -> dict[str, str]:
    """The system identifier of each database, by workload, as the newest replication from here that dumped it found it. A
    journal that can't be read tells none: it must not keep anybody from a failover."""
    found: dict[str, str] = {}
    for state in islice(runs_of(store, runbook, ("replicate",), damaged=[]), _LOOKED_BACK):
        for step in state.steps.values():
            looked = step.action == "postgres.ready_to_dump" and "system_identifier" in step.facts
            if looked and step.workload not in found and _was_dumped(state, step):
                found[step.workload] = str(step.facts["system_identifier"])
    return found


def _was_dumped(state: RunState, looked: StepState) -> bool:
    """A database that was refused, shrunken perhaps because it is another one, was not backed up."""
    return any(
        step.workload == looked.workload and step.action == "postgres.dump" and step.status == "succeeded"
        for step in state.steps.values()
    )


def may_have_promoted(state: RunState) -> bool:
    """True from the moment at which a promotion of the run was begun, however it went."""
    return any(step.attempts or step.status == "succeeded" for step in _decisive(state))


def has_promoted_one(state: RunState) -> bool:
    """True once a promotion of the run succeeded: the target serves, in part at least."""
    return any(step.status == "succeeded" for step in _decisive(state))


def changed_primary(state: RunState) -> bool:
    """True once every promotion of the run succeeded; a run that promotes nothing, once its fence was proved."""
    return all(step.status == "succeeded" for step in _decisive(state))


def _decisive(state: RunState) -> list[StepState]:
    promotions = [step for step in state.steps.values() if step.action.endswith(".promote")]
    return promotions or [state.steps.get("commit") or state.steps["fence"]]


def require_same_primary(store: JournalStore, runbook: Runbook, state: RunState) -> None:
    """Raises RefusedError when another run has changed the primary since this one began: what it copies to serves now."""
    primary, _ = primary_and_secondary(store, runbook)
    mine = state.target if state.operation in CHANGES_PRIMARY and changed_primary(state) else state.source
    if state.operation != "drill" and primary != mine:
        raise RefusedError(
            f"{state.run} was ordered while {state.source} served; {primary} serves now, and it can't be gone on with",
            hint=f"albus-dr abort {state.run} ends it; then start a new {state.operation}, if it is still wanted",
        )


# A claim is given back by a run that ends before its commit; what is brought forward replaces a copy at the target.
# Who was asked, or waited for, has nothing to finish either.
_LEAVES_NOTHING = ("site.claim", "files.bring_forward", "own.approve", "own.wait")


def touched(state: RunState) -> bool:
    """True when it did more than look. A fence that proved nothing leaves nothing to finish: the next run tries it."""
    return any(
        step.status != "pending" and step.attempts and not _only_looks(step.action)
        and (step.action, step.status) != ("site.fence", "failed") and step.action not in _LEAVES_NOTHING
        for step in state.steps.values()
    )  # fmt: skip


def did_all(state: RunState) -> bool:
    """True where all that had to be done was done: a step that may fail (``on_failure: continue``) may have failed."""
    return all(
        step.status == "succeeded" or (step.status == "failed" and step.may_fail) for step in state.steps.values()
    )


def require_nothing_unfinished(store: JournalStore, runbook: str) -> None:
    """Raises RefusedError when a change of primary was begun and neither finished nor aborted."""
    for state in runs_of(store, runbook, CHANGES_PRIMARY):
        ended = state.exit_code is not None
        if (not ended or (touched(state) and not did_all(state))) and not aborted(store, state.run):
            raise RefusedError(
                f"the {state.operation} {state.run} was begun and is not finished",
                hint=f"albus-dr resume {state.run} goes on with it; albus-dr abort {state.run} gives it up",
            )
        return


def _only_looks(action: str) -> bool:
    return action.partition(".")[2].startswith("ready")


def aborted(store: JournalStore, run: str) -> bool:
    """True when somebody asked to give the run up, and nobody resumed it since."""
    kinds = [event.kind for event in store.events(run) if event.kind in ("AbortRequested", "RunResumed")]
    return bool(kinds) and kinds[-1] == "AbortRequested"
