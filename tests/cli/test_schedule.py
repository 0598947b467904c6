"""schedule: shown, installed into a real crontab, taken away; and what the timer starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.cli import schedule
from albus_dr.errors import StepError
from albus_dr.report.french import NARROW, WIDE
from albus_dr.tools import systemd
from tests.cli.test_resume_from_elsewhere import SITES
from tests.tools.schedules import crontab_of, real_crontab

PATIENCE_S = 60.0


class Wiki:
    """A runbook whose replication waits for a file, and ends well or not by what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = ""
        (folder / "config.yaml").write_text(f"version: 1\nsites:{SITES}\n")
        (folder / "copy.sh").write_text("touch begun\nuntil [ -e go ]; do sleep 0.05; done\ngrep -q well go\n")
        (folder / "wiki.yaml").write_text(
            "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 30d}\n"
            "sites: {primary: lyon, secondary: nantes}\n"
            "workloads: {pages: {kind: command, replicate: {take: [sh, copy.sh], repeatable: true}, "
            "drill: {take: ['true'], repeatable: true}}}\n"
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
        path = f"{self.path}{os.pathsep}{os.environ['PATH']}" if self.path else os.environ["PATH"]
        return subprocess.Popen(
            (sys.executable, "-m", "albus_dr", *arguments), cwd=self.folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**kept, "ALBUS_DR_STATE": str(self.folder / "state"), "PATH": path},
        )  # fmt: skip

    def do(self, *arguments: str) -> tuple[int, str, str]:
        with self.begin(*arguments) as child:
            out, err = child.communicate(timeout=PATIENCE_S)
        return child.returncode, out, err


@pytest.fixture
def wiki(tmp_path: Path) -> Wiki:
    return Wiki(tmp_path)


def until_begun(wiki: Wiki, first: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (wiki.folder / "begun").exists():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_that_is_still_going_is_not_started_twice(wiki: Wiki) -> None:
    with wiki.begin("schedule", "run", "wiki.yaml", "replicate") as first:
        until_begun(wiki, first)
        assert wiki.do("schedule", "run", "wiki.yaml", "replicate") == (0, "", "")
        code, out, _ = wiki.do("schedule", "run", "wiki.yaml", "replicate", "--json")
        assert (code, json.loads(out)["started"]) == (0, False)
        assert "another run is in progress: replicate-" in json.loads(out)["reason"]
        assert wiki.do("replicate", "wiki.yaml", "-q")[0] == 8  # a person is told
        (wiki.folder / "go").write_text("well")
        assert (first.communicate(timeout=PATIENCE_S), first.returncode) == (("", ""), 0)
    runs = json.loads(wiki.do("runs", "list", "--json")[1])["runs"]
    assert [run["verdict"] for run in runs] == ["passed"]


def test_an_abort_of_a_run_that_goes_on_elsewhere_answers_with_the_run(wiki: Wiki) -> None:
    with wiki.begin("replicate", "wiki.yaml", "-q") as first:
        until_begun(wiki, first)
        code, out, err = wiki.do("abort", "last", "--json")
        first.communicate(timeout=PATIENCE_S)
    assert code == 0
    assert "it was told to stop" in err
    assert (json.loads(out)["schema"], json.loads(out)["exit_code"]) == ("albus-dr/run/1", None)
    assert first.returncode == 130


def test_a_watch_ends_when_the_process_of_the_run_is_gone_and_says_how_to_go_on(wiki: Wiki) -> None:
    with wiki.begin("replicate", "wiki.yaml", "-q") as first:
        until_begun(wiki, first)
        with wiki.begin("runs", "watch", "last") as watch:
            time.sleep(6)
            assert watch.poll() is None, "it goes on, silent as it is"
            first.kill()
            out, err = watch.communicate(timeout=PATIENCE_S)
    assert watch.returncode == 130
    assert "Nobody works on replicate-" in err
    assert "albus-dr resume replicate-" in out


def test_a_failure_is_told(wiki: Wiki) -> None:
    (wiki.folder / "go").write_text("badly")
    code, out, _ = wiki.do("schedule", "run", "wiki.yaml", "replicate")
    assert code == 4
    assert "failed" in out


def test_what_was_missed_is_made_up_for_once(wiki: Wiki) -> None:
    """A drill is due every week here; its replication has no rhythm, so none of it is ever missed."""
    wiki.do("schedule", "run", "wiki.yaml", "drill", "--missed")  # lacks a scratch directory: it begins, and fails
    drills = wiki.do("runs", "list", "--json")[1]
    assert len(json.loads(drills)["runs"]) == 1
    code, out, _ = wiki.do("schedule", "run", "wiki.yaml", "drill", "--missed", "--json")
    assert (code, json.loads(out)["started"], json.loads(out)["reason"]) == (0, False, "no drill was missed")
    assert wiki.do("schedule", "run", "wiki.yaml", "replicate", "--missed") == (0, "", "")
    assert wiki.do("runs", "list", "--json")[1] == drills


def test_a_drill_of_an_old_point_makes_up_for_none(wiki: Wiki) -> None:
    wiki.do("drill", "wiki.yaml", "--point", "2026-01-01T04:00:00Z")  # it begins, and fails
    assert len(json.loads(wiki.do("runs", "list", "--json")[1])["runs"]) == 1
    wiki.do("schedule", "run", "wiki.yaml", "drill", "--missed")
    assert len(json.loads(wiki.do("runs", "list", "--json")[1])["runs"]) == 2


def test_only_what_runs_by_itself_is_run(wiki: Wiki) -> None:
    assert wiki.do("schedule", "run", "wiki.yaml", "failover")[0] == 2


@pytest.fixture
def crontab(wiki: Wiki) -> Iterator[Path]:
    with real_crontab(wiki.folder) as program:
        wiki.path = str(program.parent)
        yield program


def test_install_says_what_it_did_once_and_remove_takes_it_away(wiki: Wiki, crontab: Path) -> None:
    def condition() -> str:
        code, out, _ = wiki.do("schedule", "show", "wiki.yaml", "--with", "cron", "--json")
        assert code == 0
        (job,) = json.loads(out)["jobs"]  # no workload says how often it is replicated
        assert (job["operation"], job["rhythm"]) == ("drill", "every week")
        return str(job["condition"])

    assert condition() == "absent"
    code, out, _ = wiki.do("schedule", "install", "wiki.yaml", "--with", "cron")
    assert code == 0
    assert "wrote into the crontab: " in out
    assert condition() == "installed"
    timed, back = (crontab_of(crontab) or b"").decode().splitlines()[1:-1]
    for line in (timed, back):
        assert f"schedule run {wiki.folder}/wiki.yaml drill --config {wiki.folder}/config.yaml" in line
        assert f"ALBUS_DR_STATE={wiki.folder}/state" in line
    assert (back.startswith("@reboot "), back.endswith(" --missed"), timed.endswith(" --missed")) == (True, True, False)
    assert (
        wiki.do("schedule", "install", "wiki.yaml", "--with", "cron")[1]
        == "wiki: everything is in place already (cron)\n"
    )
    assert "removed from the crontab: " in wiki.do("schedule", "remove", "wiki.yaml")[1]
    assert (condition(), crontab_of(crontab)) == ("absent", None)
    assert wiki.do("schedule", "remove", "wiki.yaml")[1] == "wiki: nothing is installed\n"


def test_what_was_done_is_told_where_the_other_scheduler_is_not_for_this_user(
    wiki: Wiki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """crontab(1) refuses whoever cron.allow leaves out; the timers were written, or removed, all the same."""
    denied = tmp_path / "denied"
    denied.mkdir()
    program = denied / "crontab"
    program.write_text("#!/bin/sh\necho 'You (ana) are not allowed to use this program (crontab)' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{denied}:{os.environ['PATH']}")
    monkeypatch.setenv("ALBUS_DR_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(schedule, "_is_here", lambda _: True)
    monkeypatch.setattr(systemd, "runs_here", lambda: True)

    class Timers:
        def install(self, *_: object) -> list[str]:
            return ["wrote /etc/a.timer"]

        def remove(self, _: str) -> list[str]:
            return ["removed /etc/a.timer"]

    managers = {"systemd": Timers(), "cron": schedule._manager("cron")}
    monkeypatch.setattr(schedule, "_manager", managers.__getitem__)
    runbook = wiki.folder / "wiki.yaml"
    schedule.install(runbook, with_="systemd")
    said = capsys.readouterr()
    assert said.out == "wrote /etc/a.timer\n"
    assert "note: whether cron starts the same could not be seen: the crontab can't be read" in said.err
    with pytest.raises(StepError, match="the crontab can't be read"):
        schedule.remove(runbook)
    assert capsys.readouterr().out == "removed /etc/a.timer\n"


def test_install_notes_variables_that_are_not_set(wiki: Wiki, crontab: Path) -> None:
    with (wiki.folder / "config.yaml").open("a") as config:
        config.write('notify: {metrics: "${NOWHERE_SET}"}\n')
    code, _, err = wiki.do("schedule", "install", "wiki.yaml", "--with", "cron")
    assert code == 0
    assert "note: 1 environment variable that config.yaml uses is not set here" in err
    assert "note: " in wiki.do("schedule", "install", "wiki.yaml", "--with", "cron")[2], "it is still so"
    assert wiki.do("schedule", "install", "wiki.yaml", "--with", "cron", "-q")[1:] == ("", "")


def test_it_is_said_in_french(wiki: Wiki, crontab: Path) -> None:
    def french(*arguments: str) -> str:
        code, out, err = wiki.do("schedule", *arguments, "wiki.yaml", "--lang", "fr")
        assert code == 0
        return (out + err).replace(WIDE, " ").replace(NARROW, " ")

    job = "exercice de reprise : chaque semaine (deux fois dans objectives.drill_every) – "
    assert french("show", "--with", "cron").startswith(f"wiki, avec cron\n\n{job}pas en place\n  où         crontab\n")
    assert french("remove") == "wiki : rien n'est en place\n"
    installed = french("install", "--with", "cron")
    timed, back = (crontab_of(crontab) or b"").decode().splitlines()[1:-1]
    assert installed.startswith(
        f"inscrit dans la crontab : {timed}\ninscrit dans la crontab : {back}\nCe que la configuration prend dans l'environnement "
    )
    assert installed.endswith("mais pas pendant sa veille ; `albus-dr compliance` le signale.\n")
    assert french("install", "--with", "cron") == "wiki : tout est déjà en place (cron)\n"
    assert f"{job}en place\n" in french("show", "--with", "cron")
    assert wiki.do("schedule", "remove", "wiki.yaml", "--lang", "de")[0] == 2
    assert french("remove") == f"retiré de la crontab : {timed}\nretiré de la crontab : {back}\n"


def test_systemd_is_shown_anywhere_and_installed_where_it_runs(wiki: Wiki) -> None:
    code, out, _ = wiki.do("schedule", "show", "wiki.yaml", "--with", "systemd")
    assert code == 0
    assert "Persistent=true" in out
    if not Path("/run/systemd/system").exists():
        assert wiki.do("schedule", "install", "wiki.yaml", "--with", "systemd")[0] == 3
    assert wiki.do("schedule", "show", "wiki.yaml", "--with", "at")[0] == 2


def test_looking_at_the_schedule_imports_no_engine() -> None:
    source = (
        "import sys, albus_dr.cli.schedule; print([n for n in ('dbos', 'boto3', 'sqlalchemy') if n in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", source), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
