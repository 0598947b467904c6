"""albus-dr replicate RUNBOOK"""

from __future__ import annotations

from typing import Annotated

import typer

from albus_dr.cli.operate import Order, operate
from albus_dr.cli.operation import Call, operation


@operation
def command(
    call: Call,
    accept_shrunken: Annotated[
        bool,
        typer.Option("--accept-shrunken", help="Take a database or a tree that lost much of what it had: you looked."),
    ] = False,
) -> None:
    """Back up at the primary, copy to the other site, verify the copy. For cron: it asks nothing."""
    order = Order("replicate", call.runbook, call.config, options={"accept_shrunken": accept_shrunken})
    operate(order, call.manner)
