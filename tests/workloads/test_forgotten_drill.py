"""A drill that nobody came back to removes itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools import namespace
from albus_dr.tools.host import LocalHost
from albus_dr.workloads.site import _KEEPER
from tests.real.operator_desk import wait_for


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
