"""Steps of a whole site: the fence, and the isolated target of a drill."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from posixpath import normpath

from albus_dr.errors import CleanupError, NotReadyError, RefusedError, StepError, TransientError, UsageError
from albus_dr.journal.event import now
from albus_dr.runbook.config import FenceMethod, ScratchConfig
from albus_dr.tools.fence import FenceProof
from albus_dr.tools.host import Host, write_file
from albus_dr.tools.postgres import Server, find_programs
from albus_dr.workloads import access
from albus_dr.workloads.step import Action, Facts, StepContext

LEDGER = "albus-dr-drill.json"
QUICK_S = 15.0


# --- the fence ----------------------------------------------------------------------------------------------------


def _fence(ctx: StepContext) -> Facts:
    """Try the site's methods in order until one proves that it can't write. Alive is refused; silence is no proof."""
    site = ctx.spec.site
    methods = ctx.config.sites[site].fence
    tried: list[str] = []
    for method in methods:
        proof = _try(ctx, method, tried)
        if proof:
            return {"fence": proof.to_json(), "notes": [f"{site} is fenced by {proof.method}: {proof.rests_on}"]}
    if ctx.spec.params["planned"]:
        proof = _probe_servers(ctx, _hosts_of_servers(ctx), tried)
        if proof:
            return {"fence": proof.to_json(), "notes": [f"{site} is fenced: {proof.rests_on}"]}
    raise RefusedError(
        f"nothing proves that {site} can't write: " + ("; ".join(tried) or "no fence method is configured"),
        hint=f'make sure of it yourself, then say so: --fenced-by "who, how, when" (sites.{site}.fence must allow statement)',
    )


def _try(ctx: StepContext, method: FenceMethod, tried: list[str]) -> FenceProof | None:
    site = ctx.spec.site
    if method.command:
        from albus_dr.tools import process

        done = process.run(method.command, timeout_s=method.timeout, cwd=ctx.base, cancelled=ctx.cancelled)
        if done.code == 0:
            return FenceProof(site, "command", f"{method.command[0]} ended with 0", now())
        tried.append(f"{method.command[0]} ended with {done.code}: {done.last_words}")
        return None
    if method.probe:
        return _probe_servers(ctx, (method.probe,), tried)
    statement = ctx.run.options.get("fenced_by")
    if statement:
        return FenceProof(site, "statement", f"{ctx.run.operator} stated: {statement}", now())
    tried.append("nobody stated it")
    return None


def _hosts_of_servers(ctx: StepContext) -> tuple[str, ...]:
    return tuple(dict.fromkeys(server.host for server in ctx.site.servers.values()))


def _probe_servers(ctx: StepContext, hosts: tuple[str, ...], tried: list[str]) -> FenceProof | None:
    """A host that answers, and on which no server's process or port is left."""
    gone: list[str] = []
    for name, config in ctx.site.servers.items():
        if config.host not in hosts:
            continue
        where = access.host(ctx, ctx.spec.site, config.host)
        try:
            alive = _alive(where, config.data, config.port)
        except (TransientError, NotReadyError) as error:
            tried.append(f"{config.host} does not answer, which proves nothing: {error.message}")
            return None
        if alive:
            raise RefusedError(
                f"{ctx.spec.site} is not fenced: its server {name} is alive ({alive})",
                hint="stop it or power it off; for a planned change use: albus-dr switchover",
            )
        gone.append(f"{name}: no process owns {config.data}, nothing listens on port {config.port}")
    if not gone:
        tried.append("the probe's host has no server to look for")
        return None
    return FenceProof(ctx.spec.site, "probe", f"{', '.join(hosts)} answered; " + "; ".join(gone), now())


# Constant text; the data directory and the port are its arguments. It prints what is alive, and nothing otherwise.
_ALIVE = r"""
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && echo "process $pid"
hex=$(printf '%04X' "$2")
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p {f = 1} END {if (f) print "port"}'
exit 0
"""


def _alive(host: Host, data: str, port: int) -> str:
    done = host.run(("sh", "-c", _ALIVE, "sh", data, str(port)), timeout_s=QUICK_S).check("the host can't be looked at")
    return done.stdout.replace("\n", " ").replace("port", f"port {port} listens").strip()


def fence_proof(ctx: StepContext) -> FenceProof:
    """The proof that the run's fence step left. Raises RefusedError without it."""
    facts = ctx.facts_of("fence")
    if "fence" not in facts:
        raise RefusedError("there is no fence proof in this run", hint="nothing is promoted without one")
    return FenceProof.from_json(facts["fence"])


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
    """The host that holds the drill's directory."""
    return access.host(ctx, ctx.spec.site, scratch_of(ctx).host)


def drill_server(ctx: StepContext, workload: str) -> Server:
    """The server that a drill restores a postgres workload into: no network, a socket of its own."""
    scratch, where = scratch_of(ctx), drill_host(ctx)
    base = f"{drill_directory(ctx)}/{workload}"
    options = (
        "-c listen_addresses=''", f"-c unix_socket_directories='{base}'", "-c fsync=off", "-c full_page_writes=off",
        "-c synchronous_commit=off", "-c autovacuum=off", "-c max_wal_size=8GB", "-c maintenance_work_mem=256MB",
        "-c wal_level=minimal", "-c max_wal_senders=0",
    )  # fmt: skip
    return Server(
        host=where, data=f"{base}/data", port=5432, socket=base, user="postgres", run_as=scratch.run_as,
        bin=scratch.bin or find_programs(where, None), starts_with=options,
    )  # fmt: skip


def _isolate(ctx: StepContext) -> Facts:
    """Prove that the target is nobody's production, clear what crashed drills left, make the directory."""
    scratch, where = scratch_of(ctx), drill_host(ctx)
    _refuse_production(ctx, scratch)
    directory = drill_directory(ctx)
    databases = [name for name, model in ctx.runbook.workloads.items() if model.kind == "postgres"]
    if databases and len(f"{directory}/{max(databases, key=len)}/.s.PGSQL.5432") > 107:
        raise UsageError(
            f"the path {directory} is too long for a PostgreSQL socket", hint="choose a shorter scratch.path"
        )
    cleared = [left for left in _drills_in(where, scratch.path) if left != directory]
    for left in cleared:
        _remove(ctx, where, left)
    ledger = json.dumps({"run": ctx.run.id, "runbook": ctx.runbook.runbook, "made_at": now()})
    made = where.run(("mkdir", "-m", "711", "-p", "--", directory), timeout_s=QUICK_S)
    made.check(f"{directory} can't be made", hint=f"does {scratch.path} exist, and may albus-dr write there?")
    write_file(where, f"{directory}/{LEDGER}", ledger, timeout_s=QUICK_S)
    notes = [f"removed what an earlier drill left in {left}" for left in cleared]
    return {"directory": directory, "notes": notes}


def _refuse_production(ctx: StepContext, scratch: ScratchConfig) -> None:
    mine = PurePosixPath(normpath(scratch.path))
    for name, site in ctx.config.sites.items():
        live = {f"servers.{key}": server.data for key, server in site.servers.items()}
        live |= {f"paths.{key}": path.path for key, path in site.paths.items()}
        for key, text in live.items():
            other = PurePosixPath(normpath(text))
            if mine == other or mine in other.parents or other in mine.parents:
                raise RefusedError(
                    f"the drill's target {mine} is not apart from sites.{name}.{key} ({other})",
                    hint=f"give sites.{ctx.spec.site}.scratch a directory of its own",
                )


def _drills_in(where: Host, path: str) -> list[str]:
    done = where.run(("find", path, "-mindepth", "2", "-maxdepth", "2", "-name", LEDGER), timeout_s=QUICK_S)
    return [line.rsplit("/", 1)[0] for line in done.stdout.splitlines()]


def _cleanup(ctx: StepContext) -> Facts:
    """Stop and remove everything under the drill's directory, then look whether anything is left."""
    where, directory = drill_host(ctx), drill_directory(ctx)
    residue = _remove(ctx, where, directory)
    if residue:
        raise CleanupError(
            f"the drill left something behind: {', '.join(residue)}", hint=f"remove it by hand at {where.name}"
        )
    return {"residue": [], "removed": directory, "removed_at": now()}


# Constant text; the directory is its argument. It prints the ids of the processes that run in it or were marked with it.
_PROCESSES = r"""
{ find /proc -mindepth 2 -maxdepth 2 \( -name cwd -o -name exe \) \( -lname "$1" -o -lname "$1/*" \) 2>/dev/null
  grep -lsxzF "ALBUS_DR_DRILL=$1" /proc/[0-9]*/environ
} | sed -n 's|^/proc/\([0-9]*\)/.*|\1|p' | sort -u
"""


def fresh_directory(ctx: StepContext, path: str, owner: str | None = None) -> None:
    """An empty private directory inside the drill's, whatever a killed step left there."""
    if not path.startswith(f"{drill_directory(ctx)}/"):
        raise RefusedError(f"{path} is not inside the drill's directory")
    where = drill_host(ctx)
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


def require_space(ctx: StepContext, needed: float) -> None:
    """Raises NotReadyError when the drill's target has less room, with both figures."""
    from albus_dr.units import format_bytes

    scratch, where = scratch_of(ctx), drill_host(ctx)
    free = free_bytes(where, scratch.path)
    if free < needed:
        raise NotReadyError(
            f"{ctx.spec.workload}: the restore needs {format_bytes(needed)} in {scratch.path} at {ctx.spec.site}; "
            f"{format_bytes(free)} are free",
            hint="make room, or point scratch.path at a larger disk",
        )


ACTIONS = {"site.fence": Action(_fence), "site.isolate": Action(_isolate), "site.cleanup": Action(_cleanup)}
