"""What a person is asked before a site is changed: what will be, what is looked at first, what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from albus_dr.cli.live.phrases import PHRASES
from albus_dr.errors import RefusedError
from albus_dr.plan.model import Plan
from albus_dr.report.words import Words
from albus_dr.runbook.config import FenceMethod
from albus_dr.runbook.loader import Loaded

METHODS = ("command", "probe", "lease", "statement")


def question(plan: Plan, loaded: Loaded, options: Mapping[str, Any], words: Words) -> str:
    """Before the steps of a plan that changes a site; the last line asks."""
    said = {"runbook": plan.runbook, "source": plan.source, "target": plan.target, "count": len(plan.steps)}
    lines = [words.say(PHRASES[f"ask.{plan.operation}"], **said)]
    if plan.operation == "failover":
        rpo = words.duration(loaded.runbook.objectives.rpo)
        key = "ask.loss_accepted" if options.get("accept_data_loss") else "ask.loss"
        lines.append(words.say(PHRASES[key], target=plan.target, rpo=rpo))
        methods = ", ".join(dict.fromkeys(map(_name, loaded.config.sites[plan.source].fence)))
        key = "ask.fence" if methods else "ask.no_fence"
        lines.append(words.say(PHRASES[key], source=plan.source, methods=methods))
    elif plan.operation != "reprotect":
        lines.append(words.say(PHRASES["ask.door"], source=plan.source))
    return "\n".join([*lines, words.say(PHRASES["ask.go_on"])])


def require_yes(text: str) -> None:
    """Ask. Raises RefusedError where the answer is no; there is no run yet that could be resumed."""
    if not typer.confirm(text, err=True):
        raise RefusedError("the answer was no: nothing was done")


def _name(method: FenceMethod) -> str:
    return next(name for name in METHODS if getattr(method, name) is not None)
