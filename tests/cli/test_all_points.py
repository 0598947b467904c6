"""drill --all-points: one drill after the other, until somebody has had enough."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.two_directories import COMMAND, DOCUMENTS, PATIENCE_S, TwoDirectories
from tests.real.operator_desk import wait_for

SLOW = """\
  other:
    kind: command
    drill: {take: [sh, -c, "touch begun; sleep 60"]}
"""


@pytest.mark.usefixtures("programs")
def test_ctrl_c_ends_them_all_whatever_the_first_had_found_by_then(tmp_path: Path) -> None:
    sites = TwoDirectories(tmp_path, DOCUMENTS + COMMAND + SLOW)
    sites.make_repositories()
    for number in range(3):
        (sites.documents("strasbourg") / f"letter-{number}").write_text("Dear")
        assert sites.call("replicate", str(tmp_path / "runbook.yaml")).returncode == 0
    sites.environment["VERIFY"] = "false"
    words = ("drill", str(tmp_path / "runbook.yaml"), "--all-points", "2", "--json")
    with sites.started(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:

        def found_wrong() -> bool | None:
            shown = sites.call("runs", "show", "last", "--json")
            steps = json.loads(shown.stdout)["steps"] if shown.returncode == 0 else []
            failed = any((step["id"], step["status"]) == ("thing.verify", "failed") for step in steps)
            return (failed and (tmp_path / "begun").exists()) or None

        wait_for(found_wrong, process)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE_S)
    runs = json.loads(said)["runs"]
    assert [(run["exit_code"], run["reason"].partition(";")[0]) for run in runs] == [(5, "it was interrupted")]
    assert not list((tmp_path / "bordeaux" / "scratch").iterdir())
