"""The isolated target of a drill."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from albus_dr.errors import CleanupError, NotReadyError, RefusedError, StepError, UsageError
from albus_dr.journal.event import now
from albus_dr.journal.state import EXPIRY
from albus_dr.runbook.config import ScratchConfig
from albus_dr.tools.host import Host
from albus_dr.tools.postgres import Server, find_programs
from albus_dr.tools.process import TimeoutExpired
from albus_dr.tools.restic import Repository
from albus_dr.workloads import access, drill_processes, forgotten, isolation
from albus_dr.workloads.step import Action, Facts, StepContext, Verification

QUICK_S = 15.0


# --- the isolated target ------------------------------------------------------------------------------------------


def scratch_of(ctx: StepContext) -> ScratchConfig:
    """Where drills restore to at the step's site."""
    if ctx.site.scratch is None:
        raise UsageError(f"sites.{ctx.spec.site} has no scratch: directory", hint="a drill needs one")
    return ctx.site.scratch


def drill_directory(ctx: StepContext) -> str:
    """This drill's own directory. Short: PostgreSQL's socket lies in it, and a socket's path has 107 bytes at most."""
    return f"{scratch_of(ctx).path}/{ctx.run.id.rsplit('-', 1)[-1]}"


def drill_host(ctx: StepContext) -> Host:
    """The host that holds the drill's directory, in the network that nothing leaves. What was restored runs there."""
    return isolation.inside(_outside(ctx), ctx.facts_of("isolate"))


def _outside(ctx: StepContext) -> Host:
    """The same host in its own network: to make the target, and to remove it when its network is gone."""
    return access.host(ctx, ctx.spec.site, scratch_of(ctx).host)


def drill_repository(ctx: StepContext, repository: Repository) -> Repository:
    """The site's repository, by a restic at the host that holds the drill's directory: nothing else could restore into it.

    It runs in the host's own network: it needs the repository. Raises NotReadyError where that is a directory of another host.
    """
    where, hosts = _outside(ctx), ctx.site.hosts
    if repository.is_directory and hosts[repository.host.name] != hosts[where.name]:
        raise NotReadyError(
            f"{ctx.spec.workload}: the repository {repository} is a directory at {repository.host.name}, and a drill at "
            f"{ctx.spec.site} restores at {where.name}, where restic can't read it",
            hint="keep it where both hosts reach it (s3:, rest:, sftp:), or give "
            f"sites.{ctx.spec.site}.scratch host: {repository.host.name}",
        )
    return repository.read_at(where)


def drill_server(ctx: StepContext, workload: str) -> Server:
    """The server that a drill restores a postgres workload into: no network, a socket of its own."""
    scratch, where = scratch_of(ctx), drill_host(ctx)
    base = f"{drill_directory(ctx)}/{workload}"
    options = (
        "-c listen_addresses=''", f"-c unix_socket_directories='{base}'", "-c fsync=off", "-c full_page_writes=off",
        "-c synchronous_commit=off", "-c autovacuum=off", "-c max_wal_size=8GB", "-c maintenance_work_mem=256MB",
        "-c wal_level=minimal", "-c max_wal_senders=0",
        # Who came is read in the log (tools.postgres_log): some packages have it written elsewhere.
        "-c log_connections=on", "-c logging_collector=off", "-c log_destination=stderr",
        "-c dynamic_shared_memory_type=mmap",  # rows on their way between its processes: in its data directory, not /dev/shm
    )  # fmt: skip
    return Server(
        host=where, data=f"{base}/data", port=5432, socket=base, user="postgres", run_as=scratch.run_as,
        bin=scratch.bin or find_programs(_outside(ctx), None), starts_with=options,
    )  # fmt: skip


def _isolate(ctx: StepContext) -> Facts:
    """Prove that the target is nobody's production, clear what crashed drills left, make the directory; prove that
    nothing leaves it."""
    scratch, where = scratch_of(ctx), _outside(ctx)
    _refuse_production(ctx, scratch)
    directory = drill_directory(ctx)
    databases = [name for name, model in ctx.runbook.workloads.items() if model.kind == "postgres"]
    if databases and len(f"{directory}/{max(databases, key=len)}/.s.PGSQL.5432") > 107:
        raise UsageError(
            f"the path {directory} is too long for a PostgreSQL socket", hint="choose a shorter scratch.path"
        )
    others = forgotten.drills_in(where, scratch.path)
    gone = {left: found for left, found in forgotten.expired_in(where, scratch.path).items() if left != directory}
    others |= {left: found.ledger for left, found in gone.items() if found.at is None}
    others.pop(directory, None)
    alive = [left for left, ledger in others.items() if forgotten.may_run(ctx, where, left, ledger)]
    cleared = [left for left in others if left not in alive]
    remains = {left: found for left in cleared if (found := _remove_earlier(ctx, where, left))}
    removed = [_removed(ctx, left, others[left]) for left in cleared if left not in remains]
    removed += [_removed_itself(ctx, left, found) for left, found in gone.items() if found.at]
    ctx.announce(scratch.host, directory)
    made = where.run(("mkdir", "-m", "711", "-p", "--", directory), timeout_s=QUICK_S)
    made.check(f"{directory} can't be made", hint=f"does {scratch.path} exist, and may albus-dr write there?")
    forgotten.write_ledger(ctx, where, directory, now())
    keeper = forgotten.keeper(ctx, directory)
    isolated = isolation.cut_off(ctx, where, directory, keeper, wanted=scratch.network == "none")
    notes = [f"removed what an earlier drill left in {left}" for left in cleared if left not in remains]
    notes += [f"could not remove what an earlier drill left: {', '.join(found)}" for found in remains.values()]
    notes += [f"left alone: {left}, of {others[left].get('run')}: that drill may still be running" for left in alive]
    notes += [f"an earlier drill that nobody came back to had removed itself: {left}" for left in gone if gone[left].at]
    return {
        "directory": directory, "cleared": removed, **isolated, "notes": [*notes, *isolated.get("notes", ())],
        "remaining": [{"run": str(others[left].get("run", "")), "path": left} for left in remains],
    }  # fmt: skip


def verify_isolated(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
    """What the step has started can reach nothing outside the target. Raises RefusedError when it can."""
    where = _outside(ctx)
    processes = drill_processes.processes_in(where, drill_directory(ctx))
    return isolation.verify(ctx, where, ctx.facts_of("isolate"), processes)


def _removed(ctx: StepContext, directory: str, ledger: Mapping[str, Any]) -> dict[str, Any]:
    """For the record: what a drill had left that nobody came back to was removed now."""
    return {"run": str(ledger.get("run", "")), "host": scratch_of(ctx).host, "path": directory, "at": now()}


def _removed_itself(ctx: StepContext, directory: str, found: forgotten.Expired) -> dict[str, Any]:
    """The same of a drill whose keeper had removed it."""
    run = str(found.ledger.get("run", ""))
    return {"run": run, "host": scratch_of(ctx).host, "path": directory, "at": found.at, "by": EXPIRY}


def _refuse_production(ctx: StepContext, scratch: ScratchConfig) -> None:
    """By the paths as they are written, and by what they lead to where the drill restores: a link may lead to production."""
    live: dict[str, str] = {}
    for name, site in ctx.config.sites.items():
        live |= {f"sites.{name}.servers.{key}": server.data for key, server in site.servers.items()}
        live |= {f"sites.{name}.paths.{key}": path.path for key, path in site.paths.items()}
    argv = ("realpath", "-mz", "--", scratch.path, *live.values())
    led = _outside(ctx).run(argv, timeout_s=QUICK_S).check(f"{scratch.path} can't be looked at").stdout.split("\0")
    for (key, text), behind in zip(live.items(), led[1:], strict=False):
        for mine, other in ((normpath(scratch.path), normpath(text)), (led[0], behind)):
            if _overlap(PurePosixPath(mine), PurePosixPath(other)):
                raise RefusedError(
                    f"the drill's target {mine} is not apart from {key} ({other})",
                    hint=f"give sites.{ctx.spec.site}.scratch a directory of its own",
                )


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one == other or one in other.parents or other in one.parents


def _cleanup(ctx: StepContext) -> Facts:
    """Stop and remove everything under the drill's directory, and what isolate could not remove of earlier drills; then
    look whether anything is left."""
    where, directory, isolated = _outside(ctx), drill_directory(ctx), ctx.facts_of("isolate")
    was_there = _is_there(where, directory)
    residue = _remove(ctx, where, directory)
    ledgers = forgotten.drills_in(where, scratch_of(ctx).path) if isolated.get("remaining") else {}
    earlier = [
        (left, _remove_earlier(ctx, where, left["path"]))
        for left in isolated.get("remaining", ())  # unless somebody has come back to it since
        if left["path"] not in ledgers or not forgotten.may_run(ctx, where, left["path"], ledgers[left["path"]])
    ]
    _require_nothing_left(ctx, residue, [(left["run"], found) for left, found in earlier if found])
    cleared = [_removed(ctx, left["path"], left) for left, _ in earlier]
    for left in (*isolated.get("cleared", ()), *cleared):
        forgotten.forget(where, left["path"])
    itself = forgotten.expired(where, directory)  # the next drill removes it: this fact is not on record yet
    gone: Facts = {"residue": [], "removed": directory, "cleared": cleared}
    if itself and itself.at and not was_there:
        return {**gone, "removed_at": itself.at, "removed_by": EXPIRY}
    return {**gone, "removed_at": now()}


def _require_nothing_left(ctx: StepContext, residue: list[str], earlier: list[tuple[str, list[str]]]) -> None:
    """Raises CleanupError, with all that is left of this drill and of earlier ones."""
    said, left = [], [*residue, *(each for _, found in earlier for each in found)]
    if residue:
        restored = [name for name in ctx.runbook.workloads if ctx.facts_of(f"{name}.restore")]
        whose = f"data of {', '.join(restored)} may be in it: " if restored else ""
        said.append(f"the drill left something behind; {whose}{', '.join(residue)}")
    for run, found in earlier:
        said.append(
            f"what {run or 'an earlier drill'} left could not be removed; data may be in it: {', '.join(found)}"
        )
    if said:
        raise CleanupError(
            "; ".join(said),
            hint=f"remove it by hand at {_outside(ctx).name}, or end what holds it; then: albus-dr resume {ctx.run.id}",
            residue=tuple(left),
        )


def fresh_directory(ctx: StepContext, path: str, owner: str | None = None) -> None:
    """An empty private directory inside the drill's, whatever a killed step left there. It is announced first."""
    if not path.startswith(f"{drill_directory(ctx)}/"):
        raise RefusedError(f"{path} is not inside the drill's directory")
    where = _outside(ctx)
    if not _is_there(where, drill_directory(ctx)):  # what was restored now would lie there with nobody to remove it
        raise StepError(
            f"the drill's directory {drill_directory(ctx)} at {where.name} is gone: a drill that nobody comes back to removes itself",
            hint="begin a new drill",
        )
    ctx.announce(scratch_of(ctx).host, path)
    if left := _empty(ctx, where, path):
        raise StepError(f"{path} at {where.name} is not empty, and could not be emptied: {', '.join(left)}")
    whose = ("-o", owner) if owner else ()
    where.run(("install", "-d", "-m", "700", *whose, path), timeout_s=QUICK_S).check(f"{path} can't be made")


def _remove_earlier(ctx: StepContext, where: Host, directory: str) -> list[str]:
    """As ``_remove``, of another drill; what there is no time for any more is left."""
    return [directory] if ctx.remaining_s < 3 * QUICK_S else _remove(ctx, where, directory)


def _remove(ctx: StepContext, where: Host, directory: str) -> list[str]:
    if PurePosixPath(directory).parent != PurePosixPath(scratch_of(ctx).path):
        raise RefusedError(f"{directory} is not a drill's directory")
    return _empty(ctx, where, directory)


# Constant text; its arguments are the directory and the ledger's name. As long as anything else of a drill is there, so is
# its ledger, by which the next drill finds it: whoever removes may be killed, or find what can't be removed.
_REMOVE = r"""
if [ -f "$1/$2" ]; then
  find "$1" -ignore_readdir_race -xdev -depth -mindepth 1 ! -samefile "$1/$2" -delete || exit 1
fi
rm -rf --one-file-system -- "$1"
"""


def _empty(ctx: StepContext, where: Host, directory: str) -> list[str]:
    """End what runs out of the directory, remove it, and say what is left all the same."""
    residue = drill_processes.end(where, directory)
    with suppress(TimeoutExpired):  # what it did not come to is found below
        argv = ("sh", "-c", _REMOVE, "sh", directory, forgotten.LEDGER)
        where.run(argv, timeout_s=max(QUICK_S, ctx.remaining_s - 3 * QUICK_S))
    residue += [f"process {pid}" for pid in drill_processes.processes_in(where, directory)]
    if _is_there(where, directory):
        residue.append(directory)
    return residue


def _is_there(where: Host, directory: str) -> bool:
    return where.run(("test", "-e", directory), timeout_s=QUICK_S).code == 0


def free_bytes(where: Host, path: str) -> int:
    """Bytes that an ordinary user may still write where the path is."""
    done = where.run(("df", "--output=avail", "-B1", "--", path), timeout_s=QUICK_S).check(f"{path} can't be looked at")
    try:
        return int(done.stdout.split()[-1])
    except (IndexError, ValueError):
        raise StepError(f"df at {where.name} printed what can't be read") from None


# Constant text; the path is its argument.
_NEAREST = 'p=$1; while [ ! -e "$p" ]; do p=$(dirname -- "$p"); done; printf %s "$p"'


def nearest(where: Host, path: str) -> str:
    """The path, or where it would be made: the nearest directory above it that is there."""
    done = where.run(("sh", "-c", _NEAREST, "sh", path), timeout_s=QUICK_S).check(f"{path} can't be looked at")
    return done.out.decode(errors="surrogateescape")


def require_space(ctx: StepContext, needed: float) -> None:
    """Raises NotReadyError when the drill's target has less room, with both figures."""
    from albus_dr.units import format_bytes

    scratch, where = scratch_of(ctx), _outside(ctx)
    free = free_bytes(where, scratch.path)
    if free < needed:
        raise NotReadyError(
            f"{ctx.spec.workload}: the restore needs {format_bytes(needed)} in {scratch.path} at {ctx.spec.site}; "
            f"{format_bytes(free)} are free",
            hint="make room, or point scratch.path at a larger disk",
        )


ACTIONS = {"site.isolate": Action(_isolate), "site.cleanup": Action(_cleanup)}
