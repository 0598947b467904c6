"""One run at a time changes a runbook's sites. The lock ends with the process that holds it, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.tools.home import machine

# An advisory lock of one number is kept as its two halves; objsubid 1 tells it from a lock of two numbers.
_HOLDER = """
SELECT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint << 32) | objid::bigint = %(key)s
"""
LOOK_S = 2.0
# A server that can't be reached any more is noticed within seconds, not after the system's quarter of an hour.
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000,
}  # fmt: skip
# Another role's name is hidden from one without the right to see it: it may be the run's.
_OF_THE_RUN = """
SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database()
AND (application_name IS NULL OR starts_with(application_name, %s)) LIMIT 1
"""


class RunInProgress(RefusedError):
    """Somebody else holds the lock."""


@contextmanager
def exclusive(
    url: str, state: Path, name: str, *, purpose: str, lost: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Hold the lock ``name``. Raises RunInProgress that names who holds it, when somebody does.

    On an SQLite engine it is a file lock in the state directory; on PostgreSQL an advisory lock of one session,
    whose application_name is the purpose: others see in pg_stat_activity what runs. ``lost`` is called, once and from another
    thread, with the reason when that session has ended: whoever comes next gets the lock.
    """
    held = _file_lock(state, name, purpose) if url.startswith("sqlite") else _advisory_lock(url, name, purpose, lost)
    with held:
        yield


@contextmanager
def _file_lock(state: Path, name: str, purpose: str) -> Iterator[None]:
    path = state / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NotReadyError(
            f"the lock {path} can't be taken: {error.strerror}",
            hint="make the state directory writable, or name another with ALBUS_DR_STATE",
        ) from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refused(file.read().strip()) from None
        with contextlib.suppress(
            OSError
        ):  # a full disk: it is held all the same, and only its holder's name is missing
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{purpose} (process {os.getpid()})".encode(), 0)
        yield


@contextmanager
def _advisory_lock(url: str, name: str, purpose: str, lost: Callable[[str], None]) -> Iterator[None]:
    import psycopg

    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            try:
                connection.execute("SELECT")
            except psycopg.Error as error:
                lost(f"the engine's database holds its lock no more: {' '.join(str(error).split())}")
                return

    key = int.from_bytes(hashlib.sha256(f"albus-dr {name}".encode()).digest()[:8], "big", signed=True)
    with psycopg.connect(url, autocommit=True, application_name=purpose, **_PATIENCE) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        if row is None or not row[0]:
            holder = connection.execute(_HOLDER, {"key": key}).fetchone()
            raise _refused(f"{holder[0]} (server process {holder[1]})" if holder else "it has just ended")
        watcher = threading.Thread(target=watch, name="lock-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _refused(holder: str) -> RunInProgress:
    return RunInProgress(
        f"another run is in progress: {holder or 'unknown'}",
        hint="albus-dr runs list shows it; albus-dr runs watch RUN follows it; albus-dr abort RUN stops it",
    )


def place_of(url: str, state: Path) -> str:
    """Where the lock lies, without a password: whoever holds that lock knows that an earlier process of this place has ended.

    Two machines may call two servers by one address, and a copy of a server has its system identifier.
    """
    if url.startswith("sqlite"):
        return f"{machine()} {state}"
    import psycopg

    from albus_dr.journal.store import sa_url_for_people

    address = sa_url_for_people(url)
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    except psycopg.Error:  # its lock is no one's elsewhere, so a lease of another machine has to lapse first
        return f"{address} {machine()}"
    here = f" {machine()}" if lies_on_this_machine(url) else ""
    return f"{address} {row[0] if row else machine()}{here}"


def lies_on_this_machine(url: str) -> bool:
    """Does one of the address's hosts mean another server on every machine: loopback, a socket, or what the environment
    names?"""
    from psycopg.conninfo import conninfo_to_dict

    named = conninfo_to_dict(url)
    hosts = [host for key in ("host", "hostaddr") for host in str(named.get(key) or "").split(",") if host]
    return not hosts or any(_is_local(host) for host in hosts)


def _is_local(host: str) -> bool:
    if host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain")


def goes_on(url: str, state: Path, run: str) -> bool:
    """Does a living process hold a lock whose purpose begins with the run's id? Takes none itself."""
    if url.startswith("sqlite"):
        return any(_is_held(path, f"{run} ") for path in (state / "locks").glob("*.lock"))
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(_OF_THE_RUN, (f"{run} ",)).fetchone() is not None
    except psycopg.Error:  # nobody knows; who reads the journal there says what is wrong
        return True


def _is_held(path: Path, purpose: str) -> bool:
    with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        if file.read().startswith(purpose):
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False
