"""What lies at a site alone is kept aside before its tree becomes a copy again.

PATH.albus-dr-RUN/
  tree/        every file that is neither at the site that serves nor in the newest recovery points
  files.csv    their names, sizes and times; private, as names may be patients'
  tree-2/, files-2.csv    what was found later in the same run
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import PurePosixPath

from albus_dr.errors import NotReadyError, StepError
from albus_dr.tools.host import Host, write_file
from albus_dr.tools.told import check_without_names
from albus_dr.units import format_bytes
from albus_dr.workloads import recovery_points, site
from albus_dr.workloads.files.access import QUICK_S, path_of, repository_of
from albus_dr.workloads.files.alone import Entries
from albus_dr.workloads.files.by_name import hash_files, send_files, with_parents
from albus_dr.workloads.files.trees import is_there, list_files
from albus_dr.workloads.step import Facts, Observation, State, StepContext, Verdict, Verification

ROOM = 1.05  # files take whole blocks


def ready_to_keep(ctx: StepContext) -> Facts:
    """There is room for what must be kept aside."""
    alone = _alone(ctx)
    require_room(ctx, alone)
    return {"alone": len(alone)}


def require_room(ctx: StepContext, alone: Entries) -> str:
    """Where the folder of what is kept aside will be; raises NotReadyError when there is no room for it."""
    host, path, folder = _folder(ctx)
    place = site.nearest(host, str(PurePosixPath(folder).parent))
    needed = sum(size for size, _ in alone.values()) * ROOM
    if alone and (free := site.free_bytes(host, place)) < needed:
        raise NotReadyError(
            f"{ctx.spec.workload}: {len(alone)} files in {path} at {ctx.run.target} must be kept aside in {folder}, which "
            f"needs {format_bytes(needed)}; {format_bytes(free)} are free",
            hint="make room; the tree is as it was",
        )
    return place


def _alone(ctx: StepContext) -> dict[str, tuple[int, str]]:
    """Files at the returned site whose name, size and time are neither at the other one nor in a newest recovery point."""
    (source, from_path), (target, to_path) = path_of(ctx, ctx.run.source), path_of(ctx, ctx.run.target)
    if not is_there(target, to_path, timeout_s=QUICK_S):
        return {}
    mine = list_files(source, from_path, timeout_s=ctx.remaining_s, links=True)
    theirs = list_files(target, to_path, timeout_s=ctx.remaining_s, links=True)
    differs = {name: entry for name, entry in theirs.items() if mine.get(name) != entry}
    if not differs:
        return {}
    copies = [_newest_files(ctx, at) for at in (ctx.run.source, ctx.run.target)]
    return {name: entry for name, entry in differs.items() if all(copy.get(name) != entry for copy in copies)}


def _newest_files(ctx: StepContext, at: str) -> Entries:
    """What the newest recovery point in a site's repository holds; nothing where there is none."""
    repository = repository_of(ctx, at)
    points = recovery_points.find_all(repository, ctx.runbook.runbook, ctx.spec.workload, timeout_s=QUICK_S)
    if not points:
        return {}
    files = recovery_points.read_manifest(repository, points[-1], timeout_s=QUICK_S)["files"]
    return {name: (entry["size"], entry["modified"]) for name, entry in files.items()}


def _folder(ctx: StepContext) -> tuple[Host, str, str]:
    """The host, the tree, and the folder beside it."""
    host, path = path_of(ctx, ctx.run.target)
    return host, path, f"{path}.albus-dr-{ctx.run.id.partition('-')[2] or ctx.run.id}"


def _tree_and_list(folder: str, number: int) -> tuple[str, str]:
    """Where the run's first, second, … lot is kept."""
    more = f"-{number}" if number > 1 else ""
    return f"{folder}/tree{more}", f"{folder}/files{more}.csv"


def observe_kept(ctx: StepContext) -> Observation:
    host, _, folder = _folder(ctx)
    kept_in, _ = _tree_and_list(folder, 1)
    if is_there(host, kept_in, timeout_s=QUICK_S):
        kept = list_files(host, kept_in, timeout_s=ctx.remaining_s, links=True)
        return Observation(State.DONE, "it was kept before", _facts(ctx, folder, kept))
    return Observation(State.NOT_DONE, "nothing was kept yet")


def keep(ctx: StepContext) -> Facts:
    """Copy aside what is at the returned site alone."""
    return _keep_aside(ctx, _alone(ctx), 1)


def keep_rest(ctx: StepContext, alone: Entries) -> Facts:
    """Copy aside what of these entries of the target's tree this run has not kept yet."""
    kept, lots = _kept(ctx)
    if left := _left_to_keep(alone, kept):
        require_room(ctx, left)
        return _keep_aside(ctx, left, lots + 1)
    told = not kept or ctx.facts_of(f"{ctx.spec.workload}.keep").get("kept_files")
    return {} if told else _facts(ctx, _folder(ctx)[2], kept)


def left_to_keep(ctx: StepContext, alone: Entries) -> Entries:
    """What of these entries of the target's tree this run has not kept yet."""
    return _left_to_keep(alone, _kept(ctx)[0])


def _left_to_keep(alone: Entries, kept: Entries) -> Entries:
    return {name: entry for name, entry in alone.items() if kept.get(name) != entry}


def _kept(ctx: StepContext) -> tuple[dict[str, tuple[int, str]], int]:
    """All that this run has kept, and in how many lots."""
    host, _, folder = _folder(ctx)
    kept: dict[str, tuple[int, str]] = {}
    lots = 0
    while is_there(host, place := _tree_and_list(folder, lots + 1)[0], timeout_s=QUICK_S):
        kept |= list_files(host, place, timeout_s=ctx.remaining_s, links=True)
        lots += 1
    return kept, lots


def _keep_aside(ctx: StepContext, alone: Entries, number: int) -> Facts:
    """Copy these entries of the target's tree into the run's folder beside it: under another name until all are there;
    then the list; then the name that says so."""
    host, path, folder = _folder(ctx)
    if not alone:
        return {"kept_files": 0}
    kept_in, listed_in = _tree_and_list(folder, number)
    partial = f"{folder}/tree.partial"
    for argv in (
        ("rm", "-rf", "--one-file-system", "--", partial),
        ("install", "-d", "-m", "700", "--", folder, partial),
    ):
        check_without_names(host.run(argv, timeout_s=ctx.remaining_s), f"{folder} can't be made")
    send_files((host, path), (host, partial), with_parents(alone), ctx)
    copied = list_files(host, partial, timeout_s=ctx.remaining_s, links=True)
    if copied != alone:
        raise StepError(f"{len(alone)} files must be kept aside, {len(copied)} were copied to {partial} as they are")
    write_file(host, listed_in, _listed(alone), timeout_s=QUICK_S)
    host.run(("sync", "-f", partial), timeout_s=ctx.remaining_s).check("what was kept is not on the disk")
    host.run(("mv", "-T", "--", partial, kept_in), timeout_s=QUICK_S).check(f"{partial} can't be renamed")
    return _facts(ctx, folder, alone, number)


def _listed(entries: Entries) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("file", "bytes", "modified"))
    for name, (size, modified) in sorted(entries.items()):
        writer.writerow((name, size, _told(modified)))
    return text.getvalue()


def _told(modified: str) -> str:
    """Files may be of the year 40,000: then it is told as find does, in seconds."""
    try:
        return datetime.fromtimestamp(float(modified), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return modified


def _facts(ctx: StepContext, folder: str, kept: Entries, number: int = 1) -> Facts:
    count, size = len(kept), sum(size for size, _ in kept.values())
    kept_in, listed_in = _tree_and_list(folder, number)
    note = (
        f"{ctx.spec.workload} at {ctx.run.target}: {count} files ({format_bytes(size)}) were there alone; kept in "
        f"{kept_in}, listed in {listed_in}"
    )
    return {"kept_files": count, "kept_bytes": size, "kept": kept_in, "list": listed_in, "notes": [note]}


def verify_kept(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    """The kept copies have the content of the files that they are copies of."""
    if not facts.get("kept_files"):
        return ()
    host, path, folder = _folder(ctx)
    names = list_files(host, f"{folder}/tree", timeout_s=ctx.remaining_s)
    copied, here = (hash_files(host, place, names, ctx) for place in (f"{folder}/tree", path))
    wrong = sum(copied.get(name) != here.get(name) for name in names)
    right = Verdict.PASSED if wrong == 0 else Verdict.FAILED
    kind = f"SHA-256 of {len(names)} kept files"
    return (Verification(ctx.spec.workload, kind, f"{len(names)} equal", f"{len(names) - wrong} equal", right),)
