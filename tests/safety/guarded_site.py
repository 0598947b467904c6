"""A site whose PostgreSQL runs under a guard, a real etcd as the witness, and a client that writes all the time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest

from albus_dr.errors import NotReadyError
from albus_dr.safety import rule
from albus_dr.safety.record import Record
from albus_dr.tools.etcd_register import EtcdPlace
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.register import Held
from tests.runbook.runbook_files import CONFIG, RUNBOOK
from tests.tools.conftest import free_port

LEASE_S = 6.0
PATIENCE_S = 60.0
HERE, THERE = "strasbourg", "bordeaux"
OWNER = "postgres" if os.geteuid() == 0 else None


def wait_for(what: Callable[[], object], *, within_s: float = PATIENCE_S, told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


@dataclass
class Witness:
    """What it holds about the runbook, by a client of the test's own."""

    endpoint: str
    pid: int

    def held(self) -> Held:
        return EtcdPlace((self.endpoint,)).read("albus")

    def record(self) -> Record:
        text = self.held().text
        assert text
        return Record.from_text(text)

    def change(self, judge: Callable[[Record, float], Record]) -> None:
        """By compare-and-set, as often as it takes."""
        place = EtcdPlace((self.endpoint,))
        while True:
            held = place.read("albus")
            assert held.text
            with suppress(Exception):
                place.write(
                    "albus", judge(Record.from_text(held.text), held.now).to_text(uuid.uuid4().hex), held.version
                )
                return

    def establish(self) -> None:
        """A new record: this site is the primary."""
        place = EtcdPlace((self.endpoint,))
        place.remove("albus")
        made = rule.establish(
            None,
            "albus",
            (HERE, THERE),
            HERE,
            run="test",
            epoch_seen=0,
            identities={},
            now=place.read("albus").now,
            margin_s=1,
        ).record
        assert made
        place.write("albus", made.to_text(uuid.uuid4().hex), None)

    def move(self) -> None:
        """The other site becomes the primary, whatever anybody here does."""
        self.change(lambda record, now: replace(
            record, epoch=record.epoch + 1, primary=THERE, changed_by="failover-1", changed_at=now, write_lease=None
        ))  # fmt: skip


@dataclass
class Site:
    """The files, the data directory, and how to reach its server."""

    home: Path
    data: Path
    port: int
    witness: Witness
    guards: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def server(self) -> tuple[str, ...]:
        as_owner = ("setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--") if OWNER else ()
        return (*as_owner, str(postgres_program("postgres")), "-D", str(self.data))

    @property
    def log(self) -> Path:
        return self.home / "guard.log"

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def guard(self, *options: str, command: tuple[str, ...] | None = None, **variables: str) -> subprocess.Popen[bytes]:
        """albus-dr guard, as a process of its own."""
        argv = (
            sys.executable, "-m", "albus_dr", "guard", str(self.home / "runbook.yaml"), "--site", HERE, *options, "--",
            *(command or self.server),
        )  # fmt: skip
        state = {"ALBUS_DR_STATE": str(self.home / "state"), "PORT": str(self.port), "USER_NAME": OWNER or "nobody"}
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **state, **variables},
            )
        self.guards.append(process)
        return process

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.home / "run"),
            port=self.port,
            user="postgres",
            dbname="postgres",
            autocommit=True,
            connect_timeout=3,
        )

    def answers(self) -> bool:
        with suppress(psycopg.Error), self.connect():
            return True
        return False

    def processes(self) -> list[int]:
        """Everything that works in the data directory."""
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                with suppress(OSError):
                    if (path / "cwd").readlink() == self.data:
                        found.append(int(path.name))
        return found

    def last_seen(self) -> float:
        """When something of the server was last seen alive; returns once nothing is."""
        seen = 0.0
        while True:
            looked = time.time()
            if not self.processes():
                return seen
            seen = looked
            time.sleep(0.02)

    def end(self) -> None:
        for guard in self.guards:
            if guard.poll() is None:
                guard.send_signal(signal.SIGCONT)
                guard.kill()
            guard.wait()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.processes())
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        # Where the first process reaps late, a killed server's number is taken for a while yet, and the next one believes it.
        (self.home / "run" / f".s.PGSQL.{self.port}.lock").unlink(missing_ok=True)
        (self.data / "standby.signal").unlink(missing_ok=True)
        shutil.rmtree(self.home / "state", ignore_errors=True)
        self.guards.clear()


def leash_of(guard: subprocess.Popen[bytes]) -> int:
    """The process that ends the command when its guard can't."""
    children = Path(f"/proc/{guard.pid}/task/{guard.pid}/children").read_text().split()
    (found,) = [int(pid) for pid in children if b"leash.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


@contextmanager
def made_site(home: Path, witness: Witness) -> Iterator[Site]:
    """With a new, stopped server."""
    try:
        initdb = str(postgres_program("initdb"))
    except NotReadyError as error:
        pytest.skip(error.message)
    site = Site(home, home / "data", free_port(), witness)
    for directory in (site.data, home / "run"):
        directory.mkdir(mode=0o700)
        if OWNER:
            shutil.chown(directory, OWNER)
    LocalHost().run(
        (initdb, "-D", str(site.data), "-U", "postgres", "-A", "trust", "-N"), timeout_s=120, run_as=OWNER, cwd="/"
    ).check("initdb")
    with (site.data / "postgresql.conf").open("a") as file:
        file.write(
            f"port = {site.port}\nunix_socket_directories = '{home}/run'\nlisten_addresses = ''\nfsync = off\n"
            "hot_standby = on\nlog_min_messages = warning\n"
        )
    (home / "runbook.yaml").write_text(RUNBOOK)
    config = CONFIG.replace("data: /data, port", f"data: {site.data}, port")
    (home / "config.yaml").write_text(
        f"{config}witness: {{etcd: ['{witness.endpoint}'], lease: {LEASE_S:g}s, margin: 2s}}\n"
    )
    try:
        yield site
    finally:
        site.end()


class Client:
    """Commits rows, one after the other. ``last``: when the last one began that was acknowledged. (When it was
    acknowledged can't be told on a machine that is too busy to look at its clock.)"""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.acknowledged = 0
        self.last = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    def __enter__(self) -> Client:
        with self.site.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS written (at timestamptz DEFAULT now())")
        self._thread.start()
        wait_for(lambda: self.acknowledged > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _write_on(self) -> None:
        while not self._over.is_set():
            with suppress(psycopg.Error), self.site.connect() as connection:
                while not self._over.is_set():
                    began = time.time()
                    connection.execute("INSERT INTO written DEFAULT VALUES")
                    self.last = began
                    self.acknowledged += 1
            time.sleep(0.01)
