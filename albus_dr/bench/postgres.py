"""The PostgreSQL servers of the bench: a primary, and a standby that follows it.

What differs between sites (port, socket) stands beside the data directory, not in it: pg_basebackup and pg_rewind
copy everything that is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg import sql

from albus_dr.bench.files import write_private
from albus_dr.bench.place import HERE, Place
from albus_dr.bench.processes import POLL_S, Running, last_lines, working_in
from albus_dr.errors import NotReadyError
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.process import Completed

SUPERUSER, REPLICATOR, APPLICATION, DATABASE = "postgres", "replicator", "albus", "albus"
LONGEST_SOCKET_PATH = 107  # sun_path, without its closing zero

_SETTINGS = """
# --- written by the bench: the same at both sites ---
include_if_exists '../site.conf'
max_connections = 60
shared_buffers = 48MB
wal_level = replica
wal_log_hints = on
max_wal_senders = 10
max_replication_slots = 10
wal_keep_size = 64MB
max_slot_wal_keep_size = 1GB
hot_standby = on
wal_sender_timeout = 10s
wal_receiver_timeout = 10s
wal_retrieve_retry_interval = 500ms
password_encryption = scram-sha-256
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
"""
_ACCESS = """\
local all         all                      trust
host  all         all         {peers} scram-sha-256
local replication all                      trust
host  replication replicator  {peers} scram-sha-256
"""


@dataclass(frozen=True)
class Server:
    """One site's PostgreSQL."""

    site: Path
    """The site's directory: the server has postgres/ and run/ in it."""
    port: int
    system_user: str
    """Who it runs as when we are root; empty: we ourselves."""
    place: Place = HERE

    @property
    def data(self) -> Path:
        return self.site / "postgres"

    @property
    def socket(self) -> Path:
        return self.site / "run"

    @property
    def log(self) -> Path:
        return self.site / "run" / "postgres.log"

    @property
    def passfile(self) -> Path:
        return self.site / "run" / "replication.pgpass"

    @property
    def url(self) -> str:
        """For the application, by the socket."""
        return f"postgresql:///{DATABASE}?host={self.socket}&port={self.port}&user={APPLICATION}"

    @contextmanager
    def connect(self, database: str = DATABASE, user: str = SUPERUSER) -> Iterator[psycopg.Connection[Any]]:
        """By the socket; autocommit."""
        with psycopg.connect(
            host=str(self.socket), port=self.port, user=user, dbname=database, autocommit=True, connect_timeout=5
        ) as connection:
            yield connection

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        """One of PostgreSQL's own programs, as root would start it for the user that owns the data."""
        user = self.system_user
        change = ("setpriv", "--reuid", user, "--regid", user, "--init-groups", "--") if user else ()
        return (*change, str(postgres_program(program)), *arguments)

    def run(self, program: str, *arguments: str, timeout_s: float = 60) -> Completed:
        """One of PostgreSQL's own programs, as the user that owns the data."""
        return self.place.run(
            (str(postgres_program(program)), *arguments), timeout_s=timeout_s, run_as=self.system_user
        )

    def prepare(self, replication_password: str) -> None:
        """The directories and what is private to this site. Raises NotReadyError when the path is too long."""
        if len(str(self.socket / ".s.PGSQL.65535")) > LONGEST_SOCKET_PATH:
            raise NotReadyError(
                f"the path {self.socket} is too long for a socket", hint="give a directory with a shorter path"
            )
        write_private(
            self.site / "site.conf",
            f"port = {self.port}\nlisten_addresses = '{self.place.address}'\nunix_socket_directories = '{self.socket}'\n",
        )
        for directory in (self.data, self.socket):
            directory.mkdir(mode=0o700)
        write_private(self.passfile, f"*:*:*:{REPLICATOR}:{replication_password}\n")
        for path in (self.site / "site.conf", self.passfile, self.data, self.socket):
            self.give(path)

    def give(self, path: Path) -> None:
        """To the user that the server runs as."""
        if self.system_user:
            shutil.chown(path, self.system_user, self.system_user)

    def initialise(self, replication_password: str) -> None:
        """A new, running primary with an empty database. Raises StepError or NotReadyError."""
        self.run(
            "initdb", "-k", "-N", "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "-A", "trust", "-D", str(self.data)
        ).check("creating the database cluster")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        (self.data / "pg_hba.conf").write_text(_ACCESS.format(peers=self.place.peers))
        self.start()
        with self.connect("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} REPLICATION LOGIN PASSWORD {}").format(
                    sql.Identifier(REPLICATOR), sql.Literal(replication_password)
                )
            )
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(APPLICATION)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(APPLICATION))
            )

    def follow(self, primary: Server, name: str) -> None:
        """A copy of ``primary`` that streams from it as ``name``, with a slot of its own. Raises StepError."""
        connection = f"host={primary.place.address} port={primary.port} user={REPLICATOR} application_name={name} passfile={self.passfile}"
        self.run(
            "pg_basebackup", "-d", connection, "-D", str(self.data), "-R", "-C", "-S", slot_of(name), "-X", "stream",
            "-c", "fast", "-N", "-w", timeout_s=600,
        ).check("copying the primary to the standby")  # fmt: skip
        self.start()

    def start(self) -> None:
        """Also after a crash. Raises NotReadyError with the end of its log."""
        self._wait_for_remains()
        started = self.run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", "30", "-s", "start")
        if started.code != 0:
            raise NotReadyError(f"PostgreSQL at {self.site.name} did not start: {last_lines(self.log)}")

    def _wait_for_remains(self) -> None:
        """PostgreSQL takes a dead predecessor that its parent has not collected yet for a live one."""
        pidfile = self.data / "postmaster.pid"
        if pidfile.exists():
            remains = Path("/proc", pidfile.read_text().split("\n", 1)[0])
            deadline = monotonic() + 10
            while remains.exists() and monotonic() < deadline:
                sleep(POLL_S)

    def answers(self) -> bool:
        """It takes connections."""
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def running(self) -> list[Running]:
        """Every PostgreSQL process at this site, a drill's servers included."""
        return working_in(self.site, "postgres")

    def postmasters(self) -> list[Running]:
        """Those of them that own a data directory: ending them ends the others."""
        return [process for process in self.running() if _owns_its_directory(process)]

    def wait_for_standby(self, name: str, *, synchronous: bool, timeout_s: float = 20) -> None:
        """Until the standby ``name`` streams; with ``synchronous``, from then on every commit waits for it.

        Raises NotReadyError.
        """
        deadline = monotonic() + timeout_s
        with self.connect() as connection:
            query = "SELECT FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
            while connection.execute(query, (name,)).fetchone() is None:
                if monotonic() > deadline:
                    raise NotReadyError(f"the standby {name} did not begin to follow within {timeout_s:g} s")
                sleep(POLL_S)
            if synchronous:
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(f'"{name}"'))
                )
                connection.execute("SELECT pg_reload_conf()")


def slot_of(name: str) -> str:
    """The physical slot that a standby reads from."""
    return f"{DATABASE}_{name}"


def _owns_its_directory(process: Running) -> bool:
    try:
        owner = Path(f"/proc/{process.pid}/cwd/postmaster.pid").read_text().split("\n", 1)[0]
    except OSError:
        return False
    return owner == str(process.pid)
