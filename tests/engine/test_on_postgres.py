"""The same engine on a real PostgreSQL, as several machines share it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

import albus_dr.engine.lock as lock_module
from albus_dr.engine.lock import exclusive, goes_on
from albus_dr.errors import ExitCode, NotReadyError, RefusedError
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server
from tests.engine.fake_runs import Setup, World, folded
from tests.engine.test_crash_at_every_event import LAST, assert_recovered, child


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own, reached by its socket alone."""
    try:
        programs = postgres_program("initdb").parent
    except NotReadyError as error:
        pytest.skip(error.message)
    place = Path(tempfile.mkdtemp(prefix="albus-"))
    place.chmod(0o711)
    home = place / "pg"
    home.mkdir(mode=0o700)
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        shutil.chown(home, owner)
    options = ("-c listen_addresses=''", f"-c unix_socket_directories='{home}'", "-c fsync=off")
    server = Server(
        host=LocalHost(), data=f"{home}/data", port=5432, socket=str(home), user="postgres", run_as=owner, bin=str(programs),
        starts_with=options,
    )  # fmt: skip
    try:
        server.create(timeout_s=120)
        server.start(timeout_s=60)
        yield server
    finally:
        server.stop_at_once()
        shutil.rmtree(place)


@pytest.fixture
def setup(server: Server, tmp_path: Path) -> Setup:
    database = f"engine_{abs(hash(tmp_path))}"
    server.query(f"CREATE DATABASE {database} TEMPLATE template0")
    return Setup(str(tmp_path), server.uri(database))


def test_a_failover_passes(setup: Setup) -> None:
    assert child(setup) == 0
    assert_recovered(setup, resumed=0)


@pytest.mark.parametrize("number", range(0, LAST, 2))
def test_killed_at_an_event_and_resumed_it_ends_as_if_nothing_had_happened(setup: Setup, number: int) -> None:
    assert child(replace(setup, die_after_event=number)) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    assert_recovered(setup, resumed=1)


def test_killed_between_the_promotion_and_its_outcome_it_promotes_once(setup: Setup) -> None:
    assert child(replace(setup, die_after_act="promote")) == -signal.SIGKILL
    assert child(replace(setup, resume=True)) == 0
    assert World(setup.directory).acts().count("promote") == 1
    assert folded(setup).steps["promote"].adopted


def test_one_run_at_a_time_holds_the_lock(setup: Setup, tmp_path: Path) -> None:
    first = "failover-20260101T000000Z-0000beef by somebody@a-machine since 2026-01-01 00:00:00 UTC"
    second = "drill-20260101T000000Z-00000000"
    with (
        exclusive(setup.url, tmp_path, "albus.primary", purpose=first),
        exclusive(setup.url, tmp_path, "albus.drill", purpose=second),
    ):
        for name, holder in (("albus.primary", first[:50]), ("albus.drill", second)):
            with (
                pytest.raises(
                    RefusedError, match=f"another run is in progress: {holder}.* \\(server process \\d+\\)"
                ) as refused,
                exclusive(setup.url, tmp_path, name, purpose="one more"),
            ):
                pass
            assert refused.value.exit_code is ExitCode.REFUSED
        assert goes_on(setup.url, tmp_path, first.partition(" ")[0])
        assert not goes_on(setup.url, tmp_path, "failover-20260101T000000Z-0000feed")
        with exclusive(setup.url, tmp_path, "other.primary", purpose="another runbook's"):
            pass
    assert not goes_on(setup.url, tmp_path, first.partition(" ")[0])
    with exclusive(setup.url, tmp_path, "albus.primary", purpose="after the first"):
        pass


def test_who_loses_the_lock_is_told_and_another_gets_it(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "LOOK_S", 0.05)
    told: list[str] = []
    heard = threading.Event()

    def lost(reason: str) -> None:
        told.append(reason)
        heard.set()

    with exclusive(setup.url, tmp_path, "albus.primary", purpose="failover f1", lost=lost):
        assert not heard.wait(0.3)
        with psycopg.connect(setup.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'failover f1'"
            )
        assert heard.wait(10)
        with exclusive(setup.url, tmp_path, "albus.primary", purpose="failover f2"):
            pass
    assert len(told) == 1
    assert "holds its lock no more" in told[0]
    assert "terminating connection due to administrator command" in told[0]


SITES = "".join(
    f"\n  {name}:\n    location: {{latitude: 45.0, longitude: 4.0, country: FR}}\n    hosts: {{here: {{}}}}"
    for name in ("lyon", "nantes")
)


def test_a_run_that_has_lost_its_lock_stops(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"version: 1\nsites:{SITES}\n")
    (tmp_path / "wiki.yaml").write_text(
        "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 1y}\n"
        "sites: {primary: lyon, secondary: nantes}\n"
        "workloads: {pages: {kind: command, replicate: {take: [sh, -c, 'touch began; exec sleep 60'], repeatable: true}}}\n"
    )
    words = (sys.executable, "-m", "albus_dr", "replicate", str(tmp_path / "wiki.yaml"), "--engine", setup.url)
    environment = {**os.environ, "ALBUS_DR_STATE": str(tmp_path / "state")}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as run:
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "began").exists():
                assert run.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with psycopg.connect(setup.url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'replicate-%'"
                )
            _, said = run.communicate(timeout=30)
        finally:
            run.kill()
    assert run.returncode == 130, said
    assert "stopping: the engine's database holds its lock no more" in said
