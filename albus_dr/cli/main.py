"""The program: a table of verbs, loaded when they are asked for, and the one handler of errors."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from albus_dr import __version__
from albus_dr.cli.common import ConfigOption, JsonOption, LangOption, QuietOption, VerboseOption, YesOption
from albus_dr.cli.streams import has_spoken, prepare_streams, reason_of_loss
from albus_dr.errors import AlbusError, ExitCode

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("albus_dr.cli.demo", "Start two real sites on this machine, lose one, and watch the recovery."),
    "init": ("albus_dr.cli.init", "Write a commented starter: playbook, config, cron line, CI step."),
    "validate": ("albus_dr.cli.validate", "Check a runbook and its config. No network."),
    "plan": ("albus_dr.cli.plan", "Show the steps of an operation, their order and the forecast. Changes nothing."),
    "status": ("albus_dr.cli.status", "Show roles, lag, recovery points, the last drill, the margin."),
    "replicate": ("albus_dr.cli.replicate", "Make recovery points, copy them to the other site, verify them."),
    "drill": ("albus_dr.cli.drill", "Restore into an isolated target, verify, time, clean up."),
    "switchover": ("albus_dr.cli.switchover", "Change the primary as planned. Nothing is lost."),
    "failover": ("albus_dr.cli.failover", "The primary is lost: continue at the other site."),
    "guard": ("albus_dr.cli.guard", "Start a command only where the witness says that this site is primary."),
    "reprotect": ("albus_dr.cli.reprotect", "Make a returned site the standby again, keeping what it has alone."),
    "failback": ("albus_dr.cli.failback", "The planned return: reprotect, then change the primary back."),
    "witness": ("albus_dr.cli.witness", "Show what the witness holds, or write it anew."),
    "door": ("albus_dr.cli.door", "Open the door to the primary: for a proxy that was started again."),
    "runs": ("albus_dr.cli.runs", "List, show, compare and watch runs."),
    "resume": ("albus_dr.cli.resume", "Go on with a run that was interrupted, failed or waits."),
    "abort": ("albus_dr.cli.abort", "Stop a run."),
    "approve": ("albus_dr.cli.approve", "Agree to a step that waits for a person."),
    "report": ("albus_dr.cli.report", "Print or write the report of a run."),
    "evidence": ("albus_dr.cli.evidence", "Write and verify the signed file about a run, for an auditor."),
    "compliance": ("albus_dr.cli.compliance", "Is there a valid drill within the period? Quiet when there is."),
    "schedule": ("albus_dr.cli.schedule", "Let replicate and drill run by themselves: systemd, or cron."),
    "schema": ("albus_dr.cli.schema", "Print a JSON Schema: runbook, config, run, check, demo, compliance, evidence."),
    "doctor": ("albus_dr.cli.doctor", "Show the tools, their versions, and how to get what is missing."),
}


class _LazyGroup(TyperGroup):
    """Help needs names and one line each; only the verb that is called is imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return (
            TyperCommand(cmd_name, help=VERBS[cmd_name][1], short_help=VERBS[cmd_name][1])
            if cmd_name in VERBS
            else None
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else ""
        if name not in VERBS:
            if name and not ctx.resilient_parsing and (close := get_close_matches(name, VERBS, n=1)):
                ctx.fail(f"No such command '{name}'. Did you mean '{close[0]}'?")
            return super().resolve_command(ctx, args)
        return name, load(name), args[1:]


def load(name: str) -> Any:
    """The verb's own command."""
    module_name, help_ = VERBS[name]
    module: Any = import_module(module_name)
    if hasattr(module, "app"):
        return _completed(typer.main.get_command(module.app))
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name, help=module.command.__doc__ or help_)(module.command)
    return _completed(typer.main.get_command(single))


def _completed(command: Any) -> Any:
    """A script may pass the options of every command to every command: where one says nothing, it is accepted."""
    if hasattr(command, "commands"):
        for below in command.commands.values():
            _completed(below)
        return command
    known = {name for each in command.params for name in each.opts}
    everywhere = typer.Typer(add_completion=False)
    everywhere.command()(_everywhere)
    for option in typer.main.get_command(everywhere).params:
        if not known & set(option.opts):
            option.hidden, option.expose_value = True, False  # type: ignore[attr-defined]  # an option has hidden
            command.params.append(option)
    return command


def _everywhere(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
    yes: YesOption = False,
) -> None:
    """The options that every command takes."""


app = typer.Typer(
    cls=_LazyGroup, no_args_is_help=True, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},  # of every verb: it is handed down
)  # fmt: skip


@app.callback(invoke_without_command=False)
def _top(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=lambda on: _version(on)
    ),
) -> None:
    """Disaster recovery between two sites: replicate, drill, switch over, fail over, timed and proved."""


def _version(on: bool) -> None:
    if on:
        print(f"albus-dr {__version__}")
        raise typer.Exit


# Typer carries a click of its own, or the installed one: ClickException is the base of what it exports.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]


def main() -> None:
    """Run the program and exit with the code that the contract promises, wherever its words go."""
    prepare_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C, and not under nohup
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        code = _run()
    except KeyboardInterrupt:  # one that came while an earlier ending was told
        code = int(ExitCode.INTERRUPTED)
    signal.signal(signal.SIGINT, lambda *_: os._exit(int(ExitCode.INTERRUPTED)))
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # else Python's own last steps die of one
    sys.stdout.flush()
    lost = reason_of_loss(sys.stdout)
    if lost:
        print(f"albus-dr: stdout could not be written: {lost}", file=sys.stderr)
    sys.exit(int(ExitCode.BUG) if lost and code == ExitCode.PASSED else code)


def _run() -> int:
    try:
        return int(typer.main.get_command(app).main(prog_name="albus-dr", standalone_mode=False) or 0)
    except _WrongUsage as error:
        error.show()  # type: ignore[attr-defined]  # ClickException has it
        return _answered(ExitCode.USAGE, error.format_message())  # type: ignore[attr-defined]
    except (typer.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return _answered(ExitCode.INTERRUPTED, "interrupted")
    except AlbusError as error:
        return _told(error)
    except Exception as error:  # noqa: BLE001 -- a bug: tell where its details are, and exit as the contract says
        return _bug(error)


def _answered(code: ExitCode, message: str, hint: str = "") -> int:
    """With --json an error is a document, too, unless the answer has been printed already."""
    asked = "--json" in sys.argv[1:] or os.environ.get("ALBUS_DR_JSON", "").lower() in (
        "1",
        "true",
        "t",
        "yes",
        "y",
        "on",
    )
    if asked and not has_spoken(sys.stdout):
        print(json.dumps({"schema": "albus-dr/error/1", "exit_code": int(code), "error": message, "hint": hint}))
    return int(code)


def _told(error: AlbusError) -> int:
    from albus_dr.cli.folding import fitted
    from albus_dr.cli.phrases import PHRASES
    from albus_dr.report.words import words_of
    from albus_dr.tools.process import redact

    words = words_of(error.language)
    message, hint = redact(error.message), redact(error.hint)
    print(fitted(words.retold(message), sys.stderr, first="albus-dr: ", rest="  "), file=sys.stderr)
    if hint:
        first = words.say(PHRASES["hint"], hint="")
        print(fitted(words.retold(hint), sys.stderr, first=first, rest="    "), file=sys.stderr)
    return _answered(error.exit_code, message, hint)


def _bug(error: Exception) -> int:
    from albus_dr.cli.common import state_directory
    from albus_dr.tools.process import redact

    text = redact("".join(traceback.format_exception(error)))
    try:
        path = state_directory() / "albus-dr.log"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
            file.write(text)
        where = f"the details are in {path}"
    except (OSError, AlbusError):
        where = text
    message = f"an error in albus-dr itself: {type(error).__name__}: {redact(str(error))}"
    print(f"albus-dr: {message}\n  {where}", file=sys.stderr)
    return _answered(ExitCode.BUG, message)
