"""The disaster itself, and what it leaves: the primary is gone, and the other site can take over with everything."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from albus_dr.bench.__main__ import main
from albus_dr.bench.processes import look
from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench
from albus_dr.bench.traffic import count
from albus_dr.errors import NotReadyError
from tests.bench.bench_client import request

pytestmark = pytest.mark.real


def test_the_primary_burns_and_nothing_acknowledged_is_lost(bench: Bench) -> None:
    burning = {pid for name, pid in bench.processes() if name.endswith(PRIMARY)}
    bench.destroy_site(PRIMARY)
    assert not (bench.directory / PRIMARY).exists()
    assert {pid for pid in burning if look(pid)} == set()
    assert request("GET", f"{bench.url}/health")[0] in (502, 503)

    survivor = bench.sites[SECONDARY]
    with survivor.server.connect() as database:
        assert database.execute("SELECT pg_promote()").fetchone() == (True,)
    file = survivor.directory / "application.json"
    subprocess.run((sys.executable, "-m", "albus_dr.bench.application", "start", str(file)), check=True, timeout=30)
    tell_the_door(bench, f"set server albus/{SECONDARY} state ready")
    counted = count(bench.directory / "traffic")
    assert counted["lost_writes"] == 0
    assert counted["failed_reads"] > 0
    assert counted["client_downtime_s"] > 0


def tell_the_door(bench: Bench, command: str) -> None:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(5)
        admin.connect(str(bench.directory / "door" / "admin.sock"))
        admin.sendall(command.encode() + b"\n")
        assert admin.recv(100).strip() == b""


def test_stop_leaves_nothing(bench: Bench) -> None:
    assert main(["stop", str(bench.directory)]) == 0
    assert bench.processes() == []
    survivor = bench.sites[SECONDARY]
    for port in (
        bench.environment()["DOOR_PORT"],
        survivor.server.port,
        survivor.application.port,
        survivor.store.port,
    ):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_a_part_that_does_not_start_is_named_and_nothing_runs_on(programs: None) -> None:
    with tempfile.TemporaryDirectory(prefix="albus-") as directory:
        bench = Bench.create(directory)
        (bench.directory / "door" / "haproxy.cfg").write_text("nonsense\n")
        with pytest.raises(NotReadyError, match="the door could not be started"):
            bench.start()
        assert bench.processes() == []
        assert main(["remove", directory]) == 0
        assert not Path(directory).exists()
        Path(directory).mkdir()
