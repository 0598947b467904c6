"""albus-dr status RUNBOOK: where every workload stands, and what is not as it should be."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
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
    QuietOption,
    RunbookArgument,
    journal,
    load_runbook,
)
from albus_dr.cli.witness import lines
from albus_dr.engine.history import (
    changed_primary,
    epoch_seen,
    primary_and_secondary,
    require_nothing_unfinished,
    runs_of,
)
from albus_dr.errors import AlbusError, ExitCode, RefusedError, UsageError
from albus_dr.journal.state import CHANGES_PRIMARY, RunState
from albus_dr.journal.store import JournalStore
from albus_dr.runbook.loader import Loaded
from albus_dr.safety.record import Record
from albus_dr.units import format_bytes, format_duration
from albus_dr.workloads import standing
from albus_dr.workloads.standing import Setting, Standing

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA = "albus-dr/status/1"
REFRESH_S = 5.0
LAST_RUNS = 5
RECOVERIES = ("drill", "switchover", "failover", "failback")


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
    failover: RunState | None
    """The last change of primary, if it was a failover."""
    unfinished: str
    runs: tuple[RunState, ...]
    """The newest few, newest first."""


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
    witness: tuple[tuple[str, str], ...] = ()
    """What the witness holds, in lines for people: primary and epoch, claim, leases."""
    record: Record | None = None


def command(
    runbook: RunbookArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until Ctrl-C.")] = False,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show where every workload stands: roles, lag, newest recovery points, the last drill, the margin to the RTO.

    Asks every site at the same time; a silent one is shown as unreachable. Exit code 3 when something is not as it
    should be.
    """
    if watch and as_json:
        raise UsageError("--watch goes on for ever, and --json prints one document", hint="choose one")
    loaded = load_runbook(runbook, config)
    with journal(engine) as store:
        if watch:
            status = _watch(store, loaded)
        else:
            status = look(store, loaded)
            if as_json:
                typer.echo(json.dumps(document(status, loaded), indent=2))
            elif status.concerns or not quiet:
                typer.echo(text(status, loaded))
    raise typer.Exit(ExitCode.NOT_READY if status.concerns else ExitCode.PASSED)


def look(store: JournalStore, loaded: Loaded) -> Status:
    """Ask the journal and the sites."""
    runbook = loaded.runbook
    now = datetime.now(UTC)
    history = _history(store, loaded, now)
    record, held, doubts = _witness(store, loaded)
    if record is not None and record.primary != history.primary:
        history = replace(history, primary=record.primary, secondary=record.other(record.primary))
    standings = standing.observe_all(Setting(runbook, loaded.config, loaded.config_path.parent))
    unprotected = standing.unprotected(standings)
    concerns = [*standing.concerns(standings, runbook, history.primary, now), *_drill_concerns(history)]
    if unprotected and history.failover is not None:
        concerns.insert(0, _since_failover(history.failover, unprotected))
    if history.unfinished:
        concerns.insert(0, history.unfinished)
    return Status(runbook.runbook, now, standings, history, unprotected, (*doubts, *concerns), held, record)


def _witness(store: JournalStore, loaded: Loaded) -> tuple[Record | None, tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The record when it can be believed, what is shown of it, and why it can't."""
    witness = witness_of(loaded)
    try:
        seen = witness.read(epoch_seen(store, loaded.runbook.runbook))
    except AlbusError as error:
        return None, (("witness", witness.name),), (f"the witness: {error.message}",)
    held = (("witness", witness.name), *lines(seen.record, seen.now, witness.margin_s))
    if seen.record is not None and seen.record.unfinished and not seen.record.run_lease:
        late = f"{seen.record.unfinished} made {seen.record.primary} the primary and was not seen to promote it"
        return seen.record, held, (f"{late}: resume it, or fail over again",)
    return seen.record, held, ()


def _since_failover(failover: RunState, unprotected: tuple[str, ...]) -> str:
    return (
        f"UNPROTECTED since {_when(failover.clocks['disrupted_at'])} (failover {failover.run}): no standby of "
        f"{', '.join(unprotected)} streams from {failover.target}; if {failover.target} is lost now, only recovery points "
        f"are left. Once {failover.source} is back: albus-dr reprotect"
    )


def _unprotected_since(status: Status) -> datetime | None:
    """Since the disruption that the last failover answered; None where no failover is the reason."""
    failover = status.history.failover
    return failover.clocks["disrupted_at"] if failover and status.unprotected else None


def _history(store: JournalStore, loaded: Loaded, now: datetime) -> History:
    runbook = loaded.runbook
    primary, secondary = primary_and_secondary(store, runbook)
    runs = tuple(runs_of(store, runbook.runbook, RECOVERIES))
    ended = [run for run in runs if run.exit_code is not None]
    changes = [
        run for run in runs if run.operation in CHANGES_PRIMARY and run.target == primary and changed_primary(run)
    ]
    try:
        require_nothing_unfinished(store, runbook.runbook)
        unfinished = ""
    except RefusedError as refusal:
        unfinished = f"{refusal.message}: {refusal.hint}"
    return History(
        primary, secondary, drill=next((run for run in ended if run.operation == "drill" and not run.point), None),
        compliance=compliance.look(store, loaded, now),
        measured=next((run for run in ended if run.operation in RECOVERIES and run.rta_s is not None), None),
        failover=changes[0] if changes and changes[0].operation == "failover" else None,
        unfinished=unfinished, runs=tuple(islice(runs_of(store, runbook.runbook), LAST_RUNS)),
    )  # fmt: skip


def _due_at(history: History) -> datetime | None:
    """When the next drill must have passed; None where none has proved anything about today's plan."""
    return history.compliance.due_at if history.compliance.drill else None


def _drill_concerns(history: History) -> Iterator[str]:
    found, last = history.compliance, history.drill
    if found.result == "overdue":
        since = "" if found.due_at == found.at else f" since {_when(found.due_at)}"
        yield f"a drill is due{since}: {found.reason}; one is promised every {format_duration(found.every_s)}"
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
            "ended_at": _stamp(drill.clocks["ended_at"]) if drill else None, "due_at": _stamp(_due_at(history)),
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
                "limit_s": standing.limit_s(each, loaded.runbook, streams=name not in status.unprotected),
            } if point else None,
            "recovery_point_reason": each.point_reason,
        })  # fmt: skip
    rpo_s = model.rpo if model.rpo is not None else loaded.runbook.objectives.rpo
    return {"workload": name, "kind": model.kind, "rpo_s": rpo_s, "sites": sites}


def _stamp(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


# --- for people ---------------------------------------------------------------------------------------------------


def text(status: Status, loaded: Loaded) -> str:
    """Plain lines, what needs attention last."""
    lines = [f"{_title(status)}, {_when(status.at)}", ""]
    for name in loaded.runbook.workloads:
        for each in (each for each in status.standings if each.workload == name):
            cells = (name if each.site == loaded.runbook.sites.primary else "", each.site, each.role or "not looked at")
            lines.append(f"{cells[0]:16} {cells[1]:14} {cells[2]:14} {_point(each, status)}".rstrip())
            lines += [f"{'':16} {line}" for line in _replication(each)]
    lines += ["", *(f"{label:16} {words}" for label, words in _facts(status, loaded)), ""]
    return "\n".join([*lines, *_attention(status)])


def _title(status: Status) -> str:
    return f"{status.runbook}: {status.history.primary} serves, {status.history.secondary} is the other site"


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "at an unknown time"


def _point(each: Standing, status: Status) -> str:
    if each.point is None:
        return "recovery point not known" if each.point_reason else ""
    return f"newest recovery point {format_duration(max(0.0, (status.at - each.point.at).total_seconds()))} old"


def _replication(each: Standing) -> tuple[str, ...]:
    seen = each.replication
    if seen is None:
        return ()
    mode = "synchronous" if seen.synchronous else "asynchronous"
    if seen.received_lag_bytes is None or seen.replayed_lag_bytes is None:
        return (f"{mode}: {seen.writers}",)
    lag = f"{format_bytes(seen.received_lag_bytes)} behind, {format_bytes(seen.replayed_lag_bytes)} to be replayed"
    return (f"{mode}: {seen.writers}; {lag}",)


def _facts(status: Status, loaded: Loaded) -> Iterator[tuple[str, str]]:
    yield from status.witness
    history, rto_s = status.history, loaded.runbook.objectives.rto
    if drill := history.drill:
        due = f"; the next must pass by {_when(due_at)}" if (due_at := _due_at(history)) else ""
        yield "last drill", f"{drill.verdict}, ended {_when(drill.clocks['ended_at'])}{due}"
    else:
        yield "last drill", "none"
    if (measured := history.measured) and measured.rta_s is not None:
        yield (
            "recovery time",
            (
                f"{format_duration(measured.rta_s)} of {format_duration(rto_s)}, {format_duration(rto_s - measured.rta_s)} left "
                f"({measured.run})"
            ),
        )
    else:
        yield "recovery time", "not measured yet"
    for number, run in enumerate(history.runs):
        ended = run.verdict if run.exit_code is not None else "waiting" if run.waiting_for else "not ended"
        yield "last runs" if number == 0 else "", f"{ended:11} {run.run}"


def _attention(status: Status) -> list[str]:
    if not status.concerns:
        return ["All is as it should be."]
    return ["Not as it should be:", *(f"  - {concern}" for concern in status.concerns)]


# --- watching -----------------------------------------------------------------------------------------------------


def _watch(store: JournalStore, loaded: Loaded) -> Status:
    """Until Ctrl-C; the last status. A terminal gets a table that moves, anything else a text at every change."""
    status = look(store, loaded)
    try:
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
            from rich.console import Console
            from rich.live import Live

            with Live(_table(status, loaded), console=Console(), screen=True, auto_refresh=False) as live:
                while True:
                    time.sleep(REFRESH_S)
                    status = look(store, loaded)
                    live.update(_table(status, loaded), refresh=True)
        shown: object = None
        while True:
            if shown != (shown := _what_matters(status)):
                print(text(status, loaded), flush=True)
            time.sleep(REFRESH_S)
            status = look(store, loaded)
    except KeyboardInterrupt:
        return status


def _what_matters(status: Status) -> object:
    """Equal for two statuses that differ in ages and lags only."""
    roles = [(each.workload, each.site, each.role) for each in status.standings]
    return roles, status.unprotected, status.history.runs and status.history.runs[0].run, bool(status.concerns)


def _table(status: Status, loaded: Loaded) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{_title(status)}, {_when(status.at)}", title_justify="left", expand=True, box=None)
    for heading in ("workload", "site", "role", "recovery point"):
        table.add_column(heading)
    for each in status.standings:
        first = each.site == loaded.runbook.sites.primary
        style = "bold red" if each.role == "unreachable" else ""
        table.add_row(
            each.workload if first else "", each.site, Text(each.role or "not looked at", style), _point(each, status)
        )
        for line in _replication(each):
            table.add_row("", "", Text(line, style="bold red" if "WAIT" in line else "dim"), "")
    facts = Text("\n".join(f"{label:16} {words}" for label, words in _facts(status, loaded)))
    attention = Text("\n".join(_attention(status)), style="bold red" if status.concerns else "green")
    return Group(table, Text(), facts, Text(), attention, Text("\nCtrl-C ends this", style="dim"))
