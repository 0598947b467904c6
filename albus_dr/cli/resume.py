"""albus-dr resume RUN"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from albus_dr.cli.common import (
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    VerboseOption,
    find_run,
    journal,
    statement,
)
from albus_dr.cli.operate import Manner
from albus_dr.cli.operate import resume as go_on
from albus_dr.errors import UsageError
from albus_dr.report.words import words_of


def command(
    run: RunArgument,
    decide: Annotated[
        list[str] | None,
        typer.Option("--decide", metavar="STEP=done|not_done", help="What you saw of a step whose state is unknown."),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="How you know, for the record.")] = "",
    without_witness: Annotated[
        str | None,
        typer.Option(
            "--without-witness",
            help="Of a failover, when the witness is gone by now. Your word, for the record, that "
            "the old primary is off and stays off until the witness has been told: "
            '"who keeps it off, how, since when". It counts as the statement of the fence, too.',
        ),
    ] = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Go on with a run that was interrupted, failed, or waits for a decision. What was done is not done again."""
    manner = Manner(engine, as_json, verbose, quiet, words=words_of(lang))
    without_witness = statement("--without-witness", without_witness)
    with journal(engine) as store:
        found = find_run(store, run)
    go_on(found, manner, without_witness=without_witness, decisions=_decisions(decide or ()), why=why)


def _decisions(texts: Sequence[str]) -> dict[str, str]:
    """What was decided, by step."""
    found: dict[str, str] = {}
    for text in texts:
        step, _, decision = text.partition("=")
        if decision not in ("done", "not_done"):
            raise UsageError(f"--decide {text}: say STEP=done or STEP=not_done")
        if found.setdefault(step, decision) != decision:
            raise UsageError(f"--decide says of {step} that it is done and that it is not", hint="say one of them")
    return found
