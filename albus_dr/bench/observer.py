"""Who takes writes? Asked a few times a second at both sites at once, whatever the network between them does.

It comes in by each server's own socket, so it stands on both sides of every partition. A site is writable at a moment
when it acknowledges a write there: an update that was committed, and that did not come with the warning of a commit
that stopped waiting for the other site. Nothing is concluded from what a server says of itself. A write that is not
answered is waited for and never cancelled: a cancelled commit would stay at that site alone.

Two sites were writable together when one acknowledged writes both before and after the other did, within two seconds:
the three writes follow one another without overlapping, so no single change of primary explains them.

The table is in the database `postgres`: the workload's own databases are as without an observer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

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
    """One question to one site. Times are of the machine's monotonic clock."""

    site: str
    began_s: float
    ended_s: float
    is_open: bool
    """It said that it is no standby."""
    acknowledged: bool


@dataclass(frozen=True)
class Verdict:
    """What was seen in all."""

    looked: int
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
        self._seen: list[Seen] = []
        self._threads = [
            threading.Thread(target=self._watch, args=item, name=f"observer of {item[0]}", daemon=True)
            for item in self._servers.items()
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
            seen = list(self._seen)
        return Verdict(len(seen), len(together(one for one in seen if one.acknowledged)),
                       len(together(one for one in seen if one.is_open)))  # fmt: skip

    def writable(self) -> set[str]:
        """The sites whose last answer was an acknowledgement, and not long ago."""
        with self._lock:
            last = {one.site: one for one in self._seen}
        since_s = time.monotonic() - WITHIN_S
        return {site for site, one in last.items() if one.acknowledged and one.ended_s > since_s}

    def _watch(self, site: str, server: Server) -> None:
        while not self._over.is_set():
            seen = ask(site, server)
            with self._lock:
                self._seen.append(seen)
            self._over.wait(max(0.0, seen.began_s + EVERY_S - time.monotonic()))


def ask(site: str, server: Server) -> Seen:
    """Try to write there. A server that does not answer is neither open nor writable."""
    began_s, is_open, acknowledged = time.monotonic(), False, False
    warnings: list[str] = []
    try:
        with psycopg.connect(
            host=str(server.socket), port=server.port, user=APPLICATION, dbname="postgres", autocommit=True,
            connect_timeout=2,
        ) as connection:  # fmt: skip
            connection.add_notice_handler(lambda diagnostic: warnings.append(diagnostic.message_primary or ""))
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            is_open = row == (False,)
            connection.execute(_WRITE)
            acknowledged = not warnings
    except psycopg.Error:
        acknowledged = False
    return Seen(site, began_s, time.monotonic(), is_open, acknowledged)


def together(seen: Iterable[Seen]) -> list[tuple[Seen, Seen, Seen]]:
    """Every look at one site that lies between two at the other, none overlapping, the outer two within WITHIN_S."""
    ordered = sorted(seen, key=lambda one: one.ended_s)
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
