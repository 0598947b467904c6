"""albus-dr failover RUNBOOK"""

from __future__ import annotations

from typing import Annotated

import typer

from albus_dr.cli.common import statement
from albus_dr.cli.operate import Order, operate, parse_moment
from albus_dr.cli.operation import Call, operation
from albus_dr.errors import UsageError


@operation
def command(
    call: Call,
    disrupted_at: Annotated[
        str | None,
        typer.Option(
            "--disrupted-at",
            help="When users lost the service; the clock starts there. RFC 3339, or HH:MM[:SS] by this machine's clock and "
            "zone, within the last 12 hours.",
        ),
    ] = None,
    detected_at: Annotated[
        str | None,
        typer.Option("--detected-at", help="When somebody, or a monitor, noticed: RFC 3339, or HH:MM[:SS] as above."),
    ] = None,
    accept_data_loss: Annotated[
        bool,
        typer.Option(
            "--accept-data-loss",
            help="Go on although more than the RPO allows would be lost, or all that was written since a failover.",
        ),
    ] = False,
    fenced_by: Annotated[
        str | None, typer.Option("--fenced-by", help='A statement for the record, in full: "who made sure, how, when".')
    ] = None,
    without_witness: Annotated[
        str | None,
        typer.Option(
            "--without-witness",
            help="The witness does not answer. Your word, for the record, that "
            "the old primary is off and stays off until the witness has been told: "
            '"who keeps it off, how, since when". It counts as the statement of the fence, too.',
        ),
    ] = None,
) -> None:
    """The primary is lost: prove that it can't write, promote the other site, start, verify, move the door.

    Nothing of the lost site is needed.
    """
    options = {
        "accept_data_loss": accept_data_loss,
        "fenced_by": statement("--fenced-by", fenced_by),
        "without_witness": statement("--without-witness", without_witness),
    }
    disrupted, detected = parse_moment("--disrupted-at", disrupted_at), parse_moment("--detected-at", detected_at)
    if disrupted and detected and detected < disrupted:
        raise UsageError("--detected-at lies before --disrupted-at", hint="give both in full, with their zone")
    if detected and not disrupted:
        raise UsageError(
            "--detected-at without --disrupted-at: the recovery time counts from the loss, which was not later",
            hint="give --disrupted-at as well: the same moment, where nobody knows better",
        )
    order = Order("failover", call.runbook, call.config, disrupted, options, detected_at=detected)
    operate(order, call.manner)
