"""albus-dr report RUN"""

from __future__ import annotations

import os
from pathlib import Path
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
    runs_beside,
    writing,
)
from albus_dr.errors import UsageError
from albus_dr.report import FORMATS
from albus_dr.report.words import words_of


def command(
    run: RunArgument,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="html, json, markdown, junit, github; several with commas. Default: markdown; with --json, json.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="A file, or a directory for several formats.")] = None,
    engine: EngineOption = None,
    lang: LangOption = "en",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print or write what happened, for people and machines, from the run's journal."""
    from albus_dr.cli.operate import REPORT_FILES

    words = words_of(lang)
    names = [name.strip() for name in (format_ or ("json" if as_json else "markdown")).split(",")]
    names = ["markdown" if name == "md" else name for name in names]
    if unknown := [name for name in names if name not in FORMATS]:
        raise UsageError(f"there is no format {unknown[0]}", hint="one of: " + ", ".join(FORMATS))
    if "github" in names and len(names) > 1:
        raise UsageError("github is for a job's log, alone", hint="albus-dr report RUN --format github")
    into_directory = False
    if output is not None:
        with writing(output):
            into_directory = output.is_dir()
    if len(names) > 1 and not into_directory:
        raise UsageError(
            "several formats need --output DIRECTORY", hint="one that is there; a run's own directory has them all, too"
        )
    with journal(engine) as store:
        state = run_state(store, find_run(store, run))
        others = runs_beside(store, state)
    for name in names:
        text = FORMATS[name](state, words, others)
        if output is None:
            typer.echo(text)
        else:
            path = output / REPORT_FILES[name] if into_directory else output
            with writing(path):
                descriptor = os.open(
                    path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
                )  # a report is not for everybody
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
            if not quiet:
                typer.echo(str(path), err=True)
