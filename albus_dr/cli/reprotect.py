"""albus-dr reprotect RUNBOOK"""

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
    """Make a site that came back the standby of the one that serves, and copy recovery points to it.

    What it has alone is kept aside and listed first. A server that streams already is left as it is.
    """
    operate(Order("reprotect", runbook, config), Manner(engine, as_json, verbose, quiet, yes))
