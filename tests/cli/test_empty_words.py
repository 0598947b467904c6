"""Words that are empty, or in memory alone: a variable that was not set, most of the time."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from albus_dr.cli.main import app
from albus_dr.errors import UsageError
from albus_dr.journal.store import JournalStore
from tests.cli.test_wrong_usage import CONFIG, PLAYBOOK, said

RUN = "drill-20260101T000000Z-0000beef"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory, with one run that has not ended."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setenv("ALBUS_DR_STATE", str(state))
    store = JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state)
    store.append(RUN, "RunDeclared", {
        "runbook": "albus", "operation": "drill", "plan": {"steps": []}, "plan_digest": "", "source": "a", "target": "b",
        "objectives": {"rto_s": 1, "rpo_s": 1, "clock": "disruption"},
    })  # fmt: skip
    store.close()
    return state


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize("verb", [("runs", "show"), ("report",), ("abort",), ("resume",)])
def test_no_run_is_not_the_only_run(state: Path, verb: tuple[str, ...], text: str) -> None:
    assert said(*verb, text).message == "which run? Its id is empty"


@pytest.mark.parametrize("option", ["--fenced-by", "--without-witness"])
def test_a_blank_statement_proves_nothing(state: Path, option: str) -> None:
    asked = ("failover", PLAYBOOK, "--config", CONFIG, "--yes", option, " ")
    assert said(*asked).message == f"{option} is empty"
    assert JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state).runs() == (RUN,)


def test_the_recovery_time_does_not_begin_when_it_was_noticed(state: Path) -> None:
    moment = datetime.now(UTC).isoformat()
    error = said("failover", PLAYBOOK, "--config", CONFIG, "--yes", "--detected-at", moment)
    assert error.message.startswith("--detected-at without --disrupted-at")
    assert "the same moment" in error.hint


@pytest.mark.parametrize("engine", ["sqlite:///", "sqlite:///:memory:", "sqlite:///?x=1", "sqlite:///file::memory:"])
def test_a_journal_in_memory_is_none(state: Path, engine: str) -> None:
    assert said("runs", "list", "--engine", engine).message.startswith("the engine's address names no file")


def test_half_a_password_is_not_taken_for_a_host(state: Path) -> None:
    error = said("runs", "list", "--engine", "postgresql://u:p@sesame@localhost:1/x")
    assert "sesame" not in error.message + error.hint
    assert "an @ in a password is written %40" in error.hint


def test_a_file_that_is_another_users_is_no_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = said("runs", "list", "--engine", f"sqlite:///{tmp_path}/none/x.sqlite")
    assert missing.hint.startswith(f"there is no directory {tmp_path}/none.")
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    (tmp_path / "x.sqlite").write_bytes(b"not a database at all, by far" * 99)
    tmp_path.chmod(0o500)
    try:
        error = said("runs", "list", "--engine", f"sqlite:///{tmp_path}/x.sqlite")
    finally:
        tmp_path.chmod(0o700)
    assert error.hint.startswith(f"this user may not write there: run it as the one that owns {tmp_path}.")
    assert "empty state directory" not in error.hint


def test_a_report_has_the_format_that_was_asked_for(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALBUS_DR_JSON", "1")
    out = tmp_path / "out"
    out.mkdir()

    def report(*more: str) -> str:
        done = CliRunner().invoke(app, ["report", RUN, *more])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert json.loads(report())["run"] == RUN
    assert report("--format", "junit").startswith("<?xml")
    report("--format", "html,junit", "--output", str(out))
    assert sorted(path.suffix for path in out.iterdir()) == [".html", ".xml"]
    report("--output", str(out / "one"))
    assert json.loads((out / "one").read_text())["run"] == RUN
    with pytest.raises(UsageError, match="several formats need"):
        CliRunner().invoke(app, ["report", RUN, "--format", "html,junit"], catch_exceptions=False)
