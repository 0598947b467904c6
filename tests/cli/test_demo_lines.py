"""The demo's own lines, on terminals of every size."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from albus_dr.bench.sites import Bench
from albus_dr.cli import demo
from albus_dr.cli.demo import _Show
from albus_dr.cli.main import app
from albus_dr.errors import CleanupError, ExitCode, StepError
from albus_dr.report.french import FRENCH
from albus_dr.report.words import ENGLISH, Words


@pytest.mark.parametrize(("columns", "longest"), [(0, 99), (80, 79)])
def test_lines_fit_the_terminal_and_a_path_stays_whole(
    columns: int, longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    path = "/" + "x" * 120
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        _Show(tmp_path, tmp_path / "state", verbose=False, quiet=False, words=ENGLISH).say("word " * 60 + path)
        lines = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert lines[-1].strip() == path
    assert longest - 5 < max(map(len, lines[:-1])) <= longest


@pytest.mark.parametrize(
    ("words", "again", "ended"),
    [
        (ENGLISH, "runs show last", "failover passed: /"),
        (FRENCH, "runs show last --lang fr", "bascule d'urgence : réussi – /"),
    ],
    ids=["en", "fr"],
)
def test_it_ends_with_the_command_that_shows_the_run_again(
    words: Words, again: str, ended: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its runs are in a state directory of their own, where no other command looks by itself."""
    state = tmp_path / "the state"
    show = _Show(tmp_path, state, verbose=False, quiet=False, words=words)
    show.close([{"operation": "failover", "verdict": "passed", "run": "failover-1"}], None)
    said = capsys.readouterr().err
    command = said.splitlines()[-1].split()
    assert said.splitlines()[-1].startswith(f"   ALBUS_DR_STATE='{state}' ")
    assert command[-len(again.split()) :] == again.split()
    assert ended in " ".join(said.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("by_make", [False, True])
def test_that_command_is_found_in_any_terminal(
    by_make: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """make puts the environment's programs into its own PATH: the user's shell does not have them."""
    program = Path(sys.executable).with_name("albus-dr")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    if by_make:
        monkeypatch.setenv("MAKELEVEL", "1")
    else:
        monkeypatch.delenv("MAKELEVEL", raising=False)
    _Show(tmp_path, tmp_path / "state", verbose=False, quiet=False, words=ENGLISH).close(
        [{"operation": "failover", "verdict": "passed", "run": "failover-1"}], None
    )
    called = capsys.readouterr().err.splitlines()[-1].split()[-4]
    assert called == (str(program) if by_make else "albus-dr")


def test_that_command_looks_into_the_demo_s_journal_where_the_shell_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALBUS_DR_ENGINE", "postgresql://db.example/albus_dr")
    _Show(tmp_path, tmp_path / "state", verbose=False, quiet=False, words=ENGLISH).close(
        [{"operation": "failover", "verdict": "passed", "run": "failover-1"}], None
    )
    command = capsys.readouterr().err.splitlines()[-1].split()
    assert command[:2] == [f"ALBUS_DR_STATE={tmp_path / 'state'}", "ALBUS_DR_ENGINE="]


def test_a_demo_without_runs_points_at_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _Show(tmp_path, tmp_path / "state", verbose=False, quiet=False, words=ENGLISH).close([], None)
    assert capsys.readouterr().err == ""


class FakeBench:
    """Two sites of which one process can't be stopped, or all can; what was done with them."""

    network = None

    def __init__(self, directory: Path, stuck: str) -> None:
        self.directory, self.stuck = directory, stuck
        self.did: list[str] = []
        directory.mkdir(parents=True)

    def start(self) -> None:
        self.did.append("started")

    def start_traffic(self) -> None:
        pass

    def stop(self) -> list[str]:
        self.did.append("stopped")
        if self.stuck == "interrupted":
            raise KeyboardInterrupt
        return [self.stuck] if self.stuck else []

    def remove(self) -> None:
        self.directory.rmdir()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StepError("it went wrong"), ZeroDivisionError("a bug")])
@pytest.mark.parametrize(
    ("stuck", "flags", "said"),
    [
        ("", [], ""),
        ("PostgreSQL (process 7)", [], "PostgreSQL (process 7), "),
        ("interrupted", [], "may still run: /"),
        ("", ["--keep", "-q"], "may still run: /"),
    ],
)
def test_broken_off_it_says_what_stays_up_and_how_to_end_it(
    error: BaseException, stuck: str, flags: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[FakeBench] = []

    def create(directory: Path, *_: Any, **__: Any) -> FakeBench:
        made.append(FakeBench(directory, stuck))
        return made[0]

    def play(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Bench, "create", create)
    monkeypatch.setattr(demo._Show, "play", play)
    done = CliRunner().invoke(app, ["demo", "--dir", str(tmp_path / "d"), *flags])
    assert done.exit_code != 0
    (bench,) = made
    assert bench.did == (["started"] if "--keep" in flags else ["started", "stopped"])
    sites = tmp_path / "d" / "sites"
    assert sites.exists() is bool(said)
    assert said in done.stderr
    assert (f"albus_dr.bench remove {sites}" in done.stderr) is bool(said)


def test_what_could_not_be_stopped_is_named_with_the_command_that_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(directory: Path, *_: Any, **__: Any) -> FakeBench:
        return FakeBench(directory, "PostgreSQL (process 7)")

    monkeypatch.setattr(Bench, "create", create)
    monkeypatch.setattr(demo._Show, "play", lambda *_: ExitCode.PASSED)
    error = CliRunner().invoke(app, ["demo", "--dir", str(tmp_path / "d")]).exception
    assert isinstance(error, CleanupError)
    assert "PostgreSQL (process 7)" in error.message
    assert "albus_dr.bench remove" in error.hint
