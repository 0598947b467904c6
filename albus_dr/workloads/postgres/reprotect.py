"""reprotect: a returned old primary becomes the standby of the one that serves now. Nothing of it is lost unseen.

ready_to_reprotect looks and refuses; quiesce stops what still takes writes; keep copies what is there aside and lists
what was written there alone; rebuild makes the directory equal to the server that serves; rejoin lets it follow.
Every step looks at both servers again before it changes one: a run may be resumed long after.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from albus_dr.errors import NotReadyError, RefusedError, StepError, TransientError
from albus_dr.safety.rule import OldData
from albus_dr.tools import postgres_rebuild
from albus_dr.tools.postgres import POLL_S, QUICK_S, Server, ServerDown
from albus_dr.units import format_bytes
from albus_dr.workloads import site
from albus_dr.workloads.postgres.access import model_of, name_of, server_of
from albus_dr.workloads.postgres.aside import (
    Folder,
    Kept,
    Standing,
    find_begun,
    find_moved,
    folder_of,
    retire_begun,
    standing,
)
from albus_dr.workloads.postgres.change import become_standby, drop_own_slot, observe_own_slot
from albus_dr.workloads.postgres.diverged import Diverged, end_serving, list_rows
from albus_dr.workloads.postgres.lineage import Fork
from albus_dr.workloads.postgres.rebuild import put_right, rebuilt
from albus_dr.workloads.postgres.returned import Seen, Serving, look_at_both, look_at_serving, require_own, require_same
from albus_dr.workloads.primary import require_known, require_may_overwrite
from albus_dr.workloads.step import Facts, Observation, State, StepContext, Verdict, Verification

CHECKPOINT_S = 600.0
ROOM = 1.05
SPARE_BYTES = 64 << 20  # write-ahead log that comes meanwhile
NEAR_BYTES = 16 << 20  # a standby this close has caught up: one segment of the write-ahead log


# --- ready --------------------------------------------------------------------------------------------------------


def ready_to_reprotect(ctx: StepContext) -> Facts:
    """Who serves, who came back, what must become of it, and whether there is room to keep it."""
    serving = look_at_serving(ctx)
    require_known(ctx, name_of(ctx), serving.identifier)
    # pg_rewind goes by the timeline of the last checkpoint, and a promotion does not wait for one.
    serving.server.query("CHECKPOINT", timeout_s=min(CHECKPOINT_S, ctx.remaining_s))
    recorded = int(serving.server.value("SELECT timeline_id FROM pg_control_checkpoint()"))
    if recorded != serving.lineage.timeline:
        raise NotReadyError(
            f"{name_of(ctx)}: the last checkpoint at {ctx.run.source} is on timeline {recorded}, the server on "
            f"{serving.lineage.timeline}",
            hint="was it promoted this moment? try again",
        )
    seen = look_at_both(ctx)
    # One that follows is whole, whatever a folder says of an earlier day.
    begun = find_begun(seen.returned, seen.returned.data) if seen.state != "follows" else None
    # Nothing is there because an earlier run moved it: what that had alone is told by this one, if by none before.
    moved = find_moved(seen.returned, seen.returned.data) if seen.state == "absent" and begun is None else None
    folder = begun or moved or folder_of(seen.returned, seen.returned.data, ctx.run.id)
    if seen.state != "follows" and begun is None:
        _require_room(ctx, seen)
    facts: dict[str, Any] = {
        "system_identifier": serving.identifier, "timeline": serving.lineage.timeline, "folder": folder.path,
        "found": seen.state, "way": seen.decision.way if seen.decision else seen.state,
        "reason": seen.decision.reason if seen.decision else "",
    }  # fmt: skip
    if found := begun or moved:
        facts["notes"] = [
            f"{name_of(ctx)}: a rebuild of {seen.returned.data} at {ctx.run.target} was begun before and not finished; "
            f"it begins anew, and what was there is kept in {found.path}"
        ]
    return facts


def _require_room(ctx: StepContext, seen: Seen) -> None:
    """Beside the data directory: for the kept copy, or for a new base backup where the directory itself is moved."""
    if seen.decision and seen.decision.way == "follow":
        return
    place = postgres_rebuild.nearest_directory(seen.returned)
    theirs = int(seen.serving.server.value("SELECT sum(pg_database_size(oid)) FROM pg_database"))
    mine = _size(seen.returned) if seen.state == "cluster" else 0
    needed = max(theirs, mine) * ROOM + SPARE_BYTES
    free = site.free_bytes(seen.returned.host, place)
    if free < needed:
        raise NotReadyError(
            f"{name_of(ctx)}: {place} at {ctx.run.target} needs {format_bytes(needed)} to keep what is in "
            f"{seen.returned.data} and to rebuild it; {format_bytes(free)} are free",
            hint="make room; nothing was changed",
        )


def _size(server: Server) -> int:
    done = server.host.run(("du", "-sbL", "--", server.data), timeout_s=CHECKPOINT_S, run_as=server.run_as)
    # A file went while it looked, or a link points nowhere: the total is of the others.
    if done.code == 1 and done.stdout:
        return int(done.stdout.split()[0])
    return int(done.check(f"{server.data} can't be measured").stdout.split()[0])


# --- what the later steps have in common --------------------------------------------------------------------------


def _ready_facts(ctx: StepContext) -> Facts:
    return ctx.facts_of(f"{name_of(ctx)}.ready_to_reprotect")


def _folder(ctx: StepContext) -> Folder:
    """With the server's data directory by its real path."""
    returned = server_of(ctx, ctx.run.target)
    _, path = postgres_rebuild.look_at_directory(returned)
    return Folder(replace(returned, data=path), str(_ready_facts(ctx)["folder"]))


def _follows(ctx: StepContext) -> bool:
    """The returned server streams from the one that serves, and the latter is the one that this run knows."""
    facts = _ready_facts(ctx)
    serving = require_same(ctx, facts["system_identifier"], facts["timeline"])
    if serving.server.lag_of(ctx.run.target) is None:
        return False
    server = server_of(ctx, ctx.run.target)
    return server.is_running() and server.is_in_recovery()


def _require_stopped(ctx: StepContext, server: Server) -> None:
    if server.is_running():
        raise RefusedError(
            f"{name_of(ctx)}: PostgreSQL at {ctx.run.target} runs again; its directory is not touched while it does",
            hint=f"what started it? stop it, then: albus-dr resume {ctx.run.id}",
        )


# --- quiesce ------------------------------------------------------------------------------------------------------


def observe_quiesced(ctx: StepContext) -> Observation:
    if _follows(ctx):
        return Observation(State.DONE, "it follows already")
    if server_of(ctx, ctx.run.target).is_running():
        return Observation(State.NOT_DONE, "it runs")
    return Observation(State.DONE, "it is stopped")


def quiesce(ctx: StepContext) -> Facts:
    """Stop the returned server, whatever it takes itself for, once it is known to be ours and older."""
    seen = look_at_both(ctx)  # refuses a foreign one and a newer one
    if seen.state == "follows":
        return {}
    seen.returned.stop(timeout_s=ctx.remaining_s)
    _require_stopped(ctx, seen.returned)
    role = "took writes" if seen.was_primary else "followed nobody"
    return {"notes": [f"{name_of(ctx)} at {ctx.run.target} ran and {role}; it was stopped"]}


# --- keep ---------------------------------------------------------------------------------------------------------


def observe_kept(ctx: StepContext) -> Observation:
    kept = _folder(ctx).read()
    if kept and kept.stage != "keeping":
        mine = _summary_of(ctx, kept)
        if mine is None:
            return Observation(State.NOT_DONE, "it was kept, and what this database has alone is not listed yet")
        return Observation(State.DONE, "it was kept before", mine)
    if _follows(ctx):
        return Observation(State.DONE, "it follows already: it has nothing of its own", {"way": "follows"})
    return Observation(State.NOT_DONE, "nothing was kept yet")


def keep(ctx: StepContext) -> Facts:
    """Copy the directory aside, or move it there where it is replaced anyway; then list what it has alone."""
    if (there := _folder(ctx).read()) and there.is_whole and _summary_of(ctx, there) is None:
        return _list_beside(ctx, _folder(ctx), there)
    seen = look_at_both(ctx)
    folder = replace(_folder(ctx), server=seen.returned)
    decision = seen.decision
    if seen.state == "follows" or (decision and decision.way == "follow"):
        return {"way": decision.way if decision else "follows", "reason": decision.reason if decision else ""}
    begun = folder.read()
    if begun and begun.how == "moved" and _is_there(folder.server, folder.data):
        if seen.state != "absent":
            raise _not_kept(ctx, folder)
        return _list_and_write(ctx, folder, begun, seen)
    folder.make()
    if decision is None:
        kept = Kept(ctx.run.id, "keeping", "nothing", seen.serving.identifier, 0, rewind=False)
        summary: Facts = {"way": "fresh", "folder": folder.path}
        folder.write(replace(kept, stage="kept", summary=summary))
        return summary
    _require_stopped(ctx, seen.returned)
    rewinds = decision.way == "rewind"
    _save_configuration(ctx, folder)  # first: once the state is written, a resumed run may find the directory moved
    kept = folder.write(
        Kept(ctx.run.id, "keeping", "copied" if rewinds else "moved", seen.serving.identifier, seen.timeline, rewinds,
             summary={"fork": [decision.fork.timeline, decision.fork.at] if decision.fork else None, "reason": decision.reason})
    )  # fmt: skip
    if rewinds:
        kept = replace(kept, control=_copy(ctx, folder))
    else:
        _move(folder.server, folder.server.data, folder.data)
    return _list_and_write(ctx, folder, kept, seen)


def _save_configuration(ctx: StepContext, folder: Folder) -> None:
    """pg_rewind and pg_basebackup bring the other site's."""
    folder.make_directory(folder.configuration)
    script = 'cd "$1" && for f in *.conf conf.d; do [ ! -e "$f" ] || cp -aL -- "$f" "$2/" || exit 1; done'
    argv = ("sh", "-c", script, "sh", folder.server.data, folder.configuration)
    folder.server.host.run(argv, timeout_s=ctx.remaining_s, run_as=folder.server.run_as).check(
        "can't save the settings"
    )


def _copy(ctx: StepContext, folder: Folder) -> str:
    """Under another name until it is whole; what stands for its pg_control. Links are followed: a log directory elsewhere is
    copied too."""
    end_serving(folder)
    partial = f"{folder.path}/data.partial"
    for path in (partial, folder.data):
        folder.remove(path, timeout_s=ctx.remaining_s)
    argv = ("cp", "-aL", "--reflink=auto", "--", folder.server.data, partial)
    done = postgres_rebuild.alone(
        folder.server, folder.lock, argv, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled
    )  # fmt: skip
    if done.code == postgres_rebuild.STILL_BUSY:
        raise TransientError(f"{name_of(ctx)}: an earlier copy still runs at {ctx.run.target}", hint="wait, and resume")
    points_nowhere = "a link that points nowhere? remove it; then try again" if "cannot stat" in done.stderr else ""
    done.check(f"{folder.server.data} can't be copied", hint=points_nowhere)
    mine, copied = (_listing(ctx, folder.server, path) for path in (folder.server.data, partial))
    if mine != copied:
        raise StepError(f"the copy of {folder.server.data} has not all of its files in their sizes; try again")
    folder.server.host.run(("sync", "-f", partial), timeout_s=ctx.remaining_s).check("the copy is not on the disk")
    control = postgres_rebuild.control_digest(folder.server, partial)  # before the copy is shown, which changes it
    _move(folder.server, partial, folder.data)
    return control


def _listing(ctx: StepContext, server: Server, path: str) -> str:
    """Stands for every file's name and size."""
    script = 'cd "$1" && find -L . -type f -printf "%P %s\\n" | sort | sha256sum'
    done = server.host.run(("sh", "-c", script, "sh", path), timeout_s=ctx.remaining_s, run_as=server.run_as)
    return done.check(f"{path} can't be listed").stdout


def _move(server: Server, path: str, to: str) -> None:
    if _is_there(server, path):
        server.host.run(("mv", "-T", "--", path, to), timeout_s=QUICK_S).check(f"{path} can't be moved to {to}")


def _is_there(server: Server, path: str) -> bool:
    return server.host.run(("test", "-e", path), timeout_s=QUICK_S).code == 0


def _list_and_write(ctx: StepContext, folder: Folder, kept: Kept, seen: Seen) -> Facts:
    """From the end of this on, what was there is whole in the folder, and a rebuild may begin."""
    # Killed in between, it lies in one of the two places. Where it was, somebody may have made an empty one.
    if kept.how == "moved" and not _is_there(folder.server, folder.data):
        _move(folder.server, folder.server.data, folder.data)
    summary = _listed(ctx, folder, kept)
    folder.write(replace(kept, stage="kept", summary={**summary, "fork": kept.summary.get("fork")}))
    return summary


def _list_beside(ctx: StepContext, folder: Folder, kept: Kept) -> Facts:
    """Of another database of the server: the directory is kept once, and what each has alone is listed."""
    summary = _listed(ctx, replace(folder, rows_of=name_of(ctx)), kept)
    others = {**kept.summary.get("others", {}), name_of(ctx): summary}
    folder.write(replace(kept, summary={**kept.summary, "others": others}))
    return summary


def _listed(ctx: StepContext, folder: Folder, kept: Kept) -> Facts:
    fork = kept.summary.get("fork")
    found = list_rows(
        folder, model_of(ctx).database, kept.timeline, Fork(*fork) if fork else None, timeout_s=ctx.remaining_s
    )
    return {
        "workload": name_of(ctx), "way": "rewind" if kept.rewind else "reseed", "reason": kept.summary.get("reason", ""),
        "folder": folder.path, "kept": folder.data, "list": f"{folder.rows}/README.txt", "diverged": found.to_json(),
        "notes": [_in_words(ctx, found, folder)],
    }  # fmt: skip


def _summary_of(ctx: StepContext, kept: Kept) -> Facts | None:
    """What the journal says of this database; None where the directory was kept for another one, and this one's rows are
    not listed. An earlier version wrote down no name."""
    if kept.how == "nothing" or kept.summary.get("workload", name_of(ctx)) == name_of(ctx):
        return {key: value for key, value in kept.summary.items() if key not in ("fork", "others")}
    found: Facts | None = kept.summary.get("others", {}).get(name_of(ctx))
    return found


def _in_words(ctx: StepContext, found: Diverged, folder: Folder) -> str:
    if found.rows is None:
        counted = "which rows were written there alone is NOT known"
    else:
        tables = ", ".join(f"{table} {count}" for table, count in found.rows.items())
        deleted = sum(found.deleted.values())
        counted = f"{sum(found.rows.values())} rows written there alone{f' ({tables})' if tables else ''}"
        counted += f", {deleted} deleted" if deleted else ""
    lacking = f"; NOT shown: {'; '.join(found.not_shown)}" if found.not_shown else ""
    return (
        f"{name_of(ctx)} at {ctx.run.target}: {counted}; listed in {folder.rows}, the whole directory is kept in "
        f"{folder.data}{lacking}"
    )


def verify_kept(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    """The kept copy is a readable cluster, and ours."""
    if "kept" not in facts:
        return ()
    folder = _folder(ctx)
    found = replace(folder.server, data=folder.data).control()["Database system identifier"]
    wanted = str(_ready_facts(ctx)["system_identifier"])
    same = Verdict.PASSED if found == wanted else Verdict.FAILED
    return (Verification(name_of(ctx), "system identifier of the kept copy", wanted, found, same),)


# --- rebuild ------------------------------------------------------------------------------------------------------


def observe_rebuilt(ctx: StepContext) -> Observation:
    """A directory in which a rebuild was begun is never taken for a good one."""
    if _follows(ctx):
        return Observation(State.DONE, "it follows already")
    kept = _folder(ctx).read()
    if kept is None and ctx.facts_of(f"{name_of(ctx)}.keep").get("way") in ("follow", "follows"):
        return Observation(State.DONE, "it has nothing of its own: it can follow as it is")
    if kept and kept.stage == "ready":
        return Observation(State.DONE, "it was rebuilt")
    return Observation(State.NOT_DONE, f"how far it is: {kept.stage}" if kept else "nothing was kept yet")


def rebuild(ctx: StepContext) -> Facts:
    """pg_rewind after a dry run, or a new base backup; then the site's own settings. Needs a whole kept copy."""
    facts = _ready_facts(ctx)
    serving = require_same(ctx, facts["system_identifier"], facts["timeline"])
    folder = _folder(ctx)
    kept = folder.read()
    if kept is None or kept.stage == "keeping":
        raise RefusedError(f"{name_of(ctx)}: nothing was kept of {folder.server.data}; it is not touched")
    if kept.stage == "ready":
        return {"rebuilt_by": "an earlier attempt"}
    there = _require_replaceable(ctx, serving, folder, kept)
    return {**rebuilt(ctx, serving, folder, kept, there), **put_right(ctx, folder)}


def _require_replaceable(ctx: StepContext, serving: Serving, folder: Folder, kept: Kept) -> Standing:
    """Is the directory that is going to be replaced ours, stopped, and as it was kept? What it is. Raises RefusedError."""
    server, identifier = folder.server, serving.identifier
    if postgres_rebuild.control_digest(server, server.data):
        identifier = server.control()["Database system identifier"]
    require_own(ctx, serving, identifier, server.data)
    there = standing(folder, kept)
    if there == "another":
        raise _not_kept(ctx, folder)
    if there == "not known":
        raise RefusedError(
            f"{name_of(ctx)}: an earlier version of albus-dr kept {server.data} at {ctx.run.target} and did not write down in "
            "what state: whether it was used since can't be told, and it is not touched",
            hint=f"move it away by hand, and keep it until you know that it has nothing which {folder.data} lacks; then: "
            f"albus-dr resume {ctx.run.id}",
        )
    _require_stopped(ctx, server)
    require_may_overwrite(ctx, name_of(ctx), OldData(ctx.spec.site, identifier, "nothing", folder.path))
    return there


def _not_kept(ctx: StepContext, folder: Folder) -> RefusedError:
    return RefusedError(
        f"{name_of(ctx)}: {folder.server.data} at {ctx.run.target} is not what this run kept: a server was started in it since, "
        f"or something else was put there. What it has now is not in {folder.path}, and it is not touched",
        hint=f"albus-dr abort {ctx.run.id}; then a new albus-dr reprotect keeps what is there now",
    )


def verify_rebuilt(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
    """The directory is the serving server's cluster, and would start as a standby."""
    folder = _folder(ctx)
    wanted = str(_ready_facts(ctx)["system_identifier"])
    found = folder.server.control()["Database system identifier"]
    same = Verdict.PASSED if found == wanted else Verdict.FAILED
    return (Verification(name_of(ctx), f"system identifier at {ctx.run.target}", wanted, found, same),)


# --- rejoin and catch up --------------------------------------------------------------------------------------------


def observe_rejoined(ctx: StepContext) -> Observation:
    try:
        if not _follows(ctx):
            return Observation(State.NOT_DONE, "it does not stream")
    except ServerDown as error:
        return Observation(State.NOT_DONE, error.message)
    return observe_own_slot(server_of(ctx, ctx.run.target), ctx.run.source)


def rejoin(ctx: StepContext) -> Facts:
    """Start it as the standby of the server that serves, and wait until it streams."""
    facts = _ready_facts(ctx)
    serving = require_same(ctx, facts["system_identifier"], facts["timeline"])
    folder = _folder(ctx)
    if _follows(ctx):  # an earlier attempt was cut off after this
        drop_own_slot(ctx, folder.server, ctx.run.source)
        return {}
    kept = folder.read()
    if kept and kept.stage != "ready":
        raise RefusedError(f"{name_of(ctx)}: {folder.server.data} is not rebuilt ({kept.stage}); it is not started")
    if folder.server.is_running():
        if not folder.server.is_in_recovery():
            raise RefusedError(f"{name_of(ctx)}: the server at {ctx.run.target} runs as a primary; nothing follows")
        folder.server.stop(timeout_s=QUICK_S * 6)
    require_own(ctx, serving, folder.server.control()["Database system identifier"], folder.server.data)
    become_standby(ctx, folder.server, serving.server, ctx.run.source)
    return {}


def catch_up(ctx: StepContext) -> Facts:
    """Until the standby has replayed nearly everything: the door is closed for as long as the rest takes."""
    server = server_of(ctx, ctx.run.source)
    while True:
        lag = server.lag_of(ctx.run.target)
        if lag and lag.replayed <= NEAR_BYTES:
            returned = _folder(ctx).server
            retire_begun(returned, returned.data)
            return {"lag_bytes": lag.replayed}
        if ctx.remaining_s <= 1 or ctx.cancelled.wait(POLL_S * 5):
            behind = format_bytes(lag.replayed) if lag else "not streaming"
            raise TransientError(f"{name_of(ctx)}: {ctx.run.target} has not caught up: {behind}")
