"""Two real sites on one machine: the demo, the drills in CI, the game days.

Each site has its own directory, PostgreSQL, S3 server, documents and application; in front of both stands one door
(HAProxy). Strasbourg serves; Bordeaux follows. Everything listens on loopback, on free ports. Layout:

    DIR/environment                    what configs/demo.yaml asks for, for `. DIR/environment`
    DIR/state.json                     what was started, for Bench.attach
    DIR/secrets/                       generated
    DIR/SITE/{postgres,run,s3,documents,scratch}, application.json, application.pid, *.log
    DIR/door/                          HAProxy: config, admin.sock
    DIR/traffic/                       the record of acknowledged writes

    python -m albus_dr.bench.sites stop DIR      ends what `albus-dr demo --keep` left running
    python -m albus_dr.bench.sites remove DIR    and deletes it
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import random
import secrets
import shlex
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from albus_dr.bench import door, traffic
from albus_dr.bench.application import Service
from albus_dr.bench.files import write_private
from albus_dr.bench.object_store import ObjectStore
from albus_dr.bench.patients import Document, Size, load, write_documents
from albus_dr.bench.postgres import APPLICATION, Server
from albus_dr.bench.processes import (
    POLL_S,
    Running,
    end,
    is_alive,
    last_lines,
    send,
    spawn,
    wait_until_gone,
    wait_until_ready,
)
from albus_dr.errors import AlbusError, CleanupError, NotReadyError, RefusedError, UsageError
from albus_dr.tools import process
from albus_dr.tools.host import LocalHost

PRIMARY, SECONDARY = "strasbourg", "bordeaux"
SITES = (PRIMARY, SECONDARY)
T = TypeVar("T")
Replication = Literal["synchronous", "asynchronous"]
_STATE = "state.json"
_PORTS = range(20_000, 32_000)  # below those that the system gives to outgoing connections: still free after a restart
_ENTER_ONLY = 0o711  # PostgreSQL's user passes through; nobody but us sees what is there


@dataclass(frozen=True)
class Site:
    """One of the two."""

    name: str
    directory: Path
    server: Server
    store: ObjectStore
    application: Service

    @property
    def documents(self) -> Path:
        return self.directory / "documents"


class Bench:
    """Both sites, the door and the traffic. Leaving its ``with`` block stops everything; ``remove`` deletes it too."""

    def __init__(self, directory: Path, state: dict[str, Any]) -> None:
        """Use ``create`` or ``attach``."""
        self.directory = directory
        self._state = state
        self._lock = threading.Lock()
        self.sites = {name: self._site(name) for name in SITES}

    # ------------------------------------------------------------------------------------------- make and find

    @classmethod
    def create(
        cls,
        directory: str | os.PathLike[str],
        size: Size = "small",
        seed: int = 1,
        replication: Replication = "synchronous",
    ) -> Bench:
        """A bench on disk, nothing running. ``directory`` is new or empty.

        Raises UsageError when it holds something, NotReadyError when PostgreSQL's user can't get there.
        """
        root = Path(directory).resolve()
        if root.exists() and any(root.iterdir()):
            raise UsageError(f"{root} is not empty", hint="give a directory that does not exist yet")
        try:
            return cls._create(root, size, seed, replication)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise

    @classmethod
    def _create(cls, root: Path, size: Size, seed: int, replication: Replication) -> Bench:
        _make_enterable(root)
        ports = _free_ports(7)
        state = {
            "size": size,
            "seed": seed,
            "replication": replication,
            "system_user": _system_user(),
            "door_port": ports.pop(),
            "ports": {
                name: {part: ports.pop() for part in ("postgres", "application", "s3")} for name in SITES
            },
            "processes": {},
            "was_started": False,
        }  # fmt: skip
        (root / "secrets").mkdir(mode=0o700)
        for name in (
            "replication",
            "restic",
            *(f"{site}-{kind}-key" for site in SITES for kind in ("access", "secret")),
        ):
            write_private(root / "secrets" / name, secrets.token_hex(20))
        bench = cls(root, state)
        bench._prepare()
        return bench

    @classmethod
    def attach(cls, directory: str | os.PathLike[str]) -> Bench:
        """A bench that another process made. Raises UsageError when there is none."""
        root = Path(directory).resolve()
        try:
            state = json.loads((root / _STATE).read_text())
        except (OSError, ValueError):
            raise UsageError(f"there is no bench in {root}", hint="albus-dr demo --keep --dir DIR makes one") from None
        return cls(root, state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Everything but the traffic, once. When it returns, the door lets requests through to the primary.

        Raises AlbusError that names the part that failed and the end of its log; nothing is left running then.
        """
        if self._state["was_started"]:
            raise UsageError(f"the bench in {self.directory} was started before")
        self._state["was_started"] = True
        self._save()
        primary = self.sites[PRIMARY]
        replication_password = self._secret("replication")
        try:
            with ThreadPoolExecutor(7) as pool:

                def begin(part: str, work: Callable[[], T], after: Future[Any] | None = None) -> Future[T]:
                    return pool.submit(_named, part, work, after)

                documents = begin("the documents", self._write_documents)
                database = begin("PostgreSQL at strasbourg", lambda: primary.server.initialise(replication_password))
                stores = begin("the S3 servers", self._start_stores)
                front = begin("the door", self._start_door)
                loaded = begin("the patients", lambda: self._load(documents.result()), database)
                standby = begin("PostgreSQL at bordeaux", self._start_standby, loaded)
                served = begin("the application at strasbourg", lambda: _start_application(primary), loaded)
                for part in (documents, database, stores, front, loaded, standby, served):
                    part.result()
            self._wait_for_door()
        except BaseException:
            self.stop()
            raise

    def start_traffic(self, rate: float = 100.0) -> None:
        """``rate`` requests a second, half of them writes. Returns once a write was acknowledged."""
        directory = self.directory / "traffic"
        log = self.directory / "traffic.log"
        record = directory / traffic.RECORD
        before = record.stat().st_size if record.exists() else 0
        started = spawn(
            (sys.executable, "-m", traffic.__name__, "run", str(directory), "--url", self.url, "--rate", f"{rate:g}"),
            log=log, cwd=self.directory,
        )  # fmt: skip
        self._remember("traffic", started)

        def has_acknowledged() -> bool:
            if not record.exists():
                return False
            with record.open() as file:
                file.seek(before)
                return any('"number": 0,' not in line and line.strip() for line in file)

        wait_until_ready("the traffic", started, has_acknowledged, log=log)

    def stop_traffic(self) -> None:
        """The record stays."""
        self._end("traffic")

    def stop(self) -> list[str]:
        """Everything that runs, politely and then not. Returns what could not be stopped; an empty list is good."""
        left = self._end("traffic") + self._end("door")
        for name in SITES:
            left += self.stop_site(name)
        return left

    def remove(self) -> None:
        """Delete the directory. Raises RefusedError while something of it still runs."""
        if running := self.processes():
            raise RefusedError(f"{running[0][0]} still runs (process {running[0][1]})", hint="stop the bench first")
        shutil.rmtree(self.directory)

    # ---------------------------------------------------------------------------------------------- the sites

    def stop_site(self, name: str) -> list[str]:
        """Application, PostgreSQL and S3 of one site, cleanly. Returns what could not be stopped."""
        site = self.sites[name]
        left = []
        if (running := site.application.running()) and end([running]):
            left.append(f"application at {name} (process {running.pid})")
        end(site.server.postmasters(), polite=signal.SIGINT, patience_s=15)
        left += [f"PostgreSQL at {name} (process {one.pid})" for one in end(site.server.running(), patience_s=2)]
        return left + self._end(f"s3 at {name}")

    def start_site(self, name: str) -> None:
        """S3 and PostgreSQL of a site that was stopped or cut off, as they were; not the application."""
        self._start_store(self.sites[name])
        self.sites[name].server.start()

    def cut_line(self) -> None:
        """The line between the sites fails: the standby receives nothing any more, and does not try again."""
        with self.sites[SECONDARY].server.connect("postgres") as connection:
            connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            connection.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + 10
            while connection.execute("SELECT 1 FROM pg_stat_wal_receiver").fetchone():
                if time.monotonic() > deadline:
                    raise NotReadyError("the standby still receives although its line was cut")
                time.sleep(0.01)

    def cut_power(self, name: str) -> None:
        """Kill every process of a site at once; its disks stay. Raises NotReadyError when one survives."""
        site = self.sites[name]
        deadline = time.monotonic() + 10
        while doomed := self._processes_of(site):  # again, for those that were just being forked
            for _, running in doomed:
                send(running, signal.SIGKILL)
            wait_until_gone([running for _, running in doomed], 5)
            if time.monotonic() > deadline:
                raise NotReadyError(f"{doomed[0][0]} survives SIGKILL (process {doomed[0][1].pid})")
        self._forget(f"s3 at {name}")

    def destroy_site(self, name: str) -> None:
        """The disaster: every process killed, every file deleted, the site's own recovery points included."""
        self.cut_power(name)
        shutil.rmtree(self.sites[name].directory)

    # ------------------------------------------------------------------------------------------------- looking

    @property
    def url(self) -> str:
        """The door."""
        return f"http://127.0.0.1:{self._state['door_port']}"

    def environment(self) -> dict[str, str]:
        """What configs/demo.yaml asks for."""
        ports = {
            f"{name.upper()}_{part.upper()}_PORT": str(self._state["ports"][name][part])
            for name in SITES
            for part in ("postgres", "application", "s3")
        }
        return {
            "ALBUS_DEMO": str(self.directory),
            "ALBUS_DEMO_USER": self._state["system_user"],
            "ALBUS_DEMO_PYTHON": sys.executable,
            "DOOR_PORT": str(self._state["door_port"]),
            **ports,
        }

    def processes(self) -> list[tuple[str, int]]:
        """What runs now: a name for people and the process id. PostgreSQL counts with every process that it has."""
        found = [(name, running) for name in ("traffic", "door") if (running := self._recorded(name))]
        for site in self.sites.values():
            found += self._processes_of(site)
        return [(name, running.pid) for name, running in found]

    # ------------------------------------------------------------------------------------------------- the parts

    def _site(self, name: str) -> Site:
        directory = self.directory / name
        ports = self._state["ports"][name]
        server = Server(directory, ports["postgres"], self._state["system_user"])
        store = ObjectStore(
            directory / "s3", ports["s3"], self._secret(f"{name}-access-key"), self._secret(f"{name}-secret-key")
        )
        service = Service(
            port=ports["application"], database_url=server.url, documents=directory / "documents",
            pidfile=directory / "application.pid", log=directory / "application.log",
        )  # fmt: skip
        return Site(name, directory, server, store, service)

    def _prepare(self) -> None:
        for site in self.sites.values():
            _make_enterable(site.directory)
            site.server.prepare(self._secret("replication"))
            site.store.prepare()
            site.documents.mkdir(mode=0o700)
            scratch = site.directory / "scratch"
            scratch.mkdir(mode=0o700)
            site.server.give(scratch)
            service = {
                key: value if isinstance(value, int) else str(value) for key, value in vars(site.application).items()
            }
            write_private(site.directory / "application.json", json.dumps(service, indent=2))
        (self.directory / "door").mkdir(mode=0o700)
        applications = {name: site.application.port for name, site in self.sites.items()}
        door.write_config(self.directory / "door", self._state["door_port"], applications, PRIMARY)
        lines = [f"export {key}={shlex.quote(value)}\n" for key, value in self.environment().items()]
        write_private(self.directory / "environment", "".join(lines))
        self._save()

    def _write_documents(self) -> list[Document]:
        return write_documents(self.sites[PRIMARY].documents, self._state["size"], self._state["seed"])

    def _load(self, documents: list[Document]) -> None:
        with self.sites[PRIMARY].server.connect(user=APPLICATION) as connection:
            load(connection, documents, self._state["size"], self._state["seed"], datetime.now(UTC))

    def _start_stores(self) -> None:
        password = self.directory / "secrets" / "restic"
        first, second = (self.sites[name] for name in SITES)
        for site in (first, second):
            self._start_store(site)
        first.store.initialise(password)
        second.store.initialise(password, like=first.store)

    def _start_store(self, site: Site) -> None:
        started = site.store.start()
        self._remember(f"s3 at {site.name}", started)
        wait_until_ready(
            f"the S3 server at {site.name}", started, lambda: _listens(site.store.port), log=site.store.log
        )

    def _start_door(self) -> None:
        directory = self.directory / "door"
        started = door.start(directory)
        self._remember("door", started)
        wait_until_ready("the door", started, lambda: _listens(self._state["door_port"]), log=directory / "haproxy.log")

    def _start_standby(self) -> None:
        primary, standby = self.sites[PRIMARY].server, self.sites[SECONDARY].server
        standby.follow(primary, SECONDARY)
        inherited = (standby.data / "postgresql.auto.conf").read_text()
        assert "synchronous_standby_names" not in inherited, "promoted, the standby would wait for itself"
        primary.wait_for_standby(SECONDARY, synchronous=self._state["replication"] == "synchronous")

    def _wait_for_door(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=3):  # noqa: S310  # our own http: address
                    return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline:
                    log = last_lines(self.sites[PRIMARY].application.log)
                    raise NotReadyError(f"the door does not reach the application ({error}): {log}") from None
            time.sleep(POLL_S)

    # ------------------------------------------------------------------------------------- what is ours to stop

    def _processes_of(self, site: Site) -> list[tuple[str, Running]]:
        found = []
        if running := site.application.running():
            found.append((f"application at {site.name}", running))
        postgres = sorted(site.server.running(), key=lambda one: one.pid)
        found += [(f"PostgreSQL at {site.name}", one) for one in postgres]
        if running := self._recorded(f"s3 at {site.name}"):
            found.append((f"s3 at {site.name}", running))
        return found

    def _recorded(self, name: str) -> Running | None:
        recorded = self._state["processes"].get(name)
        running = Running(*recorded) if recorded else None
        return running if running and is_alive(running) else None

    def _remember(self, name: str, started: Running) -> None:
        with self._lock:
            self._state["processes"][name] = [started.pid, started.started]
            self._save()

    def _forget(self, name: str) -> None:
        with self._lock:
            self._state["processes"].pop(name, None)
            self._save()

    def _end(self, name: str) -> list[str]:
        running = self._recorded(name)
        left = end([running]) if running else []
        if not left:
            self._forget(name)
        return [f"{name} (process {one.pid})" for one in left]

    def _save(self) -> None:
        write_private(self.directory / _STATE, json.dumps(self._state, indent=2))

    def _secret(self, name: str) -> str:
        value = (self.directory / "secrets" / name).read_text()
        process.register_secret(value)
        return value


def _named(part: str, work: Callable[[], T], after: Future[Any] | None) -> T:
    """``work``, once ``after`` has gone well; an error names the part."""
    if after is not None:
        after.result()
    try:
        return work()
    except AlbusError as error:
        raise type(error)(f"{part} could not be started: {error.message}", hint=error.hint) from error
    except Exception as error:
        raise NotReadyError(f"{part} could not be started: {type(error).__name__}: {error}") from error


def _start_application(site: Site) -> None:
    """With the command that configs/demo.yaml has. Raises StepError."""
    file = site.directory / "application.json"
    process.run((sys.executable, "-m", "albus_dr.bench.application", "start", str(file)), timeout_s=30, cwd="/").check(
        "starting the application"
    )


def _make_enterable(directory: Path) -> None:
    """A directory of ours, and those above it that do not exist yet; what does exist above keeps its mode."""
    missing = [directory, *(parent for parent in directory.parents if not parent.exists())]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(_ENTER_ONLY)
    user = _system_user()
    if user and LocalHost().run(("test", "-x", str(directory)), timeout_s=5, run_as=user).code != 0:
        raise NotReadyError(
            f"the user {user}, whom PostgreSQL runs as, can't enter {directory}",
            hint="give a directory below one that everybody may enter, for example /var/tmp",
        )


def _system_user() -> str:
    """Empty unless we are root, whom PostgreSQL refuses. Raises NotReadyError."""
    if os.geteuid() != 0:
        return ""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NotReadyError(
            "PostgreSQL does not run as root, and there is no user postgres here",
            hint="install PostgreSQL from a package, which makes that user, or be another user than root",
        ) from None


def _free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise NotReadyError("there are not enough free ports on this machine")


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def main(arguments: list[str] | None = None) -> int:
    """Exit code 7 (as albus-dr's: something was left behind) when a process can't be stopped."""
    parser = argparse.ArgumentParser(prog="albus_dr.bench.sites")
    parser.add_argument("verb", choices=("stop", "remove"))
    parser.add_argument("directory", type=Path)
    given = parser.parse_args(arguments)
    try:
        bench = Bench.attach(given.directory)
        if left := bench.stop():
            raise CleanupError("still running: " + ", ".join(left))
        if given.verb == "remove":
            bench.remove()
    except AlbusError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
