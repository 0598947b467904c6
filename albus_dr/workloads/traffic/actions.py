"""What the steps of the door do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import cast

from albus_dr.errors import StepError
from albus_dr.runbook.model import HttpCheck
from albus_dr.tools import http, process
from albus_dr.tools.haproxy import Door
from albus_dr.workloads import access
from albus_dr.workloads.http_checks import ask
from albus_dr.workloads.own import run_environment
from albus_dr.workloads.programs import programs
from albus_dr.workloads.step import Action, Facts, Observation, State, StepContext, Verification
from albus_dr.workloads.traffic import Model


def _model(ctx: StepContext) -> Model:
    return cast(Model, ctx.workload)


def _door(ctx: StepContext) -> Door:
    return access.door(ctx.proxy(_model(ctx).proxy))


def _line(ctx: StepContext, site: str) -> str:
    """The site's server in the backend."""
    return ctx.proxy(_model(ctx).proxy).servers[site]


def _ready(ctx: StepContext) -> Facts:
    door = _door(ctx)
    states = {site: door.state(_line(ctx, site)) for site in (ctx.run.source, ctx.run.target)}
    return {**states, **programs(door)}


def _observe_closed(ctx: StepContext) -> Observation:
    closed = _door(ctx).state(_line(ctx, ctx.spec.site)) == "maint"
    return Observation(State.DONE if closed else State.NOT_DONE, "by the proxy", {"clock_at": _now()} if closed else {})


def _observe_opened(ctx: StepContext) -> Observation:
    door = _door(ctx)
    opened = (door.state(_line(ctx, ctx.run.source)), door.state(_line(ctx, ctx.run.target))) == ("maint", "ready")
    return Observation(State.DONE if opened else State.NOT_DONE, "by the proxy")


def _close(ctx: StepContext) -> Facts:
    closed_at = _now()  # users are shut out from the first moment on, not from the last
    _door(ctx).set_state(_line(ctx, ctx.spec.site), "maint")
    return {"clock_at": closed_at}


def _open(ctx: StepContext) -> Facts:
    """To the target alone: somebody may have opened it to the source meanwhile."""
    door = _door(ctx)
    if door.state(_line(ctx, ctx.run.source)) != "maint":
        door.set_state(_line(ctx, ctx.run.source), "maint")
    door.set_state(_line(ctx, ctx.run.target), "ready")
    return {}


def _come_in(ctx: StepContext) -> Facts:
    url = ctx.proxy(_model(ctx).proxy).url.rstrip("/")
    first = next(iter(_model(ctx).verify), HttpCheck(http="/"))
    http.wait_for(url + first.http, status=first.expect.status, timeout_s=ctx.remaining_s - 1)
    return {}


def _verify(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
    return ask(ctx, _model(ctx).verify, ctx.proxy(_model(ctx).proxy).url)


def _count(ctx: StepContext) -> Facts:
    """What users saw, told by a command that watched them. Without one it stays unmeasured."""
    command = ctx.proxy(_model(ctx).proxy).clients
    if command is None:
        return {"notes": ["no command counts what users saw: acknowledged and lost writes are not measured"]}
    done = process.run(
        command,
        timeout_s=ctx.remaining_s,
        cwd=ctx.base,
        environment=run_environment(ctx),
        cancelled=ctx.cancelled,
        keep=process.WORDS_LIMIT,
    ).check("what users saw could not be counted")
    try:
        counted = json.loads(done.stdout)
        return {
            "acknowledged_writes": int(counted["acknowledged_writes"]), "lost_writes": int(counted["lost_writes"]),
            "client_downtime_s": float(counted["client_downtime_s"]),
        }  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(f"{command[0]} printed what can't be read: {error}") from None


def _now() -> str:
    return datetime.now(UTC).isoformat()


ACTIONS = {
    "traffic.ready": Action(_ready),
    "traffic.close": Action(_close, observe=_observe_closed),
    "traffic.open": Action(_open, observe=_observe_opened),
    "traffic.verify": Action(_come_in, verify=_verify),
    "traffic.count": Action(_count),
}
