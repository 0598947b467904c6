"""Directories, and the modes, owners and times of a recovered tree, against its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from albus_dr.tools.host import Host
from albus_dr.tools.told import anonymous
from albus_dr.workloads.files.access import QUICK_S, model_of
from albus_dr.workloads.files.trees import Directory, File, Tree
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

OLDER = "older than this comparison"


def may_give(ctx: StepContext, host: Host) -> bool:
    """Owners are restored as they were: by root, and where the config gives the files to nobody else."""
    if ctx.run.operation != "drill" and ctx.config.sites[ctx.run.target].paths[model_of(ctx).path].owner:
        return False
    return host.run(("id", "-u"), timeout_s=QUICK_S).check(f"id at {host.name}").stdout.strip() == "0"


def compared_attributes(manifest: Mapping[str, Any], tree: Tree, *, owners: bool) -> dict[str, Any]:
    """Facts about everything that the manifest names and that is there, and about directories that are not.

    ``directories`` is None where the manifest is older. Times are compared to the second, as not every file system keeps
    more, and of files alone: a directory's changes with what is in it.
    """
    if "directories" not in manifest:
        return {"directories": None}
    expected = manifest["directories"]
    missing = sorted(expected.keys() - tree.directories.keys())
    known: dict[str, File | Directory] = {**tree.directories, **tree.files}
    wrong: dict[str, str] = {}
    different_owners = 0
    for name, entry in (*expected.items(), *manifest["files"].items()):
        if (found := known.get(name)) is None:
            continue
        if found.owner != entry["owner"]:
            different_owners += 1
            if owners:
                wrong[name] = f"owner {found.owner}, was {entry['owner']}"
        if found.mode != entry["mode"]:
            wrong[name] = f"mode {found.mode}, was {entry['mode']}"
        elif isinstance(found, File) and _second(found.modified) != _second(entry["modified"]):
            wrong[name] = "another time"
    first = min(wrong, default=None)
    return {
        "directories": len(expected), "missing_directories": len(missing),
        "first_missing_directory": anonymous(missing[0]) if missing else "", "attributes": len(expected) + len(manifest["files"]),
        "wrong_attributes": len(wrong), "first_wrong_attribute": f"{anonymous(first)}: {wrong[first]}" if first is not None else "",
        "owners_compared": owners or not different_owners, "different_owners": different_owners,
    }  # fmt: skip


def is_equal(facts: Facts) -> bool:
    """Nothing that a restore could mend differs."""
    return facts["directories"] is None or not (facts["missing_directories"] or facts["wrong_attributes"])


def verify_attributes(workload: str, facts: Facts) -> tuple[Verification, ...]:
    """What ``compared_attributes`` found."""
    if facts["directories"] is None:
        kinds = ("directories", "modes, owners and times")
        return tuple(Verification(workload, kind, "the manifest", OLDER, Verdict.NOT_EVALUATED) for kind in kinds)
    there, all_of_them = f"{facts['directories']} there", f"{facts['attributes']} equal"
    missing = f"{facts['missing_directories']} missing, the first: {facts['first_missing_directory']}"
    differ = f"{facts['wrong_attributes']} differ, the first: {facts['first_wrong_attribute']}"
    kind = "modes, owners and times" if facts["owners_compared"] else "modes and times"
    result = []
    if facts["missing_directories"]:
        result.append(Verification(workload, "directories", there, missing, Verdict.FAILED))
    elif facts["directories"]:
        result.append(Verification(workload, "directories", there, there, Verdict.PASSED))
    if facts["wrong_attributes"]:
        result.append(Verification(workload, kind, all_of_them, differ, Verdict.FAILED))
    elif facts["attributes"]:
        result.append(Verification(workload, kind, all_of_them, all_of_them, Verdict.PASSED))
    if not facts["owners_compared"]:
        why = f"{facts['different_owners']} have another: root restores owners, or the config's `owner:` says whose they are"
        result.append(Verification(workload, "owners", "as they were", why, Verdict.NOT_EVALUATED))
    return tuple(result)


def _second(modified: str) -> str:
    return modified.partition(".")[0]
