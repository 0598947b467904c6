"""albus-dr status RUNBOOK: where every workload stands, and what is not as it should be."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albus_dr.check.compliance import Compliance
from albus_dr.cli import compliance
from albus_dr.cli.charge import witness_of
from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunbookArgument,
    journal,
    load_runbook,
)
from albus_dr.cli.folding import columns
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.live.standing import lines, text
from albus_dr.cli.witness import Held
from albus_dr.engine.history import (
    changed_primary,
    epoch_seen,
    primary_and_secondary,
    require_nothing_unfinished,
    runs_of,
)
from albus_dr.errors import AlbusError, ExitCode, RefusedError, UsageError
from albus_dr.journal.errors import BrokenChain
from albus_dr.journal.state import CHANGES_PRIMARY, RECOVERS, RunState
from albus_dr.journal.store import JournalStore
from albus_dr.report.discreet import discreet
from albus_dr.report.words import ENGLISH, Words, words_of
from albus_dr.runbook.loader import Loaded
from albus_dr.runbook.model import Objectives
from albus_dr.safety.record import Record
from albus_dr.units import format_duration, rfc3339
from albus_dr.workloads import standing
from albus_dr.workloads.standing import Setting, Standing

if TYPE_CHECKING:
    from rich.text import Text

SCHEMA = "albus-dr/status/1"
REFRESH_S = 5.0
LAST_RUNS = 5
MEASURED = (ExitCode.PASSED, ExitCode.OBJECTIVE_MISSED)  # what came back wrong was not recovered, however fast


@dataclass(frozen=True)
class LastFailover:
    """That made the site that serves the primary. Without its journal, of another machine, the witness's commit is what is
    known: then ``since`` is that moment, and users had lost the other site before."""

    run: str
    source: str
    target: str
    since: datetime


@dataclass(frozen=True)
class History:
    """What the journal says. A run is the newest of its sort that has ended, or None."""

    primary: str
    secondary: str
    drill: RunState | None
    """The last one, whatever its verdict."""
    compliance: Compliance
    """Whether a valid drill lies within the period, as `albus-dr compliance` answers."""
    measured: RunState | None
    """The last drill, switchover or failover whose recovery time was measured."""
    failover: LastFailover | None
    """The last change of primary, if it was a failover and no reprotect has followed it."""
    unfinished: str
    runs: tuple[RunState, ...]
    """The newest few, newest first."""
    damaged: tuple[str, ...]
    """What is wrong with the journals of recoveries that can't be read."""

    @property
    def due_at(self) -> datetime | None:
        """When the next drill must have passed; None where none has proved anything about today's plan."""
        return self.compliance.due_at if self.compliance.drill else None


@dataclass(frozen=True)
class Status:
    """Everything that is shown, at one moment."""

    runbook: str
    at: datetime
    standings: tuple[Standing, ...]
    history: History
    unprotected: tuple[str, ...]
    """Databases whose writes reach no other server."""
    concerns: tuple[str, ...]
    witness: Held
    """What the witness holds: primary and epoch, claim, leases."""
    objectives: Objectives
    limits_s: Mapping[str, float | None]
    """How old each workload's newest recovery point may be, in seconds; null: nobody said."""

    @property
    def record(self) -> Record | None:
        """The witness's, where it can be believed."""
        return self.witness.seen.record if self.witness.seen else None


def command(
    runbook: RunbookArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until Ctrl-C.")] = False,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Show where every workload stands: roles, lag, newest recovery points, the last drill, the margin to the RTO.

    Asks every site at the same time; a silent one is shown as unreachable. Exit code 3 when something is not as it
    should be.
    """
    if watch and as_json:
        raise UsageError("--watch goes on for ever, and --json prints one document", hint="choose one")
    words = words_of(lang)
    loaded = load_runbook(runbook, config)
    with journal(engine) as store:
        if watch:
            status = _watch(store, loaded, words)
        else:
            status = look(store, loaded)
            if as_json:
                typer.echo(json.dumps(document(status, loaded), indent=2))
            elif status.concerns or not quiet:
                typer.echo(text(status, words, columns(sys.stdout)))
    raise typer.Exit(ExitCode.NOT_READY if status.concerns else ExitCode.PASSED)


def look(store: JournalStore, loaded: Loaded) -> Status:
    """Ask the journal and the sites."""
    runbook = loaded.runbook
    now = datetime.now(UTC)
    held, doubts = _witness(store, loaded)
    record = held.seen.record if held.seen else None
    history = _history(store, loaded, now, record)
    if record is not None and record.primary != history.primary:
        history = replace(history, primary=record.primary, secondary=record.other(record.primary))
    standings = standing.observe_all(Setting(runbook, loaded.config, loaded.config_path.parent))
    unprotected = standing.unprotected(standings)
    concerns = [*standing.concerns(standings, runbook, history.primary, now), *_drill_concerns(history)]
    if unprotected and history.failover is not None:
        concerns.insert(0, _since_failover(history.failover, unprotected))
    concerns += [damage for damage in history.damaged if damage not in history.compliance.reason]
    if history.unfinished:
        concerns.insert(0, history.unfinished)
    limits_s = {name: standing.limit_s(name, runbook, streams=name not in unprotected) for name in runbook.workloads}
    told = (*doubts, *concerns)
    return Status(runbook.runbook, now, standings, history, unprotected, told, held, runbook.objectives, limits_s)


def _witness(store: JournalStore, loaded: Loaded) -> tuple[Held, tuple[str, ...]]:
    """What the witness holds, and why that can't be believed or is not as it should be."""
    witness = witness_of(loaded)
    try:
        seen = witness.read(epoch_seen(store, loaded.runbook.runbook))
    except AlbusError as error:
        return Held(witness.name, None, witness.margin_s), (f"the witness: {error.message}",)
    held = Held(witness.name, seen, witness.margin_s)
    if seen.record is not None and seen.record.unfinished and not seen.record.run_lease:
        late = f"{seen.record.unfinished} made {seen.record.primary} the primary and was not seen to promote it"
        return held, (f"{late}: resume it, or fail over again",)
    return held, ()


def _last_failover(
    changes: Sequence[RunState], reprotected_at: datetime | None, record: Record | None
) -> LastFailover | None:
    """What made the serving site the primary, if that was a failover which no reprotect of ours followed.

    ``changes``: ours, newest first. The witness tells of a later one, made on another machine, whose journal is not here, or
    that a person named another primary since. Ours is known by when it was declared: when the site was lost is a person's word.
    """
    ours = changes[0] if changes else None
    at, operation, by = ours.clocks["declared_at"] if ours else None, ours.operation if ours else "", ""
    if record is not None and (ours is None or ours.run != record.changed_by):
        changed_at, changed = datetime.fromtimestamp(record.changed_at, UTC), record.changed_by.partition("-")[0]
        if changed in CHANGES_PRIMARY and (at is None or changed_at > at):
            at, operation, by = changed_at, changed, record.changed_by
    if operation != "failover" or at is None or (reprotected_at and reprotected_at > at):
        return None
    if by and record is not None:
        return LastFailover(by, record.other(record.primary), record.primary, at)
    if ours is None or (record is not None and record.primary != ours.target):
        return None
    return LastFailover(ours.run, ours.source, ours.target, ours.clocks["disrupted_at"] or at)


def _since_failover(failover: LastFailover, unprotected: tuple[str, ...]) -> str:
    return (
        f"UNPROTECTED since {ENGLISH.second(failover.since)} (failover {failover.run}): no standby of "
        f"{', '.join(unprotected)} streams from {failover.target}; if {failover.target} is lost now, only recovery points "
        f"are left. Once {failover.source} is back: albus-dr reprotect"
    )


def _unprotected_since(status: Status) -> datetime | None:
    """Since the disruption that the last failover answered; None where no failover is the reason."""
    failover = status.history.failover
    return failover.since if failover and status.unprotected else None


def _history(store: JournalStore, loaded: Loaded, now: datetime, record: Record | None) -> History:
    runbook = loaded.runbook
    primary, secondary = primary_and_secondary(store, runbook)
    damaged: list[BrokenChain] = []
    runs = tuple(map(discreet, runs_of(store, runbook.runbook, RECOVERS, damaged=damaged)))
    ended = [run for run in runs if run.exit_code is not None]
    changes = [
        run for run in runs if run.operation in CHANGES_PRIMARY and run.target == primary and changed_primary(run)
    ]
    reprotects = runs_of(store, runbook.runbook, ("reprotect",), damaged=damaged)
    reprotected_at = next((run.clocks["ended_at"] for run in reprotects if run.verdict == "passed"), None)
    try:
        require_nothing_unfinished(store, runbook.runbook)
        unfinished = ""
    except RefusedError as refusal:
        unfinished = f"{refusal.message}: {refusal.hint}"
    return History(
        primary, secondary, drill=next((run for run in ended if run.operation == "drill" and not run.point), None),
        compliance=compliance.look(store, loaded, now, record.primary if record else None),
        measured=next((run for run in ended if run.exit_code in MEASURED and run.rta_s is not None), None),
        failover=_last_failover(changes, reprotected_at, record),
        unfinished=unfinished, runs=tuple(islice(runs_of(store, runbook.runbook, damaged=[]), LAST_RUNS)),
        damaged=tuple(broken.message for broken in damaged),
    )  # fmt: skip


def _drill_concerns(history: History) -> Iterator[str]:
    found, last = history.compliance, history.drill
    if found.result == "overdue":
        every = format_duration(found.every_s)
        if found.due_at == found.at:
            yield f"a drill is due: {found.reason}; one is promised every {every}"
        else:
            yield f"a drill is due since {ENGLISH.second(found.due_at)}: {found.reason}; one is promised every {every}"
    elif found.result != "compliant":
        yield found.reason
    if last is not None and last.verdict != "passed" and last.run not in found.reason:
        yield f"the last drill did not pass: {last.run}: {last.reason}"


# --- for machines -------------------------------------------------------------------------------------------------


def document(status: Status, loaded: Loaded) -> dict[str, Any]:
    """The JSON of a status. Times are RFC 3339 in UTC, durations seconds; what is not known is null."""
    history, objectives = status.history, loaded.runbook.objectives
    drill, measured = history.drill, history.measured
    return {
        "schema": SCHEMA, "runbook": status.runbook, "at": _stamp(status.at), "well": not status.concerns,
        "primary": history.primary, "secondary": history.secondary, "concerns": list(status.concerns),
        "unprotected": list(status.unprotected), "unprotected_since": _stamp(_unprotected_since(status)),
        "witness": status.record.to_json() if status.record else None,
        "workloads": [_workload(name, status, loaded) for name in loaded.runbook.workloads],
        "drill": {
            "run": drill.run if drill else None, "verdict": drill.verdict if drill else None,
            "ended_at": _stamp(drill.clocks["ended_at"]) if drill else None, "due_at": _stamp(history.due_at),
            "every_s": objectives.drill_every,
        },
        "margin": {
            "run": measured.run, "operation": measured.operation, "rto_s": objectives.rto, "rta_s": measured.rta_s,
            "margin_s": objectives.rto - (measured.rta_s or 0.0),
        } if measured else None,
        "runs": [
            {"run": run.run, "operation": run.operation, "verdict": run.verdict, "exit_code": run.exit_code,
             "declared_at": _stamp(run.clocks["declared_at"]), "rta_s": run.rta_s, "waiting_for": run.waiting_for}
            for run in history.runs
        ],
    }  # fmt: skip


def _workload(name: str, status: Status, loaded: Loaded) -> dict[str, Any]:
    model = loaded.runbook.workloads[name]
    mine = [each for each in status.standings if each.workload == name]
    sites = []
    for each in mine:
        point = each.point
        sites.append({
            "site": each.site, "role": each.role or None, "reason": each.reason,
            "replication": {**asdict(each.replication), "writers": each.replication.writers} if each.replication else None,
            "recovery_point": {
                "id": point.id, "at": _stamp(point.at), "age_s": round((status.at - point.at).total_seconds(), 3),
                "limit_s": status.limits_s[name],
            } if point else None,
            "recovery_point_reason": each.point_reason,
        })  # fmt: skip
    rpo_s = model.rpo if model.rpo is not None else loaded.runbook.objectives.rpo
    return {"workload": name, "kind": model.kind, "rpo_s": rpo_s, "sites": sites}


def _stamp(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None


# --- watching -----------------------------------------------------------------------------------------------------


def _watch(store: JournalStore, loaded: Loaded, words: Words) -> Status:
    """Until Ctrl-C; the last status. A terminal gets a table that moves, anything else a text at every change."""
    status = look(store, loaded)
    try:
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
            from rich.console import Console
            from rich.live import Live

            console = Console()
            with Live(_moving(status, words, console.width), console=console, screen=True, auto_refresh=False) as live:
                live.refresh()
                while True:
                    time.sleep(REFRESH_S)
                    status = look(store, loaded)
                    live.update(_moving(status, words, console.width), refresh=True)
        shown: object = None
        while True:
            if shown != (shown := _what_matters(status)):
                print(text(status, words, columns(sys.stdout)), flush=True)
            time.sleep(REFRESH_S)
            status = look(store, loaded)
    except KeyboardInterrupt:
        return status


def _what_matters(status: Status) -> object:
    """Equal for two statuses that differ in ages and lags only."""
    roles = [(each.workload, each.site, each.role) for each in status.standings]
    return roles, status.unprotected, status.history.runs and status.history.runs[0].run, bool(status.concerns)


def _moving(status: Status, words: Words, width: int) -> Text:
    from rich.text import Text

    shown = Text(no_wrap=True, overflow="ignore")
    shown_lines = lines(status, words, width, urgent_first=True)
    for style, line in (*shown_lines, ("dim", ""), ("dim", words.say(PHRASES["status.watch"]))):
        shown.append(f"{line}\n", style)
    return shown
