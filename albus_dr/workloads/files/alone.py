"""What a tree holds that no recovery point holds: nobody could bring it back once it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from albus_dr.workloads import recovery_points
from albus_dr.workloads.files.access import QUICK_S, path_of, repository_of
from albus_dr.workloads.files.trees import list_files, list_links
from albus_dr.workloads.step import StepContext

EARLIER = 3  # recovery points before the newest that a warm copy may be of
Entries = Mapping[str, tuple[int, str]]  # name -> (bytes, modification time)


def alone_at_target(ctx: StepContext, manifest: Mapping[str, Any]) -> Entries:
    """Files and links in the target's tree that none of its newest recovery points holds as they are."""
    host, path = path_of(ctx, ctx.run.target)
    if host.run(("test", "-d", path), timeout_s=QUICK_S).code != 0:
        return {}
    here = list_files(host, path, timeout_s=ctx.remaining_s, links=True)
    links = list_links(host, path, timeout_s=ctx.remaining_s)
    alone = _not_in(manifest, here, links)
    if alone:  # a warm copy may be a little older than the newest recovery point
        repository = repository_of(ctx, ctx.run.target)
        points = recovery_points.find_all(repository, ctx.runbook.runbook, ctx.spec.workload, timeout_s=QUICK_S)
        for point in points[-2 : -2 - EARLIER : -1]:
            alone = _not_in(recovery_points.read_manifest(repository, point, timeout_s=QUICK_S), alone, links)
    return alone


def _not_in(manifest: Mapping[str, Any], entries: Entries, links: Mapping[str, str]) -> Entries:
    files, kept_links = manifest["files"], manifest.get("links") or {}

    def is_there(name: str, entry: tuple[int, str]) -> bool:
        if name in links:
            return bool(kept_links.get(name) == links[name])
        return name in files and (files[name]["size"], files[name]["modified"]) == entry

    return {name: entry for name, entry in entries.items() if not is_there(name, entry)}
