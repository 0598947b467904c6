"""albus-dr runs list | show RUN | compare [RUN [RUN]] | watch RUN"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from albus_dr.cli.common import (
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    VerboseOption,
    engine_address,
    find_run,
    journal,
    newest_demo,
    run_state,
    runs_beside,
    state_directory,
)  # fmt: skip
from albus_dr.cli.folding import columns, fitted, table
from albus_dr.cli.live import Screen, comparison, screen_for, summary
from albus_dr.cli.live.closing import how_it_ended
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.errors import UsageError
from albus_dr.journal.errors import BrokenChain
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.report.compare import compare, document, of_a_kind
from albus_dr.report.discreet import discreet
from albus_dr.report.findings import one_line, step_mark, title_of
from albus_dr.report.json import run_document
from albus_dr.report.trend import trend
from albus_dr.report.words import Words, utc, words_of

POLL_S = 0.5
SILENT_S = 2.0  # a run that has said nothing for this long may have been killed
app = typer.Typer(
    help="List, show, compare and watch runs.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@app.command("list")
def list_(
    runbook: Annotated[str | None, typer.Option("--runbook", help="Only of this runbook.")] = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    lang: LangOption = "en",
) -> None:
    """Every run, oldest first: when, how it ended, how long recovery took."""
    words = words_of(lang)
    states: list[RunState] = []
    damaged: list[BrokenChain] = []
    with journal(engine) as store:
        place = store.place
        for run in store.runs():
            try:
                states.append(run_state(store, run))
            except BrokenChain as broken:
                damaged.append(broken)
    states = [state for state in states if runbook in (None, state.runbook)]
    if as_json:
        listed = {"runs": [run_document(state) for state in states], "damaged": [error.message for error in damaged]}
        typer.echo(json.dumps({"schema": "albus-dr/runs/1", **listed}, indent=2))
    elif states:
        typer.echo("\n".join(table([_listed(state, words) for state in states], columns(sys.stdout))))
    for error in damaged:  # the others are worth something all the same
        told = words.say(PHRASES["hint"], hint=error.hint) if error is damaged[-1] else ""
        for line in filter(None, (f"albus-dr: {error.message}", told)):
            typer.echo(fitted(line, sys.stderr, rest="  "), err=True)
    if damaged:
        raise typer.Exit(damaged[0].exit_code)
    if not states and not as_json:
        for line in _none(place, runbook, engine, words):
            typer.echo(fitted(line, sys.stderr, rest="  "), err=True)


def _listed(state: RunState, words: Words) -> tuple[str, str]:
    rta = words.say(PHRASES["runs.rta"], time=words.duration(state.rta_s)) if state.rta_s is not None else ""
    return state.run, f"{how_it_ended(state, words):11} {rta}".rstrip()


def _none(place: str, runbook: str | None, engine: str | None, words: Words) -> Iterator[str]:
    """Where was looked, and where else there may be some; on stderr: the list itself is empty."""
    yield words.say(PHRASES["runs.none_of" if runbook else "runs.none"], place=place, runbook=runbook)
    yield words.say(PHRASES["runs.engine" if engine else "runs.state"])
    if demo := newest_demo():
        yield words.say(PHRASES["runs.demo"], command=f"ALBUS_DR_STATE={demo} albus-dr runs list")


@app.command("show")
def show(run: RunArgument, engine: EngineOption = None, as_json: JsonOption = False, lang: LangOption = "en") -> None:
    """What happened in one run."""
    words = words_of(lang)
    with journal(engine) as store:
        state = run_state(store, find_run(store, run))
    if as_json:
        typer.echo(json.dumps(run_document(state), indent=2))
        return
    state = discreet(state)
    rows = []
    for step in state.steps.values():
        took = words.duration(step.duration_s) if step.duration_s is not None else ""
        status = step_mark(step.status, words=words).word if words.code != "en" else step.status
        rows.append((status, step.id, f"{took:>7}", one_line(step.error or title_of(step, words), 1000)))
    if rows:
        typer.echo("\n".join(table(rows, columns(sys.stdout))))
    summary(state, sys.stdout, directory=state_directory() / "runs" / state.run, words=words)


@app.command("compare")
def compare_runs(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The later run. Default: the last.")] = "last",
    earlier: Annotated[
        str | None, typer.Argument(metavar="EARLIER", help="Another of its kind. Default: the one before it.")
    ] = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    lang: LangOption = "en",
) -> None:
    """A run beside an earlier one of its kind: what got slower, how much margin is left, and where that is going."""
    with journal(engine) as store:
        after = run_state(store, find_run(store, run))
        before = None if earlier is None else run_state(store, find_run(store, earlier))
        like = runs_beside(store, after)
    before, after = _pair(before, after, like)
    at = after.clocks["ended_at"] or datetime.now(UTC)
    going = trend([*of_a_kind(after, like), after], after.rto_s, at)
    found = compare(before, after)
    typer.echo(
        json.dumps(document(found, going), indent=2)
        if as_json
        else comparison.text(found, going, words_of(lang), columns(sys.stdout))
    )


def _pair(before: RunState | None, after: RunState, like: list[RunState]) -> tuple[RunState, RunState]:
    """Earlier and later. Raises UsageError where there is nothing to compare with, or it is of another kind."""
    if before is None:
        same = of_a_kind(after, like)
        if not same:
            kind = f"{after.operation} of the recovery point {after.point}" if after.point else after.operation
            raise UsageError(
                f"there is no earlier {kind} to {after.target} to compare {after.run} with",
                hint="albus-dr runs list",
            )
        return same[-1], after
    if (before.runbook, before.operation) != (after.runbook, after.operation) or before.run == after.run:
        raise UsageError(f"{before.run} and {after.run} are not two runs of one kind", hint="albus-dr runs list")
    if utc(before.clocks["declared_at"] or datetime.now(UTC)) > utc(after.clocks["declared_at"] or datetime.now(UTC)):
        return after, before
    return before, after


@app.command("watch")
def watch(
    run: RunArgument,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Follow a run that goes on in another process, until it ends; its exit code. One that was killed ends with 130."""
    from albus_dr.cli.operate import Manner, conclude

    words = words_of(lang)
    with journal(engine) as store:
        found = find_run(store, run)
        with screen_for(sys.stderr, quiet=quiet, verbose=verbose, words=words) as screen:
            _follow(store, found, engine, screen)
        state = run_state(store, found)
    if state.exit_code is None:
        typer.echo(fitted(words.say(PHRASES["watch.left"], run=found), sys.stderr, rest="  "), err=True)
    raise typer.Exit(conclude(state, Manner(engine, as_json, verbose, quiet, words=words)))


def _follow(store: JournalStore, run: str, engine: str | None, screen: Screen) -> None:
    """Until it has ended, or nobody works on it any more."""
    from albus_dr.engine.lock import goes_on

    seen, told_at = -1, time.monotonic()
    while True:
        # Asked before the journal is read: what ends a run is written before its lock is given back.
        left = time.monotonic() - told_at > SILENT_S and not goes_on(engine_address(engine), state_directory(), run)
        for event in store.events(run, after=seen):
            screen.on_event(event)
            seen, told_at = event.seq, time.monotonic()
        if left or run_state(store, run).exit_code is not None:
            return
        time.sleep(POLL_S)
