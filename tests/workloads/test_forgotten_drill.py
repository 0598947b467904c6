"""A drill that nobody came back to removes itself, or the next one removes it; one that may run is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools import namespace
from albus_dr.tools.host import LocalHost
from albus_dr.workloads import site
from albus_dr.workloads.site import _KEEPER
from tests.real.operator_desk import wait_for
from tests.workloads.test_small_pieces import B, context


@pytest.mark.parametrize("apart", [True, False], ids=["in a network of its own", "without one"])
def test_its_processes_and_its_directory_go_when_the_time_is_over(tmp_path: Path, apart: bool) -> None:
    directory, other = tmp_path / "5c4a", tmp_path / "other"
    for path in (directory, other):
        path.mkdir()
        (path / "restored").write_text("patients")
    marks = {"ALBUS_DR_DRILL": str(directory)}
    asleep = (sys.executable, "-c", "import time; time.sleep(600)")
    keeper = ("sh", "-c", _KEEPER, "sh", str(directory), "1")
    with (
        subprocess.Popen(asleep, cwd=directory) as inside,
        subprocess.Popen(asleep, env=marks) as marked,
        subprocess.Popen(asleep, cwd=other) as stranger,
    ):
        try:
            if apart:
                try:
                    namespace.make(LocalHost(), str(directory), keeper, environment=marks)
                except NotReadyError as error:
                    pytest.skip(error.message)
            else:
                subprocess.Popen(keeper, cwd=directory, env={"PATH": "/usr/bin:/bin", **marks}).wait(60)
            wait_for(lambda: None if directory.exists() else True)
            assert inside.wait(30) == marked.wait(30) == -9
            assert stranger.poll() is None
            assert (other / "restored").exists()
        finally:
            for child in (inside, marked, stranger):
                child.kill()


@pytest.mark.parametrize(
    ("changed", "lives", "age_s", "stays"),
    [
        ({}, True, 0, False), ({"runbook": "another"}, True, 600, True), ({"place": "another machine"}, True, 600, True),
        ({"place": "another machine"}, False, 600, False), ({"place": "another machine"}, False, 0, True),
        (None, False, 600, False), (None, True, 600, True),
    ],
    ids=["this one's lock", "another runbook", "another machine", "its host was restarted", "just begun", "cut short",
         "cut short, and runs"],
)  # fmt: skip
def test_another_drill_is_removed_only_where_it_can_not_be_running(
    tmp_path: Path, changed: dict[str, str] | None, lives: bool, age_s: float, stays: bool
) -> None:
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", directory=tmp_path / "runs" / ctx.run.id))
    other = tmp_path / B / "scratch" / "5c4a"
    other.mkdir(parents=True)
    ledger = "{" if changed is None else json.dumps({"run": "drill-5c4a", **site._lock_of(ctx), **changed})
    (other / site.LEDGER).write_text(ledger)
    os.utime(other / site.LEDGER, (time.time() - age_s, time.time() - age_s))
    asleep = (sys.executable, "-c", "import time; time.sleep(600)")
    with subprocess.Popen(asleep, cwd=other if lives else tmp_path) as process:
        try:
            facts = site._isolate(ctx)
            assert (other.exists(), process.poll() is None) == (stays, stays or not lives)
            assert [each["path"] for each in facts["cleared"]] == ([] if stays else [str(other)])
            assert any(f"left alone: {other}" in note for note in facts["notes"]) is stays
        finally:
            process.kill()
            site._cleanup(ctx)
