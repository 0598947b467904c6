"""albus-dr failover RUNBOOK"""

from __future__ import annotations

from typing import Annotated

import typer

from albus_dr.cli.operate import Order, operate, parse_disrupted_at
from albus_dr.cli.operation import Call, operation


@operation
def command(
    call: Call,
    disrupted_at: Annotated[
        str | None,
        typer.Option("--disrupted-at", help="When users lost the service: RFC 3339, or HH:MM. The clock starts there."),
    ] = None,
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Go on although more than the RPO allows would be lost.")
    ] = False,
    fenced_by: Annotated[
        str | None, typer.Option("--fenced-by", help='A statement for the record, in full: "who made sure, how, when".')
    ] = None,
    without_witness: Annotated[
        str | None,
        typer.Option(
            "--without-witness",
            help='The witness does not answer. A statement for the record, "who, why": '
            "the old primary stays off until the witness has been told.",
        ),
    ] = None,
) -> None:
    """The primary is lost: prove that it can't write, promote the other site, start, verify, move the door.

    Nothing of the lost site is needed.
    """
    options = {"accept_data_loss": accept_data_loss, "fenced_by": fenced_by, "without_witness": without_witness}
    order = Order("failover", call.runbook, call.config, parse_disrupted_at(disrupted_at), options)
    operate(order, call.manner)
