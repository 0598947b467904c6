"""What a shell is told when somebody presses Tab: `albus-dr --install-completion` writes a script that asks so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("albus-dr dr", {"drill"}),
        ("albus-dr fail", {"failover", "failback"}),
        ("albus-dr runs ", {"list", "show", "compare", "watch"}),
        ("albus-dr failover --disr", {"--disrupted-at"}),
    ],
)
def test_verbs_and_options_are_completed(typed: str, offered: set[str]) -> None:
    asked = {"_ALBUS_DR_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run(
        (sys.executable, "-m", "albus_dr"),
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert set(done.stdout.split()) == offered
