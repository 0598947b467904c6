"""albus-dr switchover RUNBOOK"""

from __future__ import annotations

from albus_dr.cli.operate import Order, operate
from albus_dr.cli.operation import Call, operation


@operation
def command(call: Call) -> None:
    """Change the primary as planned, both sites healthy: the old one stops cleanly, the new one has all of it.

    Nothing that users were told was saved is lost.
    """
    operate(Order("switchover", call.runbook, call.config), call.manner)
