"""albus-dr drill RUNBOOK"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.operate import Order, carry_out, conclude, operate
from albus_dr.cli.operation import Call, operation
from albus_dr.cli.points import by_chance, fresh_seed, history, parse
from albus_dr.engine.run import was_stopped
from albus_dr.errors import ExitCode, NotReadyError, UsageError
from albus_dr.journal.state import RunState
from albus_dr.report.json import run_document

SCHEMA = "albus-dr/drills/1"


@operation
def command(
    call: Call,
    point: Annotated[
        str,
        typer.Option(
            "--point", help="Which recovery point: latest, its id, a time (the newest by then, RFC 3339), or random."
        ),
    ] = "latest",
    all_points: Annotated[
        int | None,
        typer.Option("--all-points", min=1, help="Drill so many older recovery points, chosen by chance, in turn."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Makes a choice by chance the same again.")] = None,
) -> None:
    """Restore every workload from the secondary's own recovery points into an isolated target; verify, time, clean up.

    Production is not touched, and the primary is not asked for anything. A drill of a point that was asked for measures
    no recovery point objective, and is not the one that the runbook promises.
    """
    if all_points is not None:
        if point != "latest":
            raise UsageError("--all-points and --point don't go together", hint="leave one of them out")
        raise typer.Exit(_drill_history(call, all_points, fresh_seed() if seed is None else seed))
    if point == "random":
        seed = fresh_seed() if seed is None else seed
        (chosen,) = by_chance(history(call), seed, 1)
        operate(_order(call, chosen, seed), call.manner)
    if seed is not None:
        raise UsageError("--seed is for what is chosen by chance", hint="--point random, or --all-points N")
    operate(_order(call, parse(point, call), None), call.manner)


def _order(call: Call, point: str, seed: int | None) -> Order:
    options: dict[str, Any] = {"point": point} if point else {}
    notes: tuple[str, ...] = ()
    if seed is not None:
        options["seed"] = seed
        notes = (f"the recovery point {point} was chosen by chance; --seed {seed} chooses it again",)
        _say(call.manner.words.retold(notes[0]), call)
    return Order("drill", call.runbook, call.config, options=options, notes=notes)


def _drill_history(call: Call, count: int, seed: int) -> ExitCode:
    """One run after the other; the highest of their exit codes. An interrupt ends them all."""
    *older, _ = history(call)
    if not older:
        raise NotReadyError("there is no recovery point but the newest", hint="albus-dr drill restores that one")
    chosen = by_chance(older, seed, count)
    if len(chosen) < count:
        _say(call.manner.words.say(PHRASES["drill.each"], count=len(chosen)), call)
    quietly = call.manner.as_json
    states: list[RunState] = []
    worst = ExitCode.PASSED
    for point in chosen:
        state = carry_out(_order(call, point, seed), call.manner)
        states.append(state)
        code = ExitCode(state.exit_code) if state.exit_code is not None else ExitCode.INTERRUPTED
        if not quietly:
            conclude(state, call.manner)
        worst = max(worst, code)
        if was_stopped(state):
            break
    if quietly:
        print(json.dumps({"schema": SCHEMA, "seed": seed, "runs": [run_document(state) for state in states]}, indent=2))
    passed = sum(state.verdict == "passed" for state in states)
    _say(call.manner.words.say(PHRASES["drill.passed"], passed=passed, count=len(chosen), seed=seed), call)
    return worst


def _say(text: str, call: Call) -> None:
    if not call.manner.quiet:
        typer.echo(text, err=True)
