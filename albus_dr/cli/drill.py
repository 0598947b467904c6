"""albus-dr drill RUNBOOK"""

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
    """Restore every workload from the secondary's own recovery points into an isolated target; verify, time, clean up.

    Production is not touched, and the primary is not asked for anything.
    """
    operate(Order("drill", runbook, config), Manner(engine, as_json, verbose, quiet, yes))
