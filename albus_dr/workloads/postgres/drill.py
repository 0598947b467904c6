"""drill: restore a dump into an isolated server, and compare it with its manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from albus_dr.tools.postgres_contents import Contents, contents_of, create_like, parse_contents
from albus_dr.tools.restic import Repository
from albus_dr.workloads import recovery_points, site
from albus_dr.workloads.postgres.access import QUICK_S, model_of, name_of, repository_of
from albus_dr.workloads.postgres.contents import compare_contents
from albus_dr.workloads.postgres.questions import ask
from albus_dr.workloads.programs import programs
from albus_dr.workloads.recovery_points import RecoveryPoint
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

RESTORE_FACTOR = 2.5  # a dump on disk, and beside it the tables and indexes that it becomes


def _repository(ctx: StepContext) -> Repository:
    return site.drill_repository(ctx, repository_of(ctx, ctx.run.target))


def look_ahead(ctx: StepContext) -> None:
    """restic needs half a second to open a repository: it begins while the engine starts."""
    repository, wanted = _repository(ctx), recovery_points.wanted(ctx.run.options)
    recovery_points.look_ahead(repository, ctx.runbook.runbook, name_of(ctx), wanted, timeout_s=QUICK_S)


def ready_to_restore(ctx: StepContext) -> Facts:
    repository = _repository(ctx)
    wanted, name = recovery_points.wanted(ctx.run.options), name_of(ctx)
    opened = recovery_points.open_point(repository, ctx.runbook.runbook, name, wanted, timeout_s=QUICK_S)
    recovery_points.require_whole(opened, name, repository)
    _ = opened.manifest["tables"]  # where it says nothing of them, that is told before an hour of restoring
    site.require_space(ctx, opened.manifest["bytes"] * RESTORE_FACTOR)
    notes = recovery_points.notes_on(opened.future, name, repository)
    found = {**recovery_points.chosen(opened.point), **programs(repository)}
    return {**found, "left_out": len(opened.future), "notes": notes}


def restore(ctx: StepContext) -> Facts:
    """From the target's own repository into a server without a network."""
    model, name = model_of(ctx), name_of(ctx)
    repository = _repository(ctx)
    point = _point(ctx, repository)
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
    held = _contents(manifest)
    deviation = ""
    if held:
        deviation = create_like(server, model.database, held)
    else:
        server.create_database(model.database)
    server.restore_dump(
        f"{base}.dump/{name}.dump", model.database, with_access=held is not None, jobs=max(2, os.cpu_count() or 2),
        timeout_s=ctx.remaining_s, cancelled=ctx.cancelled,
    )  # fmt: skip
    return {"point": point.id, "point_at": point.data.time.isoformat(),
            "manifest": recovery_points.without(manifest, "answers"),  # see _answers
            "uri": server.uri(model.database), "locale_deviation": deviation}  # fmt: skip


def _point(ctx: StepContext, repository: Repository) -> RecoveryPoint:
    name = name_of(ctx)
    return recovery_points.named(ctx.facts_of(f"{name}.ready_to_restore")) or recovery_points.newest(
        repository, ctx.runbook.runbook, name, timeout_s=QUICK_S
    )


def _answers(ctx: StepContext) -> Mapping[str, str]:
    """What the questions were answered when the recovery point was made: in no journal, as they may name somebody. The process
    that restored has the manifest still; one that resumes reads it anew."""
    if all(check.expect != "manifest" for check in model_of(ctx).verify):
        return {}
    repository = _repository(ctx)
    manifest = recovery_points.read_manifest(repository, _point(ctx, repository), timeout_s=QUICK_S)
    found: Mapping[str, str] = manifest["answers"]
    return found


def _contents(manifest: Mapping[str, Any]) -> Contents | None:
    """None in a manifest that is older than this comparison."""
    return parse_contents(manifest["contents"]) if "contents" in manifest else None


def compare(ctx: StepContext) -> Facts:
    model = model_of(ctx)
    restored = ctx.facts_of(f"{name_of(ctx)}.restore")
    server = site.drill_server(ctx, name_of(ctx))
    newest = server.newest_write(model.marker, model.database) if model.marker else None
    made_at = None if model.marker else restored["point_at"]  # a marker that found nothing measured nothing
    found = server.tables(model.database, timeout_s=ctx.remaining_s)
    return {
        "newest_write_at": newest.isoformat() if newest else made_at, "point": restored["point"],
        "tables": {table: {"rows": summary.rows, "checksum": summary.checksum} for table, summary in found.items()},
        **programs(server),
    }  # fmt: skip


def verify_compared(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    name, restored = name_of(ctx), ctx.facts_of(f"{name_of(ctx)}.restore")
    manifest, server = restored["manifest"], site.drill_server(ctx, name)
    found = contents_of(server, model_of(ctx).database, timeout_s=ctx.remaining_s)
    return (
        *_compare_tables(name, manifest["tables"], facts["tables"]),
        *compare_contents(name, _contents(manifest), found, restored["locale_deviation"]),
        *ask(ctx, server, _answers(ctx)),
    )


def _compare_tables(workload: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Verification, ...]:
    result = []
    for table in sorted({*expected, *found}):
        want, have = expected.get(table), found.get(table)
        same = Verdict.PASSED if want == have else Verdict.FAILED
        result.append(Verification(workload, f"rows and checksum of {table}", _rows(want), _rows(have), same))
    return tuple(result)


def _rows(table: Mapping[str, Any] | None) -> str:
    return f"{table['rows']} rows, checksum {str(table['checksum'])[-8:]}" if table else "no such table"
