"""What the verbs share: options, the state directory, the runbook with its kinds, the journal."""

from __future__ import annotations

import os
import platform
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from albus_dr.errors import AlbusError, UsageError

if TYPE_CHECKING:
    from albus_dr.journal.errors import BrokenChain
    from albus_dr.journal.state import RunState
    from albus_dr.journal.store import JournalStore
    from albus_dr.report.words import Words
    from albus_dr.runbook.loader import Loaded

RunbookArgument = Annotated[
    Path, typer.Argument(metavar="RUNBOOK", help="The runbook's YAML file.", envvar="ALBUS_DR_RUNBOOK")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or enough of it.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Sites and credentials. Default: the runbook's own config.", envvar="ALBUS_DR_CONFIG"
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout, nothing else.", envvar="ALBUS_DR_JSON")
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="sqlite:///PATH or postgresql://HOST/DATABASE.", envvar="ALBUS_DR_ENGINE")
]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.", envvar="ALBUS_DR_VERBOSE")]
QuietOption = Annotated[
    bool, typer.Option("-q", "--quiet", help="Say nothing when all is well.", envvar="ALBUS_DR_QUIET")
]
LangOption = Annotated[
    str, typer.Option("--lang", help="Language of what people read: en or fr.", envvar="ALBUS_DR_LANG")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Don't ask.", envvar="ALBUS_DR_YES")]


def state_directory() -> Path:
    """$ALBUS_DR_STATE, else the XDG state directory; private, made when it is missing."""
    from albus_dr.tools.home import home

    text = os.environ.get("ALBUS_DR_STATE")
    base = os.environ.get("XDG_STATE_HOME")
    path = Path(text) if text else (Path(base) if base else home() / ".local" / "state") / "albus-dr"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the state directory {path} can't be made: {error.strerror}", hint="ALBUS_DR_STATE names another"
        ) from None
    return path.resolve()


def account() -> str:
    """Who runs this, for the record: the system's account of this process and the machine, ``ana@ops1``, whatever the
    environment says. ``uid 1000@ops1`` where the system has no name for it, as in a container."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return f"{name}@{platform.node()}"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes to a place that the user named. Raises UsageError with the reason why it can't be."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: it is no name of a file
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} can't be written: {reason}", hint="name another place") from None


@contextmanager
def answering_in(words: Words) -> Iterator[None]:
    """Around what says no as its answer: people read the refusal in their language, where the catalogue has it."""
    try:
        yield
    except AlbusError as error:
        if words.knows(error.message):
            error.language = words.code
        raise


def with_zone(option: str, text: str) -> datetime:
    """A time in RFC 3339. Raises UsageError where the zone is missing, and ValueError where it is no time."""
    from albus_dr.journal.fold import parse_time

    found = parse_time(text)
    if found.tzinfo is None:
        what = "has no zone" if len(text) > len("2026-03-10") else "is a day, and no time"
        raise UsageError(f"{option} {text} {what}", hint="for example 2026-03-10T00:47:00+01:00")
    return found


def engine_address(engine: str | None) -> str:
    """The engine's URL: as given, else an SQLite file in the state directory. Raises UsageError for another database."""
    if engine:
        from albus_dr.engine.url import engine_url

        return engine_url(engine)
    return "sqlite:///" + quote(str(state_directory() / "engine.sqlite"), safe="/ ")


@contextmanager
def journal(engine: str | None) -> Iterator[JournalStore]:
    """The engine's journal."""
    from albus_dr.journal.store import JournalStore

    store = JournalStore(engine_address(engine), state_directory())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def journal_if_any(engine: str | None) -> Iterator[JournalStore | None]:
    """The engine's journal, for who only looks; makes none where there is none."""
    if not engine and not _may_be_there(state_directory() / "engine.sqlite"):
        yield None
        return
    with journal(engine) as store:
        yield store


def _may_be_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # nobody may look: what opens it says so
        return True


def load_runbook(path: Path, config: Path | None, *, acts: bool = True) -> Loaded:
    """The runbook and its config, checked. Raises InvalidRunbook with everything that is wrong.

    Verbs that only look (``acts=False``) don't need the environment variables that the config names.
    """
    from albus_dr.runbook.loader import load
    from albus_dr.workloads.registry import kinds

    return load(path, config, kinds=kinds(), environment=os.environ, require_environment=acts)


def statement(option: str, text: str | None) -> str | None:
    """What a person states, which is a proof. Raises UsageError for a blank one: a variable that was not set, perhaps."""
    if text is not None and not text.strip():
        raise UsageError(f"{option} is empty", hint='it is a person\'s word, in full: "who made sure, how, when"')
    return text


def find_run(store: JournalStore, text: str) -> str:
    """The id of the run that begins with the text, or the newest for ``last``. Raises UsageError."""
    runs = store.runs()
    if not runs:
        demo = newest_demo()
        hint = f"; the last demo's: ALBUS_DR_STATE={demo} albus-dr runs list" if demo else ""
        raise UsageError(
            f"there are no runs in {store.place}",
            hint=f"begin one with albus-dr drill RUNBOOK; ALBUS_DR_STATE names another state directory to look in{hint}",
        )
    if not text.strip():
        raise UsageError("which run? Its id is empty", hint="albus-dr runs list shows the ids; last is the newest")
    if text == "last":
        return runs[-1]
    found = [run for run in runs if run == text] or [run for run in runs if run.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} runs begin with {text}", hint="give more of its id: " + ", ".join(found[-3:]))
    if "/" in text:
        meant = next((run for run in runs if run in Path(text).parts), None)
        raise UsageError(
            f"{text} is a path; a run is named by its id, or by the beginning of it",
            hint=f"did you mean {meant}?" if meant else "albus-dr runs list shows the ids; last is the newest",
        )
    raise UsageError(f"no run's id begins with {text}", hint="albus-dr runs list shows the ids; last is the newest")


def newest_demo() -> Path | None:
    """The state directory of the last demo: it keeps its runs apart."""
    found = sorted((state_directory() / "demo").glob("*/engine.sqlite"))
    return found[-1].parent if found else None


def runs_beside(store: JournalStore, state: RunState) -> list[RunState]:
    """Earlier runs of its kind, to compare with. One whose journal was changed is left out, and named on stderr."""
    from albus_dr.engine.history import runs_like

    damaged: list[BrokenChain] = []
    found = runs_like(store, state, damaged)
    for broken in damaged:
        print(f"albus-dr: left out of the comparison with earlier runs: {broken.message}", file=sys.stderr)
    return found


def run_state(store: JournalStore, run: str) -> RunState:
    """The folded state of a run."""
    from albus_dr.journal.fold import fold

    return fold(store.events(run))
