"""Two sites with addresses of their own: reached by ssh, cut off from one another, removed without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from albus_dr.bench.__main__ import main
from albus_dr.bench.network import STRASBOURG
from albus_dr.bench.place import NAMESPACES
from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench
from albus_dr.bench.traffic import CanNotCount, count
from albus_dr.errors import NotReadyError

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK, CONFIG = ROOT / "playbooks" / "albus.yaml", ROOT / "configs" / "demo-apart.yaml"


@pytest.fixture(scope="module")
def apart(programs: None) -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    try:
        with Bench.create(directory, "small", seed=5, apart=True) as bench:
            bench.start()
            bench.start_traffic()
            yield bench
        assert bench.processes() == []
        assert bench.network is not None
        assert not list(NAMESPACES.glob(f"albus-{bench.network.id}-*"))
    finally:
        shutil.rmtree(directory)


def status(bench: Bench, state: Path) -> str:
    done = subprocess.run(
        bench.operator.command(
            (sys.executable, "-m", "albus_dr", "status", str(PLAYBOOK), "--config", str(CONFIG), "--json")
        ),
        env={**os.environ, **bench.environment(), "ALBUS_DR_STATE": str(state)}, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_albus_dr_reaches_both_by_ssh(apart: Bench, tmp_path: Path) -> None:
    said = status(apart, tmp_path)
    assert '"role": "primary"' in said, said
    assert '"role": "standby"' in said
    assert "unreachable" not in said


def test_what_users_write_is_counted_through_their_own_door(apart: Bench) -> None:
    found = apart.users.inside(lambda: count(apart.directory / "traffic"))
    assert found["acknowledged_writes"] > 0
    assert found["lost_writes"] == 0


def counted_once_writes_go_through(apart: Bench) -> dict[str, Any]:
    """The standby notices that its line was dead after wal_receiver_timeout, a minute; until then commits wait."""
    deadline = time.monotonic() + 200
    while True:
        try:
            return count(apart.directory / "traffic")
        except CanNotCount:
            assert time.monotonic() < deadline, "no write goes through although the network was healed"


def test_a_site_that_is_cut_off_acknowledges_nothing(apart: Bench, tmp_path: Path) -> None:
    """Its users are on the other side, and its commits wait for a standby that does not hear them."""
    assert apart.network is not None
    apart.network.isolate(STRASBOURG)
    try:
        with pytest.raises(CanNotCount):
            apart.users.inside(lambda: count(apart.directory / "traffic"))
        assert "can't be reached by ssh" in status(apart, tmp_path)
    finally:
        apart.network.heal()
    found = apart.users.inside(lambda: counted_once_writes_go_through(apart))
    assert found["lost_writes"] == 0


def test_power_off_leaves_no_process_of_the_site_and_it_comes_back(apart: Bench) -> None:
    apart.cut_power(SECONDARY)
    assert apart.network is not None
    assert apart.network.processes(SECONDARY) == []
    apart.start_site(SECONDARY)
    with apart.sites[PRIMARY].server.connect() as connection:
        deadline = time.monotonic() + 60
        while not connection.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_what_a_killed_bench_left_is_removed(programs: None) -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    bench = Bench.create(directory, apart=True)
    assert bench.network is not None
    bench.network.make()  # and whoever made it dies here
    assert main(["remove", str(directory)]) == 0
    assert not directory.exists()
    assert not list(NAMESPACES.glob(f"albus-{bench.network.id}-*"))


def test_without_root_it_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotReadyError, match="only root can make"):
        Bench.create(tmp_path / "bench", apart=True)
    assert not (tmp_path / "bench").exists()
