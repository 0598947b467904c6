"""A tree is made equal to a recovery point only while the witness says that the site which it came from serves.

What a machine knows of the roles may be old: another one may have failed over a moment ago, and users write to this tree.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from albus_dr.errors import AlbusError, RefusedError, StepError
from albus_dr.workloads.step import StepContext

EVERY_S = 2.0
TICK_S = 0.1
SILENT_AT_MOST = 3  # questions in a row


def why_not_known(ctx: StepContext) -> str:
    """Why nobody can say that the source serves; empty when it does, and in runs that have their own proof of it.

    Raises RefusedError when it does not serve, or somebody is changing that.
    """
    if ctx.witness is None:
        return "the witness does not answer, or is not believed" if ctx.run.operation == "replicate" else ""
    seen = int(ctx.run.options.get("epoch_seen") or 0)
    try:
        record = ctx.witness.read(seen).record
    except RefusedError:
        raise
    except AlbusError as error:
        return f"the witness does not answer: {error.message}"
    if record is None:
        return f"{ctx.witness.name} holds nothing, and epoch {seen} was seen here" if seen else ""
    target, left = ctx.run.target, f"{ctx.spec.workload} at {ctx.run.target} is left as it is"
    if record.primary != ctx.run.source:
        raise RefusedError(
            f"{left}: {target} serves, by {ctx.witness.name}, epoch {record.epoch}",
            hint="albus-dr status shows who serves",
        )
    # Whoever has the run lease may replace another run's claim: that one can't commit any more (safety.rule).
    in_charge = record.run_lease is not None and record.run_lease.run == ctx.run.id
    if (claim := record.claim) is not None and claim.run != ctx.run.id and not in_charge:
        raise RefusedError(
            f"{left}: {claim.run} is making {claim.target} the primary",
            hint=f"if that run has ended: albus-dr abort {claim.run} gives its claim back, and the next switchover or "
            "failover replaces it",
        )
    return ""


@contextmanager
def while_source_serves(ctx: StepContext) -> Iterator[threading.Event]:
    """An event that stops what the block does when the run is stopped, or the source serves no more.

    Raises RefusedError then, and StepError when that is not known for some seconds.
    """
    if ctx.witness is None:
        yield ctx.cancelled
        return
    stopped, over = threading.Event(), threading.Event()
    reasons: list[AlbusError] = []

    def watch() -> None:
        silent, asked_at = 0, 0.0
        while not (reasons or over.is_set() or ctx.cancelled.wait(TICK_S)):
            if time.monotonic() < asked_at + EVERY_S:
                continue
            try:
                unknown = why_not_known(ctx)
            except AlbusError as error:
                reasons.append(error)
                break
            asked_at, silent = time.monotonic(), silent + 1 if unknown else 0
            if silent >= SILENT_AT_MOST:
                reasons.append(
                    StepError(f"{ctx.spec.workload} at {ctx.run.target} was not refreshed to its end: {unknown}")
                )
        stopped.set()

    watching = threading.Thread(target=watch, name="does the source serve", daemon=True)
    watching.start()
    try:
        yield stopped
    except AlbusError:
        if reasons:
            raise reasons[0] from None
        raise
    finally:
        over.set()
