"""Whether a tree that is made equal to a recovery point has room on its disk, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from albus_dr.errors import NotReadyError
from albus_dr.tools.host import Host
from albus_dr.units import format_bytes
from albus_dr.workloads import site
from albus_dr.workloads.files.access import QUICK_S, path_of
from albus_dr.workloads.files.alone import Entries
from albus_dr.workloads.files.keep import ROOM, left_to_keep, require_room
from albus_dr.workloads.files.trees import is_there, list_files
from albus_dr.workloads.step import StepContext


def require_restore_room(ctx: StepContext, manifest: Mapping[str, Any], alone: Entries) -> list[str]:
    """Room at the target for what the restore adds and for what is kept aside, which may lie on another disk; what to tell
    of it. A file that is there is written over; what is not in the manifest goes last. Raises NotReadyError."""
    host, path = path_of(ctx, ctx.run.target)
    there = is_there(host, path, timeout_s=QUICK_S)
    files = list_files(host, path, timeout_s=ctx.remaining_s) if there else {}
    alone = left_to_keep(ctx, alone)
    place, kept_in = site.nearest(host, path), require_room(ctx, alone)
    added = sum(max(0, entry["size"] - files.get(name, (0, ""))[0]) for name, entry in manifest["files"].items())
    needed, free = added * ROOM, site.free_bytes(host, place)
    if alone and _same_disk(host, place, kept_in):
        needed += sum(size for size, _ in alone.values()) * ROOM
    if free < needed:
        raise NotReadyError(
            f"{ctx.spec.workload}: the restore needs {format_bytes(needed)} more in {path} at {ctx.run.target}; "
            f"{format_bytes(free)} are free",
            hint="make room; the tree is as it was",
        )
    if there:
        return []
    return [
        f"{ctx.spec.workload}: {path} at {ctx.run.target} is not there and will be made in {place}: is its disk mounted?"
    ]


def _same_disk(host: Host, one: str, other: str) -> bool:
    done = host.run(("stat", "-L", "-c", "%d", "--", one, other), timeout_s=QUICK_S).check(f"{one} can't be looked at")
    return len(set(done.stdout.split())) == 1
