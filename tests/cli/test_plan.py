"""plan: the direction that the operation itself would take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from albus_dr.cli.main import app
from albus_dr.journal.store import JournalStore
from albus_dr.report.french import WIDE
from tests.engine.test_roles import Past

PLAYBOOK = str(Path(__file__).resolve().parents[2] / "playbooks" / "albus.yaml")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALBUS_DR_STATE", str(tmp_path))
    monkeypatch.delenv("ALBUS_DR_ENGINE", raising=False)
    return tmp_path


def plan(*words: str) -> str:
    done = CliRunner().invoke(app, ["plan", PLAYBOOK, *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def first_line(*words: str) -> str:
    return plan(*words).splitlines()[0]


def test_without_a_journal_the_runbook_says_who_serves_and_none_is_made(state: Path) -> None:
    assert first_line("switchover") == "switchover of albus: strasbourg -> bordeaux"
    assert not (state / "engine.sqlite").exists()


def test_after_a_failover_the_plan_leads_back(state: Path) -> None:
    store = JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state)
    Past(store).passed("r1")
    store.close()
    assert first_line("failback") == "failback of albus: bordeaux -> strasbourg"
    assert first_line("failback", "--from", "strasbourg") == "failback of albus: strasbourg -> bordeaux"


def test_the_plan_is_told_in_french(state: Path) -> None:
    said = plan("drill", "--lang", "fr")
    assert said.splitlines()[0].endswith(f" – albus{WIDE}: strasbourg -> bordeaux")
    assert "Restaurer patients dans la cible isolée" in said
    assert "chemin critique" in said
    assert not re.search(r"\b(after|of|the)\b", said)
