"""What a drill's PostgreSQL keeps outside its directory goes with it: shared memory, which no look at files finds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server
from albus_dr.workloads import drill_processes, forgotten, site
from albus_dr.workloads.step import StepContext
from tests.real.operator_desk import wait_for
from tests.tools.test_server import a_server
from tests.workloads.test_postgres_contents import postgres_context
from tests.workloads.test_rehearsal import started_server
from tests.workloads.test_small_pieces import B


@dataclass
class Restored:
    """A drill's server that runs. ``postmaster`` is its id."""

    ctx: StepContext
    server: Server
    postmaster: int

    @property
    def directory(self) -> Path:
        return Path(site.drill_directory(self.ctx))

    def shared_memory(self) -> list[str]:
        return segments_of(self.postmaster) + posix_of(self.postmaster)

    def lives(self) -> bool:
        return Path(f"/proc/{self.postmaster}/exe").exists()


def segments_of(postmaster: int) -> list[str]:
    """The ids of the System V segments that it has made; it need not live."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[4] == str(postmaster)]


def posix_of(postmaster: int) -> list[str]:
    """The files in /dev/shm that it has mapped."""
    mapped = Path(f"/proc/{postmaster}/maps")
    words = mapped.read_text().split() if mapped.exists() else []
    return sorted({word for word in words if word.startswith("/dev/shm/PostgreSQL")})


@pytest.fixture
def base() -> Iterator[Path]:
    """The postgres user must get to it, and a socket's path is short."""
    try:
        postgres_program("initdb")
    except NotReadyError as error:
        pytest.skip(error.message)
    made = Path(tempfile.mkdtemp(prefix="albus-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def restored(base: Path) -> Iterator[Restored]:
    scratch = base / B / "scratch"
    scratch.mkdir(parents=True)
    for path in (scratch.parent, scratch):
        path.chmod(0o711)
    with a_drill(base) as drill:
        yield drill


@contextmanager
def a_drill(base: Path) -> Iterator[Restored]:
    """Whatever a test leaves running is ended without albus-dr's help."""
    ctx, _ = postgres_context(base, 5432)
    ctx = replace(ctx, spec=replace(ctx.spec, site=B))
    Path(site.drill_directory(ctx)).mkdir(mode=0o711)
    server = started_server(ctx)
    postmaster = int(Path(server.data, "postmaster.pid").read_text().split()[0])
    try:
        yield Restored(ctx, server, postmaster)
    finally:
        if Path(f"/proc/{postmaster}/exe").exists():
            os.kill(postmaster, signal.SIGQUIT)
            os.kill(postmaster, signal.SIGCONT)
            wait_for(lambda: None if Path(f"/proc/{postmaster}/exe").exists() else True)
        for segment in segments_of(postmaster):
            subprocess.run(("ipcrm", "-m", segment), check=True)


def test_rows_on_their_way_between_its_processes_lie_in_its_directory(restored: Restored) -> None:
    assert posix_of(restored.postmaster) == []
    parallel = "SET max_parallel_workers_per_gather = 2; SET force_parallel_mode = on; SELECT count(*) FROM pg_class"
    restored.server.query(parallel)
    assert list(Path(restored.server.data, "pg_dynshmem").iterdir()) != []


def test_cleanup_leaves_no_shared_memory(restored: Restored) -> None:
    assert segments_of(restored.postmaster) != []
    assert site._cleanup(restored.ctx)["residue"] == []
    assert not restored.lives()
    assert restored.shared_memory() == []
    assert not restored.directory.exists()


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_nor_where_the_server_can_not_shut_down(restored: Restored, how: str) -> None:
    """One that was killed before leaves what it had, to nobody."""
    os.kill(restored.postmaster, signal.SIGSTOP if how == "stopped" else signal.SIGKILL)
    if how != "stopped":
        wait_for(lambda: None if restored.lives() else True)
    assert segments_of(restored.postmaster) != []
    assert site._cleanup(restored.ctx)["residue"] == []
    assert not restored.lives()
    assert restored.shared_memory() == []


def test_nor_what_is_begun_again_after_a_kill(restored: Restored) -> None:
    site.fresh_directory(restored.ctx, f"{restored.directory}/patients")
    assert restored.shared_memory() == []


def test_nor_the_keeper_of_a_drill_that_nobody_came_back_to(restored: Restored) -> None:
    (restored.directory / forgotten.LEDGER).write_text('{"run": "drill-5c4a"}')
    *keeper, _, expire = forgotten.keeper(restored.ctx, str(restored.directory))
    environment = {"PATH": "/usr/bin:/bin", "ALBUS_DR_DRILL": str(restored.directory)}
    assert subprocess.Popen((*keeper, "1", expire), cwd=restored.directory, env=environment).wait(60) == 0
    assert not restored.lives()
    assert restored.shared_memory() == []
    found = forgotten.expired(LocalHost(), str(restored.directory))
    assert found is not None
    assert found.at is not None


def test_what_can_not_be_removed_is_told(restored: Restored, monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    programs = base / "programs"
    programs.mkdir()
    (programs / "ipcrm").write_text("#!/bin/sh\nexit 1\n")
    (programs / "ipcrm").chmod(0o755)
    os.kill(restored.postmaster, signal.SIGKILL)
    wait_for(lambda: None if restored.lives() else True)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (segment,) = segments_of(restored.postmaster)
    assert site._empty(restored.ctx, LocalHost(), str(restored.directory)) == [f"shared memory segment {segment}"]


def test_a_server_of_which_the_drill_restored_a_copy_is_left_alone(restored: Restored) -> None:
    """A tree of files may hold the data directory of a server that runs: its id is in there, too."""
    base = restored.directory.parents[2]
    production = a_server(base, "production")
    production.create(timeout_s=120)
    production.start(timeout_s=60)
    try:
        copied = restored.directory / "documents" / "data"
        copied.mkdir(parents=True)
        shutil.copy(Path(production.data, "postmaster.pid"), copied)
        link = restored.directory / "link"
        link.mkdir()
        (link / "data").symlink_to(production.data)
        postmaster = int((copied / "postmaster.pid").read_text().split()[0])
        kept = segments_of(postmaster)
        assert site._cleanup(restored.ctx)["residue"] == []
        assert segments_of(postmaster) == kept != []
        assert production.value("SELECT 1") == "1"
    finally:
        production.stop_at_once()


def test_what_is_below_a_link_is_found(base: Path) -> None:
    """PostgreSQL works where the scratch directory's link leads to."""
    (base / "disk").mkdir(mode=0o711)
    (base / B).mkdir(mode=0o711)
    (base / B / "scratch").symlink_to(base / "disk")
    with a_drill(base) as restored:
        (restored.directory / forgotten.LEDGER).write_text('{"run": "drill-5c4a"}')
        assert set(forgotten.drills_in(LocalHost(), f"{base}/{B}/scratch")) == {str(restored.directory)}
        assert str(restored.postmaster) in drill_processes.processes_in(LocalHost(), str(restored.directory))
        assert site._cleanup(restored.ctx)["residue"] == []
        assert not restored.lives()
