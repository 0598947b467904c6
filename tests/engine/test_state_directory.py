"""Where the state lies: odd names, no room, no right to write."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.two_directories import COMMAND, TwoDirectories


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    made = TwoDirectories(tmp_path, COMMAND)
    made.environment["VERIFY"] = "false"  # every drill fails with 5
    return made


@pytest.mark.parametrize("name", ["two words", "été", "100%41", "what?a=b", "#1", "it's"])
def test_a_state_directory_may_have_any_name(sites: TwoDirectories, name: str) -> None:
    state = sites.base / "states" / name
    sites.environment["ALBUS_DR_STATE"] = str(state)

    assert sites.operate("drill")["exit_code"] == 5
    assert {path.name for path in state.iterdir()} >= {"engine.sqlite", "runs", "locks"}
    assert [path.name for path in state.parent.iterdir()] == [name]


@pytest.mark.parametrize(
    "engine", ["mysql://somewhere/x", "sqlite://", "somewhere", "sqlite:////nowhere/at/all.sqlite"]
)
def test_an_engine_that_is_none_is_wrong_usage(sites: TwoDirectories, engine: str) -> None:
    for words in (("runs", "list"), ("drill", str(sites.base / "runbook.yaml"))):
        done = sites.call(*words, "--engine", engine)

        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk), check=True, timeout=10)
    yield disk
    subprocess.run(("umount", disk), check=True, timeout=10)


@pytest.mark.parametrize("size", ["64k", "300k", "400k"])
def test_a_full_disk_ends_with_4_and_says_what_to_do(sites: TwoDirectories, small_disk: Path, size: str) -> None:
    subprocess.run(("mount", "-o", f"remount,size={size}", small_disk), check=True, timeout=10)
    sites.environment["ALBUS_DR_STATE"] = str(small_disk)

    done = sites.call("drill", str(sites.base / "runbook.yaml"))

    assert done.returncode in (2, 4), done.stderr
    assert "Traceback" not in done.stderr
    assert "what to do:" in done.stderr


def test_a_read_only_state_is_said_before_anything_is_done(sites: TwoDirectories, small_disk: Path) -> None:
    sites.environment["ALBUS_DR_STATE"] = str(small_disk)
    sites.call("runs", "list")
    subprocess.run(("mount", "-o", "remount,ro", small_disk), check=True, timeout=10)

    done = sites.call("drill", str(sites.base / "runbook.yaml"))

    assert done.returncode in (2, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert "what to do:" in done.stderr

    (engine,) = small_disk.glob("engine.sqlite")
    elsewhere = sites.call("runs", "list", "--engine", f"sqlite:///{engine.with_name('another.sqlite')}")
    assert elsewhere.returncode == 2, elsewhere.stderr
    assert "mounted read-only" in elsewhere.stderr


FILLING = """\
  thing:
    kind: command
    failover:
      take: [sh, -c, 'echo taken >>"$BASE/taken"; cat /dev/zero >"$BASE/disk/ballast"; true']
      verify: [sh, -c, 'echo ok >>"$BASE/verified"']
"""


def test_a_disk_that_fills_under_a_failover_stops_it_and_nothing_is_done_twice(
    tmp_path: Path, small_disk: Path
) -> None:
    """The act was done, and its outcome could not be written: whoever resumes is asked what he sees."""
    sites = TwoDirectories(tmp_path, FILLING)
    sites.environment |= {"ALBUS_DR_STATE": str(small_disk), "BASE": str(tmp_path)}
    ordered = sites.call("failover", str(tmp_path / "runbook.yaml"), "--yes", "--fenced-by", "ana, by telephone")

    assert ordered.returncode == 4, ordered.stderr
    assert "Traceback" not in ordered.stderr
    assert "what to do:" in ordered.stderr
    assert "albus-dr resume failover-" in ordered.stderr
    assert (tmp_path / "taken").read_text() == "taken\n"
    assert not (tmp_path / "verified").exists(), "it went on without a journal"

    (small_disk / "ballast").unlink()
    asked = sites.call("resume", "last")
    assert asked.returncode == 10, asked.stderr
    assert "--decide thing.take=done" in asked.stderr + asked.stdout
    ended = sites.call("resume", "last", "--decide", "thing.take=done", "--json")

    assert (tmp_path / "taken").read_text() == "taken\n"
    assert (tmp_path / "verified").read_text() == "ok\n"
    assert {step["status"] for step in json.loads(ended.stdout)["steps"]} == {"succeeded"}
