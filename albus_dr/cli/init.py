"""albus-dr init [DIR]: a commented starter."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from albus_dr.cli.common import JsonOption, QuietOption, writing
from albus_dr.cli.phrases import PHRASES
from albus_dr.errors import UsageError
from albus_dr.report.words import Words, words_of

STARTER = ("playbook.yaml", "config.yaml", "albus-dr.cron", "ci.yaml")
LangOption = Annotated[
    str,
    typer.Option(
        "--lang", help="Language of what is printed: en or fr. The files are in English.", envvar="ALBUS_DR_LANG"
    ),
]


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Made when it is missing.")] = Path(),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Write a commented starter: playbook, config, cron line, CI step. Overwrites nothing."""
    words = words_of(lang)
    with writing(directory):
        there = [name for name in STARTER if (directory / name).exists()]
    if there:
        raise UsageError(f"{directory} already has {', '.join(there)}", hint="name another directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in STARTER:
            text = files("albus_dr.cli").joinpath("starter", name).read_text("utf-8")
            if name == "ci.yaml":
                text = text.replace(" playbook.yaml", f" {_in_checkout(directory)}")
            descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(
            f"the starter can't be written: {error.filename or directory}: {error.strerror}",
            hint="name another directory",
        ) from None
    if as_json:
        document = {"schema": "albus-dr/init/1", "directory": str(directory), "files": STARTER}
        typer.echo(json.dumps(document, indent=2))
    elif not quiet:
        typer.echo(_next(directory, words))


def _in_checkout(directory: Path) -> str:
    """The playbook as a CI job names it, which starts at the top of the repository; without one, where init was called."""
    here = directory.resolve()
    has_git = (above for above in (here, *here.parents) if os.path.exists(above / ".git"))  # noqa: PTH110 -- nobody may look: no
    top = next(has_git, Path.cwd())
    path = str((here.relative_to(top) if here.is_relative_to(top) else Path()) / "playbook.yaml")
    plain = re.fullmatch(r"[\w.][\w./-]*", path)  # to the shell and in YAML, without quotes
    return path if plain else "playbook.yaml"


def _next(directory: Path, words: Words) -> str:
    written = words.say(PHRASES["init.files"], directory=directory, files=", ".join(STARTER))
    command = f"albus-dr validate {directory / 'playbook.yaml'}"
    return written + "\n" + words.say(PHRASES["init.next"], command=command)
