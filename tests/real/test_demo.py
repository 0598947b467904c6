"""The demo as a newcomer runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from albus_dr.cli import demo
from albus_dr.errors import ExitCode, NotReadyError
from tests.real.operator_desk import ROOT, processes_with

pytestmark = pytest.mark.real
NOT_ITS_OWN = "postgresql://nobody@127.0.0.1:1/none"  # a team's journal, which a demo has no business in


def demo_json(place: str, state: Path, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The runs of a demo that ended with this code, fits its schema and has left nothing below the place."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_DR_")}
    done = subprocess.run(
        (sys.executable, "-m", "albus_dr", "demo", *words, "--json"),
        env={**inherited, "ALBUS_DR_STATE": str(state), "TMPDIR": place, "ALBUS_DR_ENGINE": NOT_ITS_OWN},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert sorted(Path(place).iterdir()) == []
    assert processes_with(place) == []
    schema = subprocess.run(
        (sys.executable, "-m", "albus_dr", "schema", "demo"), capture_output=True, text=True, check=True, timeout=60
    )
    jsonschema.validate(document, json.loads(schema.stdout))
    run_schema = json.loads((ROOT / "albus_dr" / "journal" / "run.schema.json").read_text())
    for run in document["runs"]:
        jsonschema.validate(run, run_schema)
        assert run["residue"] == []
    runs: list[dict[str, Any]] = document["runs"]
    return runs


@pytest.fixture
def place() -> Iterator[str]:
    """Where the demo's sites go. PostgreSQL's user passes through."""
    with tempfile.TemporaryDirectory(prefix="albus-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield made


def test_demo_json_is_what_its_schema_says_and_leaves_nothing(programs: None, place: str, tmp_path: Path) -> None:
    runs = demo_json(place, tmp_path, "--scenario", "drill")
    assert [(run["operation"], run["scenario"]) for run in runs] == [("replicate", "drill"), ("drill", "drill")]
    assert [run["verdict"] for run in runs] == ["passed", "passed"]


def test_a_building_burns_and_what_asynchronous_replication_loses_is_counted(
    programs: None, place: str, tmp_path: Path
) -> None:
    *_, failover = demo_json(place, tmp_path, "--replication", "asynchronous")
    assert (failover["operation"], failover["verdict"]) == ("failover", "passed")
    actuals = failover["actuals"]
    assert 0 < actuals["lost_writes"] < actuals["acknowledged_writes"]
    assert actuals["rta_s"] > 0
    assert actuals["rpa_s"] > 0
    assert actuals["client_downtime_s"] > 0


@pytest.mark.timeout(900)
def test_43_seconds_of_a_split_network_lose_nothing_on_either_side(programs: None, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    with tempfile.TemporaryDirectory(prefix="albus-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        done = subprocess.run(
            (sys.executable, "-m", "albus_dr", "demo", "--scenario", "43-seconds", "--dir", f"{place}/d"),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=880, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = " ".join(done.stderr.split()).split("the network heals")[1]
        door, local = re.findall(r"(\d+) of ([\d,]+)(?: acknowledged writes)? lost", told)
        assert (door[0], local[0]) == ("0", "0")
        assert min(int(each[1].replace(",", "")) for each in (door, local)) > 0, "both sides had users"
        assert "strasbourg is fenced by lease" in " ".join(done.stderr.split())
        assert processes_with(place) == []


@pytest.mark.timeout(600)
def test_the_old_primary_stays_down_under_its_guard(programs: None, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="albus-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        done = subprocess.run(
            (sys.executable, "-m", "albus_dr", "demo", "--scenario", "zombie-primary", "--dir", f"{place}/d"),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=580, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "not started: bordeaux is the primary in epoch 2" in done.stderr, "not because the witness knew nothing"
        assert "it stays down; 0 of" in done.stderr


@pytest.mark.timeout(600)
def test_a_second_strike_names_what_it_costs_and_goes_on_once_that_is_accepted(
    programs: None, place: str, tmp_path: Path
) -> None:
    runs = demo_json(place, tmp_path, "--scenario", "second-strike")
    assert [run["operation"] for run in runs] == ["replicate", "failover", "failover", "failover"]
    assert [run["exit_code"] for run in runs] == [0, 0, 8, 0]
    assert runs[-1]["actuals"]["lost_writes"] > 0, "what the burned site alone had"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", ["building-burns", "switchover"])
def test_what_is_promised_of_no_lost_write_is_kept(programs: None, place: str, tmp_path: Path, scenario: str) -> None:
    """As somebody who has just installed it sees it, replication being synchronous."""
    runs = demo_json(place, tmp_path, "--scenario", scenario)
    assert {run["verdict"] for run in runs} == {"passed"}
    change = runs[-1]
    assert change["operation"] == ("failover" if scenario == "building-burns" else "switchover")
    actuals = change["actuals"]
    assert actuals["lost_writes"] == 0
    assert actuals["acknowledged_writes"] > 0
    if scenario == "building-burns":
        assert actuals["rta_s"] > 0
        assert actuals["rpa_s"] > 0


@pytest.mark.timeout(600)
def test_the_way_there_and_back_loses_nothing(programs: None, place: str, tmp_path: Path) -> None:
    runs = demo_json(place, tmp_path, "--scenario", "failback")
    assert [run["operation"] for run in runs] == ["replicate", "failover", "reprotect", "failback"]
    assert {run["verdict"] for run in runs} == {"passed"}
    assert [run["actuals"]["lost_writes"] for run in runs if run["operation"] != "replicate"] == [0, None, 0]
    assert (runs[-1]["source"], runs[-1]["target"]) == ("bordeaux", "strasbourg")


def test_a_split_network_takes_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotReadyError, match="only root can make") as caught:
        demo.command(scenario="43-seconds", directory=tmp_path / "d")
    assert caught.value.exit_code == ExitCode.NOT_READY
    assert not (tmp_path / "d" / "sites").exists()
