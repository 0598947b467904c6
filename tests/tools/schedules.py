"""Entries whose files have the names that hurt."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from albus_dr.tools.scheduler import Entry

HARD = '50% of $HOME; it\'s "a" \\ #'


def entry(folder: Path, operation: str = "drill", *, runbook: str = "albus", words: str = "every day") -> Entry:
    """It writes what it was given (arguments, ALBUS_DR_STATE, and EXTRA from the environment file) into ``folder/said``."""
    hard = folder / HARD
    hard.mkdir(exist_ok=True)
    program = hard / "program.py"
    program.write_text(
        "import json, os, sys\nfrom pathlib import Path\n"
        "said = [sys.argv[1:], os.environ['ALBUS_DR_STATE'], os.environ.get('EXTRA')]\n"
        f"Path({str(folder / 'said')!r}).write_text(json.dumps(said))\n"
    )
    (hard / "environment").write_text("EXTRA=more\n")
    command = (sys.executable, str(program), HARD, "", "$$ %% %h ${PATH}")
    return Entry(
        runbook=runbook, operation=operation, words=words, on_calendar="*-*-* 04:00:00", five_fields="25 4 * * *",
        delay_s=60, command=command, catch_up=(*command, "--missed"), state=hard,
        environment_file=str(hard / "environment"),
    )  # fmt: skip


def told(folder: Path, *more: str) -> list[object]:
    """What the entry's program must have been given."""
    return [[HARD, "", "$$ %% %h ${PATH}", *more], str(folder / HARD), "more"]


@contextmanager
def real_crontab(folder: Path) -> Iterator[Path]:
    """cron's own program, in a directory of its own. As root it is pointed at a user who has no crontab; else it is the
    tester's, if that is empty."""
    program = shutil.which("crontab")
    if program is None:
        pytest.skip("cron is not installed here")
    whose = ("-u", "nobody") if os.geteuid() == 0 else ()
    with Path(tempfile.gettempdir(), f"albus-dr-tests-crontab.{os.geteuid()}").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        yield from _in_a_crontab(folder, program, whose)


def _in_a_crontab(folder: Path, program: str, whose: tuple[str, ...]) -> Iterator[Path]:
    if subprocess.run((program, *whose, "-l"), capture_output=True, timeout=30, check=False).returncode == 0:
        pytest.skip("there is a crontab already, and it stays as it is")
    mine = folder / "bin" / "crontab"
    mine.parent.mkdir()
    mine.write_text(f'#!/bin/sh\nexec {shlex.join((program, *whose))} "$@"\n')
    mine.chmod(0o755)
    try:
        yield mine
    finally:
        subprocess.run((mine, "-r"), capture_output=True, timeout=30, check=False)


def crontab_of(program: Path) -> bytes | None:
    """What stands in it; None when there is none."""
    done = subprocess.run((program, "-l"), capture_output=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else None
