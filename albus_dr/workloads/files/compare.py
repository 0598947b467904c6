"""Is a recovered tree the one that was backed up?"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from typing import Any

from albus_dr.tools.host import Host
from albus_dr.tools.told import anonymous
from albus_dr.workloads.files.access import model_of, newest
from albus_dr.workloads.files.attributes import compared_attributes, may_give, verify_attributes
from albus_dr.workloads.files.by_name import hash_files
from albus_dr.workloads.files.trees import File, look
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

SIZES = "names and sizes"
CHANGING = "content of files that changed while they were backed up"


def compared(ctx: StepContext, host: Host, path: str) -> dict[str, Any]:
    """Compare name and size of everything, and the content of the share that the runbook asks for, chosen by the run's own
    seed."""
    _, point, manifest = newest(ctx)
    files: dict[str, Any] = manifest["files"]
    tree = look(host, path, timeout_s=ctx.remaining_s)
    sample, seed = sample_of(ctx, files)
    found = hash_files(host, path, [name for name in sample if name in tree.files], ctx)
    wrong = [name for name in sample if found.get(name) != files[name]["sha256"]]
    return {
        "point": point.id, "expected_files": manifest["count"], "found_files": len(tree.files), "sample": len(sample), "of": len(files),
        "wrong": len(wrong), "seed": seed, "first_wrong": anonymous(wrong[0]) if wrong else "",
        **compared_sizes(manifest, tree.files), **compared_links(manifest.get("links"), tree.links),
        **compared_attributes(manifest, tree, owners=may_give(ctx, host)),
    }  # fmt: skip


def compared_sizes(manifest: Mapping[str, Any], found: Mapping[str, File]) -> dict[str, Any]:
    """Facts about the name and size of every file: each that the manifest claims, and each that is there.

    What changed during the backup need not be there, but where it is, it is as long as the snapshot holds it. A file that
    the manifest does not name is wrong only where it names all that the snapshot holds.
    """
    claimed, others = manifest["files"], manifest.get("unclaimed") or {}
    names_all = len(claimed) + len(others) == manifest["count"]
    wrong = {name for name, entry in claimed.items() if name not in found or found[name].size != entry["size"]}
    for name, file in found.items():
        if name not in claimed and (file.size != others[name]["size"] if name in others else names_all):
            wrong.add(name)
    return {
        "sizes": len(claimed),
        "wrong_sizes": len(wrong),
        "first_wrong_size": anonymous(min(wrong)) if wrong else "",
    }


def compared_links(
    expected: Mapping[str, str] | None, found: Mapping[str, str], *, exactly: bool = False
) -> dict[str, Any]:
    """Facts about every symbolic link that is expected, and with ``exactly`` about every other one too.

    ``links`` is None where nobody wrote down what is expected (in an older manifest).
    """
    if expected is None:
        return {"links": None}
    names = {*expected, *found} if exactly else expected
    wrong = [name for name in sorted(names) if found.get(name) != expected.get(name)]
    return {"links": len(expected), "wrong_links": len(wrong), "first_wrong_link": anonymous(wrong[0]) if wrong else ""}


def sample_of(ctx: StepContext, names: Iterable[str]) -> tuple[list[str], int]:
    """The share of the names that the runbook asks for, and the seed that chose them: the run's own."""
    seed = int(hashlib.sha256(ctx.run.id.encode()).hexdigest()[:8], 16)
    everything, share = sorted(names), model_of(ctx).verify.sha256
    if share >= 1 or not everything:
        return everything, seed
    return random.Random(seed).sample(everything, max(1, round(len(everything) * share))), seed  # noqa: S311


def verify_compared(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    """The number of files, names and sizes, the content of the sample and how many have none to compare with, and where the
    symbolic links point, if there are any."""
    workload = ctx.spec.workload
    same = Verdict.PASSED if facts["found_files"] == facts["expected_files"] else Verdict.FAILED
    right = Verdict.PASSED if facts["wrong"] == 0 else Verdict.FAILED
    if facts["expected_files"] and not facts["sample"]:
        right = Verdict.NOT_EVALUATED  # files were there, and the manifest knows the content of none
    wrong = (
        f"{facts['wrong']} differ, the first: {facts['first_wrong']}" if facts["wrong"] else f"{facts['sample']} equal"
    )
    content = f"SHA-256 of {facts['sample']} files"
    if facts["sample"] < facts["of"]:  # whoever has the manifest can draw the same sample again
        content = f"SHA-256 of {facts['sample']} of {facts['of']} files, drawn with seed {facts['seed']}"
    return (
        Verification(workload, "number of files", str(facts["expected_files"]), str(facts["found_files"]), same),
        *_verify_sizes(workload, facts),
        Verification(workload, content, f"{facts['sample']} equal", wrong, right),
        *_name_changing(workload, facts["expected_files"] - facts["of"]),
        *_verify_links(workload, facts),
        *verify_attributes(workload, facts),
    )


def _verify_sizes(workload: str, facts: Facts) -> tuple[Verification, ...]:
    equal = f"{facts['sizes']} equal"
    if facts["wrong_sizes"]:
        found = f"{facts['wrong_sizes']} differ, the first: {facts['first_wrong_size']}"
        return (Verification(workload, SIZES, equal, found, Verdict.FAILED),)
    return (Verification(workload, SIZES, equal, equal, Verdict.PASSED),) if facts["sizes"] else ()


def _name_changing(workload: str, count: int) -> tuple[Verification, ...]:
    """The snapshot holds them, and nobody knows which of their contents that is: one that is always written never is known."""
    if count <= 0:
        return ()
    return (Verification(workload, CHANGING, f"{count} equal", "their SHA-256 is not known", Verdict.NOT_EVALUATED),)


def _verify_links(workload: str, facts: Facts) -> tuple[Verification, ...]:
    kind, links = "symbolic links", facts["links"]
    if links is None:
        return (Verification(workload, kind, "the manifest", "older than this comparison", Verdict.NOT_EVALUATED),)
    if links == 0:
        return ()
    if facts["wrong_links"]:
        found = f"{facts['wrong_links']} differ, the first: {facts['first_wrong_link']}"
        return (Verification(workload, kind, f"{links} equal", found, Verdict.FAILED),)
    return (Verification(workload, kind, f"{links} equal", f"{links} equal", Verdict.PASSED),)
