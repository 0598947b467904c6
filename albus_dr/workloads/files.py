"""A directory tree, backed up by restic, and kept warm at the other site."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.journal.event import now
from albus_dr.runbook.model import Name, Seconds, Strict, WorkloadModel
from albus_dr.tools.host import Host, pipe
from albus_dr.tools.restic import Repository
from albus_dr.workloads import access, recovery_points, site
from albus_dr.workloads.postgres import copy_points, verify_copy
from albus_dr.workloads.registry import Derivation, Derived, Reference
from albus_dr.workloads.step import (
    Action,
    Facts,
    Observation,
    State,
    StepContext,
    StepSpec,
    Verdict,
    Verification,
)  # fmt: skip

QUICK_S = 30.0
ROOM = 1.05  # files take whole blocks


def _percent(value: object) -> float:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())):
        share = float(match[1])
        if 0 < share <= 100:
            return share / 100
    raise ValueError("a share needs a number and %, above 0% and up to 100%, for example 10%")


Share = Annotated[float, BeforeValidator(_percent), Field(json_schema_extra={"type": "string"})]


class FilePoints(Strict):
    """restic snapshots of the tree."""

    restic: Name = Field(description="The repository, by its name at each site.")
    every: Seconds | None = Field(None, description="How often `replicate` is meant to run.")


class FileChecks(Strict):
    """What is compared after a restore."""

    sha256: Share = Field(
        1.0,
        description="The share of the files whose content is compared with the manifest.",
        json_schema_extra={"default": "100%"},
    )


class Model(WorkloadModel):
    """A directory tree."""

    kind: Literal["files"]
    path: Name = Field(description="The path, by its name at each site.")
    recovery_points: FilePoints
    warm: bool = Field(False, description="`replicate` also keeps the other site's copy of the tree fresh.")
    verify: FileChecks = Field(default_factory=lambda: FileChecks(sha256="100%"))


def references(model: Model) -> tuple[Reference, ...]:
    """The path and the repository, at both sites."""
    return (
        Reference(("path",), "paths", model.path),
        Reference(("recovery_points", "restic"), "repositories", model.recovery_points.restic),
    )


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """replicate: back up, copy, warm. drill and failover: restore, verify. switchover: carry the last changes over."""
    source, target = derivation.source, derivation.target
    rto_s = derivation.runbook.objectives.rto

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        return StepSpec(
            id=f"{name}.{verb}",
            workload=name,
            site=at,
            action=f"files.{verb}",
            title=title,
            **{"timeout_s": rto_s, **more},
        )

    ready_to_back_up = step("ready_to_back_up", source, f"{name} is there, both repositories open", timeout_s=60)
    ready_to_restore = step(
        "ready_to_restore", target, f"{target} has a recovery point of {name}, and room for it", timeout_s=60
    )
    if derivation.operation == "replicate":
        warm = step("warm", target, f"Refresh the copy of {name} at {target}", needs=(f"{name}.copy",), estimate_s=2)
        return Derived(
            ready=(ready_to_back_up,),
            take=(
                step("back_up", source, f"Back up {name} at {source}", estimate_s=5),
                step("copy", target, f"Copy the recovery points of {name} to {target}", needs=(f"{name}.back_up",), retries=2,
                     estimate_s=5),
                *((warm,) if model.warm else ()),
            ),
        )  # fmt: skip
    if derivation.operation == "drill":
        return Derived(
            ready=(ready_to_restore,),
            take=(
                step("restore", target, f"Restore {name} into the isolated target", estimate_s=5),
                step("compare", target, f"Compare {name} with its manifest", needs=(f"{name}.restore",), estimate_s=1,
                     clock="data_recovered_at"),
            ),
        )  # fmt: skip
    if derivation.operation == "switchover":
        return Derived(
            ready=(
                ready_to_back_up,
                step("bring_forward", target, f"Bring {name} at {target} nearly up to date", needs=(ready_to_back_up.id,), estimate_s=5),
            ),
            release=(step("carry_over", target, f"Carry the last changes of {name} over to {target}", estimate_s=3),),
            take=(step("compare_trees", target, f"Compare {name} at both sites", clock="data_recovered_at"),),
        )  # fmt: skip
    return Derived(
        ready=(ready_to_restore,),
        take=(
            step("take_back", target, f"Restore {name} at {target}", estimate_s=2),
            step("verify", target, f"Compare {name} at {target} with its manifest", needs=(f"{name}.take_back",), estimate_s=1,
                 clock="data_recovered_at"),
        ),
    )  # fmt: skip


# --- what the steps have in common --------------------------------------------------------------------------------


def _model(ctx: StepContext) -> Model:
    return cast(Model, ctx.workload)


def _path(ctx: StepContext, at: str) -> tuple[Host, str]:
    config = ctx.config.sites[at].paths[_model(ctx).path]
    return access.host(ctx, at, config.host), config.path


def _repository(ctx: StepContext, at: str) -> Repository:
    host = ctx.config.sites[at].paths[_model(ctx).path].host
    return access.repository(ctx, at, _model(ctx).recovery_points.restic, host)


def _newest(ctx: StepContext) -> tuple[Repository, recovery_points.RecoveryPoint, dict[str, Any]]:
    """The recovery point that the run's ready step chose; where none has, the newest at the target."""
    repository, name = _repository(ctx, ctx.run.target), ctx.spec.workload
    point = recovery_points.named(ctx.facts_of(f"{name}.ready_to_restore")) or recovery_points.newest(
        repository, ctx.runbook.runbook, name, timeout_s=QUICK_S
    )
    return repository, point, recovery_points.read_manifest(repository, point, timeout_s=QUICK_S)


# --- manifests ----------------------------------------------------------------------------------------------------


def _listed(host: Host, path: str, *, timeout_s: float, links: bool = False) -> dict[str, tuple[int, str]]:
    """Every regular file (and symbolic link) below the path: relative name -> (bytes, modification time with nanoseconds)."""
    kinds = ("(", "-type", "f", "-o", "-type", "l", ")") if links else ("-type", "f")
    done = host.run(("find", path, *kinds, "-printf", "%s %T@ %P\\0"), timeout_s=timeout_s).check(
        f"{path} can't be listed"
    )
    entries: dict[str, tuple[int, str]] = {}
    for entry in done.out.decode(errors="surrogateescape").split("\0"):  # a name need not be UTF-8
        if entry:
            size, modified, name = entry.split(" ", 2)
            entries[name] = (int(size), modified)
    return entries


def _hashed(host: Host, path: str, names: Iterable[str], ctx: StepContext) -> dict[str, str]:
    """SHA-256 by relative name, in hexadecimal; a file that went away meanwhile is left out."""
    ordered = sorted(names)
    halves = [half for half in (ordered[::2], ordered[1::2]) if half]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda half: _hashed_by_one(host, path, half, ctx), halves))
    return {name: digest for half in found for name, digest in half.items()}


def _hashed_by_one(host: Host, path: str, names: list[str], ctx: StepContext) -> dict[str, str]:
    stdin = "".join(f"./{name}\0" for name in names)  # a file may be called "-", which means standard input
    done = host.run(
        ("xargs", "-0", "-n", "256", "sha256sum", "-z", "--"), stdin=stdin, cwd=path, timeout_s=ctx.remaining_s,
        cancelled=ctx.cancelled,
    )  # fmt: skip
    if done.code not in (0, 123):  # xargs(1): 123 if any invocation ended with 1 to 125; what is missing shows below
        done.check(f"the files in {path} can't be read")
    pairs = (line.split("  ./", 1) for line in done.out.decode(errors="surrogateescape").split("\0") if line)
    return {name: digest for digest, name in pairs}


# --- replicate ----------------------------------------------------------------------------------------------------


def _ready_to_back_up(ctx: StepContext) -> Facts:
    host, path = _path(ctx, ctx.run.source)
    if host.run(("test", "-d", path), timeout_s=QUICK_S).code != 0:
        raise NotReadyError(f"{ctx.spec.workload}: there is no directory {path} at {ctx.run.source}")
    for at in (ctx.run.source, ctx.run.target):
        _repository(ctx, at).probe(timeout_s=QUICK_S)
    return {}


def _back_up(ctx: StepContext) -> Facts:
    """Back up, then hash what was backed up; a file that changed in between is not claimed."""
    host, path = _path(ctx, ctx.run.source)
    repository = _repository(ctx, ctx.run.source)
    name, runbook = ctx.spec.workload, ctx.runbook.runbook
    made_at = datetime.now(UTC)
    point = recovery_points.new_point_id(made_at)
    earlier = recovery_points.find_all(repository, runbook, name, timeout_s=QUICK_S)
    before = _listed(host, path, timeout_s=ctx.remaining_s)
    summary = repository.backup_directory(
        path, recovery_points.tags(runbook, name, point, "data"), timeout_s=ctx.remaining_s, progress=ctx.progress,
        cancelled=ctx.cancelled,
    )  # fmt: skip
    known = recovery_points.read_manifest(repository, earlier[-1], timeout_s=QUICK_S)["files"] if earlier else {}
    files = _manifest_of(ctx, host, path, before, known)
    manifest = {"files": files, "bytes": int(summary["total_bytes_processed"]),
                "count": int(summary["total_files_processed"])}  # fmt: skip
    recovery_points.write_manifest(repository, runbook, name, point, made_at, manifest, timeout_s=QUICK_S)
    return {
        "point": point,
        "bytes": manifest["bytes"],
        "files": manifest["count"],
        "newest_write_at": made_at.isoformat(),
    }


def _manifest_of(
    ctx: StepContext, host: Host, path: str, before: Mapping[str, tuple[int, str]], known: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """What an earlier manifest knows of unchanged files is kept; the rest is read once."""
    same = {name: known[name] for name, (size, modified) in before.items()
            if name in known and (known[name]["size"], known[name]["modified"]) == (size, modified)}  # fmt: skip
    hashes = _hashed(host, path, before.keys() - same.keys(), ctx)
    after = _listed(host, path, timeout_s=ctx.remaining_s)
    fresh = {name: {"size": before[name][0], "modified": before[name][1], "sha256": digest}
             for name, digest in hashes.items() if after.get(name) == before[name]}  # fmt: skip
    return {**same, **fresh}


def _copy(ctx: StepContext) -> Facts:
    return {
        **copy_points(ctx, _repository(ctx, ctx.run.source), _repository(ctx, ctx.run.target)),
        "newest_write_at": ctx.facts_of(f"{ctx.spec.workload}.back_up").get("newest_write_at"),
    }


def _warm(ctx: StepContext) -> Facts:
    repository, point, manifest = _newest(ctx)
    host, path = _path(ctx, ctx.run.target)
    _refuse_live_target(ctx)
    summary = repository.restore(
        point.data.id, path, timeout_s=ctx.remaining_s, progress=ctx.progress, cancelled=ctx.cancelled, replace=True
    )
    _give_to_owner(ctx, host, path)
    return {
        **recovery_points.chosen(point),
        "files": manifest["count"],
        "bytes": summary.get("bytes_restored", 0),
    }


def _refuse_live_target(ctx: StepContext) -> None:
    """Never make a tree equal to a snapshot where it is, or may be, the one that users write to."""
    mine, theirs = _path(ctx, ctx.run.target), _path(ctx, ctx.run.source)
    if mine == theirs and ctx.config.sites[ctx.run.target].hosts == ctx.config.sites[ctx.run.source].hosts:
        raise RefusedError(
            f"{ctx.spec.workload}: both sites name the same directory {mine[1]} on the same machine",
            hint="compare sites.*.paths in the config",
        )


def _give_to_owner(ctx: StepContext, host: Host, path: str) -> None:
    owner = ctx.config.sites[ctx.run.target].paths[_model(ctx).path].owner
    if owner:
        host.run(("chown", "-R", "--", owner, path), timeout_s=ctx.remaining_s).check(
            f"{path} can't be given to {owner}"
        )


# --- drill and failover -------------------------------------------------------------------------------------------


def _ready_to_restore(ctx: StepContext) -> Facts:
    repository = _repository(ctx, ctx.run.target)
    with repository.probed():
        point, manifest = recovery_points.newest_with_manifest(
            repository, ctx.runbook.runbook, ctx.spec.workload, timeout_s=QUICK_S
        )
    if ctx.run.operation == "drill":
        site.require_space(ctx, manifest["bytes"] * ROOM)
    else:
        _require_room(ctx, manifest)
    return recovery_points.chosen(point)


def _require_room(ctx: StepContext, manifest: Mapping[str, Any]) -> None:
    host, path = _path(ctx, ctx.run.target)
    used = sum(size for size, _ in _listed(host, path, timeout_s=ctx.remaining_s).values())
    needed, free = manifest["bytes"] * ROOM - used, site.free_bytes(host, path)
    if free < needed:
        raise NotReadyError(
            f"{ctx.spec.workload}: {path} at {ctx.run.target} lacks {needed - free:.0f} bytes for the restore"
        )


def _drill_path(ctx: StepContext) -> str:
    return f"{site.drill_directory(ctx)}/{ctx.spec.workload}"


def _restore(ctx: StepContext) -> Facts:
    repository, point, manifest = _newest(ctx)
    path = _drill_path(ctx)
    site.fresh_directory(ctx, path)
    repository.restore(point.data.id, path, timeout_s=ctx.remaining_s, progress=ctx.progress, cancelled=ctx.cancelled)
    return {"point": point.id, "point_at": point.data.time.isoformat(), "path": path, "bytes": manifest["bytes"]}


def _compare(ctx: StepContext) -> Facts:
    restored = ctx.facts_of(f"{ctx.spec.workload}.restore")
    return {"newest_write_at": restored["point_at"], **_compared(ctx, site.drill_host(ctx), restored["path"])}


def _observe_taken_back(ctx: StepContext) -> Observation:
    """A warm copy that is equal to the recovery point, file by file, needs no restore."""
    _, point, manifest = _newest(ctx)
    host, path = _path(ctx, ctx.run.target)
    files = manifest["files"]
    present = _listed(host, path, timeout_s=ctx.remaining_s)
    same = all(present.get(name) == (entry["size"], entry["modified"]) for name, entry in files.items())
    if not same or len(present) != manifest["count"]:
        return Observation(State.NOT_DONE, "the tree differs from the recovery point")
    return Observation(State.DONE, "the warm copy is the recovery point", recovery_points.chosen(point))


def _take_back(ctx: StepContext) -> Facts:
    """Make the target's tree equal to the recovery point, reading only what differs."""
    return _warm(ctx)


def _verify(ctx: StepContext) -> Facts:
    taken = ctx.facts_of(f"{ctx.spec.workload}.take_back")
    host, path = _path(ctx, ctx.run.target)
    return {"newest_write_at": taken["point_at"], **_compared(ctx, host, path)}


def _compared(ctx: StepContext, host: Host, path: str) -> dict[str, Any]:
    """Count everything; compare the content of the share that the runbook asks for, chosen by the run's own seed."""
    _, point, manifest = _newest(ctx)
    files: dict[str, Any] = manifest["files"]
    present = _listed(host, path, timeout_s=ctx.remaining_s)
    sample, seed = _sample(ctx, files)
    found = _hashed(host, path, [name for name in sample if name in present], ctx)
    wrong = [name for name in sample if found.get(name) != files[name]["sha256"]]
    return {
        "point": point.id, "expected_files": manifest["count"], "found_files": len(present), "sample": len(sample), "wrong": len(wrong),
        "seed": seed, "first_wrong": _anonymous(wrong[0]) if wrong else "",
    }  # fmt: skip


def _sample(ctx: StepContext, names: Iterable[str]) -> tuple[list[str], int]:
    """The share of the names that the runbook asks for, and the seed that chose them: the run's own."""
    seed = int(hashlib.sha256(ctx.run.id.encode()).hexdigest()[:8], 16)
    everything, share = sorted(names), _model(ctx).verify.sha256
    if share >= 1 or not everything:
        return everything, seed
    return random.Random(seed).sample(everything, max(1, round(len(everything) * share))), seed  # noqa: S311


def _anonymous(name: str) -> str:
    """A file's name may be a patient's: reports show enough to find it, and no more."""
    return "file with name's SHA-256 " + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]


def _verify_compared(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
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


# --- switchover ---------------------------------------------------------------------------------------------------


def _bring_forward(ctx: StepContext) -> Facts:
    """Back up, copy and refresh at once: what is left for the closed door is then little."""
    _back_up(ctx)
    copy_points(ctx, _repository(ctx, ctx.run.source), _repository(ctx, ctx.run.target))
    return _warm(ctx)


def _carry_over(ctx: StepContext) -> Facts:
    """Behind the closed door, straight from tree to tree: what changed is sent, what is gone is removed."""
    (source, from_path), (target, to_path) = _path(ctx, ctx.run.source), _path(ctx, ctx.run.target)
    _refuse_live_target(ctx)
    closed_at = now()
    mine = _listed(source, from_path, timeout_s=ctx.remaining_s, links=True)
    theirs = _listed(target, to_path, timeout_s=ctx.remaining_s, links=True)
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
    _give_to_owner(ctx, target, to_path)
    return {
        "closed_at": closed_at,
        "sent": len(changed),
        "removed": len(gone),
        "bytes": sum(mine[name][0] for name in changed),
    }


def _compare_trees(ctx: StepContext) -> Facts:
    """Both trees stand still now: every name and size, and the content of the share that the runbook asks for."""
    (source, from_path), (target, to_path) = _path(ctx, ctx.run.source), _path(ctx, ctx.run.target)
    with ThreadPoolExecutor(2) as pool:
        listed = [
            pool.submit(_listed, host, path, timeout_s=ctx.remaining_s)
            for host, path in ((source, from_path), (target, to_path))
        ]
        mine, theirs = (job.result() for job in listed)
        names, seed = _sample(ctx, mine)
        hashed = [
            pool.submit(_hashed, host, path, names, ctx) for host, path in ((source, from_path), (target, to_path))
        ]
        ours, other = (job.result() for job in hashed)
    wrong = [name for name in names if name not in ours or ours[name] != other.get(name)]
    return {
        "newest_write_at": ctx.facts_of(f"{ctx.spec.workload}.carry_over")["closed_at"], "expected_files": len(mine),
        "found_files": len(theirs), "sample": len(names), "wrong": len(wrong), "seed": seed,
        "first_wrong": _anonymous(wrong[0]) if wrong else "",
    }  # fmt: skip


ACTIONS = {
    "files.ready_to_back_up": Action(_ready_to_back_up),
    "files.ready_to_restore": Action(_ready_to_restore),
    "files.back_up": Action(_back_up),
    "files.copy": Action(_copy, verify=verify_copy),
    "files.warm": Action(_warm),
    "files.restore": Action(_restore),
    "files.compare": Action(_compare, verify=_verify_compared),
    "files.take_back": Action(_take_back, observe=_observe_taken_back),
    "files.verify": Action(_verify, verify=_verify_compared),
    "files.bring_forward": Action(_bring_forward),
    "files.carry_over": Action(_carry_over),
    "files.compare_trees": Action(_compare_trees, verify=_verify_compared),
}
