"""albus-dr replicate RUNBOOK"""

from __future__ import annotations

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
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    yes: YesOption = False,
) -> None:
    """Back up at the primary, copy to the other site, verify the copy. For cron: it asks nothing."""
    operate(Order("replicate", runbook, config), Manner(engine, as_json, verbose, quiet, yes))
