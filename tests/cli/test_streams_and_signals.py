"""Closed, full and left output, signals at odd moments: the exit code says how the run ended, and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.two_directories import COMMAND, PATIENCE_S, TwoDirectories
from tests.tools.listener import listening


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    made = TwoDirectories(tmp_path, COMMAND)
    made.environment["VERIFY"] = "false"  # every drill fails with 5
    return made


def drill(sites: TwoDirectories, *more: str) -> tuple[str, ...]:
    return sites.argv("drill", str(sites.base / "runbook.yaml"), *more)


@pytest.mark.parametrize(
    "where",
    ["| true", "2>&1 | true", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "--json | true", "--json >&-", "--json >/dev/full"],
)
def test_the_exit_code_does_not_depend_on_who_listens(sites: TwoDirectories, where: str) -> None:
    words = " ".join(f"'{word}'" for word in drill(sites))
    first, pipe, rest = where.partition("|")
    line = f"{{ {words} {first}; echo $? >'{sites.base}/code'; }} {pipe} {rest}"
    subprocess.run(("bash", "-c", line), env=sites.environment, timeout=PATIENCE_S, check=False, capture_output=True)

    assert (sites.base / "code").read_text().strip() == "5"


def test_ctrl_c_while_others_are_told_leaves_out_neither_verdict_nor_report(sites: TwoDirectories) -> None:
    """On the worst day the mail server is gone, too."""
    begun, telling = sites.base / "begun", sites.base / "telling"
    sites.environment["VERIFY"] = "true"
    with listening() as server:
        script = f"[ -e '{begun}' ] && echo now >'{telling}' && sleep 4; touch '{begun}'; echo {server.address}/x"
        with (sites.base / "config.yaml").open("a") as config:
            config.write(f"notify: {{pings: {{drill: {{command: [sh, -c, {json.dumps(script)}]}}}}}}\n")
        words = ("drill", str(sites.base / "runbook.yaml"))
        with sites.started(*words, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as run:
            wait_for(telling)
            run.send_signal(signal.SIGINT)
            err = run.communicate(timeout=PATIENCE_S)[1]
    (directory,) = (sites.base / "state" / "runs").iterdir()
    assert '"RunEnded"' in (directory / "journal.jsonl").read_text()
    document = json.loads((directory / "report.json").read_text())
    assert run.returncode == document["exit_code"] != 130, err
    assert document["run"] == directory.name


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_that_ctrl_c_was_heard_is_said_at_once(sites: TwoDirectories, unbuffered: str) -> None:
    """Also where PYTHONUNBUFFERED is set, as in images for containers. What can't be told to end holds up the first."""
    sites.environment |= {
        "PYTHONUNBUFFERED": unbuffered,
        "TAKE": f"trap '' TERM; touch '{sites.base}/began'; while :; do sleep 1; done",
    }
    words = ("drill", str(sites.base / "runbook.yaml"), "--json")
    with sites.started(*words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
        while not (sites.base / "began").exists():
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        while "press Ctrl-C again" not in run.stderr.readline():
            assert run.poll() is None
        assert run.poll() is None, "it was said when all was over"
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130


def test_a_document_that_could_not_be_written_is_no_success(sites: TwoDirectories) -> None:
    done = subprocess.run(
        ("bash", "-c", f"'{sites.argv()[0]}' -m albus_dr schema run >/dev/full"), env=sites.environment, timeout=PATIENCE_S,
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 1
    assert "stdout could not be written: No space left on device" in done.stderr


def test_a_terminal_that_can_not_show_a_sign_gets_another(sites: TwoDirectories) -> None:
    sites.environment |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "TERM": "dumb", "NO_COLOR": "1"}

    done = sites.call("drill", str(sites.base / "runbook.yaml"))

    assert done.returncode == 5, done.stderr


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_drill_that_is_told_to_stop_cleans_up(sites: TwoDirectories, number: signal.Signals) -> None:
    sites.environment["TAKE"] = f"echo $$ >{sites.base}/began; exec sleep 600"
    scratch = sites.base / "bordeaux" / "scratch"
    with sites.started(
        "drill", str(sites.base / "runbook.yaml"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as drill:
        wait_for(sites.base / "began")
        child = int((sites.base / "began").read_text())
        assert list(scratch.iterdir())
        drill.send_signal(number)
        if number is signal.SIGHUP:  # the terminal says it, and the shell repeats it
            drill.send_signal(number)
        drill.wait(PATIENCE_S)

    assert drill.returncode == 130
    assert not list(scratch.iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("words", ["nope", "plan", "plan --bad", "drill missing.yaml", "runs show x"])
@pytest.mark.parametrize("how", ["option", "variable"])
def test_with_json_every_error_is_one_document(sites: TwoDirectories, words: str, how: str) -> None:
    if how == "variable":
        sites.environment["ALBUS_DR_JSON"] = "1"

    done = sites.call(*words.split(), *(("--json",) if how == "option" else ()))

    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert (document["schema"], document["exit_code"]) == ("albus-dr/error/1", 2)
    assert document["error"]
