"""The same engine on a real PostgreSQL, as several machines share it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.engine.lock import exclusive
from albus_dr.errors import ExitCode, NotReadyError, RefusedError
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server
from tests.engine.fake_runs import Setup, World, folded
from tests.engine.test_crash_at_every_event import assert_recovered, child


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


@pytest.mark.parametrize("number", [3, 6, 11, 16, 21, 24])
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
        with exclusive(setup.url, tmp_path, "other.primary", purpose="another runbook's"):
            pass
    with exclusive(setup.url, tmp_path, "albus.primary", purpose="after the first"):
        pass
