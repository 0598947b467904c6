"""albus-dr schedule show | install | remove RUNBOOK, and what the timer starts: run RUNBOOK OPERATION."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from albus_dr.cli.common import (
    ConfigOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunbookArgument,
    journal,
    load_runbook,
    state_directory,
)
from albus_dr.cli.phrases import PHRASES
from albus_dr.cli.validate import unset
from albus_dr.errors import AlbusError, NotReadyError, UsageError
from albus_dr.plan.timetable import Job, minute_of, timetable, was_missed
from albus_dr.report.words import Words, words_of
from albus_dr.runbook.loader import Loaded
from albus_dr.tools import systemd
from albus_dr.tools.crontab import Crontab
from albus_dr.tools.home import home
from albus_dr.tools.scheduler import Entry, Finding
from albus_dr.tools.systemd import Systemd

SCHEMA = "albus-dr/schedule/1"
RUN_SCHEMA = "albus-dr/schedule-run/1"  # of what was not started; else the document is the run's
CHANGE_SCHEMA = "albus-dr/schedule-change/1"
Scheduler = Literal["systemd", "cron"]
SCHEDULERS: tuple[Scheduler, ...] = ("systemd", "cron")
WithOption = Annotated[
    str | None,
    typer.Option("--with", metavar="SCHEDULER", help="systemd or cron. Default: systemd where it runs, else cron."),
]
app = typer.Typer(
    help="Run replicate and drill by themselves: a systemd timer, or cron.", no_args_is_help=True,
    add_completion=False, rich_markup_mode=None,
)  # fmt: skip


@app.command("show")
def show(
    runbook: RunbookArgument,
    with_: WithOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = "en",
) -> None:
    """Show what runs by itself, how often, and how it stands. Changes nothing."""
    words = words_of(lang)
    loaded = load_runbook(runbook, config, acts=False)
    chosen = _named(with_)
    findings = _manager(chosen).look(_entries(loaded))
    if as_json:
        typer.echo(json.dumps(_document(loaded, chosen, findings), indent=2))
        return
    typer.echo("\n".join(_lines(loaded, chosen, findings, words)))


@app.command("install")
def install(
    runbook: RunbookArgument,
    with_: WithOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Let replicate and drill run by themselves, as often as the runbook asks; say what was written.

    A second time it changes nothing, or what has become different. A run that is still going is not started twice.
    """
    words = words_of(lang)
    loaded = load_runbook(runbook, config, acts=False)
    chosen, name = _named(with_), loaded.runbook.runbook
    if chosen == "systemd" and not systemd.runs_here():
        raise NotReadyError("systemd does not run on this machine", hint="--with cron")
    entries = _entries(loaded)
    said = _manager(chosen).install(name, entries)
    for other in SCHEDULERS:
        if other != chosen and _is_here(other):
            removed, error = _removed(other, name)  # both would start everything twice
            said += removed
            if error and not quiet:
                typer.echo(words.say(PHRASES["schedule.unseen"], scheduler=other, why=error.message), err=True)
    if as_json:
        typer.echo(json.dumps(_change(name, said), indent=2))
    elif not quiet:
        in_place = words.say(PHRASES["schedule.in_place"], runbook=name, scheduler=chosen)
        typer.echo("\n".join(map(words.retold, said)) or in_place)
    if loaded.notes and not quiet:  # each run would end with 2, if the environment file lacks them as well
        typer.echo(unset(loaded, words), err=True)
    if said and not quiet:
        typer.echo("\n".join(_advice(chosen, words)), err=True)


@app.command("remove")
def remove(
    runbook: RunbookArgument,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Take away what install wrote, and nothing else. A run that is going on is not stopped."""
    words = words_of(lang)
    name = load_runbook(runbook, config, acts=False).runbook.runbook
    removed = [_removed(each, name) for each in SCHEDULERS if _is_here(each)]
    said = [line for lines, _ in removed for line in lines]
    errors = [error for _, error in removed if error]
    if as_json and not errors:
        typer.echo(json.dumps(_change(name, said), indent=2))
    elif not quiet and not as_json:
        nothing = words.say(PHRASES["schedule.nothing"], runbook=name)
        if text := "\n".join(map(words.retold, said)) or ("" if errors else nothing):
            typer.echo(text)
    if errors:
        raise errors[0]


def _removed(scheduler: Scheduler, name: str) -> tuple[list[str], AlbusError | None]:
    """What was removed there, or why nobody can tell: cron may not be for this user, and what the other one did is told."""
    try:
        return _manager(scheduler).remove(name), None
    except AlbusError as error:
        return [], error


@app.command("run")
def run(
    runbook: RunbookArgument,
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help="replicate or drill.")],
    config: ConfigOption = None,
    lang: LangOption = "en",
    missed: Annotated[
        bool, typer.Option("--missed", help="Only where none has begun since its last time in the schedule.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """What the timer starts: the operation with -q, and no word where one of its kind is still going (exit code 0).

    Where it can't begin, those whom the config's `notify:` names hear that it failed, too.
    """
    from albus_dr.cli.operate import Manner, Order, operate  # the engine: slow to import, and the other verbs need none
    from albus_dr.engine.lock import RunInProgress

    if operation not in ("replicate", "drill"):
        raise UsageError(f"{operation} does not run by itself", hint="replicate or drill")
    engine = os.environ.get("ALBUS_DR_ENGINE")
    manner = Manner(engine, as_json, verbose=False, quiet=True, words=words_of(lang))
    try:
        if missed and not _was_missed(load_runbook(runbook, config, acts=False), operation, engine):
            _not_started(f"no {operation} was missed", as_json)
        operate(Order("drill" if operation == "drill" else "replicate", runbook, config), manner)
    except RunInProgress as error:
        _not_started(error.message, as_json)
    except AlbusError as error:
        if not error.told:
            _tell_not_begun(runbook, config, operation, error, manner.words)
        raise


def _tell_not_begun(runbook: Path, config: Path | None, operation: str, error: AlbusError, words: Words) -> None:
    """Nobody sits in front of it. Where the files can't be read nobody is named: a monitor notices the silence."""
    from albus_dr.cli.notify import tell_not_begun

    for acts in (True, False):  # the error may be about a variable that is not set: who looks needs none
        with contextlib.suppress(AlbusError):
            tell_not_begun(load_runbook(runbook, config, acts=acts), operation, error, words)
            return


def _not_started(reason: str, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"schema": RUN_SCHEMA, "started": False, "reason": reason}, indent=2))
    raise typer.Exit(0)


def _was_missed(loaded: Loaded, operation: str, engine: str | None) -> bool:
    from albus_dr.engine.history import runs_of

    with journal(engine) as store:
        runs = runs_of(store, loaded.runbook.runbook, (operation,), damaged=[])
        last = next((run for run in runs if not run.point), None)  # nobody schedules a drill of an old point
    began = last.clocks["declared_at"] if last else None
    return was_missed(loaded.runbook, operation, began and _local(began), _local(datetime.now(UTC)))


def _local(at: datetime) -> datetime:
    """As the clock on the wall shows it: cron knows no other."""
    return at.astimezone().replace(tzinfo=None)


def _named(given: str | None) -> Scheduler:
    if given is None:
        return "systemd" if systemd.runs_here() else "cron"
    for each in SCHEDULERS:
        if given == each:
            return each
    raise UsageError(f"there is no scheduler {given}", hint="systemd or cron")


def _is_here(scheduler: Scheduler) -> bool:
    from albus_dr.tools.inventory import find_program

    return systemd.runs_here() if scheduler == "systemd" else find_program("crontab") is not None


def _manager(scheduler: Scheduler) -> Systemd | Crontab:
    return systemd.manager() if scheduler == "systemd" else Crontab()


def _entries(loaded: Loaded) -> list[Entry]:
    return [_entry(loaded, job) for job in timetable(loaded.runbook)]


def _entry(loaded: Loaded, job: Job) -> Entry:
    name = loaded.runbook.runbook
    command = (
        sys.executable, "-m", "albus_dr", "schedule", "run", _absolute(loaded.path), job.operation,
        "--config", _absolute(loaded.config_path),
    )  # fmt: skip
    return Entry(
        runbook=name, operation=job.operation, words=job.rhythm.words, on_calendar=job.rhythm.systemd,
        five_fields=job.rhythm.five_fields(minute_of(name)), delay_s=job.delay_s, command=command,
        catch_up=(*command, "--missed"),
        state=state_directory(), environment_file=_environment_file(),
    )  # fmt: skip


def _absolute(path: Path) -> str:
    """Links stay: one that is pointed at a newer runbook is followed by the next run."""
    return os.path.normpath(path.absolute())


def _environment_file() -> str:
    if os.geteuid() == 0:
        return "/etc/albus-dr/environment"
    return str(Path(os.environ.get("XDG_CONFIG_HOME") or home() / ".config") / "albus-dr" / "environment")


def _advice(chosen: Scheduler, words: Words) -> list[str]:
    lines = [words.say(PHRASES["schedule.environment"], file=_environment_file())]
    if chosen == "cron":
        lines.append(words.say(PHRASES["schedule.slept"]))
    elif os.geteuid() != 0:
        lines.append(words.say(PHRASES["schedule.linger"]))
    return lines


def _lines(loaded: Loaded, chosen: Scheduler, findings: tuple[Finding, ...], words: Words) -> list[str]:
    lines = [words.say(PHRASES["schedule.title"], runbook=loaded.runbook.runbook, scheduler=chosen)]
    next_, where, text = (words.say(PHRASES[f"schedule.{name}"]) for name in ("next", "where", "text"))
    wide = max(map(len, (next_, where, text))) + 3
    for job, found in zip(timetable(loaded.runbook), findings, strict=True):
        job_line = words.say(
            PHRASES["schedule.job"], operation=words.retold(job.operation), rhythm=words.retold(job.rhythm.words),
            reason=words.retold(job.reason), condition=words.say(PHRASES[f"schedule.{found.condition}"]),
        )  # fmt: skip
        lines += ["", job_line]
        if found.next_at:
            lines.append(f"  {next_:{wide}}{found.next_at}")  # as the scheduler says it
        lines.append(f"  {where:{wide}}{found.where}")
        lines += [
            f"  {'' if number else text:{wide}}{line}".rstrip() for number, line in enumerate(found.text.splitlines())
        ]
    return lines


def _change(name: str, said: list[str]) -> dict[str, object]:
    return {"schema": CHANGE_SCHEMA, "runbook": name, "changed": bool(said), "did": said}


def _document(loaded: Loaded, chosen: Scheduler, findings: tuple[Finding, ...]) -> dict[str, object]:
    jobs = timetable(loaded.runbook)
    return {
        "schema": SCHEMA, "runbook": loaded.runbook.runbook, "scheduler": chosen,
        "jobs": [
            {"operation": job.operation, "rhythm": job.rhythm.words, "gap_s": job.rhythm.gap_s, "reason": job.reason,
             "condition": found.condition, "where": found.where, "text": found.text, "next_at": found.next_at or None}
            for job, found in zip(jobs, findings, strict=True)
        ],
    }  # fmt: skip
