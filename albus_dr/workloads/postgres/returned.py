"""The server that serves and the one that came back, looked at side by side. What must not be is refused here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.tools import postgres_rebuild as rebuild
from albus_dr.tools.postgres import QUICK_S, Server, ServerDown, position
from albus_dr.workloads.postgres.access import name_of, require_primary, server_of
from albus_dr.workloads.postgres.lineage import Decision, Fork, Lineage, Returned, decide, parse_history, text_of
from albus_dr.workloads.step import StepContext

_TIMELINE = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
_STRANGE = {
    "strange": "is no PostgreSQL data directory and not empty",
    "mount": "is a mount point itself: it can't be moved, and nothing can be kept beside it on the same disk",
    "closed": "can't be read by whom albus-dr acts as there (`run_as:` in the config)",
    "tablespaces": "has tablespaces: albus-dr does not rebuild those",
}


@dataclass(frozen=True)
class Serving:
    """The server that serves, with what makes it who it is."""

    server: Server
    identifier: str
    lineage: Lineage


@dataclass(frozen=True)
class Seen:
    """Both. ``returned.data`` is the real path. ``state``: it follows already, there is nothing, or there is a cluster,
    and then ``decision`` says what must become of it."""

    serving: Serving
    returned: Server
    state: Literal["follows", "absent", "cluster"]
    was_primary: bool = False
    timeline: int = 0
    decision: Decision | None = None


def look_at_serving(ctx: StepContext) -> Serving:
    """Raises NotReadyError when it does not answer, RefusedError when it is a standby."""
    server = require_primary(ctx, ctx.run.source)
    timeline = int(server.value(_TIMELINE))
    text = server.value(f"SELECT pg_read_file('pg_wal/{timeline:08X}.history')") if timeline > 1 else ""
    return Serving(server, server.system_identifier(), parse_history(timeline, text))


def look_at_both(ctx: StepContext) -> Seen:
    """As they are now. Raises RefusedError where the returned one is another cluster's, or knows more than the one that
    serves; NotReadyError where it can't be handled at all."""
    serving = look_at_serving(ctx)
    returned = server_of(ctx, ctx.run.target)
    kind, path = rebuild.look_at_directory(returned)
    returned = replace(returned, data=path)
    if kind in _STRANGE:
        raise NotReadyError(
            f"{name_of(ctx)}: {path} at {ctx.run.target} {_STRANGE[kind]}",
            hint="look at it, and move it away by hand if nothing in it is needed: then the site is filled anew",
        )
    if kind == "absent":
        return Seen(serving, returned, "absent")
    control = returned.control()
    require_own(ctx, serving, control["Database system identifier"], path)
    running = _role_of_running(returned)
    timeline = timeline_of(returned, control, running_as_standby=running == "standby")
    if timeline > serving.lineage.timeline:
        raise RefusedError(
            f"{name_of(ctx)}: the server at {ctx.run.target} is on timeline {timeline}, the one that serves at "
            f"{ctx.run.source} on {serving.lineage.timeline}: {ctx.run.target} was promoted after {ctx.run.source} was",
            hint=f"which of the two is right is for a person to decide: compare their data; nothing was changed. "
            f"If {ctx.run.target} is, let it serve (albus-dr status shows both); if not, move {path} away by hand",
        )
    if running == "standby" and serving.server.lag_of(ctx.run.target) is not None:
        return Seen(serving, returned, "follows", timeline=timeline)
    was_primary = running == "primary" if running else "recovery" not in control["Database cluster state"]
    found = Returned(
        lineage=_lineage(returned, timeline), was_primary=was_primary, ends_at=_end(control, running),
        can_rewind=control.get("Data page checksum version", "0") != "0" or control.get("wal_log_hints setting") == "on",
    )  # fmt: skip
    decision = decide(serving.lineage, found)
    if decision.way == "follow" and found.ends_at is not None and _lacks_log(serving.server, returned, found.ends_at):
        fork = decision.fork or Fork(timeline, found.ends_at)
        decision = Decision("reseed", fork, "the server that serves has no longer the log that it lacks")
    return Seen(serving, returned, "cluster", was_primary, timeline, decision)


def require_same(ctx: StepContext, identifier: str, timeline: int) -> Serving:
    """The server that serves is still the one that was looked at before, and no older. Raises RefusedError."""
    serving = look_at_serving(ctx)
    require_own(ctx, serving, identifier, "what this run prepared")
    if serving.lineage.timeline < timeline:
        raise RefusedError(
            f"{name_of(ctx)}: the server at {ctx.run.source} is on timeline {serving.lineage.timeline} now, and was on "
            f"{timeline}: it is not the same any more",
            hint="albus-dr status shows who serves",
        )
    return serving


def require_own(ctx: StepContext, serving: Serving, identifier: str, what: str) -> None:
    """Of the same cluster as the server that serves. Raises RefusedError."""
    if identifier != serving.identifier:
        raise RefusedError(
            f"{name_of(ctx)}: {what} at {ctx.run.target} belongs to another cluster (system identifier {identifier}) than "
            f"the server that serves at {ctx.run.source} ({serving.identifier})",
            hint=f"is sites.{ctx.run.target}.servers right in the config? albus-dr never writes over a foreign cluster: "
            "move it away by hand if the site is to be filled anew",
        )


def _role_of_running(server: Server) -> Literal["", "primary", "standby"]:
    """Empty when it does not run. One that runs and does not answer is taken for a primary: it must be stopped."""
    if not server.is_running():
        return ""
    try:
        return "standby" if server.is_in_recovery() else "primary"
    except ServerDown:
        return "primary"


def timeline_of(server: Server, control: dict[str, str], *, running_as_standby: bool) -> int:
    """The highest that it knows of: a crash may come between a promotion and the checkpoint that records it."""
    checkpointed = int(control["Latest checkpoint's TimeLineID"])
    if running_as_standby:  # it fetches the histories of its primary's timelines before it is on them
        return checkpointed
    return max((checkpointed, *rebuild.histories(server)))


def _lineage(server: Server, timeline: int) -> Lineage:
    return parse_history(timeline, rebuild.histories(server).get(timeline, ""))


def _lacks_log(serving: Server, returned: Server, ends_at: int) -> bool:
    """The log from this position on was thrown away at the server that serves, and there is no other place to get it from."""
    # Without the timeline, which is the first eight digits of a name.
    first = serving.value("SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'")
    needed = serving.value(f"SELECT substr(pg_walfile_name('{text_of(ends_at)}'), 9)")
    if needed >= first:
        return False
    restored = returned.host.run(
        (f"{returned.bin}/postgres", "-D", returned.data, "-C", "restore_command"), timeout_s=QUICK_S, run_as=returned.run_as
    )  # fmt: skip
    return not restored.stdout.strip()


def _end(control: dict[str, str], running: str) -> int | None:
    if running == "primary":
        return None
    if control["Database cluster state"] == "shut down":
        return position(control["Latest checkpoint location"])
    if "in recovery" in control["Database cluster state"] or "archive recovery" in control["Database cluster state"]:
        return position(control["Minimum recovery ending location"]) or None
    return None
