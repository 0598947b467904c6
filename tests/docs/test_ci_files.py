"""The files for CI systems are valid, and the commands in them are real."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from albus_dr.cli.main import load
from tests.docs.documents import TOP

ACTION = TOP / "action.yml"
STARTER = TOP / "albus_dr" / "cli" / "starter" / "ci.yaml"
PAGE = TOP / "docs" / "how-to" / "drill-in-ci.md"


def read(text: str) -> Any:
    """``on`` is a word here, as CI systems have it."""
    return yaml.safe_load(re.sub(r"^on:", '"on":', text, flags=re.MULTILINE))


def blocks() -> list[Any]:
    """The YAML of the how-to page: a workflow, and a GitLab pipeline."""
    return [read(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)]


def scripts(document: Any) -> list[str]:
    """Every shell script in a CI file, wherever it stands."""
    found = []
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("run", "script", "after_script", "before_script"):
                found.append("\n".join(value) if isinstance(value, list) else value)
            else:
                found += scripts(value)
    elif isinstance(document, list):
        for item in document:
            found += scripts(item)
    return found


def everything() -> list[Any]:
    documents = {"action": read(ACTION.read_text()), "starter": read(STARTER.read_text())}
    documents |= {f"page-{number}": document for number, document in enumerate(blocks())}
    return [pytest.param(document, id=name) for name, document in documents.items()]


@pytest.mark.parametrize("document", everything())
def test_every_command_and_option_in_it_exists(document: Any) -> None:
    found = [line.strip() for script in scripts(document) for line in script.splitlines()]
    commands = [match[0] for line in found for match in re.finditer(r"\balbus-dr (?=[a-z]+ ?)[^|;)]*", line)]
    for command in commands:
        words = shlex.split(command.partition("||")[0])[1:]
        known: Any = load(words.pop(0))
        if hasattr(known, "commands"):
            known = known.commands[words.pop(0)]
        options = {option for parameter in known.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, command
    assert commands or any("uses" in step and "albus-dr" in step["uses"] for step in _steps(document))


def _steps(document: Any) -> list[dict[str, Any]]:
    return [step for job in document.get("jobs", {}).values() for step in job["steps"]]


@pytest.mark.parametrize("document", everything())
def test_no_report_that_it_keeps_holds_an_answer_of_the_database(document: Any) -> None:
    kept = re.findall(r"--format (\S+)", "\n".join(scripts(document)))
    assert not [formats for formats in kept if "json" in formats.split(",")]


@pytest.mark.parametrize("document", everything())
def test_its_scripts_are_shell(document: Any) -> None:
    for script in scripts(document):
        done = subprocess.run(("bash", "-n"), input=script, text=True, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr


def test_what_a_workflow_gives_the_action_are_inputs_of_it() -> None:
    inputs = set(read(ACTION.read_text())["inputs"])
    given = [step["with"] for document in blocks() for step in _steps(document) if "albus-dr" in step.get("uses", "")]
    assert given
    assert all(set(each) <= inputs for each in given)
    assert all("runbook" in each for each in given)


def test_an_input_is_never_a_part_of_the_actions_script() -> None:
    for script in scripts(read(ACTION.read_text())):
        assert "${{" not in script


def run_action(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The action's own script, as a runner would start it, with this Python's albus-dr in the place of an installed one."""
    step = read(ACTION.read_text())["runs"]["steps"][1]
    programs = folder / "albus-dr" / "bin"
    programs.mkdir(parents=True)
    (programs / "albus-dr").symlink_to(Path(sys.executable).with_name("albus-dr"))
    given = {
        "RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "ALBUS_DR_STATE": str(folder / "state"), "CONFIG": "", "REPORTS": str(folder / "reports"), "OPERATION": "drill",
    }  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
    return subprocess.run(
        ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]), env=kept | given | environment, cwd=folder,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_action_stops_at_a_runbook_that_is_not_valid(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("version: 2\n")
    done = run_action(tmp_path, ALBUS_DR_RUNBOOK="wrong.yaml")
    assert done.returncode == 2
    assert (tmp_path / "output").read_text() == "exit-code=2\n"
    assert not (tmp_path / "reports").exists()


def test_the_action_drills_and_leaves_reports_a_summary_and_annotations(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "version: 1\nsites:\n"
        "  lyon: {location: {latitude: 45.76, longitude: 4.84}, hosts: {app: {}}}\n"
        "  nantes: {location: {latitude: 47.22, longitude: -1.55}, hosts: {app: {}}, "
        f"scratch: {{host: app, path: {tmp_path}/scratch}}}}\n"
    )
    (tmp_path / "wiki.yaml").write_text(
        "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 1y}\n"
        "sites: {primary: lyon, secondary: nantes}\n"
        "workloads: {pages: {kind: command, drill: {take: ['true'], verify: ['false'], repeatable: true}}}\n"
    )
    done = run_action(tmp_path, ALBUS_DR_RUNBOOK="wiki.yaml", ALBUS_DR_LANG="fr")
    assert done.returncode == int((tmp_path / "output").read_text().removeprefix("exit-code=")) != 0, done.stderr
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"report.html", "report.md", "junit.xml"}
    assert "::error title=pages.verify failed::" in done.stdout
    assert "Exercice de reprise" in (tmp_path / "summary.md").read_text()


def test_the_verb_of_a_command_is_one_that_a_typo_would_not_be() -> None:
    with pytest.raises(KeyError):
        load("dril")
    assert isinstance(load("drill"), typer.core.TyperCommand)
