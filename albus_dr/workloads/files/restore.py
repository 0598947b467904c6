"""drill and failover: the tree comes back from a recovery point."""

from __future__ import annotations

from albus_dr.errors import RefusedError
from albus_dr.workloads import recovery_points, site
from albus_dr.workloads.files.access import QUICK_S, newest, path_of, restored_from
from albus_dr.workloads.files.alone import alone_at_target, same_entry
from albus_dr.workloads.files.attributes import compared_attributes, is_equal, may_give
from albus_dr.workloads.files.compare import compared
from albus_dr.workloads.files.keep import ROOM, keep_rest
from albus_dr.workloads.files.recovery import belongs_to_owner, make_equal
from albus_dr.workloads.files.room import require_restore_room
from albus_dr.workloads.files.trees import is_there, look
from albus_dr.workloads.programs import programs
from albus_dr.workloads.step import Facts, Observation, State, StepContext


def look_ahead(ctx: StepContext) -> None:
    """restic needs half a second to open a repository: it begins while the engine starts."""
    repository, wanted = restored_from(ctx), recovery_points.wanted(ctx.run.options)
    recovery_points.look_ahead(repository, ctx.runbook.runbook, ctx.spec.workload, wanted, timeout_s=QUICK_S)


def ready_to_restore(ctx: StepContext) -> Facts:
    repository = restored_from(ctx)
    wanted, name = recovery_points.wanted(ctx.run.options), ctx.spec.workload
    opened = recovery_points.open_point(repository, ctx.runbook.runbook, name, wanted, timeout_s=QUICK_S)
    notes = recovery_points.notes_on(opened.future, name, repository)
    found = {**recovery_points.chosen(opened.point), **programs(repository), "left_out": len(opened.future)}
    if ctx.run.operation == "drill":  # on the worst day what is whole is restored, and nothing else is asked
        recovery_points.require_whole(opened, name, repository)
        site.require_space(ctx, opened.manifest["bytes"] * ROOM)
        return {**found, "notes": notes}
    if notes and not ctx.run.options.get("accept_data_loss"):
        raise RefusedError(
            notes[0],
            hint="compare the clock here (date -u) with a watch. If it is wrong, set it, and try again. If those points are "
            f"forged: --accept-data-loss takes the newest other one, {opened.point.id}",
        )
    alone = alone_at_target(ctx, opened.manifest)
    notes += require_restore_room(ctx, opened.manifest, alone)
    return {**found, "alone": len(alone), "notes": notes}


def _drill_path(ctx: StepContext) -> str:
    return f"{site.drill_directory(ctx)}/{ctx.spec.workload}"


def restore(ctx: StepContext) -> Facts:
    repository, point, manifest = newest(ctx)
    path = _drill_path(ctx)
    site.fresh_directory(ctx, path)
    repository.restore(point.data.id, path, timeout_s=ctx.remaining_s, progress=ctx.progress, cancelled=ctx.cancelled)
    return {"point": point.id, "point_at": point.data.time.isoformat(), "path": path, "bytes": manifest["bytes"]}


def compare(ctx: StepContext) -> Facts:
    restored = ctx.facts_of(f"{ctx.spec.workload}.restore")
    return {"newest_write_at": restored["point_at"], **compared(ctx, site.drill_host(ctx), restored["path"])}


def observe_taken_back(ctx: StepContext) -> Observation:
    """A warm copy that is equal to the recovery point, file by file, directory by directory and link by link, needs no
    restore."""
    _, point, manifest = newest(ctx)
    host, path = path_of(ctx, ctx.run.target)
    if not is_there(host, path, timeout_s=QUICK_S):
        return Observation(State.NOT_DONE, "there is no tree yet")
    files, others, tree = (
        manifest["files"],
        manifest.get("unclaimed") or {},
        look(host, path, timeout_s=ctx.remaining_s),
    )
    same = len(tree.files) == manifest["count"] == len(files) + len(others) and manifest.get("links") == tree.links
    same = same and all(
        (file := tree.files.get(name)) is not None and (file.size, file.modified) == (entry["size"], entry["modified"])
        for name, entry in files.items()
    )
    same = same and all(
        (file := tree.files.get(name)) is not None and same_entry(file[:2], (entry["size"], entry["modified"]))
        for name, entry in others.items()
    )
    if not same or not is_equal(compared_attributes(manifest, tree, owners=may_give(ctx, host))):
        return Observation(State.NOT_DONE, "the tree differs from the recovery point")
    if not belongs_to_owner(ctx, host, path):
        return Observation(State.NOT_DONE, "not all of the tree is its owner's")
    told = keep_rest(ctx, {})  # what an attempt that was cut off has kept aside
    return Observation(State.DONE, "the warm copy is the recovery point", {**told, **recovery_points.chosen(point)})


def take_back(ctx: StepContext) -> Facts:
    """Make the target's tree equal to the recovery point, reading only what differs. What the tree has alone, as where
    the site was the primary before, is kept aside first: as it is now, for hours may lie between the first look and a resume."""
    found = newest(ctx)
    kept = keep_rest(ctx, alone_at_target(ctx, found.manifest))
    return {**kept, **make_equal(ctx, found)}


def verify(ctx: StepContext) -> Facts:
    taken = ctx.facts_of(f"{ctx.spec.workload}.take_back")
    host, path = path_of(ctx, ctx.run.target)
    return {"newest_write_at": taken["point_at"], **compared(ctx, host, path)}
