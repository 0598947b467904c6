"""albus-dr compliance RUNBOOK: for cron and CI."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import typer

from albus_dr.check.compliance import Compliance, Promise, decide, document, undecided
from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    LangOption,
    RunbookArgument,
    VerboseOption,
    journal,
    load_runbook,
)
from albus_dr.cli.folding import fitted
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.engine.history import roles_last_told, runs_of
from albus_dr.engine.promise import promised_rpo_s
from albus_dr.errors import ExitCode
from albus_dr.journal.errors import BrokenChain
from albus_dr.journal.store import JournalStore
from albus_dr.plan.build import build
from albus_dr.report.discreet import discreet
from albus_dr.report.words import Words, words_of
from albus_dr.runbook.loader import Loaded
from albus_dr.workloads.registry import kinds


def command(
    runbook: RunbookArgument,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    lang: LangOption = "en",
) -> ExitCode:
    """Is there a valid drill within the period, within the objectives? Asks the journal alone, no site.

    Exit code 0 and no word: yes. 9, with the due date: no valid drill within the period; a changed plan and a later
    drill that failed end a drill's validity. 6: the last drill recovered everything, and missed an objective.
    """
    loaded = load_runbook(runbook, config, acts=False)
    with journal(engine) as store:
        found = look(store, loaded, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(document(found), indent=2))
    elif found.exit_code or verbose:
        typer.echo(fitted(_text(found, words_of(lang)), sys.stdout, rest="  "))
    return found.exit_code


def look(store: JournalStore, loaded: Loaded, at: datetime, primary: str | None = None) -> Compliance:
    """Hold the journal against what the runbook promises and would do today, at the moment ``at``.

    ``primary``: as the witness says; where it was not asked, or is not believed, what it told the runs here counts.
    """
    runbook = loaded.runbook
    source, target = roles_last_told(store, runbook)
    if primary == target:
        source, target = target, source
    plan = build(runbook, "drill", source=source, target=target, kinds=kinds())
    objectives, promised = runbook.objectives, promised_rpo_s(runbook, "drill")
    promise = Promise(
        runbook.runbook,
        objectives.drill_every,
        objectives.rto,
        promised,
        plan.digest,
        target,
        {str(stage): budget_s for stage, budget_s in objectives.budgets.items()},
    )
    damaged: list[BrokenChain] = []
    runs = map(discreet, runs_of(store, runbook.runbook, ("drill",), damaged=damaged))  # cron mails the answer
    found = decide(promise, list(runs), at)
    in_order = store.runs(("drill",))
    if damaged and (found.drill is None or in_order.index(damaged[0].run) > in_order.index(found.drill.run)):
        return undecided(found, damaged[0].message)
    return found


def _text(found: Compliance, words: Words) -> str:
    due, reason = words.minute(found.due_at), words.retold(found.reason)
    key = "compliance.next"
    if found.result == "overdue":
        key = "compliance.now" if found.due_at == found.at else "compliance.since"
    return words.say(PHRASES[key], runbook=found.runbook, reason=reason, due=due)
