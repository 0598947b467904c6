"""albus-dr drill RUNBOOK"""

from __future__ import annotations

from albus_dr.cli.operate import Order, operate
from albus_dr.cli.operation import Call, operation


@operation
def command(call: Call) -> None:
    """Restore every workload from the secondary's own recovery points into an isolated target; verify, time, clean up.

    Production is not touched, and the primary is not asked for anything.
    """
    operate(Order("drill", call.runbook, call.config), call.manner)
