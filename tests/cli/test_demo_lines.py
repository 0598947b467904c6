"""The demo's own lines, on terminals of every size."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path

import pytest

from albus_dr.cli.demo import _Show
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


def test_a_demo_without_runs_points_at_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _Show(tmp_path, tmp_path / "state", verbose=False, quiet=False, words=ENGLISH).close([], None)
    assert capsys.readouterr().err == ""
