"""What the steps of the user's own commands do."""

from __future__ import annotations

from typing import cast

from albus_dr.errors import VerificationError
from albus_dr.tools.host import LocalHost
from albus_dr.tools.process import WORDS_LIMIT
from albus_dr.workloads import access
from albus_dr.workloads.command import Model
from albus_dr.workloads.own import run_environment
from albus_dr.workloads.step import Action, Facts, StepContext


def _run(ctx: StepContext) -> Facts:
    model = cast(Model, ctx.workload)
    where = access.host(ctx, ctx.spec.site, model.host) if model.host else LocalHost()
    cwd = str(ctx.base) if isinstance(where, LocalHost) else None
    done = where.run(
        ctx.spec.params["run"],
        timeout_s=ctx.remaining_s,
        environment=run_environment(ctx),
        cwd=cwd,
        cancelled=ctx.cancelled,
        keep=WORDS_LIMIT,
    )
    if done.code != 0 and ctx.spec.action == "command.verify":
        raise VerificationError(f"{ctx.spec.workload}: its verification ended with {done.code}: {done.last_words}")
    return {"output": done.check(ctx.spec.title).last_words}


ACTIONS = {f"command.{verb}": Action(_run) for verb in ("ready", "release", "take", "verify")}
