"""What a tree holds that no recovery point holds: nobody could bring it back once it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from albus_dr.errors import StepError
from albus_dr.tools.restic import Repository
from albus_dr.workloads import recovery_points
from albus_dr.workloads.files.access import QUICK_S, path_of, repository_of
from albus_dr.workloads.files.trees import is_there, list_files, list_links
from albus_dr.workloads.step import StepContext

EARLIER = 3  # recovery points before the newest that a warm copy may be of
FAR = 50  # the same, of a copy that nobody could refresh for long
Entries = Mapping[str, tuple[int, str]]  # name -> (bytes, modification time)


def alone_at_target(ctx: StepContext, manifest: Mapping[str, Any], *, far: bool = False) -> Entries:
    """Files and links in the target's tree that none of its newest recovery points holds as they are.

    ``far``: what is not in a manifest is looked for in the snapshots themselves, and further back. What changed while it
    was backed up is ``unclaimed`` in a manifest: its content was not compared, but the snapshot holds it.
    """
    host, path = path_of(ctx, ctx.run.target)
    if not is_there(host, path, timeout_s=QUICK_S):
        return {}
    here = list_files(host, path, timeout_s=ctx.remaining_s, links=True)
    links = list_links(host, path, timeout_s=ctx.remaining_s)
    alone = _not_in(manifest, here, links)
    if not alone:  # the usual case: it costs a listing
        return {}
    repository = repository_of(ctx, ctx.run.target)
    points = recovery_points.find_all(repository, ctx.runbook.runbook, ctx.spec.workload, timeout_s=QUICK_S)
    for point in points[-2 : -2 - EARLIER : -1]:  # a warm copy may be a little older than the newest recovery point
        if alone:
            with suppress(StepError):  # one that can't be read explains nothing
                alone = _not_in(recovery_points.read_manifest(repository, point, timeout_s=QUICK_S), alone, links)
    for point in points[: -1 - FAR : -1] if far else ():
        if alone:
            alone = _not_in_snapshot(ctx, repository, point.data.id, alone, links)
    return alone


def _not_in(manifest: Mapping[str, Any], entries: Entries, links: Mapping[str, str]) -> Entries:
    files, kept_links = {**(manifest.get("unclaimed") or {}), **manifest["files"]}, manifest.get("links") or {}

    def is_held(name: str, entry: tuple[int, str]) -> bool:
        if name in links:
            return bool(kept_links.get(name) == links[name])
        return name in files and same_entry(entry, (files[name]["size"], files[name]["modified"]))

    return {name: entry for name, entry in entries.items() if not is_held(name, entry)}


def _not_in_snapshot(
    ctx: StepContext, repository: Repository, snapshot: str, entries: Entries, links: Mapping[str, str]
) -> Entries:
    try:
        held = repository.entries(snapshot, entries.keys(), timeout_s=ctx.remaining_s, cancelled=ctx.cancelled)
    except StepError:
        if ctx.cancelled.is_set():
            raise
        return entries  # one that can't be read explains nothing

    def is_held(name: str, entry: tuple[int, str]) -> bool:
        size = 0 if name in links else entry[0]  # restic tells the size of files alone
        return name in held and same_entry((size, entry[1]), held[name])

    return {name: entry for name, entry in entries.items() if not is_held(name, entry)}


def same_entry(one: tuple[int, str], other: tuple[int, str]) -> bool:
    """Size and time; that to the second, as a file system may keep no more of it."""
    return one[0] == other[0] and one[1].partition(".")[0] == other[1].partition(".")[0]
