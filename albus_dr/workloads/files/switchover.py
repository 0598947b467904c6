"""switchover: the last changes go straight from tree to tree, behind the closed door."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from albus_dr.errors import RefusedError
from albus_dr.journal.event import now
from albus_dr.tools.told import anonymous
from albus_dr.workloads.copying import copy_points
from albus_dr.workloads.files.access import model_of, path_of, repository_of
from albus_dr.workloads.files.attributes import compared_attributes, may_give
from albus_dr.workloads.files.by_name import hash_files, remove_files, send_files
from albus_dr.workloads.files.compare import compared_links, compared_sizes, sample_of
from albus_dr.workloads.files.recovery import back_up, give_to_owner, refuse_live_target, shrunken, warm
from albus_dr.workloads.files.trees import Directory, File, Tree, list_stamps, look
from albus_dr.workloads.step import Facts, StepContext


def bring_forward(ctx: StepContext) -> Facts:
    """Back up, copy and refresh at once: what is left for the closed door is then little."""
    back_up(ctx)
    copy_points(ctx, repository_of(ctx, ctx.run.source), repository_of(ctx, ctx.run.target))
    facts = warm(ctx)
    if model_of(ctx).verify.sha256 >= 1:  # a sample is drawn among the files that there are in the end
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda at: _hash_ahead(ctx, at), (ctx.run.source, ctx.run.target)))
    return facts


def carry_over(ctx: StepContext) -> Facts:
    """Behind the closed door, straight from tree to tree: what changed is sent, what is gone is removed."""
    (source, from_path), (target, to_path) = path_of(ctx, ctx.run.source), path_of(ctx, ctx.run.target)
    refuse_live_target(ctx)
    closed_at = now()
    found = differences(ctx)
    _refuse_shrunken(ctx, from_path, found.mine)
    if found.gone:  # first: a directory may now stand where a file was
        remove_files(target, to_path, found.gone, ctx)
    if found.changed:
        send_files((source, from_path), (target, to_path), found.changed, ctx)
    give_to_owner(ctx, target, to_path)
    return {
        "closed_at": closed_at,
        "sent": len(found.changed),
        "removed": len(found.gone),
        "bytes": sum(found.mine.files[name].size for name in found.changed if name in found.mine.files),
    }


class Differences(NamedTuple):
    """``mine``: the source's tree. By name: what the target has not, or otherwise; and what the source has not any more."""

    mine: Tree
    changed: list[str]
    gone: list[str]


def differences(ctx: StepContext, *, to_the_second: bool = False) -> Differences:
    """What carrying over would send and remove now. It changes nothing. ``to_the_second``: not every file system keeps more
    of a time, and what was carried over is the same there all the same."""
    (source, from_path), (target, to_path) = path_of(ctx, ctx.run.source), path_of(ctx, ctx.run.target)
    with ThreadPoolExecutor(2) as pool:
        both = ((source, from_path), (target, to_path))
        mine, theirs = pool.map(lambda tree: look(*tree, timeout_s=ctx.remaining_s), both)
    owners = may_give(ctx, target)
    wanted, there = (_entries(tree, owners=owners, to_the_second=to_the_second) for tree in (mine, theirs))
    return Differences(
        mine,
        changed=sorted(name for name, entry in wanted.items() if there.get(name) != entry),
        gone=sorted(name for name, entry in there.items() if type(wanted.get(name)) is not type(entry)),
    )


def _refuse_shrunken(ctx: StepContext, path: str, mine: Tree) -> None:
    """A disk may be unmounted together with the application that was stopped: what is not there then is not gone."""
    name = ctx.spec.workload
    brought = ctx.facts_of(f"{name}.bring_forward")
    last = {"count": brought["files"], "bytes": brought["held_bytes"]} if brought else None
    if why := shrunken(name, path, mine.files, last):
        raise RefusedError(
            f"{why}; nothing was removed at {ctx.run.target}",
            hint=f"is the disk mounted? Mount it, then: albus-dr resume {ctx.run.id}. If so little is right: albus-dr abort "
            f"{ctx.run.id}, start the application at {ctx.run.source}, albus-dr door, albus-dr replicate --accept-shrunken, "
            "then switch over again",
        )


def _entries(tree: Tree, *, owners: bool, to_the_second: bool) -> dict[str, File | Directory | str]:
    """Everything in the tree, a link as where it points; owners only where they can be kept."""
    files: dict[str, File] = tree.files
    if to_the_second:
        files = {name: file._replace(modified=file.modified.partition(".")[0]) for name, file in files.items()}
    if owners:
        return {**files, **tree.directories, **tree.links}
    files = {name: file._replace(owner="") for name, file in files.items()}
    directories = {name: directory._replace(owner="") for name, directory in tree.directories.items()}
    return {**files, **directories, **tree.links}


def compare_trees(ctx: StepContext) -> Facts:
    """Both trees stand still now: every name with its size, mode, owner and time, the content of the share that the runbook asks
    for, and every link."""
    with ThreadPoolExecutor(2) as pool:
        mine, theirs = pool.map(lambda at: _stamps(ctx, at), (ctx.run.source, ctx.run.target))
        names, seed = sample_of(ctx, mine)
        sides = ((ctx.run.source, mine), (ctx.run.target, theirs))
        (ours, fresh), (other, _) = pool.map(lambda side: _hashes(ctx, side[0], side[1], names), sides)
        tree, their_tree = pool.map(lambda at: _tree(ctx, at), (ctx.run.source, ctx.run.target))
    wrong = [name for name in names if name not in ours or ours[name] != other.get(name)]
    expected: dict[str, Any] = {
        "files": {name: file._asdict() for name, file in tree.files.items()},
        "directories": {name: directory._asdict() for name, directory in tree.directories.items()},
        "count": len(tree.files),
    }
    owners = may_give(ctx, path_of(ctx, ctx.run.target)[0])
    return {
        "newest_write_at": ctx.facts_of(f"{ctx.spec.workload}.carry_over")["closed_at"], "expected_files": len(mine),
        "found_files": len(theirs), "sample": len(names), "of": len(mine), "wrong": len(wrong), "seed": seed,
        "first_wrong": anonymous(wrong[0]) if wrong else "", "hashed_behind_the_door": fresh,
        **compared_sizes(expected, their_tree.files), **compared_links(tree.links, their_tree.links, exactly=True),
        **compared_attributes(expected, their_tree, owners=owners),
    }  # fmt: skip


# Of this process alone: names may be patients', and a resumed run hashes everything again.
_hashed_ahead: dict[tuple[str, str, str], dict[str, tuple[str, str]]] = {}


def _hash_ahead(ctx: StepContext, at: str) -> None:
    """While users are still served: stamp and SHA-256 of every file that stands still."""
    host, path = path_of(ctx, at)
    stamps = list_stamps(host, path, timeout_s=ctx.remaining_s, still_only=True)  # before they are read
    digests = hash_files(host, path, stamps, ctx)
    _hashed_ahead[ctx.run.id, at, path] = {name: (stamps[name], digest) for name, digest in digests.items()}


def _stamps(ctx: StepContext, at: str) -> dict[str, str]:
    host, path = path_of(ctx, at)
    return list_stamps(host, path, timeout_s=ctx.remaining_s)


def _tree(ctx: StepContext, at: str) -> Tree:
    host, path = path_of(ctx, at)
    return look(host, path, timeout_s=ctx.remaining_s)


def _hashes(ctx: StepContext, at: str, stamps: Mapping[str, str], names: list[str]) -> tuple[dict[str, str], int]:
    """SHA-256 of the names that are there, and how many of them were read now: those that changed since ``_hash_ahead``."""
    host, path = path_of(ctx, at)
    ahead = _hashed_ahead.get((ctx.run.id, at, path), {})
    known = {name: ahead[name][1] for name in names if name in ahead and ahead[name][0] == stamps.get(name)}
    unknown = [name for name in names if name in stamps and name not in known]
    return {**known, **hash_files(host, path, unknown, ctx)}, len(unknown)
