"""The files for CI systems are valid, and the commands in them are real."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from albus_dr.cli.main import load
from albus_dr.journal.store import JournalStore
from tests.docs.documents import TOP
from tests.engine.test_roles import Past

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


@dataclass
class Job:
    """The scripts of one of the files, as its CI system would start them, with this Python's albus-dr in the place of an
    installed one."""

    name: str
    folder: Path
    albus_dr: Path

    @property
    def runbook(self) -> Path:
        return self.folder / ("recovery/playbook.yaml" if self.name == "gitlab" else "playbook.yaml")

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def steps(self) -> list[tuple[tuple[str, ...], str, bool]]:
        """The shell, the script, and whether it runs after a failure, too."""
        strict, careless = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"), ("bash", "-e", "-c")
        if self.name == "action":
            return [(strict, read(ACTION.read_text())["runs"]["steps"][1]["run"], False)]
        if self.name == "starter":
            steps = _steps(read(STARTER.read_text()))
            return [(careless, step["run"], step.get("if") == "always()") for step in steps if "run" in step]
        drill = next(each["drill"] for each in blocks() if "script" in each.get("drill", {}))
        parts = [("\n".join(drill.get(key, ())), key == "after_script") for key in ("script", "after_script")]
        return [(("sh", "-e", "-c"), script, always) for script, always in parts]

    def write(self, *take: str) -> None:
        """A wiki's runbook, whose drill does this and then finds that the data came back wrong."""
        self.runbook.parent.mkdir(exist_ok=True)
        (self.runbook.parent / "config.yaml").write_text(
            "version: 1\nsites:\n"
            "  lyon: {location: {latitude: 45.76, longitude: 4.84}, hosts: {app: {}}}\n"
            "  nantes: {location: {latitude: 47.22, longitude: -1.55}, hosts: {app: {}}, "
            f"scratch: {{host: app, path: {self.folder}/scratch}}}}\n"
        )
        self.runbook.write_text(
            "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 1y}\n"
            "sites: {primary: lyon, secondary: nantes}\nworkloads: {pages: {kind: command, "
            "replicate: {take: ['true'], verify: ['true'], repeatable: true}, "
            f"drill: {{take: {json.dumps(take or ['true'])}, verify: ['false'], repeatable: true}}}}}}\n"
        )

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """As soon as one of its scripts fails the job has failed, with that exit code."""
        given = {
            "RUNNER_TEMP": str(self.folder), "GITHUB_OUTPUT": str(self.folder / "output"), "REPORTS": "reports",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"), "ALBUS_DR_STATE": str(self.state), "CONFIG": "",
            "OPERATION": "drill", "PATH": f"{self.albus_dr.parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        if self.name == "action":
            given["ALBUS_DR_RUNBOOK"] = str(self.runbook)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
        whole = subprocess.CompletedProcess[str](self.name, 0, "", "")
        for shell, script, always in self.steps:
            if whole.returncode == 0 or always:
                done = subprocess.run(
                    (*shell, script), env=kept | given | environment, cwd=self.folder, capture_output=True, text=True,
                    timeout=120, check=False,
                )  # fmt: skip
                whole.returncode = whole.returncode or done.returncode
                whole.stdout += done.stdout
                whole.stderr += done.stderr
        return whole

    @property
    def published(self) -> dict[str, str]:
        """What the job keeps: file name and content."""
        found = (self.folder / "reports").glob("*")
        return {path.name: path.read_text() for path in found}

    @property
    def runs(self) -> list[str]:
        store = self.journal()
        try:
            return list(store.runs())
        finally:
            store.close()

    def journal(self) -> JournalStore:
        self.state.mkdir(exist_ok=True)
        return JournalStore(f"sqlite:///{self.state / 'engine.sqlite'}", self.state)

    def drilled_before(self) -> None:
        """A green drill of another day."""
        store = self.journal()
        Past(store).passed("r1", "drill", "lyon", "nantes", runbook="wiki")
        store.close()


@pytest.fixture(params=["action", "starter", "gitlab"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Job:
    return a_job(request.param, tmp_path)


def a_job(name: str, folder: Path) -> Job:
    programs = folder / "albus-dr" / "bin"
    programs.mkdir(parents=True)
    (programs / "albus-dr").symlink_to(Path(sys.executable).with_name("albus-dr"))
    job = Job(name, folder, programs / "albus-dr")
    job.write()
    return job


def test_a_runbook_that_is_not_valid_leaves_no_report(job: Job) -> None:
    job.drilled_before()
    job.runbook.write_text("version: 2\n")
    done = job.run()
    assert done.returncode == 2, done.stderr
    assert job.published == {}


def test_a_drill_that_is_refused_before_it_began_leaves_no_report(job: Job) -> None:
    """Its config names a variable that is not set, which is no matter to validate. Reports of an earlier job are no answer."""
    job.drilled_before()
    config = job.runbook.with_name("config.yaml")
    config.write_text(config.read_text().replace("hosts: {app: {}}", "hosts: {app: {ssh: '${NOT_SET_HERE}'}}"))
    (job.folder / "reports").mkdir()
    (job.folder / "reports" / "junit.xml").write_text("of an earlier job")
    done = job.run()
    assert done.returncode == 2, done.stderr
    assert "NOT_SET_HERE" in done.stderr
    assert job.published == {}
    assert len(job.runs) == 1


def test_the_report_is_the_drills_also_where_a_replicate_began_meanwhile(job: Job) -> None:
    job.write("env", f"ALBUS_DR_STATE={job.state}", str(job.albus_dr), "replicate", str(job.runbook), "-q")
    done = job.run()
    assert [run.partition("-")[0] for run in job.runs] == ["drill", "replicate"], done.stderr
    assert 'name="albus-dr drill wiki"' in job.published["junit.xml"]
    assert job.runs[0] in job.published["report.html"]
    assert "replicate" not in job.published["junit.xml"]
    assert done.returncode == 5, done.stderr  # the drill's own
    assert "pages.take" in done.stderr, "it tells no progress"
    assert '"verifications"' not in done.stdout + done.stderr


def test_an_old_run_that_is_damaged_does_not_keep_it_from_drilling(job: Job) -> None:
    job.drilled_before()
    with closing(sqlite3.connect(job.state / "engine.sqlite")) as connection, connection:
        connection.execute("UPDATE albus_event SET data = '{}' WHERE seq = 2")
    done = job.run()
    assert done.returncode == 5, done.stderr
    assert len(job.runs) == 2
    assert job.runs[-1] in job.published["report.html"]


def test_a_report_that_can_not_be_made_does_not_hide_how_the_drill_ended(job: Job) -> None:
    """A small program stands for albus-dr, whose drill ends as told."""
    job.albus_dr.unlink()
    job.albus_dr.write_text(
        '#!/bin/sh\ncase $1 in\ndrill) echo \'{"run": "drill-1"}\'; exit "$ENDS";;\nreport) exit 2;;\nesac\n'
    )
    job.albus_dr.chmod(0o755)
    assert job.run(ENDS="7").returncode == 7
    assert job.run(ENDS="0").returncode == 1


def test_a_drill_that_is_killed_leaves_no_report(job: Job) -> None:
    job.albus_dr.unlink()
    job.albus_dr.write_text('#!/bin/sh\nif [ "$1" = drill ]; then echo \'{"run":\'; kill -9 $$; fi\n')
    job.albus_dr.chmod(0o755)
    assert job.run().returncode == 128 + signal.SIGKILL
    assert job.published == {}


def test_the_action_stops_at_a_runbook_that_is_not_valid(tmp_path: Path) -> None:
    job = a_job("action", tmp_path)
    job.runbook.write_text("version: 2\n")
    assert job.run().returncode == 2
    assert (tmp_path / "output").read_text() == "exit-code=2\n"
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("operation", ["Drill", "drills", ""])
def test_the_action_does_nothing_for_an_operation_that_it_does_not_know(tmp_path: Path, operation: str) -> None:
    job = a_job("action", tmp_path)
    done = job.run(OPERATION=operation)
    assert (done.returncode, job.runs) == (2, []), done.stderr
    assert "::error::operation is validate or drill" in done.stderr
    assert (tmp_path / "output").read_text() == "exit-code=2\n"


def test_the_action_drills_and_leaves_reports_a_summary_and_annotations(tmp_path: Path) -> None:
    job = a_job("action", tmp_path)
    done = job.run(ALBUS_DR_LANG="fr")
    assert done.returncode == int((tmp_path / "output").read_text().removeprefix("exit-code=")) != 0, done.stderr
    assert job.published.keys() == {"report.html", "report.md", "junit.xml"}
    assert "::error title=pages.verify failed::" in done.stdout
    assert "Exercice de reprise" in (tmp_path / "summary.md").read_text()


def test_the_verb_of_a_command_is_one_that_a_typo_would_not_be() -> None:
    with pytest.raises(KeyError):
        load("dril")
    assert isinstance(load("drill"), typer.core.TyperCommand)
