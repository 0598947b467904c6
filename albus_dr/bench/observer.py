"""Who takes writes? Asked a few times a second at both sites at once, whatever the network between them does.

It comes in by each server's own socket, so it stands on both sides of every partition. A site is writable at a moment
when it acknowledges a write there: an update that was committed, and that did not come with the warning of a commit
that stopped waiting for the other site. A write that is not answered is waited for and never cancelled: a cancelled commit
would stay at that site alone. That a server says of itself that it is no standby is asked apart, so that one whose writes wait
is seen all the same; nothing but a danger is concluded from it.

Two sites were writable together when one acknowledged writes both before and after the other did, within two seconds:
the three writes follow one another without overlapping, so no single change of primary explains them.

The table is in the database `postgres`: the workload's own databases are as without an observer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg

from albus_dr.bench.postgres import APPLICATION, Server

EVERY_S = 0.2
WITHIN_S = 2.0  # two changes of primary, there and back, take longer
_PREPARE = """
CREATE TABLE IF NOT EXISTS observed (at timestamptz);
GRANT SELECT, UPDATE ON observed TO albus;
INSERT INTO observed SELECT now() WHERE NOT EXISTS (SELECT FROM observed)
"""
_WRITE = "UPDATE observed SET at = clock_timestamp()"


@dataclass(frozen=True)
class Seen:
    """One question to one site, and whether the answer was yes. Times are of the machine's monotonic clock."""

    site: str
    began_s: float
    ended_s: float
    said_yes: bool


@dataclass(frozen=True)
class Verdict:
    """What was seen in all."""

    looked: int
    """Writes that were tried."""
    two_writable: int
    """Moments; none may be."""
    two_open: int
    """Moments in which neither was a standby, though at most one acknowledged writes: a danger, no harm."""


class Observer:
    """Looks while its block lasts; ``verdict`` at any time."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = dict(servers)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._writes: list[Seen] = []
        self._opens: list[Seen] = []
        self._threads = [
            threading.Thread(target=watch, args=item, name=f"observer of {item[0]}", daemon=True)
            for item in self._servers.items()
            for watch in (self._watch_writes, self._watch_openness)
        ]

    def prepare(self, primary: str) -> None:
        """Its table, at the site that serves now; the other gets it by replication."""
        with self._servers[primary].connect("postgres") as connection:
            connection.execute(_PREPARE)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(WITHIN_S)  # one that waits for a stopped server ends with us

    def verdict(self) -> Verdict:
        """Of everything that was seen until now."""
        with self._lock:
            writes, opens = list(self._writes), list(self._opens)
        return Verdict(len(writes), len(together(writes)), len(together(opens)))

    def writable(self) -> set[str]:
        """The sites whose last write was acknowledged, and not long ago."""
        with self._lock:
            last = {one.site: one for one in self._writes}
        since_s = time.monotonic() - WITHIN_S
        return {site for site, one in last.items() if one.said_yes and one.ended_s > since_s}

    def _watch_writes(self, site: str, server: Server) -> None:
        self._watch(self._writes, site, lambda: takes_a_write(server))

    def _watch_openness(self, site: str, server: Server) -> None:
        with closing(Openness(server)) as asked:
            self._watch(self._opens, site, asked.is_open)

    def _watch(self, seen: list[Seen], site: str, says_yes: Callable[[], bool]) -> None:
        while not self._over.is_set():
            began_s = time.monotonic()
            said_yes = says_yes()
            with self._lock:
                seen.append(Seen(site, began_s, time.monotonic(), said_yes))
            self._over.wait(max(0.0, began_s + EVERY_S - time.monotonic()))


def takes_a_write(server: Server) -> bool:
    """Try to write there. A server that does not answer takes none."""
    warnings: list[str] = []
    try:
        with _connected(server) as connection:
            connection.add_notice_handler(lambda diagnostic: warnings.append(diagnostic.message_primary or ""))
            connection.execute(_WRITE)
    except psycopg.Error:
        return False
    return not warnings


class Openness:
    """Does a server say that it is no standby? By one connection for as long as the server runs: new ones cost it much."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.Connection[Any] | None = None

    def is_open(self) -> bool:
        """One that does not answer is not."""
        try:
            self._connection = self._connection or _connected(self._server)
            return self._connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        except psycopg.Error:
            self.close()
            return False

    def close(self) -> None:
        """The next question comes by a new connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _connected(server: Server) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=str(server.socket),
        port=server.port,
        user=APPLICATION,
        dbname="postgres",
        autocommit=True,
        connect_timeout=2,
    )


def together(seen: Iterable[Seen]) -> list[tuple[Seen, Seen, Seen]]:
    """Every yes of one site that lies between two of the other, none overlapping, the outer two within WITHIN_S."""
    ordered = sorted((one for one in seen if one.said_yes), key=lambda one: one.ended_s)
    found = []
    for position, middle in enumerate(ordered):
        before = _nearest(reversed(ordered[:position]), middle)
        after = _nearest(ordered[position + 1 :], middle)
        if (
            before
            and after
            and before.ended_s <= middle.began_s
            and middle.ended_s <= after.began_s
            and after.began_s - before.ended_s <= WITHIN_S
        ):
            found.append((before, middle, after))
    return found


def _nearest(seen: Iterable[Seen], middle: Seen) -> Seen | None:
    """The first at the other site that does not overlap."""
    for one in seen:
        if one.site != middle.site and (one.ended_s <= middle.began_s or one.began_s >= middle.ended_s):
            return one
        if abs(one.ended_s - middle.ended_s) > 10 * WITHIN_S:
            return None
    return None
