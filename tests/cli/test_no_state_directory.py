"""A state directory that nobody knows, or that can't be read: wrong usage with its reason, and no traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
UNKNOWN = "import pwd\ndef unknown(uid):\n    raise KeyError(uid)\npwd.getpwuid = unknown\n"
RUN = "from albus_dr.cli.main import main\nmain()\n"
BUG = "import albus_dr.cli.common as common\ndef broken(*_):\n    raise ZeroDivisionError('a bug')\ncommon.journal = broken\n"
OF_A_USER = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_STATE_HOME", "ALBUS_DR_STATE")


def called(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """By a user that the system does not know, without a HOME."""
    environment = {key: value for key, value in os.environ.items() if key not in OF_A_USER}
    return subprocess.run(
        (sys.executable, "-c", UNKNOWN + program, *words), env=environment, cwd=TOP, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_without_a_home_directory_it_says_what_to_set() -> None:
    done = called(RUN, "runs", "list", "--json")
    assert done.returncode == 2, done.stderr
    assert "set HOME" in json.loads(done.stdout)["hint"]
    assert "Traceback" not in done.stderr


def test_a_bug_is_told_once_although_there_is_no_place_for_its_details() -> None:
    done = called(BUG + RUN, "runs", "list", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["exit_code"] == 1
    assert done.stderr.count("Traceback") == 1
    assert "ZeroDivisionError: a bug" in done.stderr


def test_a_plan_that_may_not_look_into_the_state_directory_says_so(tmp_path: Path) -> None:
    mine: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may look everywhere")
        rights = "-dac_override,-dac_read_search"
        mine = ("setpriv", f"--inh-caps={rights}", f"--bounding-set={rights}")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    words = ("plan", "playbooks/albus.yaml", "drill", "--config", "configs/demo.yaml")
    try:
        done = subprocess.run(
            (*mine, sys.executable, "-m", "albus_dr", *words), env={**os.environ, "ALBUS_DR_STATE": str(closed)},
            cwd=TOP, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        closed.chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert "can't be opened" in done.stderr
    assert "Traceback" not in done.stderr
