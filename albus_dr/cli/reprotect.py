"""albus-dr reprotect RUNBOOK"""

from __future__ import annotations

from albus_dr.cli.operate import Order, operate
from albus_dr.cli.operation import Call, operation


@operation
def command(call: Call) -> None:
    """Make a site that came back the standby of the one that serves, and copy recovery points to it.

    What it has alone is kept aside and listed first. A server that streams already is left as it is.
    """
    operate(Order("reprotect", call.runbook, call.config), call.manner)
