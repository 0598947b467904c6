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
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

import albus_dr.engine.lock as lock_module
from albus_dr.engine.lock import exclusive, goes_on, lies_on_this_machine, place_of
from albus_dr.errors import ExitCode, NotReadyError, RefusedError
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server
from tests.engine.fake_runs import Setup, World, folded
from tests.engine.test_crash_at_every_event import LAST, assert_recovered, child


@contextmanager
def home() -> Iterator[Path]:
    """For a server's data and its socket."""
    place = Path(tempfile.mkdtemp(prefix="albus-"))
    try:
        place.chmod(0o711)
        found = place / "pg"
        found.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(found, "postgres")
        yield found
    finally:
        shutil.rmtree(place)


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """A server of its own, reached by its socket alone."""
    try:
        programs = postgres_program("initdb").parent
    except NotReadyError as error:
        pytest.skip(error.message)
    owner = "postgres" if os.geteuid() == 0 else None
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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with home() as place, serving(place) as server:
        yield server


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


# --- the place of the lock ----------------------------------------------------------------------------------------------


def test_two_servers_of_one_address_are_two_places(tmp_path: Path) -> None:
    """As `localhost` on two laptops: whoever has the lock of one knows nothing of the other's holder."""
    found = []
    with home() as folder:
        for _ in range(2):
            with serving(folder) as server:
                address = server.uri("postgres")
                found.append((address, place_of(address, tmp_path)))
            shutil.rmtree(folder / "data")
    (first, here), (second, there) = found
    assert first == second
    assert here != there


def test_one_lock_is_one_place_and_no_password_is_in_it(server: Server, tmp_path: Path) -> None:
    address = server.uri("postgres")
    assert place_of(address, tmp_path) == place_of(address, tmp_path / "other")
    for password in ("password=s3cret", "sslpassword=s3cret"):
        assert "s3cret" not in place_of(f"{address}{'&' if '?' in address else '?'}{password}", tmp_path)


def test_a_socket_of_another_machine_is_another_place(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of this machine, its servers included."""
    here = place_of(server.uri("postgres"), tmp_path)
    monkeypatch.setattr("platform.node", lambda: "another")
    assert place_of(server.uri("postgres"), tmp_path) != here


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("postgresql://albus@localhost/albus_dr", True),
        ("postgresql://albus:s3cret@LOCALHOST.:5432/albus_dr", True),
        ("postgresql://127.0.0.2/albus_dr", True),
        ("postgresql://[::1]:5432/albus_dr", True),
        ("postgresql:///albus_dr", True),
        ("postgresql:///albus_dr?host=/run/postgresql", True),
        ("postgresql://%2Frun%2Fpostgresql/albus_dr", True),
        ("postgresql://db.example.org,localhost/albus_dr", True),
        ("postgresql://db.example.org/albus_dr?hostaddr=127.0.0.1", True),
        ("postgres://albus@db.example.org/albus_dr", False),
        ("postgresql://10.0.0.7,10.0.0.8/albus_dr", False),
    ],
)
def test_what_leads_to_this_machine(address: str, local: bool) -> None:
    assert lies_on_this_machine(address) is local
