"""A place that can't be written is wrong usage with its reason, and no error of albus-dr itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from albus_dr.cli.main import app
from albus_dr.errors import UsageError
from albus_dr.journal.fold import fold
from albus_dr.journal.store import JournalStore

LONG = "x" * 300
DECLARED = {
    "runbook": "albus", "operation": "drill", "plan_digest": "d", "source": "a", "target": "b", "plan": {"steps": []},
    "objectives": {"rto_s": 14400.0, "rpo_s": 900.0, "clock": "disruption"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run, and a file where a directory would have to be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALBUS_DR_STATE", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    (tmp_path / "file").write_text("mine")
    store = JournalStore(f"sqlite:///{tmp_path}/state/engine.sqlite", tmp_path / "state")
    store.append("drill-1", "RunDeclared", DECLARED)
    assert fold(store.events("drill-1")).runbook == "albus"
    store.close()


@pytest.mark.parametrize(
    "words",
    [
        ["report", "last", "--output", LONG],
        ["report", "last", "--output", "file/report.md"],
        ["report", "last", "--output", "missing/report.md"],
        ["report", "last", "--format", "html,json", "--output", LONG],
        ["init", LONG],
        ["init", "file"],
        ["evidence", "keygen", "--output", LONG],
        ["evidence", "keygen", "--output", "file/key"],
        ["evidence", "keygen", "--output", ""],
        ["demo", "--dir", "file"],
        ["demo", "--dir", "file/sub"],
        ["demo", "--dir", LONG],
    ],
    ids=" ".join,
)
def test_a_place_that_can_not_be_written(words: list[str]) -> None:
    done = CliRunner().invoke(app, words)

    assert isinstance(done.exception, UsageError), repr(done.exception)
    assert "can't be written" in done.exception.message
    assert Path("file").read_text() == "mine"
