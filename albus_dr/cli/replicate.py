"""albus-dr replicate RUNBOOK"""

from __future__ import annotations

from typing import Annotated

import typer

from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    QuietOption,
    RunbookArgument,
    VerboseOption,
    YesOption,
)
from albus_dr.cli.operate import Manner, Order, operate


def command(
    runbook: RunbookArgument,
    accept_shrunken: Annotated[
        bool, typer.Option("--accept-shrunken", help="Take a dump that lost tables or much of its size: you looked.")
    ] = False,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    yes: YesOption = False,
) -> None:
    """Back up at the primary, copy to the other site, verify the copy. For cron: it asks nothing."""
    order = Order("replicate", runbook, config, options={"accept_shrunken": accept_shrunken})
    operate(order, Manner(engine, as_json, verbose, quiet, yes))
