"""`door` where the config names no witness that other machines can ask: only the place of the runs knows the primary."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.cli import door
from albus_dr.cli.charge import witness_of
from albus_dr.errors import NotReadyError, StepError
from albus_dr.journal.store import JournalStore
from albus_dr.runbook.loader import Loaded
from tests.engine.test_roles import Past
from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK, Files

BY_SSH = CONFIG.replace("hosts: {all: {}}", "hosts: {all: {ssh: root@db.example.org}}")
WITNESS = 'witness: {etcd: ["http://127.0.0.1:1"]}\n'


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALBUS_DR_STATE", str(tmp_path / "state"))
    return Files()


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path / "state")
    yield Past(store)
    store.close()


def primary(files: Files, past: Past, config: str) -> str:
    files.write(RUNBOOK, config)
    loaded = files.load()
    return door._primary(past.store, loaded, witness_of(loaded))[0]


def test_nothing_is_opened_on_a_machine_that_made_no_run(files: Files) -> None:
    files.write(RUNBOOK, BY_SSH)
    kept = {key: value for key, value in os.environ.items() if key == "ALBUS_DR_STATE" or not key.startswith("ALBUS_")}
    done = subprocess.run(
        (sys.executable, "-m", "albus_dr", "door", "runbook.yaml"), env=kept | ENVIRONMENT, timeout=60, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "who is the primary can't be known here" in done.stderr
    assert "name a witness at a third place" in done.stderr


def test_a_door_that_does_not_answer_keeps_no_other_door_closed(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(RUNBOOK, CONFIG)
    asked: list[str] = []

    def answers(_: Loaded, workload: str, primary: str) -> None:
        asked.append(f"{workload} to {primary}")
        if workload == "dead":
            raise StepError("dead does not answer")

    monkeypatch.setattr(door, "_set", answers)
    monkeypatch.setattr(door, "WATCH_S", 0.0)
    with pytest.raises(StepError, match="dead does not answer"):
        door._set_all(files.load(), ["dead", "alive"], "bordeaux")
    assert asked[-2:] == ["dead to bordeaux", "alive to bordeaux"]


@pytest.mark.parametrize("witness", ["", "witness: {file: witness}\n"])
def test_a_witness_in_a_file_is_this_machines_alone(files: Files, past: Past, witness: str) -> None:
    with pytest.raises(NotReadyError, match="can't be known here"):
        primary(files, past, BY_SSH + witness)
    past.declare("r1", "drill")
    with pytest.raises(NotReadyError):  # a drill asks no primary
        primary(files, past, BY_SSH + witness)


def test_where_runs_are_made_the_journal_knows(files: Files, past: Past) -> None:
    past.declare("r1", "replicate", steps=("ready",))
    assert primary(files, past, BY_SSH) == "strasbourg"
    run = past.declare("r2")
    past.did(run, "ready", "fence", "promote", "open")
    past.end(run)
    assert primary(files, past, BY_SSH) == "bordeaux"


def test_runs_of_another_runbook_know_nothing(files: Files, past: Past) -> None:
    past.declare("r1", "replicate", steps=("ready",), runbook="other")
    with pytest.raises(NotReadyError):
        primary(files, past, BY_SSH)


def test_two_sites_on_one_machine_need_none(files: Files, past: Past) -> None:
    assert primary(files, past, CONFIG) == "strasbourg"


def test_a_proxy_by_ssh_is_another_machine(files: Files, past: Past) -> None:
    proxied = CONFIG.replace("{haproxy: /door,", "{haproxy: /door, host: {ssh: root@door.example.org},")
    with pytest.raises(NotReadyError):
        primary(files, past, proxied)


def test_a_witness_that_others_can_ask_is_asked(files: Files) -> None:
    files.write(RUNBOOK, BY_SSH + WITNESS)
    loaded = files.load()
    door._require_known(None, loaded, witness_of(loaded))  # type: ignore[arg-type]  # the journal is not read


def test_a_witness_in_a_file_that_was_told_knows(files: Files, past: Past) -> None:
    """`witness set`, where the state directory was lost."""
    files.write(RUNBOOK, BY_SSH)
    witness_of(files.load()).begin("bordeaux", run="told")
    assert primary(files, past, BY_SSH) == "bordeaux"
