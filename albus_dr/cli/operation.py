"""The options that the verb of every operation takes, written down once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunbookArgument,
    VerboseOption,
    YesOption,
)
from albus_dr.cli.operate import Manner
from albus_dr.report.words import words_of

P = ParamSpec("P")


@dataclass(frozen=True)
class Call:
    """What every operation is called with."""

    runbook: Path
    config: Path | None
    manner: Manner


def operation(verb: Callable[Concatenate[Call, P], None]) -> Callable[..., None]:
    """A Typer command from a verb: RUNBOOK, the verb's own options, then those of every operation."""

    def command(
        runbook: RunbookArgument,
        config: ConfigOption = None,
        engine: EngineOption = None,
        as_json: JsonOption = False,
        verbose: VerboseOption = False,
        quiet: QuietOption = False,
        yes: YesOption = False,
        lang: LangOption = "en",
        **own: Any,
    ) -> None:
        call = Call(runbook, config, Manner(engine, as_json, verbose, quiet, yes, words_of(lang)))
        verb(call, **own)  # type: ignore[call-arg]  # Typer passes what the signature below says

    first, *common, _ = inspect.signature(command, eval_str=True).parameters.values()
    _, *own_ = inspect.signature(verb, eval_str=True).parameters.values()
    parameters = [first, *own_, *common]
    # Typer reads a command's parameters from here.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = verb.__doc__
    return command
