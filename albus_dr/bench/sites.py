"""Two real sites on one machine: the demo, the drills in CI, the game days.

Each site has its own directory, PostgreSQL, S3 server, documents and application; in front of both stands one door
(HAProxy). Strasbourg serves; Bordeaux follows. Everything listens on loopback, on free ports. Layout:

    DIR/environment                    what configs/demo.yaml asks for, for `. DIR/environment`
    DIR/state.json                     what was started, for Bench.attach
    DIR/secrets/                       generated
    DIR/SITE/{postgres,run,s3,documents,scratch}, application.json, application.pid, *.log
    DIR/door/                          HAProxy: config, admin.sock
    DIR/traffic/                       the record of acknowledged writes
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from albus_dr.bench import door, secure_shell, traffic, witness
from albus_dr.bench.application import Service
from albus_dr.bench.files import write_private
from albus_dr.bench.machine import free_ports, listens, make_enterable, system_user
from albus_dr.bench.network import USERS, WITNESS, Network, require_root
from albus_dr.bench.object_store import ObjectStore
from albus_dr.bench.patients import Document, Size, load, write_documents
from albus_dr.bench.place import HERE, Place
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
from albus_dr.errors import AlbusError, NotReadyError, RefusedError, UsageError
from albus_dr.tools import process
from albus_dr.tools.haproxy import Door
from albus_dr.tools.host import LocalHost

PRIMARY, SECONDARY = "strasbourg", "bordeaux"
SITES = (PRIMARY, SECONDARY)
T = TypeVar("T")
Replication = Literal["synchronous", "asynchronous"]
TEMPORARY = "albus-"
"""How the directory is called that the demo makes around its sites when it is given none."""
_STATE = "state.json"
_FIRST_AT_A_SITE = 1_000_000_000  # writes have one number each, whoever makes them


@dataclass(frozen=True)
class Site:
    """One of the two."""

    name: str
    directory: Path
    server: Server
    store: ObjectStore
    application: Service
    place: Place

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
        self.network = Network(state["network"]) if state["network"] else None
        self.sites = {name: self._site(name) for name in SITES}
        self.witness = (
            Server(directory / WITNESS, state["witness_port"], state["system_user"], self.network.place(WITNESS))
            if self.network
            else None
        )

    # ------------------------------------------------------------------------------------------- make and find

    @classmethod
    def create(
        cls,
        directory: str | os.PathLike[str],
        size: Size = "small",
        seed: int = 1,
        replication: Replication = "synchronous",
        *,
        apart: bool = False,
    ) -> Bench:
        """A bench on disk, nothing running. ``directory`` is new or empty.

        ``apart``: each site has an address of its own, behind a network that can be cut (albus_dr.bench.network).
        Raises UsageError when it holds something, NotReadyError when PostgreSQL's user can't get there, or when it
        takes root and we are not.
        """
        if apart:
            require_root()
        root = Path(directory).resolve()
        if root.exists() and any(root.iterdir()):
            raise UsageError(f"{root} is not empty", hint="give a directory that does not exist yet")
        try:
            return cls._create(root, size, seed, replication, apart)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise

    @classmethod
    def _create(cls, root: Path, size: Size, seed: int, replication: Replication, apart: bool) -> Bench:
        make_enterable(root)
        ports = free_ports(9)
        state = {
            "size": size,
            "seed": seed,
            "replication": replication,
            "system_user": system_user(),
            "network": secrets.token_hex(3) if apart else None,
            "door_port": ports.pop(),
            "door_admin_port": ports.pop(),
            "witness_port": ports.pop(),
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
            *((WITNESS,) if apart else ()),
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
            if self.network:
                self.network.make()
                self._start_shells()
                assert self.witness is not None
                witness.initialise(self.witness, self._secret(WITNESS))
            with ThreadPoolExecutor(7) as pool:

                def begin(part: str, work: Callable[[], T], after: Future[Any] | None = None) -> Future[T]:
                    return pool.submit(_named, part, work, after)

                documents = begin("the documents", self._write_documents)
                database = begin("PostgreSQL at strasbourg", lambda: primary.server.initialise(replication_password))
                stores = begin("the S3 servers", self._start_stores)
                front = begin("the door", self.start_door)
                loaded = begin("the patients", lambda: self._load(documents.result()), database)
                standby = begin("PostgreSQL at bordeaux", self._start_standby, loaded)
                served = begin("the application at strasbourg", lambda: self.start_application(PRIMARY), loaded)
                for part in (documents, database, stores, front, loaded, standby, served):
                    part.result()
            self._open_door(PRIMARY)
            self._wait_for_door()
        except BaseException:
            self.stop()
            raise

    def start_traffic(self, rate: float = 100.0, *, at: str = "") -> None:
        """``rate`` requests a second, half of them writes. Returns once a write was acknowledged.

        ``at`` a site: users who stand there and ask its application, not the door.
        """
        directory = self.traffic_of(at)
        site = self.sites[at] if at else None
        url = f"http://{site.place.address}:{site.application.port}" if site else self.url
        log = self.directory / f"{directory.name}.log"
        record = directory / traffic.RECORD
        before = record.stat().st_size if record.exists() else 0
        first = _FIRST_AT_A_SITE if site else 1
        argv = (sys.executable, "-m", traffic.__name__, "run", str(directory), "--url", url, "--rate", f"{rate:g}",
                "--first", str(first))  # fmt: skip
        started = spawn((site.place if site else self.users).command(argv), log=log, cwd=self.directory)
        self._remember(directory.name, started)

        def has_acknowledged() -> bool:
            if not record.exists():
                return False
            with record.open() as file:
                file.seek(before)
                return any('"number": 0,' not in line and line.strip() for line in file)

        wait_until_ready("the traffic", started, has_acknowledged, log=log)

    def stop_traffic(self) -> None:
        """Everybody's. The records stay."""
        self._end_traffic()

    def traffic_of(self, at: str = "") -> Path:
        """The record of the users at the door, or of those ``at`` a site."""
        return self.directory / (f"traffic-{at}" if at else "traffic")

    def _end_traffic(self) -> list[str]:
        return [left for at in ("", *SITES) for left in self._end(self.traffic_of(at).name)]

    def stop(self) -> list[str]:
        """Everything that runs, politely and then not. Returns what could not be stopped; an empty list is good."""
        left = self._end_traffic() + self._end("door")
        for name in SITES:
            left += self.stop_site(name)
        if self.witness:
            end(self.witness.postmasters(), polite=signal.SIGINT, patience_s=15)
        return left + (self.network.remove() if self.network else [])

    def remove(self) -> None:
        """Delete the directory. Raises RefusedError while something of it still runs."""
        if running := self.processes():
            raise RefusedError(f"{running[0][0]} still runs (process {running[0][1]})", hint="stop the bench first")
        shutil.rmtree(self.directory)
        around = self.directory.parent
        if around.name.startswith(TEMPORARY) and not any(around.iterdir()):
            around.rmdir()

    # ---------------------------------------------------------------------------------------------- the sites

    def stop_site(self, name: str) -> list[str]:
        """Application, PostgreSQL and S3 of one site, cleanly. Returns what could not be stopped."""
        site = self.sites[name]
        left = []
        if (running := site.application.running()) and end([running]):
            left.append(f"application at {name} (process {running.pid})")
        left += self._end(f"guard at {name}")
        end(site.server.postmasters(), polite=signal.SIGINT, patience_s=15)
        left += [f"PostgreSQL at {name} (process {one.pid})" for one in end(site.server.running(), patience_s=2)]
        return left + self._end(f"s3 at {name}") + self._end(f"sshd at {name}")

    def start_site(self, name: str) -> None:
        """What reaches it, S3 and PostgreSQL of a site that was stopped or cut off, as they were; not the application."""
        if self.network and not self._recorded(f"sshd at {name}"):
            self._start_shell(self.sites[name])
        self.start_store(name)
        self.sites[name].server.start()

    def guard(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """From now on the site's PostgreSQL runs under ``command`` (albus-dr guard …), which ends it when it must.

        Raises NotReadyError when it does not come up again.
        """
        site = self.sites[name]
        end(site.server.postmasters(), polite=signal.SIGINT, patience_s=15)
        log = site.directory / "guard.log"
        argv = site.place.command((*command, "--", *site.server.command("postgres", "-D", str(site.server.data))))
        started = spawn(argv, log=log, cwd=site.directory, environment=environment)
        self._remember(f"guard at {name}", started)
        wait_until_ready(f"PostgreSQL at {name} under its guard", started, site.server.answers, log=log, timeout_s=60)

    def cut_line(self) -> None:
        """The line between the sites fails: the standby receives nothing any more, and does not try again."""
        if self.network:
            self.network.partition((PRIMARY,), (SECONDARY,))
            return
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
        site, killed = self.sites[name], dict[Running, str]()
        deadline = time.monotonic() + 60
        while doomed := self._left_of(site, killed):  # again, for those that were just being forked
            for running in doomed:
                send(running, signal.SIGKILL)
            wait_until_gone(list(doomed), 5)
            killed |= doomed
            if time.monotonic() > deadline:
                survivor, what = next(iter(doomed.items()))
                raise NotReadyError(f"{what} survives SIGKILL (process {survivor.pid})")
        self._forget(f"s3 at {name}")
        self._forget(f"sshd at {name}")

    def destroy_site(self, name: str) -> None:
        """The disaster: every process killed, every file deleted, the site's own recovery points included."""
        self.cut_power(name)
        shutil.rmtree(self.sites[name].directory)

    def rebuild_site(self, name: str) -> None:
        """New machines at a site that was destroyed: its directories, and an S3 server with an empty repository.

        Raises RefusedError while the site's directory is there.
        """
        if self.sites[name].directory.exists():
            raise RefusedError(f"{name} is still there: {self.sites[name].directory}")
        site, other = self.sites[name], next(self.sites[one] for one in SITES if one != name)
        self._prepare_site(site)
        if self.network:
            self._start_shell(site)
        self.start_store(name)
        site.store.initialise(self.directory / "secrets" / "restic", like=other.store)

    # ------------------------------------------------------------------------------------------------- looking

    @property
    def url(self) -> str:
        """The door."""
        return f"http://{self.users.address}:{self._state['door_port']}"

    @property
    def users(self) -> Place:
        """Where the users are, and their door."""
        return self.network.place(USERS) if self.network else HERE

    @property
    def operator(self) -> Place:
        """Where albus-dr runs: at the witness, at neither site."""
        return self.network.place(WITNESS) if self.network else HERE

    def environment(self) -> dict[str, str]:
        """What configs/demo.yaml asks for."""
        ports = {
            f"{name.upper()}_{part.upper()}_PORT": str(self._state["ports"][name][part])
            for name in SITES
            for part in ("postgres", "application", "s3")
        }
        apart = {f"{name.upper()}_ADDRESS": site.place.address for name, site in self.sites.items()}
        if self.network:
            apart |= {"WITNESS_ADDRESS": self.operator.address, "WITNESS_PORT": str(self._state["witness_port"]),
                      "DOOR_ADDRESS": self.users.address, "ALBUS_DEMO_USERS": self.users.namespace,
                      "DOOR_ADMIN": door.admin_address(self.directory / "door", self.users, self._state["door_admin_port"])}  # fmt: skip
        return {
            "ALBUS_DEMO": str(self.directory),
            "ALBUS_DEMO_USER": self._state["system_user"],
            "ALBUS_DEMO_PYTHON": sys.executable,
            "DOOR_PORT": str(self._state["door_port"]),
            **ports,
            **(apart if self.network else {}),
        }

    def processes(self) -> list[tuple[str, int]]:
        """What runs now: a name for people and the process id. PostgreSQL counts with every process that it has."""
        found = [
            (name, running)
            for name in (*(self.traffic_of(at).name for at in ("", *SITES)), "door")
            if (running := self._recorded(name))
        ]
        if self.witness:
            found += [(WITNESS, one) for one in self.witness.running()]
        for site in self.sites.values():
            found += self._processes_of(site)
        return [(name, running.pid) for name, running in found]

    # ------------------------------------------------------------------------------------------------- the parts

    def _site(self, name: str) -> Site:
        directory = self.directory / name
        ports = self._state["ports"][name]
        place = self.network.place(name) if self.network else HERE
        server = Server(directory, ports["postgres"], self._state["system_user"], place)
        store = ObjectStore(
            directory / "s3", ports["s3"], self._secret(f"{name}-access-key"), self._secret(f"{name}-secret-key"), place
        )
        service = Service(
            port=ports["application"], database_url=server.url, documents=directory / "documents",
            pidfile=directory / "application.pid", log=directory / "application.log", address=place.address,
        )  # fmt: skip
        return Site(name, directory, server, store, service, place)

    def _prepare(self) -> None:
        for site in self.sites.values():
            self._prepare_site(site)
        (self.directory / "door").mkdir(mode=0o700)
        applications = {name: (site.place.address, site.application.port) for name, site in self.sites.items()}
        ports = (self._state["door_port"], self._state["door_admin_port"])
        door.write_config(self.directory / "door", self.users, ports, applications)
        if self.network:
            assert self.witness is not None
            make_enterable(self.witness.site)
            self.witness.prepare(self._secret(WITNESS))
            secure_shell.prepare(self.directory / "ssh", {name: site.place for name, site in self.sites.items()})
        lines = [f"export {key}={shlex.quote(value)}\n" for key, value in self.environment().items()]
        write_private(self.directory / "environment", "".join(lines))
        self._save()

    def _prepare_site(self, site: Site) -> None:
        make_enterable(site.directory)
        site.server.prepare(self._secret("replication"))
        site.store.prepare()
        site.documents.mkdir(mode=0o700)
        scratch = site.directory / "scratch"
        scratch.mkdir(mode=0o700)
        site.server.give(scratch)
        service = {
            key: value if isinstance(value, int) else str(value) for key, value in site.application._asdict().items()
        }
        write_private(site.directory / "application.json", json.dumps(service, indent=2))

    def _write_documents(self) -> list[Document]:
        return write_documents(self.sites[PRIMARY].documents, self._state["size"], self._state["seed"])

    def _load(self, documents: list[Document]) -> None:
        with self.sites[PRIMARY].server.connect(user=APPLICATION) as connection:
            load(connection, documents, self._state["size"], self._state["seed"], datetime.now(UTC))

    def _start_stores(self) -> None:
        password = self.directory / "secrets" / "restic"
        first, second = (self.sites[name] for name in SITES)
        for site in (first, second):
            self.start_store(site.name)
        first.store.initialise(password)
        second.store.initialise(password, like=first.store)

    def _start_shells(self) -> None:
        for site in self.sites.values():
            self._start_shell(site)

    def _start_shell(self, site: Site) -> None:
        keys = self.directory / "ssh"
        started = secure_shell.start(keys, site.name, site.place)
        self._remember(f"sshd at {site.name}", started)
        wait_until_ready(
            f"sshd at {site.name}", started, lambda: listens(started, secure_shell.PORT), log=keys / f"{site.name}.log"
        )

    def start_store(self, name: str) -> None:
        """The site's S3 server, as it was."""
        site = self.sites[name]
        started = site.store.start()
        self._remember(f"s3 at {site.name}", started)
        wait_until_ready(
            f"the S3 server at {site.name}", started, lambda: listens(started, site.store.port), log=site.store.log
        )

    def start_application(self, name: str) -> None:
        """With the command that the config has. Raises StepError."""
        site = self.sites[name]
        argv = (sys.executable, "-m", "albus_dr.bench.application", "start", str(site.directory / "application.json"))
        site.place.run(argv, timeout_s=30).check("starting the application")

    def start_door(self) -> None:
        """HAProxy. It remembers nothing, and begins closed: `albus-dr door` opens it to the primary."""
        directory = self.directory / "door"
        started = door.start(directory, self.users)
        self._remember("door", started)
        wait_until_ready(
            "the door", started, lambda: listens(started, self._state["door_port"]), log=directory / "haproxy.log"
        )

    def _open_door(self, name: str) -> None:
        address = door.admin_address(self.directory / "door", self.users, self._state["door_admin_port"])
        front = Door(LocalHost(), address, door.BACKEND)
        self.operator.inside(lambda: front.set_state(name, "ready"))

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
                self.users.inside(lambda: urllib.request.urlopen(f"{self.url}/health", timeout=3).close())  # noqa: S310  # our own http: address
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
        for part in ("s3", "sshd", "guard"):
            if running := self._recorded(f"{part} at {site.name}"):
                found.append((f"{part} at {site.name}", running))
        if self.network:  # whatever albus-dr began there by ssh, and was still at
            known = {running for _, running in found}
            found += [
                (f"a program at {site.name}", one) for one in self.network.processes(site.name) if one not in known
            ]
        return found

    def _left_of(self, site: Site, killed: Mapping[Running, str]) -> dict[Running, str]:
        """What runs there and what it is, with those of ``killed`` that are not gone yet: an ending one has no program any
        more by which it could be found."""
        dying = {running: what for running, what in killed.items() if is_alive(running)}
        return {running: what for what, running in self._processes_of(site)} | dying

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
