"""The application's own connections to PostgreSQL: a few, opened when needed, thrown away when the server went."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

Connection = psycopg.Connection[DictRow]
T = TypeVar("T")

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 2000
WAIT_FOR_CONNECTION_S = 1.0


class Unavailable(Exception):
    """The database can't be used now: down, in recovery, busy, or it could not promise that a commit will last."""


class Database:
    """At most ``size`` connections at once. Safe for threads."""

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []

    def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, after its transaction was committed. Raises Unavailable.

        ``work`` is tried again on a new connection when the old one turns out to be dead: it must be idempotent.
        """
        if not self._free.acquire(timeout=WAIT_FOR_CONNECTION_S):
            raise Unavailable("every connection is in use")
        try:
            connection = self._take_idle()
            if connection is not None:
                try:
                    return self._run(connection, work)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise  # the server is there and said no
                    self._forget_idle()
            return self._run(self._connect(), work)
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
            raise Unavailable(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
        finally:
            self._free.release()

    def _run(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        warnings: list[str] = []

        def keep_warning(diagnostic: psycopg.errors.Diagnostic) -> None:
            if diagnostic.severity_nonlocalized == "WARNING":
                warnings.append(diagnostic.message_primary or "")

        connection.add_notice_handler(keep_warning)
        try:
            with connection.transaction():
                result = work(connection)
        finally:
            connection.remove_notice_handler(keep_warning)
            if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()
            else:
                with self._lock:
                    self._idle.append(connection)
        if warnings:
            # A cancelled wait for the other site commits here alone and says so in a warning only.
            raise Unavailable(f"the commit came with a warning: {warnings[0]}")
        return result

    def _connect(self) -> Connection:
        return psycopg.connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_S,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}", application_name="albus-application",
            keepalives_idle=5, keepalives_interval=1, keepalives_count=3,
        )  # fmt: skip

    def _take_idle(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _forget_idle(self) -> None:
        """One is dead, so the server was stopped, and the others are dead too."""
        with self._lock:
            dead, self._idle = self._idle, []
        for connection in dead:
            connection.close()


def fetch_one(connection: Connection, query: Any, *values: Any) -> dict[str, Any] | None:
    """The first row, or None."""
    return connection.execute(query, values).fetchone()
