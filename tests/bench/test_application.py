"""The application's init script, and what it does without a database."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.bench.files import write_private
from albus_dr.bench.processes import look, wait_until_gone
from tests.bench.bench_client import request


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Path]:
    """FILE of an application whose database does not exist. Stopped afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "application.json"
    settings = {"port": port, "database_url": f"postgresql:///albus?host={tmp_path}&port=1", "documents": str(tmp_path),
                "pidfile": str(tmp_path / "application.pid"), "log": str(tmp_path / "application.log")}  # fmt: skip
    file.write_text(json.dumps(settings))
    yield file
    assert run("stop", file) == 0


def run(verb: str, file: Path) -> int:
    command = (sys.executable, "-m", "albus_dr.bench.application", verb, str(file))
    return subprocess.run(command, timeout=30, check=False, stderr=subprocess.PIPE).returncode


def url(file: Path) -> str:
    return f"http://127.0.0.1:{json.loads(file.read_text())['port']}"


def recorded_pid(file: Path) -> int:
    return int(json.loads((file.parent / "application.pid").read_text())["pid"])


def test_start_status_stop(service: Path) -> None:
    assert run("status", service) == 3
    assert run("start", service) == 0
    assert run("status", service) == 0
    pid = recorded_pid(service)
    assert run("start", service) == 0
    assert recorded_pid(service) == pid
    assert run("stop", service) == 0
    assert look(pid) is None
    assert run("status", service) == 3
    assert run("stop", service) == 0


def test_without_a_database_it_starts_and_says_so(service: Path) -> None:
    assert run("start", service) == 0
    assert request("GET", f"{url(service)}/health")[0] == 503
    assert request("GET", f"{url(service)}/agenda/today")[0] == 503
    assert request("GET", f"{url(service)}/nothing")[0] == 404
    assert request("POST", f"{url(service)}/visits", b"{}")[0] == 400


def test_killed_is_not_running_and_can_be_started_again(service: Path) -> None:
    assert run("start", service) == 0
    running = look(recorded_pid(service))
    assert running
    os.kill(running.pid, signal.SIGKILL)
    assert wait_until_gone([running], 5) == []
    assert run("status", service) == 3
    assert run("start", service) == 0
    assert run("status", service) == 0


def test_a_stranger_with_the_recorded_process_id_is_left_alone(service: Path) -> None:
    with subprocess.Popen(("sleep", "60")) as stranger:
        try:
            write_private(service.parent / "application.pid", json.dumps({"pid": stranger.pid, "started": 1}))
            assert run("status", service) == 3
            assert run("stop", service) == 0
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_taken_port_fails_and_says_why(service: Path) -> None:
    settings = json.loads(service.read_text())
    with socket.create_server(("127.0.0.1", settings["port"])):
        command = (sys.executable, "-m", "albus_dr.bench.application", "start", str(service))
        done = subprocess.run(command, timeout=60, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert run("status", service) == 3


def test_log_and_pidfile_are_private(service: Path) -> None:
    assert run("start", service) == 0
    for name in ("application.log", "application.pid"):
        assert (service.parent / name).stat().st_mode & 0o077 == 0
