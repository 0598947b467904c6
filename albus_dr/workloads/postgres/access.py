"""From a step to its model, its servers and its repositories."""

from __future__ import annotations

from typing import cast

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.tools.postgres import Server, ServerDown
from albus_dr.tools.restic import Repository
from albus_dr.workloads import access
from albus_dr.workloads.postgres.model import Model
from albus_dr.workloads.step import StepContext

QUICK_S = 30.0


def model_of(ctx: StepContext) -> Model:
    return cast(Model, ctx.workload)


def server_of(ctx: StepContext, at: str | None = None) -> Server:
    return access.server(ctx, at or ctx.spec.site, model_of(ctx).server)


def repository_of(ctx: StepContext, at: str) -> Repository:
    name = model_of(ctx).recovery_points.dump
    return access.repository(ctx, at, name, ctx.config.sites[at].servers[model_of(ctx).server].host)


def name_of(ctx: StepContext) -> str:
    return ctx.spec.workload


def require_primary(ctx: StepContext, at: str) -> Server:
    server = server_of(ctx, at)
    try:
        standby = server.is_in_recovery()
    except ServerDown as error:
        raise NotReadyError(
            f"{name_of(ctx)}: the primary at {at} does not answer: {error.message}",
            hint="if the site is lost: albus-dr failover",
        ) from None
    if standby:
        raise RefusedError(
            f"{name_of(ctx)}: the server at {at} is a standby, not the primary", hint="albus-dr status shows the roles"
        )
    return server


def require_standby(ctx: StepContext) -> Server:
    server = server_of(ctx, ctx.run.target)
    try:
        standby = server.is_in_recovery()
    except ServerDown as error:
        raise NotReadyError(
            f"{name_of(ctx)}: the standby at {ctx.run.target} does not answer: {error.message}"
        ) from None
    if not standby:
        raise RefusedError(
            f"{name_of(ctx)}: the server at {ctx.run.target} is not a standby: it is a primary already",
            hint="albus-dr status shows the roles",
        )
    return server
