"""The steps that only people know: a command, a URL, a wait. Approvals belong to the engine."""

from __future__ import annotations

import shlex

from albus_dr.errors import StepError, TransientError
from albus_dr.tools import http
from albus_dr.tools.host import Host, LocalHost
from albus_dr.tools.process import WORDS_LIMIT, program_of
from albus_dr.workloads import access
from albus_dr.workloads.step import Action, Facts, StepContext


def run_environment(ctx: StepContext) -> dict[str, str]:
    """What every command of the runbook's own may rely on."""
    return {
        "ALBUS_DR_RUN": ctx.run.id, "ALBUS_DR_OPERATION": ctx.run.operation, "ALBUS_DR_RUNBOOK": ctx.runbook.runbook,
        "ALBUS_DR_SOURCE": ctx.run.source, "ALBUS_DR_TARGET": ctx.run.target, "ALBUS_DR_SITE": ctx.spec.site,
    }  # fmt: skip


def _run(ctx: StepContext) -> Facts:
    command = ctx.spec.params["run"]
    return {"output": _call(ctx, tuple(shlex.split(command)) if isinstance(command, str) else tuple(command))}


def undo(ctx: StepContext) -> str:
    """Run the step's undo command where the step ran; its last words. Raises AlbusError."""
    return _call(ctx, ctx.spec.undo)


def _call(ctx: StepContext, argv: tuple[str, ...]) -> str:
    name = ctx.spec.params.get("host")
    where: Host = access.host(ctx, ctx.spec.site, name) if name else LocalHost()
    cwd = str(ctx.base) if isinstance(where, LocalHost) else None
    done = where.run(
        argv,
        timeout_s=ctx.remaining_s,
        environment=run_environment(ctx),
        cwd=cwd,
        cancelled=ctx.cancelled,
        keep=WORDS_LIMIT,
    )
    if done.code != 0:  # the runbook says how often it may be tried again
        raise TransientError(f"{ctx.spec.title}: {program_of(done.argv)} ended with {done.code}: {done.last_words}")
    return done.last_words


def _http(ctx: StepContext) -> Facts:
    answer = http.get(ctx.spec.params["http"], timeout_s=ctx.remaining_s)
    if not 200 <= answer.status < 300:
        hint = "name the address that it leads to: redirects are not followed" if 300 <= answer.status < 400 else ""
        raise TransientError(f"{ctx.spec.params['http']} answered {answer.status}", hint=hint)
    return {"status": answer.status}


def _wait(ctx: StepContext) -> Facts:
    if ctx.cancelled.wait(float(ctx.spec.params["wait"])):
        raise StepError("the wait was cut short", hint="resume waits again, from its beginning")
    return {}


ACTIONS = {"own.run": Action(_run), "own.http": Action(_http), "own.wait": Action(_wait)}
