"""resume --decide: what a person saw of a step whose state is unknown, and of no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_resume_from_elsewhere import SITES, albus_dr

WIKI = """version: 1
runbook: wiki
config: config.yaml
objectives: {rto: 1h, rpo: 1h, drill_every: 1y}
sites: {primary: lyon, secondary: nantes}
workloads:
  pages: {kind: command, replicate: {take: [sh, -c, "echo begun >> began; [ -e quick ] || exec sleep 60"]}}
"""
STEP = "pages.take"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(f"version: 1\nsites:{SITES}\n")
    (tmp_path / "wiki.yaml").write_text(WIKI)
    return tmp_path


def killed_in_the_step(folder: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
    with subprocess.Popen(
        (sys.executable, "-m", "albus_dr", "replicate", "wiki.yaml"), cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment | {"ALBUS_DR_STATE": str(folder / "state")},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not (folder / "began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    (folder / "quick").touch()


def events(folder: Path) -> list[str]:
    (journal,) = (folder / "state" / "runs").glob("*/journal.jsonl")
    return [json.loads(line)["kind"] for line in journal.read_text().splitlines()]


def test_only_a_step_that_waits_for_it_is_decided(folder: Path) -> None:
    killed_in_the_step(folder)
    state = folder / "state"
    before = events(folder)
    early = albus_dr(folder, state, "resume", "last", "--decide", f"{STEP}=done")
    assert (early.returncode, events(folder)) == (2, before)
    assert f"does not wait for a decision about {STEP}: its step {STEP} is running" in " ".join(early.stderr.split())

    assert albus_dr(folder, state, "resume", "last").returncode == 10
    before = events(folder)
    for wrong, said in (
        (["pages.tke=done"], "it has no step pages.tke what to do: those that wait for a decision: pages.take"),
        ([f"{STEP}=maybe"], "say STEP=done or STEP=not_done"),
        ([f"{STEP}=done", f"{STEP}=not_done"], "say one of them"),
    ):
        refused = albus_dr(folder, state, "resume", "last", *(word for one in wrong for word in ("--decide", one)))
        assert refused.returncode == 2, refused.stderr
        assert said in " ".join(refused.stderr.replace("albus-dr:", "").split())
        assert events(folder) == before
    assert albus_dr(folder, state, "runs", "list").returncode == 0

    decided = albus_dr(folder, state, "resume", "last", "--decide", f"{STEP}=done")
    assert decided.returncode == 0, decided.stderr
    assert "StepDecided" in events(folder)
    assert (folder / "began").read_text() == "begun\n"

    before = events(folder)
    late = albus_dr(folder, state, "resume", "last", "--decide", f"{STEP}=not_done")
    assert (late.returncode, events(folder)) == (2, before)


def test_what_a_run_says_of_a_step_that_is_not_there_is_passed_over(folder: Path) -> None:
    """As an earlier albus-dr wrote it: such a run must not hide the others."""
    from albus_dr.journal.store import JournalStore

    killed_in_the_step(folder)
    state = folder / "state"
    (run,) = (state / "runs").iterdir()
    store = JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state)
    store.append(run.name, "StepDecided", {"decision": "done", "who": "ana", "why": ""}, step="pages.tke")
    store.close()
    assert albus_dr(folder, state, "runs", "list").returncode == 0
    assert albus_dr(folder, state, "resume", "last").returncode == 10
