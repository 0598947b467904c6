"""replicate: a snapshot in restic with its manifest, its copy, and the warm copy of the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from albus_dr.errors import AlbusError, NotReadyError, RefusedError, VerificationError
from albus_dr.runbook.config import HostConfig
from albus_dr.tools.host import Host
from albus_dr.tools.restic import Repository
from albus_dr.tools.told import check_without_names
from albus_dr.units import format_bytes
from albus_dr.workloads import recovery_points
from albus_dr.workloads.copying import copy_points
from albus_dr.workloads.files.access import QUICK_S, Newest, model_of, newest, path_of, repository_of
from albus_dr.workloads.files.alone import alone_at_target
from albus_dr.workloads.files.by_name import hash_files
from albus_dr.workloads.files.keep import keep_rest
from albus_dr.workloads.files.room import require_restore_room
from albus_dr.workloads.files.serving import while_source_serves, why_not_known
from albus_dr.workloads.files.trees import File, Tree, look
from albus_dr.workloads.programs import programs
from albus_dr.workloads.step import Facts, StepContext

SHRUNKEN = 0.5  # a tree with less than this share of the last recovery point's files or bytes is refused


def ready_to_back_up(ctx: StepContext) -> Facts:
    host, path = path_of(ctx, ctx.run.source)
    if host.run(("test", "-d", path), timeout_s=QUICK_S).code != 0:
        raise NotReadyError(f"{ctx.spec.workload}: there is no directory {path} at {ctx.run.source}")
    repositories = [repository_of(ctx, at) for at in (ctx.run.source, ctx.run.target)]
    for repository in repositories:
        repository.probe(timeout_s=QUICK_S)
    return programs(*repositories)


def back_up(ctx: StepContext) -> Facts:
    """Back up, then hash what was backed up; what changed in between is not claimed."""
    host, path = path_of(ctx, ctx.run.source)
    repository = repository_of(ctx, ctx.run.source)
    name, runbook = ctx.spec.workload, ctx.runbook.runbook
    made_at = datetime.now(UTC)
    point = recovery_points.new_point_id(made_at)
    earlier = recovery_points.find_all(repository, runbook, name, timeout_s=QUICK_S)
    last = recovery_points.read_manifest(repository, earlier[-1], timeout_s=QUICK_S) if earlier else None
    mounted = _identity(host, path)
    before = look(host, path, timeout_s=ctx.remaining_s)
    why = shrunken(name, path, before.files, last)
    if why and not ctx.run.options.get("accept_shrunken"):
        raise VerificationError(
            why,
            hint="is the disk mounted? Earlier recovery points and the other site's copy are untouched. If it is right: "
            "albus-dr replicate --accept-shrunken",
        )
    summary = repository.backup_directory(
        path, recovery_points.tags(runbook, name, point, "data"), timeout_s=ctx.remaining_s, progress=ctx.progress,
        cancelled=ctx.cancelled,
    )  # fmt: skip
    went_away = frozenset[str](summary["went_away"])
    claimed, changing = _manifest_of(ctx, host, path, before, last["files"] if last else {}, went_away)
    if _identity(host, path) != mounted:  # what went away with a disk would be claimed by nobody
        raise VerificationError(
            f"{name}: {path} is not the directory any more that it was when its backup began",
            hint="is the disk mounted? What was backed up is no recovery point; earlier ones are untouched",
        )
    manifest = {
        **claimed,
        "unclaimed": _held(ctx, repository, summary["snapshot_id"], changing),
        "bytes": int(summary["total_bytes_processed"]), "count": int(summary["total_files_processed"]),
    }  # fmt: skip
    recovery_points.write_manifest(repository, runbook, name, point, made_at, manifest, timeout_s=QUICK_S)
    return {
        "point": point,
        "bytes": manifest["bytes"],
        "files": manifest["count"],
        "newest_write_at": made_at.isoformat(),
        "went_away": len(went_away),
        "notes": [f"{why}. {ctx.run.operator} accepted it (--accept-shrunken)"] if why else [],
    }


def _identity(host: Host, path: str) -> str:
    """Which directory of which file system it is."""
    return host.run(("stat", "-Lc", "%d:%i", "--", path), timeout_s=QUICK_S).check(f"{path} can't be looked at").stdout


def _held(ctx: StepContext, repository: Repository, snapshot: str, names: set[str]) -> dict[str, Any]:
    """What the snapshot holds of the files that changed while it was made. Without it a failover asks once more, no worse."""
    if not names:
        return {}
    try:
        found = repository.entries(snapshot, names, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled)
    except AlbusError:
        if ctx.cancelled.is_set():
            raise
        return {}
    return {name: {"size": size, "modified": modified} for name, (size, modified) in found.items()}


def shrunken(name: str, path: str, now: Mapping[str, File], last: Mapping[str, Any] | None) -> str:
    """What a person must look at before this tree replaces the last one everywhere; empty when nothing."""
    if last is None:
        return ""
    held = sum(file.size for file in now.values())
    if len(now) >= last["count"] * SHRUNKEN and held >= last["bytes"] * SHRUNKEN:
        return ""
    return (
        f"{name}: {path} has shrunk to {len(now)} files with {format_bytes(held)}; at the last recovery point it had "
        f"{last['count']} with {format_bytes(last['bytes'])}"
    )


def _manifest_of(
    ctx: StepContext, host: Host, path: str, before: Tree, known: Mapping[str, Any], went_away: frozenset[str]
) -> tuple[dict[str, Any], set[str]]:
    """What the tree held before, during and after the backup, and the names of files that came or changed meanwhile. What
    an earlier manifest knows of the content of unchanged files is kept; the rest is read once."""
    digests = {name: known[name]["sha256"] for name, file in before.files.items()
               if name in known and (known[name]["size"], known[name]["modified"]) == (file.size, file.modified)}  # fmt: skip
    digests |= hash_files(host, path, before.files.keys() - digests.keys(), ctx)
    after = look(host, path, timeout_s=ctx.remaining_s)

    def stayed(name: str) -> bool:
        return not went_away or went_away.isdisjoint((name, *map(str, PurePosixPath(name).parents)))

    files = {name: {"size": file.size, "modified": file.modified, "mode": file.mode, "owner": file.owner, "sha256": digests[name]}
             for name, file in before.files.items()
             if name in digests and after.files.get(name) == file and stayed(name)}  # fmt: skip
    directories = {name: {"mode": directory.mode, "owner": directory.owner}
                   for name, directory in before.directories.items()
                   if after.directories.get(name) == directory and stayed(name)}  # fmt: skip
    links = {name: to for name, to in before.links.items() if after.links.get(name) == to and stayed(name)}
    changing = (before.files.keys() | after.files.keys()) - files.keys()
    return {"files": files, "directories": directories, "links": links}, changing


def copy(ctx: StepContext) -> Facts:
    return {
        **copy_points(ctx, repository_of(ctx, ctx.run.source), repository_of(ctx, ctx.run.target)),
        "newest_write_at": ctx.facts_of(f"{ctx.spec.workload}.back_up").get("newest_write_at"),
    }


def warm(ctx: StepContext) -> Facts:
    """Make the target's tree equal to the newest recovery point. What it has alone, as where users have been served from
    it, is kept aside first; and where they may be served from it now it is left as it is."""
    _, path = path_of(ctx, ctx.run.target)
    refuse_live_target(ctx)
    if ctx.run.operation == "replicate" and ctx.run.options.get("returned_unkept"):
        return {
            "notes": [
                f"{ctx.spec.workload}: {path} at {ctx.run.target} is left as it is: it was the primary's, and may hold files "
                "that are nowhere else; albus-dr reprotect keeps them first"
            ]
        }
    unknown = why_not_known(ctx)
    if unknown and ctx.run.operation != "replicate":
        raise NotReadyError(
            f"{ctx.spec.workload}: {unknown}", hint="nothing was changed; try again when the witness answers"
        )
    if unknown:
        return {
            "notes": [
                f"{ctx.spec.workload}: {path} at {ctx.run.target} is left as it is: nobody knows whether {ctx.run.source} "
                f"still serves ({unknown})"
            ]
        }
    found = newest(ctx)
    alone = alone_at_target(ctx, found.manifest, far=True)
    notes = require_restore_room(ctx, found.manifest, alone)
    kept = keep_rest(ctx, alone)
    with while_source_serves(ctx) as stopped:
        equal = make_equal(replace(ctx, cancelled=stopped), found)
    told = [*notes, *kept.get("notes", ())]
    return {**kept, **equal, **({"notes": told} if told else {})}


def make_equal(ctx: StepContext, found: Newest) -> Facts:
    """The target's tree is the recovery point then: what is not in that is gone."""
    repository, point, manifest = found
    host, path = path_of(ctx, ctx.run.target)
    refuse_live_target(ctx)
    summary = repository.restore(
        point.data.id, path, timeout_s=ctx.remaining_s, progress=ctx.progress, cancelled=ctx.cancelled, replace=True
    )
    give_to_owner(ctx, host, path)
    return {
        **recovery_points.chosen(point),
        "files": manifest["count"],
        "held_bytes": manifest["bytes"],
        "bytes": summary.get("bytes_restored", 0),
    }


def refuse_live_target(ctx: StepContext) -> None:
    """Never make a tree equal to a snapshot where it is, or may be, the one that users write to."""
    if _machine(ctx, ctx.run.target) != _machine(ctx, ctx.run.source):
        return  # and the other one may be lost: nothing is asked there
    mine, theirs = (path_of(ctx, at)[1] for at in (ctx.run.target, ctx.run.source))
    one, other = PurePosixPath(mine), PurePosixPath(theirs)
    if one == other or one in other.parents or other in one.parents:
        raise RefusedError(
            f"{ctx.spec.workload} at both sites is on the same machine, and one directory is or holds the other: {mine}, {theirs}",
            hint="compare sites.*.paths in the config",
        )


def _machine(ctx: StepContext, at: str) -> HostConfig:
    site = ctx.config.sites[at]
    return site.hosts[site.paths[model_of(ctx).path].host]


def belongs_to_owner(ctx: StepContext, host: Host, path: str) -> bool:
    """True as well where the config names no owner. One that the host does not know owns nothing."""
    user, _, group = (ctx.config.sites[ctx.run.target].paths[model_of(ctx).path].owner or "").partition(":")
    others = [test for flag, name in (("-user", user), ("-group", group)) if name for test in ("-o", "!", flag, name)][
        1:
    ]
    if not others:
        return True
    argv = ("find", "-H", path, "(", *others, ")", "-print", "-quit")
    done = host.run(argv, timeout_s=ctx.remaining_s)
    return done.code == 0 and not done.out


def give_to_owner(ctx: StepContext, host: Host, path: str) -> None:
    owner = ctx.config.sites[ctx.run.target].paths[model_of(ctx).path].owner
    if owner:
        done = host.run(("chown", "-R", "--", owner, path), timeout_s=ctx.remaining_s)
        check_without_names(done, f"{path} can't be given to {owner}")
