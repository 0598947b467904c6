"""A planned change, before its commit: has the source let go, and taken nothing back since?

A run may lie there between its release and its commit, its claim given back, and people may let the source serve
meanwhile. Then what it stopped and carried over is old, although the journal rightly says that it was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from albus_dr.errors import RefusedError
from albus_dr.tools.postgres import Server
from albus_dr.workloads import access
from albus_dr.workloads.files import Model as FilesModel
from albus_dr.workloads.postgres import Model as PostgresModel
from albus_dr.workloads.step import StepContext


def require_databases_as_stopped(ctx: StepContext) -> None:
    """Every server that the run stopped at the source is shut down where it was then: each start moves that position.

    Raises RefusedError where it is not, TransientError or NotReadyError where it can't be looked at.
    """
    for server, recorded in _stopped(ctx):
        control = server.control()
        state, position = control.get("Database cluster state"), control.get("Latest checkpoint location")
        if state != "shut down" or position not in recorded:
            raise RefusedError(
                f"{ctx.run.source} has served since this run stopped it: PostgreSQL in {server.data} is {state}, at {position}; it "
                f"was shut down at {', '.join(sorted(recorded))}",
                hint=way_forward(ctx),
            )


def _stopped(ctx: StepContext) -> Iterator[tuple[Server, set[str]]]:
    """The servers with where their stops left them; one that has several databases is stopped once, or once more."""
    recorded: dict[str, set[str]] = {}
    for name, model in ctx.runbook.workloads.items():
        stopped = ctx.facts_of(f"{name}.stop")
        if isinstance(model, PostgresModel) and stopped:
            recorded.setdefault(model.server, set()).add(stopped["shutdown_position"])
    for server, positions in recorded.items():
        yield access.server(ctx, ctx.run.source, server), positions


def require_files_as_carried(ctx: StepContext) -> None:
    """In a run that was resumed: the trees at both sites are equal still. Raises RefusedError where they are not."""
    if not ctx.run.resumed:
        return
    from albus_dr.workloads.files import switchover  # it knows restic and more, and few runs are resumed

    for name, model in ctx.runbook.workloads.items():
        if not isinstance(model, FilesModel) or not ctx.facts_of(f"{name}.carry_over"):
            continue
        of_tree = replace(ctx, spec=replace(ctx.spec, workload=name, site=ctx.run.target))
        found = switchover.differences(of_tree, to_the_second=True)
        if found.changed or found.gone:
            raise RefusedError(
                f"{name} at {ctx.run.source} has changed since it was carried over: {len(found.changed)} written, "
                f"{len(found.gone)} removed",
                hint=way_forward(ctx),
            )


def way_forward(ctx: StepContext) -> str:
    """Of a planned change that will not commit any more: the source stays the primary."""
    run = ctx.run
    return (
        f"nothing is lost, and {run.source} is still the primary. Give this run up: albus-dr abort {run.id}. Let PostgreSQL and "
        f"the application run at {run.source}, then: albus-dr door. Once {run.target} follows, begin anew: albus-dr {run.operation}"
    )
