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


@pytest.mark.parametrize(("columns", "longest"), [(0, 99), (80, 79)])
def test_lines_fit_the_terminal_and_a_path_stays_whole(
    columns: int, longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    path = "/" + "x" * 120
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        _Show(tmp_path, tmp_path / "state", verbose=False, quiet=False, lang="en").say("word " * 60 + path)
        lines = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert lines[-1].strip() == path
    assert longest - 5 < max(map(len, lines[:-1])) <= longest
