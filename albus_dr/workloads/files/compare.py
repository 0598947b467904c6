"""Is a recovered tree the one that was backed up?"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from typing import Any

from albus_dr.tools.host import Host
from albus_dr.workloads.files.access import model_of, newest
from albus_dr.workloads.files.trees import anonymous, hash_files, list_files
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification


def compared(ctx: StepContext, host: Host, path: str) -> dict[str, Any]:
    """Count everything; compare the content of the share that the runbook asks for, chosen by the run's own seed."""
    _, point, manifest = newest(ctx)
    files: dict[str, Any] = manifest["files"]
    present = list_files(host, path, timeout_s=ctx.remaining_s)
    sample, seed = sample_of(ctx, files)
    found = hash_files(host, path, [name for name in sample if name in present], ctx)
    wrong = [name for name in sample if found.get(name) != files[name]["sha256"]]
    return {
        "point": point.id, "expected_files": manifest["count"], "found_files": len(present), "sample": len(sample), "wrong": len(wrong),
        "seed": seed, "first_wrong": anonymous(wrong[0]) if wrong else "",
    }  # fmt: skip


def sample_of(ctx: StepContext, names: Iterable[str]) -> tuple[list[str], int]:
    """The share of the names that the runbook asks for, and the seed that chose them: the run's own."""
    seed = int(hashlib.sha256(ctx.run.id.encode()).hexdigest()[:8], 16)
    everything, share = sorted(names), model_of(ctx).verify.sha256
    if share >= 1 or not everything:
        return everything, seed
    return random.Random(seed).sample(everything, max(1, round(len(everything) * share))), seed  # noqa: S311


def verify_compared(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    workload = ctx.spec.workload
    same = Verdict.PASSED if facts["found_files"] == facts["expected_files"] else Verdict.FAILED
    right = Verdict.PASSED if facts["wrong"] == 0 else Verdict.FAILED
    wrong = (
        f"{facts['wrong']} differ, the first: {facts['first_wrong']}" if facts["wrong"] else f"{facts['sample']} equal"
    )
    return (
        Verification(workload, "number of files", str(facts["expected_files"]), str(facts["found_files"]), same),
        Verification(workload, f"SHA-256 of {facts['sample']} files", f"{facts['sample']} equal", wrong, right),
    )
