"""albus-dr failback RUNBOOK"""

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
    """Return to the other site as planned: reprotect it, let it catch up, then change the primary. Nothing is lost.

    What the returned site has alone is kept aside and listed first.
    """
    operate(Order("failback", runbook, config), Manner(engine, as_json, verbose, quiet, yes))
