"""albus-dr approve RUN STEP"""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import typer

from albus_dr.cli.common import (
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    find_run,
    journal,
    run_state,
)
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.errors import UsageError
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
        state = run_state(store, found)
        if step not in state.steps or state.steps[step].status != "waiting":
            waiting = ", ".join(each.id for each in state.steps.values() if each.status == "waiting") or "none"
            raise UsageError(f"{step} of {found} waits for nobody", hint=f"steps that wait: {waiting}")
        who = getpass.getuser()
        store.append(found, "ApprovalGiven", {"who": who, "why": why}, step=step)
    if as_json:
        document = {"schema": "albus-dr/approve/1", "run": found, "step": step, "who": who, "why": why}
        typer.echo(json.dumps(document, indent=2))
    elif not quiet:
        typer.echo(words.say(PHRASES["approve.done"], step=step, run=found, who=who))
