"""What the probe of a fence takes for a living server."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from albus_dr.tools.host import LocalHost
from albus_dr.workloads.primary import _alive

NO_PORT = 1  # nothing listens there


def left_behind(data: Path, pid: int) -> Path:
    """A data directory whose postmaster.pid names the process."""
    data.mkdir()
    (data / "postmaster.pid").write_text(f"{pid}\n{data}\n")
    return data


def test_a_process_that_works_in_the_directory_is_alive(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "link").symlink_to(data)
    with subprocess.Popen(("sleep", "60"), cwd=data) as server:
        (data / "postmaster.pid").write_text(f"{server.pid}\n")
        found = [_alive(LocalHost(), str(path), NO_PORT) for path in (data, tmp_path / "link")]
        server.kill()
    assert found == [f"process {server.pid}"] * 2


def test_a_number_that_somebody_else_has_by_now_is_not_alive(tmp_path: Path) -> None:
    """A server that was killed leaves its file; after a restart of the machine its number is soon taken."""
    assert _alive(LocalHost(), str(left_behind(tmp_path / "data", os.getpid())), NO_PORT) == ""


def test_nothing_and_a_process_that_has_ended_are_not_alive(tmp_path: Path) -> None:
    with subprocess.Popen(("true",)) as ended:
        ended.wait()
    assert _alive(LocalHost(), str(left_behind(tmp_path / "data", ended.pid)), NO_PORT) == ""
    assert _alive(LocalHost(), str(tmp_path / "nowhere"), NO_PORT) == ""


def test_one_that_was_killed_and_that_nobody_has_buried_is_not_alive(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with subprocess.Popen(("sleep", "60"), cwd=data) as server:
        (data / "postmaster.pid").write_text(f"{server.pid}\n")
        server.kill()
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
        assert _alive(LocalHost(), str(data), NO_PORT) == ""


@pytest.mark.parametrize("look", [1, 2])
def test_one_that_is_buried_between_two_looks_is_not_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    """Whoever buries the dead may do it late: once the probe has seen the zombie."""
    data, looks, buried = tmp_path / "data", tmp_path / "looks", tmp_path / "buried"
    data.mkdir()
    for program in ("grep", "readlink", "sed"):  # before one of them looks
        wrapper = tmp_path / program
        wrapper.write_text(
            f"#!/bin/sh\necho look >> {looks}\n"
            f"[ $(wc -l < {looks}) -ne {look} ] || while [ ! -e {buried} ]; do sleep 0.01; done\n"
            f'PATH={os.environ["PATH"]} exec {program} "$@"\n'
        )
        wrapper.chmod(0o755)
    with subprocess.Popen(("sleep", "60"), cwd=data) as server:
        (data / "postmaster.pid").write_text(f"{server.pid}\n")
        server.kill()
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        found: list[str] = []
        probe = threading.Thread(target=lambda: found.append(_alive(LocalHost(), str(data), NO_PORT)))
        probe.start()
        while probe.is_alive() and (not looks.exists() or len(looks.read_text().splitlines()) < look):
            probe.join(0.01)
        server.wait()
        buried.touch()
        probe.join()
    assert len(looks.read_text().splitlines()) >= look
    assert found == [""]
