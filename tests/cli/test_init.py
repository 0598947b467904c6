"""What init writes is what a newcomer starts from: it must be right as it stands."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from albus_dr.cli.common import load_runbook
from albus_dr.cli.init import STARTER
from albus_dr.cli.main import VERBS
from albus_dr.plan.build import build
from albus_dr.report.french import WIDE
from albus_dr.runbook.model import OPERATIONS
from albus_dr.tools.http import Answer
from albus_dr.workloads.http_checks import wrong
from albus_dr.workloads.registry import kinds


def albus_dr(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
    return subprocess.run(
        (sys.executable, "-m", "albus_dr", *arguments), cwd=folder, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    done = albus_dr("init", "clinic", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "clinic"


def test_it_writes_everything_and_all_of_it_is_private(starter: Path) -> None:
    assert sorted(path.name for path in starter.iterdir()) == sorted(STARTER)
    assert {stat.S_IMODE(path.stat().st_mode) for path in starter.iterdir()} == {0o600}


def test_it_validates_and_notes_what_the_environment_lacks(starter: Path) -> None:
    done = albus_dr("validate", "playbook.yaml", folder=starter)
    assert done.returncode == 0, done.stderr
    assert "is valid: 4 workloads, lyon -> nantes" in done.stdout
    assert "environment variables" in done.stderr
    assert "names no witness" in done.stderr


def test_french_is_said_and_the_files_stay_as_they_are(starter: Path) -> None:
    done = albus_dr("init", "clinique", "--lang", "fr", folder=starter.parent)
    assert done.returncode == 0, done.stderr
    written, after = done.stdout.splitlines()
    assert written == f"clinique{WIDE}: {', '.join(STARTER)}"
    assert after == (f"À faire{WIDE}: mettez-y vos sites et vos noms, puis  albus-dr validate clinique/playbook.yaml")
    for name in STARTER:
        text = (starter.parent / "clinique" / name).read_text()
        assert text.replace("clinique/playbook", "clinic/playbook") == (starter / name).read_text()


def test_a_language_that_is_not_there_writes_nothing(tmp_path: Path) -> None:
    assert albus_dr("init", "clinic", "--lang", "de", folder=tmp_path).returncode == 2
    assert not (tmp_path / "clinic").exists()


def test_every_operation_has_a_plan(starter: Path) -> None:
    runbook = load_runbook(starter / "playbook.yaml", None, acts=False).runbook
    for operation in OPERATIONS:
        assert build(runbook, operation, source="lyon", target="nantes", kinds=kinds()).steps


def test_its_commented_steps_work_once_the_marks_are_taken_away(starter: Path) -> None:
    playbook = starter / "playbook.yaml"
    before, mark, after = playbook.read_text().partition("# steps:\n")
    assert mark
    playbook.write_text(before + "steps:\n" + "".join(line.removeprefix("# ") for line in after.splitlines(True)))
    runbook = load_runbook(playbook, None, acts=False).runbook
    assert len(runbook.steps) == 2
    plan = build(runbook, "failover", source="lyon", target="nantes", kinds=kinds())
    assert sum(step.action.startswith("own.") for step in plan.steps) == 2


@pytest.mark.parametrize("workload", ["application", "door"])
def test_an_error_page_with_status_200_is_a_wrong_answer(starter: Path, workload: str) -> None:
    """Also with the questions that stand there as comments."""
    playbook = starter / "playbook.yaml"
    written = playbook.read_text()
    commented = [f"      # - http: /{' ' * 49}#", "      #   expect: {status: 200, contains:"]
    for line in commented:
        assert line in written
        written = written.replace(line, line.replace("# ", "", 1))
    for text in (playbook.read_text(), written):
        playbook.write_text(text)
        model: Any = load_runbook(playbook, None, acts=False).runbook.workloads[workload]
        page = Answer(200, b"<h1>Internal Server Error</h1>")
        assert [check for check in model.verify if not wrong(check.expect, page)] == []


def test_its_commented_witness_works_once_the_marks_are_taken_away(starter: Path) -> None:
    config = starter / "config.yaml"
    before, mark, after = config.read_text().partition("# witness:\n")
    assert mark
    block, gap, rest = after.partition("\n\n")
    config.write_text(
        before + "witness:\n" + "".join(line.removeprefix("# ") for line in block.splitlines(True)) + gap + rest
    )
    noted = albus_dr("validate", "playbook.yaml", folder=starter)
    assert noted.returncode == 0, noted.stderr
    assert "names no witness" not in noted.stderr
    witness = load_runbook(starter / "playbook.yaml", None, acts=False).config.witness
    assert witness
    assert witness.postgres
    assert witness.location


def test_it_overwrites_nothing(starter: Path) -> None:
    (starter / "config.yaml").write_text("mine")
    for name in STARTER[2:]:
        (starter / name).unlink()
    done = albus_dr("init", "clinic", folder=starter.parent)
    assert done.returncode == 2
    assert "already has playbook.yaml, config.yaml" in done.stderr
    assert (starter / "config.yaml").read_text() == "mine"
    assert not (starter / STARTER[2]).exists()


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = albus_dr("init", "file/below", folder=tmp_path)
    assert done.returncode == 2
    assert "can't be written" in done.stderr


def test_the_cron_file_and_the_ci_job_call_verbs_that_exist(starter: Path) -> None:
    cron = [line for line in (starter / "albus-dr.cron").read_text().splitlines() if line.startswith(("*", "3", "5"))]
    assert len(cron) == 3
    # cron's own PATH does not have /usr/local/bin
    assert "PATH=/usr/local/bin:/usr/bin:/bin\n" in (starter / "albus-dr.cron").read_text()
    assert {line.partition("albus-dr ")[2].split()[0] for line in (each.rpartition("exec ")[2] for each in cron)} <= (
        VERBS.keys()
    )
    job = yaml.safe_load((starter / "ci.yaml").read_text())["jobs"]["drill"]
    calls = [line.strip() for step in job["steps"] for line in step.get("run", "").splitlines() if "albus-dr" in line]
    assert [call.split()[1] for call in calls] == ["validate", "drill", "report"]


def called_in_ci(directory: Path) -> list[str]:
    """The paths that its CI job gives to validate and drill."""
    return re.findall(r"albus-dr (?:validate|drill) (\S+)", (directory / "ci.yaml").read_text())


@pytest.mark.parametrize(
    ("given", "named"),
    [("recovery", "ops/recovery/playbook.yaml"), (".", "ops/playbook.yaml"), ("../dr", "dr/playbook.yaml")],
)
def test_the_ci_job_names_the_playbook_from_the_top_of_the_repository(tmp_path: Path, given: str, named: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "ops").mkdir()
    for each in (given, str((tmp_path / "ops" / given).resolve())):
        assert albus_dr("init", each, folder=tmp_path / "ops").returncode == 0
        assert called_in_ci(tmp_path / "ops" / given) == [named, named]
        for name in STARTER:
            (tmp_path / "ops" / given / name).unlink()


def test_without_a_repository_the_ci_job_names_it_from_where_init_was_called(starter: Path, tmp_path: Path) -> None:
    assert called_in_ci(starter) == ["clinic/playbook.yaml"] * 2
    (tmp_path / "inside").mkdir()
    assert albus_dr("init", "../else where", folder=tmp_path / "inside").returncode == 0
    assert called_in_ci(tmp_path / "else where") == ["playbook.yaml"] * 2


def test_the_ci_job_lists_every_variable_of_the_config(starter: Path) -> None:
    config, job = (starter / "config.yaml").read_text(), (starter / "ci.yaml").read_text()
    wanted = set(re.findall(r"\$\{(?!NAME)(\w+)\}|\{env: (\w+)\}", config))
    listed = yaml.safe_load(re.sub(r"^( +)# ([A-Z_0-9]+: )", r"\1\2", job, flags=re.MULTILINE))["jobs"]["drill"]["env"]
    assert listed.keys() == {plain or secret for plain, secret in wanted} | {"ALBUS_DR_STATE"}
    assert all(f".{name} }}}}" in value for name, value in listed.items() if name != "ALBUS_DR_STATE")
    assert all(("secrets." in listed[secret]) for _, secret in wanted if secret)
