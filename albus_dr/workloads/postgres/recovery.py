"""replicate: a logical dump in restic with its manifest, and its copy at the other site."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import UTC, datetime

from albus_dr.errors import VerificationError
from albus_dr.tools.postgres import TableSummary
from albus_dr.tools.postgres_contents import Contents, contents_of, sequences_of
from albus_dr.tools.restic import Repository
from albus_dr.units import format_bytes
from albus_dr.workloads import recovery_points
from albus_dr.workloads.copying import copy_points
from albus_dr.workloads.postgres.access import QUICK_S, model_of, name_of, repository_of, require_primary, server_of
from albus_dr.workloads.postgres.contents import mend, outdated, with_later_sequences
from albus_dr.workloads.programs import programs
from albus_dr.workloads.step import Facts, StepContext

SHRUNKEN = 0.5  # a dump smaller than this share of the median of the last ones is refused
REMEMBERED_DUMPS = 5


def ready_to_dump(ctx: StepContext) -> Facts:
    server = require_primary(ctx, ctx.run.source)
    repositories = [repository_of(ctx, at) for at in (ctx.run.source, ctx.run.target)]
    for repository in repositories:
        repository.probe(timeout_s=QUICK_S)
    return {"system_identifier": server.system_identifier(), **programs(server, *repositories)}


def dump(ctx: StepContext) -> Facts:
    """Dump and count in one snapshot of the database; then write the manifest that makes it a recovery point."""
    model, server = model_of(ctx), server_of(ctx)
    repository = repository_of(ctx, ctx.spec.site)
    name, runbook = name_of(ctx), ctx.runbook.runbook
    made_at = datetime.now(UTC)
    point = recovery_points.new_point_id(made_at)
    with server.exported_snapshot(model.database) as snapshot:
        tables = server.tables(model.database, snapshot=snapshot, timeout_s=ctx.remaining_s)
        contents = contents_of(server, model.database, snapshot=snapshot, timeout_s=ctx.remaining_s)
        answers = {check.sql: server.answer(check.sql, model.database, snapshot=snapshot, timeout_s=QUICK_S)
                   for check in model.verify if check.expect == "manifest"}  # fmt: skip
        newest = server.newest_write(model.marker, model.database, snapshot=snapshot) if model.marker else None
        size = server.size_of(model.database)
        summary = repository.backup_command(
            server.dump_command(model.database, snapshot), f"{name}.dump",
            recovery_points.tags(runbook, name, point, "data"), timeout_s=ctx.remaining_s,
            progress=ctx.progress, cancelled=ctx.cancelled, environment=server.environment(),
        )  # fmt: skip
    later = sequences_of(server, model.database, timeout_s=ctx.remaining_s)
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
        "contents": with_later_sequences(contents, later),
    }  # fmt: skip
    recovery_points.write_manifest(repository, runbook, name, point, made_at, manifest, timeout_s=QUICK_S)
    return {"point": point, "bytes": dumped, "rows": sum(table.rows for table in tables.values()),
            "notes": [*(f"{one}. {ctx.run.operator} accepted it (--accept-shrunken)" for one in shrunken), *_outdated(ctx, contents)],
            "newest_write_at": manifest["newest_write_at"]}  # fmt: skip


def _outdated(ctx: StepContext, contents: Contents) -> list[str]:
    if not (wrong := outdated(contents.collations)):
        return []
    return [
        f"{name_of(ctx)} at {ctx.spec.site}: its text indexes were made with another version of a collation ({wrong}) "
        f"and may be wrong: {mend(model_of(ctx).database)}"
    ]


def _shrunken(
    ctx: StepContext, repository: Repository, dumped: int, tables: Mapping[str, TableSummary]
) -> tuple[str, ...]:
    """What a person must look at before this dump counts: nothing in it, or much less than in the last ones."""
    name = name_of(ctx)
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


def copy(ctx: StepContext) -> Facts:
    return copy_points(ctx, repository_of(ctx, ctx.run.source), repository_of(ctx, ctx.run.target))
