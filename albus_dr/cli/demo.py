"""albus-dr demo: two real sites on this machine, and a disaster."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from albus_dr.bench import traffic
from albus_dr.bench.scenarios import LINE_FAILS_FIRST_S, SCENARIOS, SECOND_STRIKE_S, SPLIT_S, Scenario
from albus_dr.bench.sites import PRIMARY, SECONDARY, TEMPORARY, Bench
from albus_dr.cli.common import JsonOption, LangOption, QuietOption, VerboseOption, state_directory, writing
from albus_dr.cli.folding import folded
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.errors import CleanupError, ExitCode, RefusedError, StepError, TransientError, UsageError
from albus_dr.report.words import ENGLISH, Words, words_of
from albus_dr.tools import http, process

VERB_TIMEOUT_S = 4 * 3600.0
NOTICED_S = 30.0
MONITOR_WAITS_S = 0.5
Size = Literal["small", "medium", "large"]
Replication = Literal["synchronous", "asynchronous"]


def command(
    scenario: Annotated[str, typer.Option("--scenario", help=", ".join(SCENARIOS))] = "building-burns",
    size: Annotated[str, typer.Option("--size", help="small (50 MB), medium (1 GB), large (5 GB)")] = "small",
    replication: Annotated[str, typer.Option("--replication", help="synchronous or asynchronous")] = "synchronous",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the two sites running, and say how to use them.")] = False,
    directory: Annotated[Path | None, typer.Option("--dir", help="Where the sites and the reports go.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the invented patients.")] = 1,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Start two real sites on this machine, with real traffic; replicate, drill, lose the primary, fail over.

    Ends with the recovery time and the recovery point against the objectives, and the paths of the reports.
    """
    chosen = SCENARIOS.get(scenario)
    if chosen is None:
        raise UsageError(f"there is no scenario {scenario}", hint="one of: " + ", ".join(SCENARIOS))
    for value, allowed in ((size, ("small", "medium", "large")), (replication, ("synchronous", "asynchronous"))):
        if value not in allowed:
            raise UsageError(f"{value} is none of {', '.join(allowed)}")
    sites, state = _places(directory)
    show = _Show(sites, state, verbose=verbose, quiet=quiet or as_json, words=words_of(lang))
    bench = Bench.create(sites, cast(Size, size), seed, replication=cast(Replication, replication), apart=chosen.apart)
    with _said_what_stays(bench, show, keep=keep):
        show.tell("scenario", name=chosen.name, tells=words_of(lang).say(chosen.tells))
        show.tell("starting", place=sites)
        bench.start()
        bench.start_traffic()
        worst = show.play(chosen, bench, replication)
        left = [] if keep else _clear(bench)
        documents = show.documents()
        if as_json:
            typer.echo(json.dumps({"schema": "albus-dr/demo/1", "runs": documents}, indent=2))
        show.close(documents, bench if keep else None)
    if left:
        raise CleanupError(
            f"the demo left something behind: {', '.join(left)}", hint=f"to end and delete it: {show.end_command()}"
        )
    raise typer.Exit(worst)


@contextmanager
def _said_what_stays(bench: Bench, show: _Show, *, keep: bool) -> Iterator[None]:
    """Where the demo is broken off the sites are ended, too; or it is said that they stay up, and how to end them."""
    try:
        yield
    except BaseException:
        try:
            left = [str(bench.directory)] if keep else _clear(bench)
        except BaseException:
            show.stays([str(bench.directory)])
            raise
        if left:
            show.stays(left)
        raise


def _places(directory: Path | None) -> tuple[Path, Path]:
    """The sites' directory (short: sockets lie in it; PostgreSQL's user can enter it) and the state's, which stays."""
    if directory is not None:
        with writing(directory):
            path = directory.resolve()
            full = path.exists() and any(path.iterdir())
        if full:
            raise UsageError(f"{path} is not empty", hint="name a new directory")
        return path / "sites", path / "state"
    state = state_directory() / "demo" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    place = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    place.chmod(0o711)  # PostgreSQL's user passes through; what lies inside is private
    return place / "s", state


def _clear(bench: Bench) -> list[str]:
    """End the sites and delete them. What could not be; nothing where they are gone already."""
    if not bench.directory.exists():
        return []
    if left := bench.stop():
        return [*left, str(bench.directory)]
    bench.remove()
    return []


class _Show:
    """Calls albus-dr as a user would, and tells what happens in between."""

    def __init__(self, sites: Path, state: Path, *, verbose: bool, quiet: bool, words: Words) -> None:
        self._sites, self._state = sites, state
        self._verbose, self._quiet, self._words = verbose, quiet, words
        self._healed_at_s = 0.0
        with writing(state):
            state.mkdir(mode=0o700, parents=True, exist_ok=True)

    def tell(self, key: str, **values: object) -> None:
        self.say(self._words.say(PHRASES[f"demo.{key}"], **values))

    def say(self, text: str) -> None:
        if not self._quiet:
            width = _columns() - 1
            print("\n".join(folded(text, width, first="== ", rest="   ")), file=sys.stderr, flush=True)

    def play(self, scenario: Scenario, bench: Bench, replication: str) -> ExitCode:
        """Act after act; stops at the first that does not end as it should. Its exit code."""
        playbook, config = _shipped("playbooks/albus.yaml"), _shipped(f"configs/{_config_of(bench)}")
        if replication == "asynchronous":
            playbook = self._asynchronous(playbook)
        environment = {
            **bench.environment(),
            "ALBUS_DR_STATE": str(self._state),
            "ALBUS_DR_SCENARIO": scenario.name,
            "ALBUS_DR_ENGINE": "",  # its disasters are not for the journal that a team shares
            "ALBUS_DR_LANG": self._words.code,
        }
        flags = ("-q",) if self._quiet else ("-v",) if self._verbose else ()
        more: tuple[str, ...] = ()
        for act in scenario.acts:
            if act in ("burn", "power cut"):
                lost_at = self._lose(bench, replication, disks_stay=act == "power cut")
                more = ("--disrupted-at", lost_at.isoformat(), "--detected-at", _noticed(bench).isoformat())
            elif act == "power back":
                self.tell("power_back", site=PRIMARY)
                bench.start_site(PRIMARY)
                more = ()
            elif act == "zombie":
                self._start_zombie(bench, playbook, config, environment)
            elif act == "second strike":
                more = ("--disrupted-at", self._strike_again(bench).isoformat())
            elif act == "refused failover":
                self._be_refused(bench, playbook, config, environment, more)
                more = (*more, "--accept-data-loss")
            elif act == "guard":
                self._guard(bench, playbook, config, environment)
            elif act == "split":
                more = ("--disrupted-at", self._split(bench).isoformat())
            elif act == "heal":
                if self._heal(bench) != 0:
                    return ExitCode.VERIFICATION_FAILED
            else:
                self.say(f"albus-dr {act}{' --accept-data-loss' * ('--accept-data-loss' in more)}")
                called = ("-m", "albus_dr", act, str(playbook), "--config", str(config), "--yes", *flags, *more)
                code = self._call(bench.operator.command((sys.executable, *called)), environment)
                if code != 0:
                    return ExitCode(code)
        return ExitCode.PASSED

    def _lose(self, bench: Bench, replication: str, *, disks_stay: bool) -> datetime:
        """When users were no longer served."""
        self.tell("power_cut" if disks_stay else "burns", site=PRIMARY)
        bench.cut_line()
        disrupted_at = datetime.now(UTC)
        time.sleep(LINE_FAILS_FIRST_S)
        if replication == "asynchronous":  # its writers are still served; synchronous ones wait from the cut on
            disrupted_at = datetime.now(UTC)
        if disks_stay:
            bench.cut_power(PRIMARY)
        else:
            bench.destroy_site(PRIMARY)
        return disrupted_at

    def _start_zombie(self, bench: Bench, playbook: Path, config: Path, environment: dict[str, str]) -> None:
        """The power is back. Raises RefusedError when the old primary's PostgreSQL runs afterwards."""
        self.tell("zombie", site=PRIMARY)
        bench.start_store(PRIMARY)
        server = bench.sites[PRIMARY].server
        argv = (*_guard(playbook, config), "--", *server.command("postgres", "-D", str(server.data)))
        code = self._call(argv, environment)
        if code != ExitCode.REFUSED or server.running():
            raise RefusedError(f"the old primary at {PRIMARY} was not kept down: its guard ended with {code}")
        seen = bench.users.inside(lambda: traffic.count(bench.traffic_of()))
        self.tell("stays_down", lost=self._count(seen["lost_writes"]), all=self._count(seen["acknowledged_writes"]))

    def _strike_again(self, bench: Bench) -> datetime:
        """The new primary is lost too. When users were no longer served."""
        time.sleep(SECOND_STRIKE_S)
        self.tell("second_strike", site=SECONDARY)
        disrupted_at = datetime.now(UTC)
        bench.destroy_site(SECONDARY)
        return disrupted_at

    def _be_refused(
        self, bench: Bench, playbook: Path, config: Path, environment: dict[str, str], more: tuple[str, ...]
    ) -> None:
        """A failover that nobody has accepted the loss for. Raises StepError when it went on all the same."""
        self.say("albus-dr failover")
        argv = (sys.executable, "-m", "albus_dr", "failover", str(playbook), "--config", str(config), "--yes", *more)
        if (code := self._call(bench.operator.command(argv), environment)) != ExitCode.REFUSED:
            raise StepError(
                f"a failover that loses what {SECONDARY} had ended with {code}, and should have been refused"
            )

    def _guard(self, bench: Bench, playbook: Path, config: Path, environment: dict[str, str]) -> None:
        """As it is done once, before a guard is put in front of a primary: the witness is told who that is."""
        self.say("albus-dr witness set")
        told = (
            "-m",
            "albus_dr",
            "witness",
            "set",
            str(playbook),
            "--config",
            str(config),
            "--primary",
            PRIMARY,
            "--yes",
        )
        if (code := self._call(bench.operator.command((sys.executable, *told)), environment)) != 0:
            raise StepError(f"the witness could not be told who is primary: it ended with {code}")
        self.tell("guarded", site=PRIMARY)
        bench.guard(PRIMARY, (*_guard(playbook, config), "--keep-lease"), environment)

    def _split(self, bench: Bench) -> datetime:
        """Users at both sides of the cut, and when it was made."""
        assert bench.network is not None
        bench.start_traffic(20, at=PRIMARY)
        self.tell("splits", site=PRIMARY)
        bench.network.isolate(PRIMARY)
        self._healed_at_s = time.monotonic() + SPLIT_S
        return datetime.now(UTC)

    def _heal(self, bench: Bench) -> int:
        """How many acknowledged writes are not there, of the users on both sides."""
        assert bench.network is not None
        time.sleep(max(0.0, self._healed_at_s - time.monotonic()))
        bench.network.heal()
        self.tell("heals")
        try:
            seen = bench.users.inside(lambda: traffic.count(bench.traffic_of()))
            acknowledged, lost = bench.users.inside(
                lambda: traffic.count_elsewhere(bench.traffic_of(PRIMARY), bench.url)
            )
        except traffic.CanNotCount as error:
            raise StepError(f"users are not served although the network has healed: {error}") from None
        self.tell(
            "both_sides", lost=self._count(seen["lost_writes"]), all=self._count(seen["acknowledged_writes"]),
            time=self._words.whole(round(seen["client_downtime_s"])), site=PRIMARY, lost_there=self._count(lost),
            all_there=self._count(acknowledged),
        )  # fmt: skip
        return int(seen["lost_writes"]) + lost

    def _count(self, writes: float) -> str:
        return self._words.number(writes)

    def _call(self, argv: tuple[str, ...], environment: dict[str, str]) -> int:
        # The verb draws on our terminal; in JSON mode stdout is ours alone.
        with process.start(
            argv,
            environment=environment,
            stdin=None,
            stdout=sys.stderr.fileno(),
            stderr=sys.stderr.fileno(),
            own_group=False,
        ) as verb:
            return verb.wait(VERB_TIMEOUT_S)

    def _asynchronous(self, playbook: Path) -> Path:
        text = playbook.read_text()
        changed = self._state / "albus-asynchronous.yaml"
        changed.write_text(text.replace("replication: synchronous ", "replication: asynchronous "))
        return changed

    def documents(self) -> list[dict[str, Any]]:
        """The JSON of every run, in order."""
        from albus_dr.cli.common import run_state
        from albus_dr.journal.store import JournalStore
        from albus_dr.report.json import run_document

        store = JournalStore(f"sqlite:///{self._state / 'engine.sqlite'}", self._state)
        try:
            return [run_document(run_state(store, run)) for run in store.runs()]
        finally:
            store.close()

    def stays(self, left: list[str]) -> None:
        """What is still there, and how to end it: also with -q."""
        said = self._words.say(PHRASES["demo.stays"], left=", ".join(left))
        print(f"\n{said}\n  {self.end_command()}", file=sys.stderr, flush=True)

    def end_command(self) -> str:
        """Ends the sites and deletes them."""
        return f"{sys.executable} -m albus_dr.bench remove {self._sites}"

    def close(self, documents: list[dict[str, Any]], kept: Bench | None) -> None:
        """Where the reports are, and how to go on with sites that were kept."""
        if self._quiet and kept is None:
            return
        for document in documents:
            operation, verdict = self._words.retold(document["operation"]), self._words.retold(document["verdict"])
            path = self._state / "runs" / document["run"] / "report.html"
            self.tell("ended", operation=operation, verdict=verdict, path=path)
        program, shared = Path(sys.executable).with_name("albus-dr"), os.environ.get("ALBUS_DR_ENGINE")
        if documents and not self._quiet:
            by_make = "MAKELEVEL" in os.environ  # whose PATH is not the user's
            is_found = not by_make and shutil.which("albus-dr") == str(program)
            called = "albus-dr" if is_found else shlex.quote(str(program))
            self.tell("again")
            print(
                f"   ALBUS_DR_STATE={shlex.quote(str(self._state))} {'ALBUS_DR_ENGINE= ' if shared else ''}{called} runs show last"
                f"{self._lang()}",
                file=sys.stderr,
            )
        if kept is not None:
            alone = "  unset ALBUS_DR_ENGINE\n" if shared else ""
            enter = " ".join(kept.operator.command((str(program),)))
            print(
                f"\n{self._words.say(PHRASES['demo.kept'])}\n  . {self._sites / 'environment'}\n  export ALBUS_DR_STATE={self._state}\n"
                f"{alone}"
                f"  {enter} status {_shipped('playbooks/albus.yaml')} --config {_shipped(f'configs/{_config_of(kept)}')}\n"
                f"{self._way_back(kept)}{self._words.say(PHRASES['demo.end'])}\n  {self.end_command()}",
                file=sys.stderr,
            )

    def _lang(self) -> str:
        return "" if self._words.code == ENGLISH.code else f" --lang {self._words.code}"

    def _way_back(self, kept: Bench) -> str:
        burned = [name for name, site in kept.sites.items() if not site.directory.exists()]
        return "".join(
            f"{self._words.say(PHRASES['demo.burned'], site=name)}\n"
            f"  {sys.executable} -m albus_dr.bench rebuild {self._sites} {name}\n"
            for name in burned
        )


def _noticed(bench: Bench) -> datetime:
    """When a monitor that asks at the users' door first had no good answer. Raises StepError when it always had one."""
    deadline = time.monotonic() + NOTICED_S
    while time.monotonic() < deadline:
        try:
            answer = bench.users.inside(lambda: http.get(f"{bench.url}/health", timeout_s=MONITOR_WAITS_S))
        except TransientError:
            return datetime.now(UTC)
        if answer.status != 200:
            return datetime.now(UTC)
        time.sleep(0.05)
    raise StepError(f"{PRIMARY} was lost, and after {NOTICED_S:g} s its users are still served")


def _guard(playbook: Path, config: Path) -> tuple[str, ...]:
    """Of the primary's site."""
    return (sys.executable, "-m", "albus_dr", "guard", str(playbook), "--config", str(config), "--site", PRIMARY)


def _columns() -> int:
    """Of the terminal behind stderr; 100 where there is none, or one that has no size. shutil asks only a plain stdout."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 100
    except (OSError, ValueError):
        return 100


def _config_of(bench: Bench) -> str:
    return "demo-apart.yaml" if bench.network else "demo.yaml"


def _shipped(name: str) -> Path:
    """A file that comes with albus-dr: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "share", package.parent):
        if (place / name).exists():
            return place / name
    raise UsageError(f"{name} is missing from this installation", hint="install albus-dr again")
