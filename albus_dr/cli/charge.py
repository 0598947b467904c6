"""Before an operation: who is primary by the witness, and may this run change it now?"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from albus_dr.cli.common import account, engine_address, journal, state_directory
from albus_dr.engine.history import (
    CHANGES_SITES,
    epoch_seen,
    has_promoted_one,
    may_have_promoted,
    primary_and_secondary,
    was_promoted,
)
from albus_dr.engine.lock import exclusive, place_of
from albus_dr.errors import AlbusError, NotReadyError, RefusedError, UsageError
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.runbook.config import WitnessConfig
from albus_dr.runbook.loader import Loaded
from albus_dr.safety.record import RunLease
from albus_dr.safety.witness import RUN_LEASE_S, Witness, run_lease
from albus_dr.tools.witness_registers import open_register
from albus_dr.workloads.primary import release_claim

_WORD = (
    "needs the word of a person that the old primary is off, and stays off until the witness has been told: "
    '--without-witness "who keeps it off, how, since when"'
)
STILL_ALLOWED = f"replicate, drill and status go on without it; a failover {_WORD}"


@dataclass(frozen=True)
class Standpoint:
    """``source`` serves, or served. ``witness`` is None where the run goes on without it. ``epoch``: the highest seen."""

    witness: Witness | None
    source: str
    target: str
    epoch: int
    notes: tuple[str, ...] = ()


def witness_of(loaded: Loaded) -> Witness:
    """The runbook's witness; nothing is asked yet."""
    pair = (loaded.runbook.sites.primary, loaded.runbook.sites.secondary)
    config = loaded.config.witness
    register = open_register(config, loaded.runbook.runbook, state_directory(), loaded.config_path.parent)
    margin_s = config.margin if config else WitnessConfig.model_fields["margin"].default
    return Witness(register, loaded.runbook.runbook, pair, margin_s)


def standpoint(store: JournalStore, loaded: Loaded, operation: str, options: dict[str, Any], run: str) -> Standpoint:
    """Ask the witness, or, where it does not answer and need not, the journal. Where it holds nothing about the runbook yet,
    nothing is written (``begun``).

    Raises RefusedError for a change of primary without a witness, and for one that was set back or lost.
    """
    epoch = epoch_seen(store, loaded.runbook.runbook)
    source, target = primary_and_secondary(store, loaded.runbook)
    witness, changes = witness_of(loaded), operation in CHANGES_SITES
    alone = operation == "failover" and options.get("without_witness")
    try:
        record = witness.read(epoch).record
        if record is None and alone and epoch == 0:  # can it be written at all? If not, it need not
            record = witness.begin(source, run=run)
    except RefusedError as error:
        if not changes:
            return Standpoint(None, source, target, epoch, (f"the witness is not believed: {error.message}",))
        raise
    except AlbusError as error:
        if alone or not changes:
            return Standpoint(None, source, target, epoch, (f"the witness does not answer: {error.message}",))
        raise _not_answered(operation, error) from None
    if alone:
        raise RefusedError(
            f"the witness answers ({witness.name}): a failover goes through it", hint="leave --without-witness out"
        )
    if record is None:
        if not changes or epoch == 0:
            return Standpoint(witness, source, target, epoch)
        raise RefusedError(
            f"{witness.name} holds nothing about {loaded.runbook.runbook}, and epoch {epoch} was seen here: it was lost",
            hint="look at both sites, then: albus-dr witness set RUNBOOK --primary SITE",
        )
    other = record.other(record.primary)
    # A witness that was away at the end of a run that succeeded was not told so; the journal knows better.
    if operation == "failover" and record.unfinished and not was_promoted(store, record.unfinished):
        note = f"{record.unfinished} made {record.primary} the primary and was not seen to promote it: this run does it again"
        return Standpoint(witness, other, record.primary, record.epoch, (note,))
    return Standpoint(witness, record.primary, other, record.epoch)


def begun(at: Standpoint, operation: str, run: str) -> Standpoint:
    """The same, with a first record at a witness that held none, now that it is sure that the operation is wanted."""
    if at.witness is None or at.epoch or operation not in CHANGES_SITES:
        return at
    try:
        record = at.witness.begin(at.source, run=run)
    except RefusedError:
        raise
    except AlbusError as error:
        raise _not_answered(operation, error) from None
    require_same_sites(at, record.primary)
    return replace(at, epoch=record.epoch)


def require_same_sites(at: Standpoint, source: str) -> None:
    """Raises RefusedError where another site serves by now than the one that the plan was made for."""
    if source != at.source:
        raise RefusedError(
            f"{source} has become the primary in the meantime; the plan was made for {at.source}",
            hint="albus-dr status shows what is; order it again, if it is still wanted",
        )


def _not_answered(operation: str, error: AlbusError) -> RefusedError:
    return RefusedError(
        f"the witness does not answer, so a {operation} is refused: {error.message}", hint=STILL_ALLOWED
    )


def resumed_standpoint(
    store: JournalStore, loaded: Loaded, declared: Any, state: RunState, *, stop: bool, stated_now: bool = False
) -> Standpoint:
    """Of a run that goes on: its sites are those that it was declared with. One that only ends (``stop``) needs no witness:
    whoever is in charge next replaces what it has claimed. ``stated_now``: a person has just said that it goes on without.
    ``notes``: why it does."""
    source, target, epoch = declared["source"], declared["target"], epoch_seen(store, declared["runbook"])
    alone = Standpoint(None, source, target, epoch)
    if stated_now and declared["operation"] != "failover":
        raise UsageError(
            f"a {declared['operation']} does not go on without the witness", hint="--without-witness is for a failover"
        )
    if declared["operation"] == "replicate":  # it goes on without an answer; a step that needs one asks for it
        try:
            return replace(alone, witness=witness_of(loaded))
        except AlbusError:
            return alone
    if declared["operation"] not in CHANGES_SITES:
        return alone
    if declared["options"].get("without_witness") and not stated_now and not stop:
        return _stated_before(alone, loaded, state)
    witness = witness_of(loaded)
    try:
        record = witness.read(epoch).record
    except RefusedError as error:
        if stop:
            return replace(alone, notes=(f"the witness is not believed: {error.message}",))
        raise
    except AlbusError as error:
        if stop or stated_now:
            return replace(alone, notes=(f"the witness does not answer: {error.message}",))
        raise RefusedError(
            f"the witness does not answer: {error.message}",
            hint=f"resume later; a failover that goes on without it {_WORD}",
        ) from None
    if stop and record is None:  # it holds no claim either
        return alone
    if stated_now:
        raise RefusedError(
            f"the witness answers ({witness.name}): a failover goes through it", hint="leave --without-witness out"
        )
    return Standpoint(witness, source, target, epoch)


def _stated_before(alone: Standpoint, loaded: Loaded, state: RunState) -> Standpoint:
    """Of a failover that went on by a person's word. That speaks of the time when the witness did not answer: since it does,
    somebody else may have told it that the old primary serves, and a guard has started that.

    Raises RefusedError where it answers, nothing tells that the target was promoted, and it does not name the target.
    """
    alone = replace(alone, notes=("the run goes on without the witness",))
    if has_promoted_one(state):  # the others only follow it
        return alone
    try:
        witness = witness_of(loaded)
        record = witness.read(alone.epoch).record
    except RefusedError as error:
        says = error.message
    except AlbusError:
        return alone
    else:
        if record is not None and record.primary == alone.target:
            return replace(alone, witness=witness, notes=())
        says = f"{record.primary} is the primary in epoch {record.epoch}" if record else f"{witness.name} holds nothing"
    give_up = f"albus-dr abort {state.run} gives it up; then begin a failover anew, through the witness"
    told = (
        f"if {alone.target} serves by now (albus-dr status): stop every server at {alone.source} that is a primary, promote by "
        f"hand what is a standby still at {alone.target} (pg_ctl promote), then albus-dr witness set RUNBOOK --primary "
        f"{alone.target}, then albus-dr resume {state.run}. If not: "
    )
    raise RefusedError(
        f"the witness answers again ({says}), and {state.run} was to go on without it: what was stated then "
        "does not count any more, and nothing more is promoted on it",
        hint=f"{told if may_have_promoted(state) else ''}{give_up}",
    )


@contextmanager
def in_charge(
    at: Standpoint, store: JournalStore, run: str, operation: str, runbook: str, *, operator: str, engine: str | None,
    lost: Callable[[str], None],
) -> Iterator[None]:  # fmt: skip
    """Hold the run lease while a run changes the sites, across machines. Raises RefusedError naming who holds it."""
    if at.witness is None or operation not in CHANGES_SITES:
        yield
        return
    lease = RunLease(
        run, operator, f"{operation} of {runbook}", place_of(engine_address(engine), state_directory()), RUN_LEASE_S, 0
    )
    with run_lease(at.witness, lease, lost, lambda: was_promoted(store, run)):
        yield


@dataclass(frozen=True)
class ByHand:
    """What a verb works with that changes who writes, or who is reached, outside of a run."""

    store: JournalStore
    witness: Witness
    run: str
    known: bool
    """The witness holds something about the runbook."""


@contextmanager
def by_hand(loaded: Loaded, engine: str | None, verb: str, *, strict: bool) -> Iterator[ByHand]:
    """Nothing else changes the runbook's sites meanwhile, from this machine or another. Raises RefusedError naming who does.

    ``strict``: a witness that was set back is refused. The verb that writes it anew must not be.
    """
    name = loaded.runbook.runbook
    run = f"{verb.partition(' ')[0]}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    who = account()
    witness = witness_of(loaded)
    with (
        journal(engine) as store,
        exclusive(
            engine_address(engine), state_directory(), f"{name}.primary", purpose=f"{run} by {who}", lost=_not_alone
        ),
    ):
        lease = RunLease(
            run, who, f"{verb} of {name}", place_of(engine_address(engine), state_directory()), RUN_LEASE_S, 0
        )
        known = witness.read(epoch_seen(store, name) if strict else 0).record is not None
        with run_lease(witness, lease, _taken_over, lambda: False) if known else nullcontext():
            yield ByHand(store, witness, run, known)


def _not_alone(reason: str) -> None:
    print(f"another run may begin: {reason}", file=sys.stderr)


def _taken_over(reason: str) -> None:
    print(f"another run took over: {reason}", file=sys.stderr)


def may_have_claimed(state: RunState) -> bool:
    """True for a run that asked the witness for a claim and has not committed."""
    claim, commit = state.steps.get("claim"), state.steps.get("commit")
    if claim is None or commit is None or commit.status == "succeeded":
        return False
    without = claim.status == "succeeded" and "epoch" not in claim.facts  # by a person's statement
    return bool(claim.attempts) and not without


def give_up_claim(at: Standpoint, state: RunState) -> str:
    """A run that ended before its commit leaves no claim behind: the old primary may start again. Why one may be left all
    the same; empty when none is."""
    if state.exit_code is None or not may_have_claimed(state):
        return ""
    if at.witness is None:
        return "; ".join(at.notes)
    try:
        release_claim(at.witness, state.run)
    except AlbusError as error:  # the run has come to its end, and that has to be told
        return error.message
    return ""


def give_back_claim(loaded: Loaded, engine: str | None, run: str) -> bool:
    """Of a run that has ended, and could not give it back then; False where the witness holds no claim of it.

    Raises NotReadyError where that can't be known, and RefusedError where another run changes the sites.
    """
    try:
        record = witness_of(loaded).read().record
    except RefusedError:
        raise
    except AlbusError as error:
        raise NotReadyError(
            f"{run} was given up already, and whether its claim is still at the witness can't be known: {error.message}",
            hint=f"albus-dr abort {run} again when the witness answers; the next switchover or failover replaces it",
        ) from None
    if record is None or record.claim is None or record.claim.run != run:
        return False
    with by_hand(loaded, engine, "abort", strict=True) as held:
        release_claim(held.witness, run)
    return True
