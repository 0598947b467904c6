"""A failover back to a site that was the primary before and has not followed since: the second strike.

The new primary is lost before anything follows it. What the old one still has is the best there is: it lacks every write
that the new one acknowledged, which a person accepts first. After the commit it is started as a standby of nobody, and
then promoted as every standby is (albus_dr.safety.rule argues why it is not simply started as the primary).
"""

from __future__ import annotations

from albus_dr.errors import RefusedError
from albus_dr.safety.rule import OldData
from albus_dr.tools import postgres_rebuild as rebuild
from albus_dr.tools.fence import Identity
from albus_dr.tools.postgres import POLL_S, QUICK_S, STANDBY_SIGNAL, Server, ServerDown
from albus_dr.workloads import primary
from albus_dr.workloads.postgres.access import name_of, server_of
from albus_dr.workloads.postgres.aside import find_begun, find_moved
from albus_dr.workloads.postgres.returned import timeline_of
from albus_dr.workloads.step import Facts, Observation, State, StepContext

STOP_S = 60.0


def ready(ctx: StepContext) -> Facts | None:
    """What its promotion must know, once its loss is accepted; None where the target is no old primary.

    Raises RefusedError with the loss while nobody has accepted it, and where a rebuild was begun in the directory.
    """
    server = server_of(ctx, ctx.run.target)
    kind, path = rebuild.look_at_directory(server)
    _refuse_half_rebuilt(ctx, server, path, is_there=kind == "cluster")
    if kind != "cluster" or _is_standby(server):
        return None
    running = server.is_running()
    if running and _serves_by_the_witness(ctx):
        return None
    control = server.control()
    old = OldData(ctx.run.target, control["Database system identifier"], "primary" if running else "nothing", None)
    primary.require_known(ctx, name_of(ctx), old.system_identifier)
    loss = primary.require_may_serve_again(ctx, name_of(ctx), old)
    checkpoint = control["Time of latest checkpoint"]
    return {
        "old_primary": {"timeline": timeline_of(server, control, running_as_standby=False)},
        "notes": [
            f"{loss}. {ctx.run.operator} accepted it (--accept-data-loss)",
            f"{name_of(ctx)} at {ctx.run.target}: its last checkpoint was at {checkpoint}, by its own clock",
        ],
    }


def _serves_by_the_witness(ctx: StepContext) -> bool:
    """An earlier run made it the primary, and nobody saw that through."""
    record = ctx.witness.read().record if ctx.witness else None
    return record is not None and record.primary == ctx.run.target


def _refuse_half_rebuilt(ctx: StepContext, server: Server, path: str, *, is_there: bool) -> None:
    folder = find_begun(server, path)
    kept = folder.read() if folder else None
    if not is_there and (kept is None or kept.how == "nothing"):  # it was empty because an earlier run had moved it
        folder = find_moved(server, path) or folder
        kept = folder.read() if folder else None
    if folder is None or kept is None:
        return
    if kept.how == "nothing":
        raise RefusedError(
            f"{name_of(ctx)}: {path} at {ctx.run.target} was empty, and filling it was begun and not finished: there is "
            "nothing to serve from",
            hint="recovery points are what is left: albus-dr status shows them",
        )
    broken = f"mv {path} {path}.half-rebuilt && " if is_there else ""
    raise RefusedError(
        f"{name_of(ctx)}: a rebuild of {path} at {ctx.run.target} was begun and not finished, so nobody trusts that "
        f"directory; what was there before is whole in {folder.data}",
        hint=f"to let that serve, put it back at {ctx.run.target}, then fail over again: "
        f"{broken}mv -T {folder.data} {path} && mv {folder.path} {path}.put-back",
    )


def _is_standby(server: Server) -> bool:
    """By its file, which a promotion removes: it can be told of a server that does not run, or does not answer yet."""
    signal = f"{server.data}/{STANDBY_SIGNAL}"
    return server.host.run(("test", "-e", signal), timeout_s=QUICK_S, run_as=server.run_as).code == 0


def observe_promoted(ctx: StepContext, timeline: int) -> Observation:
    """A promotion begins a timeline: as long as it is on the old one, it was not promoted."""
    server = server_of(ctx)
    if timeline_of(server, server.control(), running_as_standby=False) <= timeline:
        return Observation(State.NOT_DONE, "it is on the timeline that it was on before")
    if server.is_running() and not _is_standby(server):
        return Observation(State.DONE, "it is the primary, on a timeline of its own")
    return Observation(State.UNKNOWN, "it is on a later timeline, and does not run as the primary")


def start_as_standby(ctx: StepContext, timeline: int) -> Identity:
    """Whatever it runs as, and wherever an earlier attempt was cut off: now it is a standby, and this is who it is."""
    server = server_of(ctx)
    if server.is_running() and not _is_standby(server):
        server.stop(timeout_s=min(STOP_S, ctx.remaining_s))
    if not server.is_running():
        server.follow_nobody(taken=timeline + 1, timeout_s=ctx.remaining_s)  # the lost primary's
    while True:
        try:
            return server.identity()
        except ServerDown:  # it replays what it wrote last
            if ctx.remaining_s <= 1 or ctx.cancelled.wait(POLL_S * 5):
                raise
