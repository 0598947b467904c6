"""The isolated target of a drill."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from albus_dr.errors import CleanupError, NotReadyError, RefusedError, StepError, UsageError
from albus_dr.journal.event import now
from albus_dr.runbook.config import ScratchConfig
from albus_dr.tools.host import Host, write_file
from albus_dr.tools.postgres import Server, find_programs
from albus_dr.workloads import access, isolation
from albus_dr.workloads.step import Action, Facts, StepContext, Verification

LEDGER = "albus-dr-drill.json"
QUICK_S = 15.0
FORGOTTEN_S = 24 * 3600.0  # and some recovery times more: then nobody comes back to a drill


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


def drill_server(ctx: StepContext, workload: str) -> Server:
    """The server that a drill restores a postgres workload into: no network, a socket of its own."""
    scratch, where = scratch_of(ctx), drill_host(ctx)
    base = f"{drill_directory(ctx)}/{workload}"
    options = (
        "-c listen_addresses=''", f"-c unix_socket_directories='{base}'", "-c fsync=off", "-c full_page_writes=off",
        "-c synchronous_commit=off", "-c autovacuum=off", "-c max_wal_size=8GB", "-c maintenance_work_mem=256MB",
        "-c wal_level=minimal", "-c max_wal_senders=0", "-c log_connections=on",
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
    others = {left: _ledger_in(where, left) for left in _drills_in(where, scratch.path) if left != directory}
    alive = [left for left, ledger in others.items() if _may_run(ctx, where, left, ledger)]
    cleared = [left for left in others if left not in alive]
    removed = [_removed_earlier(ctx, where, left, others[left]) for left in cleared]
    ctx.announce(scratch.host, directory)
    ledger = json.dumps({"run": ctx.run.id, **_lock_of(ctx), "made_at": now()})
    made = where.run(("mkdir", "-m", "711", "-p", "--", directory), timeout_s=QUICK_S)
    made.check(f"{directory} can't be made", hint=f"does {scratch.path} exist, and may albus-dr write there?")
    write_file(where, f"{directory}/{LEDGER}", ledger, timeout_s=QUICK_S)
    forgotten_s = FORGOTTEN_S + 4 * ctx.runbook.objectives.rto
    keeper = ("sh", "-c", _KEEPER, "sh", directory, f"{forgotten_s:.0f}")
    isolated = isolation.cut_off(ctx, where, directory, keeper, wanted=scratch.network == "none")
    notes = [f"removed what an earlier drill left in {left}" for left in cleared]
    notes += [f"left alone: {left}, of {others[left].get('run')}: that drill may still be running" for left in alive]
    return {"directory": directory, "cleared": removed, **isolated, "notes": [*notes, *isolated.get("notes", ())]}


def verify_isolated(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
    """What the step has started can reach nothing outside the target. Raises RefusedError when it can."""
    where = _outside(ctx)
    return isolation.verify(ctx, where, ctx.facts_of("isolate"), _processes_in(where, drill_directory(ctx)))


def _ledger_in(where: Host, directory: str) -> dict[str, Any]:
    said = where.run(("cat", "--", f"{directory}/{LEDGER}"), timeout_s=QUICK_S).stdout
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}  # it was cut short
    return found if isinstance(found, dict) else {}


def _lock_of(ctx: StepContext) -> dict[str, str]:
    """What tells drills apart that can't run at the same time: they take one lock, of a runbook in a state directory."""
    identity = Path("/etc/machine-id")
    machine = identity.read_text().strip() if identity.exists() else ""
    state = ctx.run.directory.parent.absolute()
    return {"runbook": ctx.runbook.runbook, "place": f"{platform.node()} {machine} {state}"}


def _may_run(ctx: StepContext, where: Host, directory: str, ledger: Mapping[str, Any]) -> bool:
    """Another runbook's drill, or another machine's, as long as a process of it lives: its keeper, at least. One that has
    just begun may not have started that yet."""
    mine = _lock_of(ctx)
    if all(ledger.get(key) == value for key, value in mine.items()):
        return False  # this run has that lock
    just_begun = where.run(("find", f"{directory}/{LEDGER}", "-mmin", "-1"), timeout_s=QUICK_S).stdout
    return bool(just_begun or _processes_in(where, directory))


def _removed_earlier(ctx: StepContext, where: Host, directory: str, ledger: Mapping[str, Any]) -> dict[str, Any]:
    """Remove what a drill left that nobody came back to; which one it was, for the record."""
    _remove(ctx, where, directory)
    return {"run": str(ledger.get("run", "")), "host": scratch_of(ctx).host, "path": directory, "at": now()}


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


def _drills_in(where: Host, path: str) -> list[str]:
    done = where.run(("find", path, "-mindepth", "2", "-maxdepth", "2", "-name", LEDGER), timeout_s=QUICK_S)
    return [line.rsplit("/", 1)[0] for line in done.stdout.splitlines()]


def _cleanup(ctx: StepContext) -> Facts:
    """Stop and remove everything under the drill's directory, then look whether anything is left."""
    where, directory = _outside(ctx), drill_directory(ctx)
    residue = _remove(ctx, where, directory)
    if residue:
        restored = [name for name in ctx.runbook.workloads if ctx.facts_of(f"{name}.restore")]
        whose = f"data of {', '.join(restored)} may be in it: " if restored else ""
        raise CleanupError(
            f"the drill left something behind; {whose}{', '.join(residue)}",
            hint=f"remove it by hand at {where.name}, or end what holds it; then: albus-dr resume {ctx.run.id}",
            residue=tuple(residue),
        )
    return {"residue": [], "removed": directory, "removed_at": now()}


# Constant text; the directory is its argument. It prints the ids of the processes that run in it or were marked with it.
_PROCESSES = r"""
{ find /proc -mindepth 2 -maxdepth 2 \( -name cwd -o -name exe \) \( -lname "$1" -o -lname "$1/*" \) 2>/dev/null
  grep -lsxzF "ALBUS_DR_DRILL=$1" /proc/[0-9]*/environ
} | sed -n 's|^/proc/\([0-9]*\)/.*|\1|p' | sort -u
"""


# Constant text; its arguments are the directory and seconds. It keeps the drill's network, and when nobody has come back
# by then it does what cleanup does; it ends when somebody else has removed the directory. Restored data must not lie about for ever.
_KEEPER = rf"""
left=$2
while [ "$left" -gt 0 ] && [ -d "$1" ]; do sleep 5; left=$((left - 5)); done
cd / && unset ALBUS_DR_DRILL
for pid in $({_PROCESSES}); do [ "$pid" = $$ ] || kill -KILL "$pid"; done
rm -rf --one-file-system -- "$1"
"""


def fresh_directory(ctx: StepContext, path: str, owner: str | None = None) -> None:
    """An empty private directory inside the drill's, whatever a killed step left there. It is announced first."""
    if not path.startswith(f"{drill_directory(ctx)}/"):
        raise RefusedError(f"{path} is not inside the drill's directory")
    where = _outside(ctx)
    ctx.announce(scratch_of(ctx).host, path)
    _empty(ctx, where, path)
    whose = ("-o", owner) if owner else ()
    where.run(("install", "-d", "-m", "700", *whose, path), timeout_s=QUICK_S).check(f"{path} can't be made")


def _remove(ctx: StepContext, where: Host, directory: str) -> list[str]:
    if PurePosixPath(directory).parent != PurePosixPath(scratch_of(ctx).path):
        raise RefusedError(f"{directory} is not a drill's directory")
    return _empty(ctx, where, directory)


def _empty(ctx: StepContext, where: Host, directory: str) -> list[str]:
    """End what runs out of the directory, remove it, and say what is left all the same."""
    for _ in range(3):
        pids = _processes_in(where, directory)
        if not pids:
            break
        where.run(
            ("sh", "-c", 'kill -KILL "$@"', "sh", *pids), timeout_s=QUICK_S
        )  # nothing in a drill is worth a clean shutdown
    where.run(("rm", "-rf", "--one-file-system", "--", directory), timeout_s=ctx.remaining_s)
    residue = [f"process {pid}" for pid in _processes_in(where, directory)]
    if where.run(("test", "-e", directory), timeout_s=QUICK_S).code == 0:
        residue.append(directory)
    return residue


def _processes_in(where: Host, directory: str) -> list[str]:
    return where.run(("sh", "-c", _PROCESSES, "sh", directory), timeout_s=QUICK_S).stdout.split()


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
