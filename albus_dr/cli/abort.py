"""albus-dr abort RUN"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from albus_dr.cli.charge import give_back_claim, may_have_claimed
from albus_dr.cli.common import (
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    VerboseOption,
    account,
    find_run,
    journal,
    run_state,
)
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.operate import Manner, load_again, resume
from albus_dr.engine.history import did_all
from albus_dr.errors import RefusedError, UsageError
from albus_dr.journal.event import Event
from albus_dr.journal.fold import fold
from albus_dr.report.json import run_document
from albus_dr.report.words import words_of


def command(
    run: RunArgument,
    why: Annotated[str, typer.Option("--why", help="For the record.")] = "no reason was given",
    engine: EngineOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Stop a run: one that goes on is told to stop; one that was killed is cleaned up and ended.

    What was done stays done: a half-finished change of primary is listed step by step in the report.
    """
    manner = Manner(engine, as_json, verbose, quiet, words=words_of(lang))
    with journal(engine) as store:
        found = find_run(store, run)
        events = store.events(found)
        reason = _nothing_to_give_up(events)
        if not reason:
            store.append(found, "AbortRequested", {"who": account(), "why": why})
    if reason:
        if not _claim_given_back(events, engine):
            raise UsageError(f"{found} {reason}; there is nothing to give up", hint=f"albus-dr report {found}")
        if not quiet:
            typer.echo(manner.words.say(PHRASES["abort.claim"], run=found), err=True)
        if as_json:
            typer.echo(json.dumps(run_document(fold(events)), indent=2))
        return
    try:
        resume(found, manner, stop=True)
    except RefusedError as error:
        if found in error.message:  # it holds the lock, or the run lease on another machine
            typer.echo(manner.words.say(PHRASES["abort.elsewhere"], run=found, why=error.message), err=True)
            if as_json:
                with journal(engine) as store:
                    typer.echo(json.dumps(run_document(run_state(store, found)), indent=2))
            return
        raise RefusedError(
            f"{found} is given up, and nothing could be cleaned up: {error.message}",
            hint=f"when that is over: albus-dr abort {found} again. {error.hint}",
        ) from None


def _claim_given_back(events: Sequence[Event], engine: str | None) -> bool:
    """The witness was away when the run was given up, and its claim stayed there. Its journal says nothing of that."""
    state = fold(events)
    return may_have_claimed(state) and give_back_claim(load_again(events[0].data), engine, state.run)


def _nothing_to_give_up(events: Sequence[Event]) -> str:
    """Why a run that has ended is left alone, in the journal too: what was signed about it stays true. Empty where a step was
    not done, whatever the exit code: until such a change of primary is resumed or given up, no other may begin."""
    state = fold(events)
    if state.exit_code is None:
        return ""
    cleanup = state.steps.get("cleanup")
    if cleanup is not None and cleanup.status == "succeeded":
        return "has ended and has removed what it restored"
    if did_all(state):
        return "has ended and has done all that had to be done"
    turns = [event.kind for event in events if event.kind in ("RunResumed", "AbortRequested", "RunEnded")]
    if cleanup is None and turns[-2:] == ["AbortRequested", "RunEnded"]:
        return "was given up already"
    return ""
