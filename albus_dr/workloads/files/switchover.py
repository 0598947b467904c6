"""switchover: the last changes go straight from tree to tree, behind the closed door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from albus_dr.journal.event import now
from albus_dr.tools.host import pipe
from albus_dr.workloads.copying import copy_points
from albus_dr.workloads.files.access import path_of, repository_of
from albus_dr.workloads.files.compare import sample_of
from albus_dr.workloads.files.recovery import back_up, give_to_owner, refuse_live_target, warm
from albus_dr.workloads.files.trees import anonymous, hash_files, list_files
from albus_dr.workloads.step import Facts, StepContext


def bring_forward(ctx: StepContext) -> Facts:
    """Back up, copy and refresh at once: what is left for the closed door is then little."""
    back_up(ctx)
    copy_points(ctx, repository_of(ctx, ctx.run.source), repository_of(ctx, ctx.run.target))
    return warm(ctx)


def carry_over(ctx: StepContext) -> Facts:
    """Behind the closed door, straight from tree to tree: what changed is sent, what is gone is removed."""
    (source, from_path), (target, to_path) = path_of(ctx, ctx.run.source), path_of(ctx, ctx.run.target)
    refuse_live_target(ctx)
    closed_at = now()
    mine = list_files(source, from_path, timeout_s=ctx.remaining_s, links=True)
    theirs = list_files(target, to_path, timeout_s=ctx.remaining_s, links=True)
    gone = sorted(theirs.keys() - mine.keys())
    if gone:  # first: a directory may now stand where a file was
        target.run(
            ("xargs", "-0", "rm", "-f", "--"),
            stdin="".join(f"{name}\0" for name in gone),
            cwd=to_path,
            timeout_s=ctx.remaining_s,
        ).check(f"what is gone at {ctx.run.source} can't be removed from {to_path}")
    changed = sorted(name for name, entry in mine.items() if theirs.get(name) != entry)
    if changed:
        pipe(
            (source, ("tar", "-C", from_path, "--format=posix", "--null", "-T", "-", "-cf", "-"), "".join(f"{name}\0" for name in changed)),
            (target, ("tar", "-C", to_path, "-xpf", "-")), timeout_s=ctx.remaining_s,
        )  # fmt: skip
    give_to_owner(ctx, target, to_path)
    return {
        "closed_at": closed_at,
        "sent": len(changed),
        "removed": len(gone),
        "bytes": sum(mine[name][0] for name in changed),
    }


def compare_trees(ctx: StepContext) -> Facts:
    """Both trees stand still now: every name and size, and the content of the share that the runbook asks for."""
    (source, from_path), (target, to_path) = path_of(ctx, ctx.run.source), path_of(ctx, ctx.run.target)
    with ThreadPoolExecutor(2) as pool:
        listed = [
            pool.submit(list_files, host, path, timeout_s=ctx.remaining_s)
            for host, path in ((source, from_path), (target, to_path))
        ]
        mine, theirs = (job.result() for job in listed)
        names, seed = sample_of(ctx, mine)
        hashed = [
            pool.submit(hash_files, host, path, names, ctx) for host, path in ((source, from_path), (target, to_path))
        ]
        ours, other = (job.result() for job in hashed)
    wrong = [name for name in names if name not in ours or ours[name] != other.get(name)]
    return {
        "newest_write_at": ctx.facts_of(f"{ctx.spec.workload}.carry_over")["closed_at"], "expected_files": len(mine),
        "found_files": len(theirs), "sample": len(names), "wrong": len(wrong), "seed": seed,
        "first_wrong": anonymous(wrong[0]) if wrong else "",
    }  # fmt: skip
