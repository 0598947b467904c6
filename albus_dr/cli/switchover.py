"""albus-dr switchover RUNBOOK"""

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
    """Change the primary as planned, both sites healthy: the old one stops cleanly, the new one has all of it.

    Nothing that users were told was saved is lost.
    """
    operate(Order("switchover", runbook, config), Manner(engine, as_json, verbose, quiet, yes))
