"""PostgreSQL: a streaming standby at the other site, and logical dumps in restic as recovery points."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

from pydantic import Field

from albus_dr.errors import NotReadyError, RefusedError, StepError, TransientError, VerificationError
from albus_dr.runbook.model import Name, Seconds, SqlCheck, Strict, WorkloadModel
from albus_dr.tools import postgres
from albus_dr.tools.postgres import Server, ServerDown, TableSummary
from albus_dr.tools.restic import Repository
from albus_dr.tools.secrets import reveal
from albus_dr.units import format_bytes, format_duration
from albus_dr.workloads import access, recovery_points, site
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

SHRUNKEN = 0.5  # a dump smaller than this share of the median of the last ones is refused
REMEMBERED_DUMPS = 5
RESTORE_FACTOR = 2.5  # a dump on disk, and beside it the tables and indexes that it becomes
QUICK_S = 30.0


class DumpPoints(Strict):
    """Logical dumps."""

    dump: Name = Field(description="The repository, by its name at each site.")
    every: Seconds | None = Field(None, description="How often `replicate` is meant to run.")


class Model(WorkloadModel):
    """A PostgreSQL database with a streaming standby at the other site."""

    kind: Literal["postgres"]
    server: Name = Field(description="The server, by its name at each site.")
    database: str = Field(min_length=1, description="The database.")
    replication: Literal["synchronous", "asynchronous"] = Field(
        "asynchronous", description="`synchronous`: a write is acknowledged once both sites have it."
    )
    recovery_points: DumpPoints
    marker: str | None = Field(
        None, description="SQL that gives the time (timestamptz) of the newest write: the recovery point actual."
    )
    verify: tuple[SqlCheck, ...] = Field((), description="Questions to the recovered database.")


def references(model: Model) -> tuple[Reference, ...]:
    """The server and the repository, at both sites."""
    return (
        Reference(("server",), "servers", model.server),
        Reference(("recovery_points", "dump"), "repositories", model.recovery_points.dump),
    )


def steps(name: str, model: Model, derivation: Derivation) -> Derived:
    """replicate: dump, copy. drill: restore, verify. switchover: stop, promote, verify, follow. failover: promote, verify."""
    source, target = derivation.source, derivation.target

    def step(verb: str, at: str, title: str, **more: Any) -> StepSpec:
        return StepSpec(id=f"{name}.{verb}", workload=name, site=at, action=f"postgres.{verb}", title=title, **more)

    rto_s = derivation.runbook.objectives.rto
    verify = step(
        "verify", target, f"Ask {name} at {target} what it must know", needs=(f"{name}.promote",), timeout_s=rto_s,
        clock="data_recovered_at", estimate_s=0.3,
    )  # fmt: skip
    promote = step(
        "promote", target, f"Promote {name} at {target}", timeout_s=120, repeatable=False, estimate_s=0.3,
    )  # fmt: skip
    if derivation.operation == "replicate":
        return Derived(
            ready=(step("ready_to_dump", source, f"{name} at {source} is the primary, both repositories open"),),
            take=(
                step("dump", source, f"Dump {name} at {source}", timeout_s=rto_s, estimate_s=5),
                step("copy", target, f"Copy the recovery points of {name} to {target}", needs=(f"{name}.dump",),
                     timeout_s=rto_s, retries=2, estimate_s=5),
            ),
        )  # fmt: skip
    if derivation.operation == "drill":
        return Derived(
            ready=(step("ready_to_restore", target, f"{target} has a recovery point of {name}, and room for it"),),
            take=(
                step("restore", target, f"Restore {name} into the isolated target", timeout_s=rto_s, estimate_s=10),
                step("compare", target, f"Compare {name} with its manifest", needs=(f"{name}.restore",), timeout_s=rto_s,
                     clock="data_recovered_at", estimate_s=2),
            ),
        )  # fmt: skip
    if derivation.operation == "switchover":
        after = (
            step("follow", source, f"{name} at {source} follows {target}", timeout_s=300, repeatable=False, estimate_s=2),
            *((step("confirm", target, f"Commits at {target} wait for {source} again", needs=(f"{name}.follow",)),)
              if model.replication == "synchronous" else ()),
        )  # fmt: skip
        return Derived(
            ready=(step("ready_to_switch", target, f"{name} at {target} follows {source} closely"),),
            release=(step("stop", source, f"Stop {name} at {source} cleanly", timeout_s=120, estimate_s=0.5),),
            take=(promote, verify),
            after=after,
        )
    return Derived(
        ready=(step("ready_to_promote", target, f"{name} at {target} is a standby; what would be lost"),),
        take=(promote, verify),
    )


# --- what the steps have in common --------------------------------------------------------------------------------


def _model(ctx: StepContext) -> Model:
    return cast(Model, ctx.workload)


def _server(ctx: StepContext, at: str | None = None) -> Server:
    return access.server(ctx, at or ctx.spec.site, _model(ctx).server)


def _repository(ctx: StepContext, at: str) -> Repository:
    name = _model(ctx).recovery_points.dump
    return access.repository(ctx, at, name, ctx.config.sites[at].servers[_model(ctx).server].host)


def _name(ctx: StepContext) -> str:
    return ctx.spec.workload


# --- ready --------------------------------------------------------------------------------------------------------


def _ready_to_dump(ctx: StepContext) -> Facts:
    _require_primary(ctx, ctx.run.source)
    for at in (ctx.run.source, ctx.run.target):
        _repository(ctx, at).probe(timeout_s=QUICK_S)
    return {}


def _require_primary(ctx: StepContext, at: str) -> Server:
    server = _server(ctx, at)
    try:
        standby = server.is_in_recovery()
    except ServerDown as error:
        raise NotReadyError(
            f"{_name(ctx)}: the primary at {at} does not answer: {error.message}",
            hint="if the site is lost: albus-dr failover",
        ) from None
    if standby:
        raise RefusedError(
            f"{_name(ctx)}: the server at {at} is a standby, not the primary", hint="albus-dr status shows the roles"
        )
    return server


def _ready_to_restore(ctx: StepContext) -> Facts:
    repository = _repository(ctx, ctx.run.target)
    with repository.probed():
        point, manifest = recovery_points.newest_with_manifest(
            repository, ctx.runbook.runbook, _name(ctx), timeout_s=QUICK_S
        )
    site.require_space(ctx, manifest["bytes"] * RESTORE_FACTOR)
    return recovery_points.chosen(point)


def _ready_to_switch(ctx: StepContext) -> Facts:
    primary = _require_primary(ctx, ctx.run.source)
    standby = _require_standby(ctx)
    if primary.system_identifier() != standby.system_identifier():
        raise RefusedError(
            f"{_name(ctx)}: the server at {ctx.run.target} is not a standby of the one at {ctx.run.source}"
        )
    lag = primary.lag_of(ctx.run.target)
    if lag is None:
        raise NotReadyError(
            f"{_name(ctx)}: no standby named {ctx.run.target} is streaming from {ctx.run.source}",
            hint=f"its primary_conninfo must say application_name={ctx.run.target}; look at its log",
        )
    return {"lag_bytes": lag.replayed, "sync_state": lag.sync_state}


def _require_standby(ctx: StepContext) -> Server:
    server = _server(ctx, ctx.run.target)
    try:
        standby = server.is_in_recovery()
    except ServerDown as error:
        raise NotReadyError(f"{_name(ctx)}: the standby at {ctx.run.target} does not answer: {error.message}") from None
    if not standby:
        raise RefusedError(
            f"{_name(ctx)}: the server at {ctx.run.target} is not a standby: it is a primary already",
            hint="albus-dr status shows the roles",
        )
    return server


def _ready_to_promote(ctx: StepContext) -> Facts:
    """What the standby has, and what would be lost. More than the objective needs a person's word."""
    server = _require_standby(ctx)
    model = _model(ctx)
    if model.marker is None:
        return {"notes": [f"{_name(ctx)} has no marker: the age of its newest write can't be measured"]}
    newest = server.newest_write(model.marker, model.database)
    disrupted = ctx.run.disrupted_at or ctx.run.declared_at
    if newest is None:
        raise NotReadyError(
            f"{_name(ctx)}: the marker finds no write at all at {ctx.run.target}", hint="is it the right database?"
        )
    behind_s = max(0.0, (disrupted - newest).total_seconds())
    rpo_s = model.rpo if model.rpo is not None else ctx.runbook.objectives.rpo
    facts: dict[str, Any] = {"newest_write_at": newest.isoformat(), "behind_s": round(behind_s, 3)}
    if behind_s > rpo_s:
        loss = (
            f"{_name(ctx)}: the newest write at {ctx.run.target} is {format_duration(behind_s)} older than the disruption "
            f"(objective {format_duration(rpo_s)}); what was written in between is lost"
        )
        if not ctx.run.options.get("accept_data_loss"):
            raise RefusedError(loss, hint="if nothing was written then, or the loss is accepted: --accept-data-loss")
        facts["notes"] = [f"{loss}. {ctx.run.operator} accepted it (--accept-data-loss)"]
    return facts


# --- replicate ----------------------------------------------------------------------------------------------------


def _dump(ctx: StepContext) -> Facts:
    """Dump and count in one snapshot of the database; then write the manifest that makes it a recovery point."""
    model, server = _model(ctx), _server(ctx)
    repository = _repository(ctx, ctx.spec.site)
    name, runbook = _name(ctx), ctx.runbook.runbook
    made_at = datetime.now(UTC)
    point = recovery_points.new_point_id(made_at)
    with server.exported_snapshot(model.database) as snapshot:
        tables = server.tables(model.database, snapshot=snapshot, timeout_s=ctx.remaining_s)
        answers = {check.sql: server.value(_in_snapshot(check.sql, snapshot), database=model.database, timeout_s=QUICK_S)
                   for check in model.verify if check.expect == "manifest"}  # fmt: skip
        newest = server.newest_write(model.marker, model.database) if model.marker else None
        size = server.size_of(model.database)
        summary = repository.backup_command(
            server.dump_command(model.database, snapshot), f"{name}.dump",
            recovery_points.tags(runbook, name, point, "data"), timeout_s=ctx.remaining_s,
            progress=ctx.progress, cancelled=ctx.cancelled, environment=server.environment(),
        )  # fmt: skip
    dumped = int(summary.get("total_bytes_processed", 0))
    shrunken = _shrunken(ctx, repository, dumped, tables)
    if shrunken and not ctx.run.options.get("accept_shrunken"):
        raise VerificationError(
            "; ".join(shrunken),
            hint="look at the database first; the earlier recovery points are untouched. If it is right: --accept-shrunken",
        )
    manifest = {
        "tables": {table: {"rows": found.rows, "checksum": found.checksum} for table, found in tables.items()},
        "answers": answers, "newest_write_at": newest.isoformat() if newest else None, "bytes": size, "dumped_bytes": dumped,
    }  # fmt: skip
    recovery_points.write_manifest(repository, runbook, name, point, made_at, manifest, timeout_s=QUICK_S)
    return {"point": point, "bytes": dumped, "rows": sum(table.rows for table in tables.values()),
            "notes": [f"{one}. {ctx.run.operator} accepted it (--accept-shrunken)" for one in shrunken],
            "newest_write_at": manifest["newest_write_at"]}  # fmt: skip


def _in_snapshot(sql: str, snapshot: str) -> str:
    one = sql.rstrip("; ")
    return f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {postgres.literal(snapshot)}; {one}; COMMIT;"


def _shrunken(
    ctx: StepContext, repository: Repository, dumped: int, tables: Mapping[str, TableSummary]
) -> tuple[str, ...]:
    """What a person must look at before this dump counts: nothing in it, or much less than in the last ones."""
    name = _name(ctx)
    if not any(table.rows for table in tables.values()):
        return (f"{name}: the dump is empty: no table has a row",)
    points = recovery_points.find_all(repository, ctx.runbook.runbook, name, timeout_s=QUICK_S)[-REMEMBERED_DUMPS:]
    earlier = [recovery_points.read_manifest(repository, point, timeout_s=QUICK_S) for point in points]
    if not earlier:
        return ()
    found: list[str] = []
    usual = statistics.median(manifest["dumped_bytes"] for manifest in earlier)
    if dumped < usual * SHRUNKEN:
        found.append(
            f"{name}: the dump has shrunk to {format_bytes(dumped)}; the last {len(earlier)} had {format_bytes(usual)}"
        )
    emptied = [
        table
        for table, before in earlier[-1]["tables"].items()
        if before["rows"] > 0 and (table not in tables or tables[table].rows == 0)
    ]
    if emptied:
        found.append(
            f"{name}: tables that had rows at the last recovery point are empty now or gone: {', '.join(emptied)}"
        )
    return tuple(found)


def _copy(ctx: StepContext) -> Facts:
    return copy_points(ctx, _repository(ctx, ctx.run.source), _repository(ctx, ctx.run.target))


def copy_points(ctx: StepContext, source: Repository, target: Repository) -> Facts:
    """Copy what the target lacks, then compare both lists and read the newest manifest back."""
    name, runbook = ctx.spec.workload, ctx.runbook.runbook
    mine = recovery_points.listing(source, runbook, name, timeout_s=QUICK_S)
    theirs = recovery_points.listing(target, runbook, name, timeout_s=QUICK_S)
    missing = recovery_points.missing(mine, theirs)
    if missing:
        target.copy_from(source, missing, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled)
        theirs = recovery_points.listing(target, runbook, name, timeout_s=QUICK_S)
    still = recovery_points.missing(mine, theirs)
    if still:
        raise StepError(f"{name}: {len(still)} snapshots did not arrive in {target}")
    newest = recovery_points.complete(theirs, target)[-1]
    manifest = recovery_points.read_manifest(target, newest, timeout_s=QUICK_S)
    return {"copied_snapshots": len(missing), "point": newest.id, "point_at": newest.data.time.isoformat(),
            "newest_write_at": manifest.get("newest_write_at")}  # fmt: skip


def verify_copy(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    """The target's newest recovery point is the one that this run made."""
    workload = ctx.spec.workload
    made = next(
        (
            ctx.facts_of(f"{workload}.{verb}").get("point")
            for verb in ("dump", "back_up")
            if ctx.facts_of(f"{workload}.{verb}")
        ),
        None,
    )
    arrived = Verdict.PASSED if facts["point"] == made else Verdict.FAILED
    return (Verification(workload, "recovery point at the other site", str(made), str(facts["point"]), arrived),)


# --- drill --------------------------------------------------------------------------------------------------------


def _restore(ctx: StepContext) -> Facts:
    """From the target's own repository into a server without a network."""
    model, name = _model(ctx), _name(ctx)
    repository = _repository(ctx, ctx.run.target)
    point = recovery_points.named(ctx.facts_of(f"{name}.ready_to_restore")) or recovery_points.newest(
        repository, ctx.runbook.runbook, name, timeout_s=QUICK_S
    )
    manifest = recovery_points.read_manifest(repository, point, timeout_s=QUICK_S)
    server = site.drill_server(ctx, name)
    base = f"{site.drill_directory(ctx)}/{name}"
    site.fresh_directory(ctx, f"{base}.dump")
    site.fresh_directory(ctx, base, server.run_as)
    server.create(timeout_s=120)
    repository.restore(
        point.data.id, f"{base}.dump", timeout_s=ctx.remaining_s, progress=ctx.progress, cancelled=ctx.cancelled
    )
    server.start(timeout_s=60)
    server.restore_dump(
        f"{base}.dump/{name}.dump", model.database, jobs=max(2, os.cpu_count() or 2), timeout_s=ctx.remaining_s,
        cancelled=ctx.cancelled,
    )  # fmt: skip
    return {"point": point.id, "point_at": point.data.time.isoformat(), "manifest": manifest,
            "uri": server.uri(model.database)}  # fmt: skip


def _compare(ctx: StepContext) -> Facts:
    model = _model(ctx)
    restored = ctx.facts_of(f"{_name(ctx)}.restore")
    server = site.drill_server(ctx, _name(ctx))
    newest = server.newest_write(model.marker, model.database) if model.marker else None
    found = server.tables(model.database, timeout_s=ctx.remaining_s)
    return {
        "newest_write_at": newest.isoformat() if newest else restored["point_at"], "point": restored["point"],
        "tables": {table: {"rows": summary.rows, "checksum": summary.checksum} for table, summary in found.items()},
    }  # fmt: skip


def _verify_compared(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    manifest = ctx.facts_of(f"{_name(ctx)}.restore")["manifest"]
    server = site.drill_server(ctx, _name(ctx))
    return (*_compare_tables(_name(ctx), manifest["tables"], facts["tables"]), *_ask(ctx, server, manifest["answers"]))


def _compare_tables(workload: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Verification, ...]:
    result = []
    for table in sorted({*expected, *found}):
        want, have = expected.get(table), found.get(table)
        same = Verdict.PASSED if want == have else Verdict.FAILED
        result.append(Verification(workload, f"rows and checksum of {table}", _rows(want), _rows(have), same))
    return tuple(result)


def _rows(table: Mapping[str, Any] | None) -> str:
    return f"{table['rows']} rows, checksum {str(table['checksum'])[-8:]}" if table else "no such table"


def _ask(ctx: StepContext, server: Server, answers: Mapping[str, str] | None) -> tuple[Verification, ...]:
    """The runbook's questions. Without a manifest for this data, its questions are listed as not evaluated."""
    model, result = _model(ctx), []
    for check in model.verify:
        expected = (answers or {}).get(check.sql) if check.expect == "manifest" else _as_sql_text(check.expect)
        if expected is None:
            result.append(
                Verification(_name(ctx), check.sql, "the manifest", "newer than any manifest", Verdict.NOT_EVALUATED)
            )
            continue
        actual = server.value(check.sql, database=model.database, timeout_s=ctx.remaining_s)
        result.append(
            Verification(
                _name(ctx), check.sql, expected, actual, Verdict.PASSED if actual == expected else Verdict.FAILED
            )
        )
    return tuple(result)


def _as_sql_text(value: str | int | float | bool) -> str:
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)


# --- switchover and failover --------------------------------------------------------------------------------------


def _observe_stopped(ctx: StepContext) -> Observation:
    server = _server(ctx)
    if server.is_running():
        return Observation(State.NOT_DONE, "it runs")
    return Observation(State.DONE, "it is stopped", _stopped_at(server))


def _stop(ctx: StepContext) -> Facts:
    server = _server(ctx)
    server.stop(timeout_s=ctx.remaining_s)
    return _stopped_at(server)


def _stopped_at(server: Server) -> Facts:
    control = server.control()
    if control.get("Database cluster state") != "shut down":
        raise StepError(
            f"PostgreSQL in {server.data} did not stop cleanly: {control.get('Database cluster state')}",
            hint="start it, let its standby catch up, and switch over again",
        )
    return {
        "shutdown_position": control["Latest checkpoint location"],
        "system_identifier": control["Database system identifier"],
    }


def _observe_promoted(ctx: StepContext) -> Observation:
    try:
        standby = _server(ctx).is_in_recovery()
    except TransientError as error:
        return Observation(State.UNKNOWN, error.message)
    return Observation(State.NOT_DONE, "it is a standby") if standby else Observation(State.DONE, "it is the primary")


def _promote(ctx: StepContext) -> Facts:
    """With the fence proof in hand; in a switchover only once everything that the old primary wrote has arrived."""
    server, proof = _server(ctx), site.fence_proof(ctx)
    stopped = ctx.facts_of(f"{_name(ctx)}.stop")
    if stopped:
        _wait_until_replayed(ctx, server, stopped)
    server.promote(proof, timeout_s=ctx.remaining_s)
    return {"rests_on": proof.rests_on}


def _wait_until_replayed(ctx: StepContext, server: Server, stopped: Facts) -> None:
    if server.system_identifier() != stopped["system_identifier"]:
        raise RefusedError(f"{_name(ctx)}: the server at {ctx.spec.site} is not a standby of the one that was stopped")
    goal = postgres.position(stopped["shutdown_position"])
    while server.replayed_position() < goal:
        if ctx.remaining_s < 60 or ctx.cancelled.wait(postgres.POLL_S):
            raise RefusedError(
                f"{_name(ctx)}: {ctx.spec.site} has not received everything that {ctx.run.source} wrote; promoting would lose it",
                hint=f"start PostgreSQL at {ctx.run.source} again, let {ctx.spec.site} catch up, and switch over again",
            )


def _verify_facts(ctx: StepContext) -> Facts:
    model = _model(ctx)
    facts: dict[str, Any] = {}
    if ctx.run.operation == "failover":
        facts["notes"] = [f"{_name(ctx)} is unprotected: {ctx.spec.site} has no standby, and commits wait for nobody"]
    newest = _server(ctx).newest_write(model.marker, model.database) if model.marker else None
    return facts | ({"newest_write_at": newest.isoformat()} if newest else {})


def _verify_promoted(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
    server = _server(ctx)
    role = Verification(
        _name(ctx), f"role at {ctx.spec.site}", "primary", "standby" if server.is_in_recovery() else "primary",
        Verdict.FAILED if server.is_in_recovery() else Verdict.PASSED,
    )  # fmt: skip
    return (role, *_ask(ctx, server, None))


def _slot(standby_site: str) -> str:
    return "albus_" + "".join(letter if letter.isalnum() else "_" for letter in standby_site)


def _observe_following(ctx: StepContext) -> Observation:
    """Done when the new primary sees it stream. A server that runs as a primary is nobody's standby: unknown."""
    try:
        if _server(ctx, ctx.run.target).lag_of(ctx.spec.site) is not None:
            return Observation(State.DONE, "it streams")
        server = _server(ctx)
        if not server.is_running():
            return Observation(State.NOT_DONE, "it is stopped")
        return Observation(State.UNKNOWN, "it runs, and does not stream from the new primary")
    except TransientError as error:
        return Observation(State.UNKNOWN, error.message)


def _follow(ctx: StepContext) -> Facts:
    """The old primary stopped cleanly and the new one had all of it: it can follow as it is."""
    old, new = _server(ctx), _server(ctx, ctx.run.target)
    if old.is_running():
        raise RefusedError(f"{_name(ctx)}: PostgreSQL at {ctx.spec.site} runs; it must be stopped to become a standby")
    if old.control()["Database system identifier"] != new.system_identifier():
        raise RefusedError(f"{_name(ctx)}: {old.data} at {ctx.spec.site} is another cluster than the new primary's")
    slot = _slot(ctx.spec.site)
    new.make_slot(slot)
    config = ctx.config.sites[ctx.run.target].servers[_model(ctx).server]
    password = reveal(config.replication_password, ctx.config_base) if config.replication_password else ""
    primary = {
        "host": config.address, "port": str(config.port), "user": config.replication_user, "application_name": ctx.spec.site,
    }  # fmt: skip
    old.follow(primary, slot, password, timeout_s=60)
    while new.lag_of(ctx.spec.site) is None:
        if ctx.remaining_s <= 1 or ctx.cancelled.wait(postgres.POLL_S * 5):
            raise TransientError(
                f"{_name(ctx)}: {ctx.spec.site} started as a standby but does not stream", hint="look at its log"
            )
    return {}


def _confirm(ctx: StepContext) -> Facts:
    """Only once the standby streams: otherwise every commit would wait for nobody."""
    server = _server(ctx)
    server.wait_for_standby_to_confirm(ctx.run.source)
    while True:
        lag = server.lag_of(ctx.run.source)
        if lag and lag.sync_state == "sync":
            return {"sync_state": lag.sync_state}
        if ctx.remaining_s <= 1 or ctx.cancelled.wait(postgres.POLL_S * 5):
            raise TransientError(f"{_name(ctx)}: {ctx.run.source} does not confirm commits of {ctx.spec.site}")


ACTIONS = {
    "postgres.ready_to_dump": Action(_ready_to_dump),
    "postgres.ready_to_restore": Action(_ready_to_restore),
    "postgres.ready_to_switch": Action(_ready_to_switch),
    "postgres.ready_to_promote": Action(_ready_to_promote),
    "postgres.dump": Action(_dump),
    "postgres.copy": Action(_copy, verify=verify_copy),
    "postgres.restore": Action(_restore),
    "postgres.compare": Action(_compare, verify=_verify_compared),
    "postgres.stop": Action(_stop, observe=_observe_stopped),
    "postgres.promote": Action(_promote, observe=_observe_promoted),
    "postgres.verify": Action(_verify_facts, verify=_verify_promoted),
    "postgres.follow": Action(_follow, observe=_observe_following),
    "postgres.confirm": Action(_confirm),
}
