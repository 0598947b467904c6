"""Killed as soon as it was ordered: what was said then is not lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from albus_dr.journal.state import RunState
from tests.cli.test_approve import state_of
from tests.cli.two_directories import PATIENCE_S, TwoDirectories

TOP = Path(__file__).resolve().parents[2]
THING = '  thing: {kind: command, failover: {take: ["true"]}}\n'
AT = ("--disrupted-at", "2026-01-05T03:12:00+00:00", "--detected-at", "2026-01-05T03:20:00+00:00")


def killed_and_resumed(base: Path, *more: str) -> RunState:
    """A failover that dies with the first event in its journal, and goes on."""
    sites = TwoDirectories(base, THING)
    (base / "known").touch()
    order = ("failover", str(base / "runbook.yaml"), "--yes", "--fenced-by", "ana, by telephone", *more)
    died = subprocess.run(
        (sys.executable, "-m", "faults.dying", str(base / "known"), *order), cwd=TOP, env=sites.environment,
        capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert state_of(sites).events == 1
    resumed = sites.call("resume", "last", "--json")
    assert resumed.returncode == 4, resumed.stderr  # commands measure no recovery
    return state_of(sites)


@pytest.mark.parametrize("given", [AT, ()], ids=["with its moments", "without"])
def test_the_moments_that_recovery_is_measured_from_are_known(tmp_path: Path, given: tuple[str, ...]) -> None:
    state = killed_and_resumed(tmp_path, *given)
    assert {step.status for step in state.steps.values()} == {"succeeded"}
    disrupted, detected = state.clocks["disrupted_at"], state.clocks["detected_at"]
    if given:
        assert (str(disrupted), str(detected)) == ("2026-01-05 03:12:00+00:00", "2026-01-05 03:20:00+00:00")
    else:
        assert (disrupted, detected) == (state.clocks["declared_at"], None)
