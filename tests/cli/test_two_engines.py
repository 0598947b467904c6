"""Two drills of one runbook that know nothing of each other: cron has another engine than the shell of a person."""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import DEVNULL, PIPE

from tests.cli.two_directories import COMMAND, TwoDirectories
from tests.engine.test_on_postgres import home, serving
from tests.real.operator_desk import wait_for


def test_a_drill_leaves_alone_what_one_of_another_engine_restores_in_the_same_state_directory(tmp_path: Path) -> None:
    sites = TwoDirectories(tmp_path, COMMAND)
    here = tmp_path / "gate"
    os.mkfifo(here)
    sites.environment["TAKE"] = f"echo taken > '{tmp_path}/began'; cat '{here}'"
    with (
        home() as place, serving(place) as server,
        sites.started("drill", str(tmp_path / "runbook.yaml"), "--json", "--yes", stdout=PIPE, stderr=DEVNULL) as first,
    ):  # fmt: skip
        wait_for(lambda: (tmp_path / "began").exists() or None)
        (theirs,) = (path for path in (tmp_path / "bordeaux" / "scratch").iterdir() if path.is_dir())
        ledger = next(theirs.glob("*.json"))
        os.utime(ledger, (0, 0))  # not one that has just begun

        sites.environment |= {"TAKE": "true", "ALBUS_DR_ENGINE": server.uri("postgres")}
        second = sites.operate("drill")
        assert (second["verdict"], theirs.exists()) == ("incomplete", True), second["notes"]
        assert [note for note in second["notes"] if f"left alone: {theirs}" in note]

        del sites.environment["ALBUS_DR_ENGINE"]
        refused = sites.call("drill", str(tmp_path / "runbook.yaml"))
        assert refused.returncode == 8, "of the same engine it is another run in progress"
        here.write_text("go on")
        said, _ = first.communicate(timeout=90)
        assert json.loads(said)["residue"] == []
        assert not theirs.exists()
