"""From a step to its model, its trees, its repositories and its recovery point."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from albus_dr.tools.host import Host
from albus_dr.tools.restic import Repository
from albus_dr.workloads import access, recovery_points, site
from albus_dr.workloads.files.model import Model
from albus_dr.workloads.step import StepContext

QUICK_S = 30.0


def model_of(ctx: StepContext) -> Model:
    return cast(Model, ctx.workload)


def path_of(ctx: StepContext, at: str) -> tuple[Host, str]:
    """The site's tree, without symbolic links on the way to it: restic would put a directory in the place of one."""
    config = ctx.config.sites[at].paths[model_of(ctx).path]
    host = access.host(ctx, at, config.host)
    key = (ctx.run.id, host, config.path)
    if key not in _real:
        done = host.run(("realpath", "-zm", "--", config.path), timeout_s=QUICK_S).check(
            f"{config.path} can't be looked at"
        )
        _real[key] = done.out.decode(errors="surrogateescape").rstrip("\0")
    return host, _real[key]


_real: dict[tuple[str, Host, str], str] = {}  # of this process: a run asks once


def repository_of(ctx: StepContext, at: str) -> Repository:
    host = ctx.config.sites[at].paths[model_of(ctx).path].host
    return access.repository(ctx, at, model_of(ctx).recovery_points.restic, host)


def restored_from(ctx: StepContext) -> Repository:
    """The target's repository, by a restic on the host that the run restores to: in a drill that need not be the tree's."""
    repository = repository_of(ctx, ctx.run.target)
    return site.drill_repository(ctx, repository) if ctx.run.operation == "drill" else repository


class Newest(NamedTuple):
    """A recovery point with what was counted when it was made, and where it is."""

    repository: Repository
    point: recovery_points.RecoveryPoint
    manifest: dict[str, Any]


def newest(ctx: StepContext) -> Newest:
    """The recovery point that the run's ready step chose; where none has, the newest at the target."""
    repository, name = restored_from(ctx), ctx.spec.workload
    point = recovery_points.named(ctx.facts_of(f"{name}.ready_to_restore")) or recovery_points.newest(
        repository, ctx.runbook.runbook, name, timeout_s=QUICK_S
    )
    return Newest(repository, point, recovery_points.read_manifest(repository, point, timeout_s=QUICK_S))
