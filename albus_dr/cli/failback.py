"""albus-dr failback RUNBOOK"""

from __future__ import annotations

from albus_dr.cli.operate import Order, operate
from albus_dr.cli.operation import Call, operation


@operation
def command(call: Call) -> None:
    """Return to the other site as planned: reprotect it, let it catch up, then change the primary. Nothing is lost.

    What the returned site has alone is kept aside and listed first.
    """
    operate(Order("failback", call.runbook, call.config), call.manner)
