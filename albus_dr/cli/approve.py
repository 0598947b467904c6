"""albus-dr approve RUN STEP"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from albus_dr.cli.common import (
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    account,
    find_run,
    journal,
)
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.errors import UsageError
from albus_dr.journal.fold import fold, parse_time
from albus_dr.report.words import words_of


def command(
    run: RunArgument,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step that waits.")],
    why: Annotated[str, typer.Option("--why", help="For the record.")] = "",
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Agree to a step that waits for a person."""
    words = words_of(lang)
    with journal(engine) as store:
        found = find_run(store, run)
        events = store.events(found)
        state = fold(events)
        if state.exit_code is not None:
            raise UsageError(
                f"{found} has ended, and nothing waits for an answer",
                hint=f"albus-dr runs show {found} says how it ended",
            )
        if step not in state.steps or state.steps[step].status != "waiting":
            waiting = ", ".join(each.id for each in state.steps.values() if each.status == "waiting") or "none"
            raise UsageError(f"{step} of {found} waits for nobody", hint=f"steps that wait: {waiting}")
        asked = next(each for each in reversed(events) if (each.kind, each.step) == ("ApprovalRequested", step))
        if (expires := parse_time(asked.data["expires_at"])) < datetime.now(UTC):
            raise UsageError(
                f"{step} of {found} waited for an answer until {expires:%Y-%m-%d %H:%M:%S} UTC; it is too late now",
                hint=f"albus-dr resume {found} goes on as the runbook says for that",
            )
        who = account()
        store.append(found, "ApprovalGiven", {"who": who, "why": why}, step=step)
    if as_json:
        document = {"schema": "albus-dr/approve/1", "run": found, "step": step, "who": who, "why": why}
        typer.echo(json.dumps(document, indent=2))
    elif not quiet:
        typer.echo(words.say(PHRASES["approve.done"], step=step, run=found, who=who))
