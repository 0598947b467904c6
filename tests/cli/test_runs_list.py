"""runs list, and a run that is named: also where there is none."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from albus_dr.cli.common import find_run
from albus_dr.cli.main import app
from albus_dr.errors import ExitCode, UsageError
from albus_dr.journal.store import JournalStore
from tests.engine.test_roles import Past


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALBUS_DR_STATE", str(tmp_path))
    for name in ("ALBUS_DR_ENGINE", "ALBUS_DR_LANG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def store(state: Path) -> Iterator[JournalStore]:
    made = JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state)
    yield made
    made.close()


def listed(*words: str) -> Result:
    done = CliRunner().invoke(app, ["runs", "list", *words])
    assert done.exit_code == 0, done.output
    return done


def test_no_runs_says_where_it_looked_and_what_chooses_that(state: Path) -> None:
    done = listed()
    assert done.stdout == ""
    assert f"There are no runs in {state}." in done.stderr
    assert "ALBUS_DR_STATE names the state directory" in done.stderr
    assert "demo" not in done.stderr
    assert f"Aucune exécution dans {state}." in listed("--lang", "fr").stderr
    assert json.loads(listed("--json").stdout) == {"schema": "albus-dr/runs/1", "runs": [], "damaged": []}


def test_the_runs_of_a_demo_are_pointed_at(state: Path) -> None:
    for stamp in ("20260309T031200Z", "20260310T031200Z"):
        (state / "demo" / stamp).mkdir(parents=True)
        (state / "demo" / stamp / "engine.sqlite").touch()
    command = f"ALBUS_DR_STATE={state}/demo/20260310T031200Z albus-dr runs list"
    assert command in listed().stderr
    done = CliRunner().invoke(app, ["report", "last"])
    assert isinstance(done.exception, UsageError)
    assert command in done.exception.hint


def test_one_damaged_run_does_not_hide_the_others(store: JournalStore, state: Path) -> None:
    past = Past(store)
    past.passed("r1")
    past.passed("r2")
    good, bad = "failover-r1", "failover-r2"
    with sqlite3.connect(state / "engine.sqlite") as connection:
        connection.execute("UPDATE albus_event SET data = '{}' WHERE run = ? AND seq = 2", (bad,))
    connection.close()
    done = CliRunner().invoke(app, ["runs", "list"])
    assert done.exit_code == ExitCode.STEP_FAILED
    assert done.stdout.split()[0] == good
    assert bad not in done.stdout
    assert f"the journal of {bad} was changed at event 2" in done.stderr
    assert "what to do: " in done.stderr
    document = json.loads(CliRunner().invoke(app, ["runs", "list", "--json"]).stdout)
    assert [run["run"] for run in document["runs"]] == [good]
    assert len(document["damaged"]) == 1


def test_runs_of_another_runbook_are_none(store: JournalStore) -> None:
    Past(store).passed("r1")
    assert "There are no runs of clinic in" in listed("--runbook", "clinic").stderr
    assert listed().stdout.split()[-1] == "passed"
    assert listed("--lang", "fr").stdout.split()[-1] == "réussi"


def test_a_run_where_there_is_none_sends_nobody_in_a_circle(state: Path) -> None:
    done = CliRunner().invoke(app, ["report", "last"])
    assert isinstance(done.exception, UsageError)
    assert str(state) in done.exception.message
    assert "begin one with albus-dr drill RUNBOOK" in done.exception.hint
    assert "runs list" not in done.exception.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("2", "no run's id begins with 2", "albus-dr runs list shows the ids"),
        ("fail", "2 runs begin with fail", "give more of its id: failover-r1, failover-r2"),
        ("path/with/slash", "path/with/slash is a path; a run is named by its id", "albus-dr runs list shows the ids"),
        ("state/runs/failover-r2/report.html", "is a path", "did you mean failover-r2?"),
    ],
)
def test_a_name_that_fits_no_run_or_several(store: JournalStore, text: str, message: str, hint: str) -> None:
    past = Past(store)
    past.passed("r1")
    past.passed("r2")
    with pytest.raises(UsageError) as caught:
        find_run(store, text)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_md_is_markdown(store: JournalStore) -> None:
    Past(store).passed("r1")
    short, long = (CliRunner().invoke(app, ["report", "last", "--format", name]) for name in ("md", "markdown"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)


def test_a_report_is_private_and_utf_8_whatever_the_locale_is(store: JournalStore, tmp_path: Path) -> None:
    Past(store).passed("r1")
    environment = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = ("report", "last", "--lang", "fr", "--output", str(tmp_path / "report.md"))
    done = subprocess.run(
        (sys.executable, "-m", "albus_dr", *words), env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "é" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "report.md").stat().st_mode & 0o777 == 0o600


def test_on_a_narrow_terminal_how_a_run_ended_stands_below_its_id(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    Past(store).passed("20260310T031200Z-7f3a1b2c")
    whole = listed().stdout
    assert len(whole.splitlines()) == 1
    monkeypatch.setattr("albus_dr.cli.runs.columns", lambda _: 40)
    assert listed().stdout.split() == whole.split()
    assert max(map(len, listed().stdout.splitlines())) <= 40
