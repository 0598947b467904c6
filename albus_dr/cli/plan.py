"""albus-dr plan RUNBOOK OPERATION"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    LangOption,
    RunbookArgument,
    journal_if_any,
    load_runbook,
)
from albus_dr.cli.folding import UNFOLDED, columns, folded, table
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.engine.history import primary_and_secondary, took_s
from albus_dr.errors import UsageError
from albus_dr.plan.build import build
from albus_dr.plan.forecast import Forecast, forecast
from albus_dr.plan.model import Plan
from albus_dr.report.words import Words, words_of
from albus_dr.runbook.model import OPERATIONS
from albus_dr.runbook.problems import closest
from albus_dr.workloads.registry import kinds


def command(
    runbook: RunbookArgument,
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help=", ".join(OPERATIONS))] = "",
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    from_site: Annotated[
        str | None,
        typer.Option("--from", help="The site that serves now. Default: by the journal, else sites.primary."),
    ] = None,
    lang: LangOption = "en",
) -> None:
    """Show the steps of an operation, their order, the critical path and the forecast. Changes nothing, asks no site."""
    if operation not in OPERATIONS:
        raise _not_an_operation(runbook, operation)
    loaded = load_runbook(runbook, config, acts=False)
    sites = loaded.runbook.sites
    with journal_if_any(engine) as store:
        source = from_site or (primary_and_secondary(store, loaded.runbook)[0] if store else sites.primary)
        before = took_s(store, loaded.runbook.runbook, operation) if store else {}
    if source not in (sites.primary, sites.secondary):
        raise UsageError(f"--from {source} is not a site of this runbook", hint=f"{sites.primary} or {sites.secondary}")
    target = sites.secondary if source == sites.primary else sites.primary
    plan = build(loaded.runbook, operation, source=source, target=target, kinds=kinds())
    expected = forecast(plan, before)
    rto_s = loaded.runbook.objectives.rto
    if as_json:
        typer.echo(json.dumps(_document(plan, expected, rto_s), indent=2))
    else:
        typer.echo(_text(plan, expected, rto_s, words_of(lang), columns(sys.stdout)))


def _not_an_operation(runbook: Path, operation: str) -> UsageError:
    if str(runbook) in OPERATIONS:
        return UsageError("the runbook comes first", hint=f"albus-dr plan {operation or 'RUNBOOK'} {runbook}")
    if not operation:
        return UsageError("which operation?", hint="albus-dr plan RUNBOOK and one of: " + ", ".join(OPERATIONS))
    close = closest(operation, OPERATIONS)
    which = f"did you mean {close}? There are" if close else "one of"
    return UsageError(f"there is no operation {operation}", hint=f"{which}: {', '.join(OPERATIONS)}")


def _document(plan: Plan, expected: Forecast, rto_s: float) -> dict[str, object]:
    return {
        "schema": "albus-dr/plan/1", **plan.to_json(), "digest": plan.digest, "rto_s": rto_s,
        "forecast_s": expected.seconds, "critical_path": [step.id for step in expected.path],
        "measured": [step.id for step in expected.path if step.id in expected.measured],
    }  # fmt: skip


def _text(plan: Plan, expected: Forecast, rto_s: float, words: Words, width: int = UNFOLDED) -> str:
    critical = {step.id for step in expected.path}
    heading = words.say(
        PHRASES["plan.heading"], operation=words.retold(plan.operation), runbook=plan.runbook, source=plan.source,
        target=plan.target,
    )  # fmt: skip
    rows = []
    for number, step in enumerate(plan.steps, 1):
        mark = "*" if step.id in critical else " "
        title = step.title if step.action.startswith("own.") else words.retold(step.title)
        rows.append((f"{number:3} {mark} {step.id}", title))
        if step.needs:
            rows.append(("", words.say(PHRASES["plan.after"], steps=", ".join(step.needs))))
    path = words.say(
        PHRASES[_rests_on(expected)], forecast=words.duration(expected.seconds), promised=words.duration(rto_s),
        count=len(expected.measured), all=len(expected.path),
    )  # fmt: skip
    lines = [heading, "", *table(rows, width), ""]
    return "\n".join([*lines, *folded(path, width, rest="  "), f"plan {plan.digest[:16]}"])


def _rests_on(expected: Forecast) -> str:
    if not expected.measured:
        return "plan.path_guessed"
    return "plan.path_measured" if len(expected.measured) == len(expected.path) else "plan.path_partly"
