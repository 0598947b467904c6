"""Where the events are: one table in the engine's database, mirrored as JSON lines into the run's directory.

The table is the truth. An event is on disk before the call that appends it returns; if it can't be written
(a full disk), the call raises and the engine does nothing further.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from albus_dr.errors import UsageError
from albus_dr.journal.errors import BrokenChain, JournalError
from albus_dr.journal.event import GENESIS, Event, event_hash, now

_METADATA = sa.MetaData()
_EVENTS = sa.Table(
    "albus_event",
    _METADATA,
    sa.Column("run", sa.String(100), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("step", sa.String(200), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("monotonic_s", sa.Float(53), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

_NAMED = "--engine or ALBUS_DR_ENGINE names it: sqlite:///PATH or postgresql://HOST/DATABASE"
_WITHOUT = (
    "To go on without it, name an empty state directory (ALBUS_DR_STATE): who is the primary is then known from the witness, "
    "or taken from the runbook"
)
_LOST = f"is its disk full, or the file damaged? Put it back from a backup. {_WITHOUT}. {_NAMED}"
_HIDDEN = "***"
_INSERT = _EVENTS.insert()  # made once: SQLAlchemy finds its compiled form again


class JournalStore:
    """All runs of one engine. Safe to use from several threads and, on one database, several processes."""

    def __init__(self, url: str, state: Path) -> None:
        self._state = state
        self.place = str(state) if url.startswith("sqlite") else sa_url_for_people(url)
        """Where the runs are, for people."""
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []
        self._heads: dict[str, tuple[int, str]] = {}
        try:
            if url.startswith("sqlite"):
                self._engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
                sa.event.listen(self._engine, "connect", _durable)
            else:
                _require_host(url)
                self._engine = sa.create_engine(
                    _with_driver(url), pool_pre_ping=True, connect_args={"connect_timeout": 5}
                )
            _METADATA.create_all(self._engine)
        except ValueError:  # what stands there may be half a password, of which a sign was not quoted
            raise UsageError(
                "the engine's address has no number for its port, or an @ in its host",
                hint=f"an @ in a password is written %40. {_NAMED}",
            ) from None
        except (sa.exc.SQLAlchemyError, sa.exc.NoSuchModuleError) as error:
            raise UsageError(
                f"the engine's database {sa_url_for_people(url)} can't be opened: {_reason(error)}",
                hint=_why_lost(sa.make_url(url).database) if url.startswith("sqlite") else _NAMED,
            ) from None
        database = self._engine.url.database if url.startswith("sqlite") else None
        self._file = Path(database) if database else None
        self._opened = _identity(self._file)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call it with every event that this process appends, in order."""
        self._listeners.append(listener)

    def run_directory(self, run: str) -> Path:
        """The run's own directory, private; made when it is missing. Raises OSError."""
        path = self._state / "runs" / run
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def append(self, run: str, kind: str, data: Mapping[str, Any] | None = None, *, step: str = "") -> Event:
        """Write one fact, durably, then mirror it and tell the listeners. Raises JournalError."""
        with self._lock:
            self._require_file(run)
            event = self._insert(run, kind, step, json.loads(json.dumps(data or {}, default=str)))
            self._mirror(event)
            for listener in self._listeners:
                listener(event)
        return event

    def _require_file(self, run: str) -> None:
        """SQLite goes on with a file that has no name any more: what is written there is lost, and another run may begin."""
        if _identity(self._file) != self._opened:
            raise JournalError(
                f"{self._file} was removed or replaced while it was open",
                hint=f"nothing further was done; put the state directory back, then: albus-dr resume {run}. {_WITHOUT}",
            )

    def _insert(self, run: str, kind: str, step: str, data: Mapping[str, Any]) -> Event:
        # Another process (approve, abort) may append to the same run: the primary key decides, the loser reads again.
        for _ in range(20):
            try:
                with self._engine.begin() as connection:
                    seq, previous = self._head(connection, run)
                    at, monotonic_s = now(), round(time.monotonic(), 6)
                    digest = event_hash(run, seq, kind, step, at, monotonic_s, data, previous)
                    event = Event(run, seq, kind, step, at, monotonic_s, data, previous, digest)
                    connection.execute(_INSERT, {**event.to_json(), "data": json.dumps(data, sort_keys=True)})
                self._heads[run] = (seq + 1, digest)
                return event
            except sa.exc.IntegrityError:
                self._heads.pop(run, None)
            except sa.exc.SQLAlchemyError as error:
                raise JournalError(
                    f"the journal can't be written: {_reason(error)}",
                    hint=f"nothing further was done; make room or repair it, then: albus-dr resume {run}",
                ) from None
        raise JournalError(f"the journal of {run} is written by too many at once", hint=f"albus-dr runs show {run}")

    def _head(self, connection: sa.Connection, run: str) -> tuple[int, str]:
        if run in self._heads:
            return self._heads[run]
        row = connection.execute(
            sa.select(_EVENTS.c.seq, _EVENTS.c.hash).where(_EVENTS.c.run == run).order_by(_EVENTS.c.seq.desc()).limit(1)
        ).first()
        return (row.seq + 1, row.hash) if row else (0, GENESIS)

    def _mirror(self, event: Event) -> None:
        path = self._state / "runs" / event.run / "journal.jsonl"
        line = json.dumps(event.to_json(), sort_keys=True) + "\n"
        try:
            self.run_directory(event.run)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(line)
        except OSError as error:
            raise JournalError(
                f"{path} can't be written: {error.strerror}",
                hint=f"nothing further was done; make room, then: albus-dr resume {event.run}",
            ) from None

    def mirror_again(self, run: str) -> None:
        """Write the run's journal.jsonl anew: a crash or a full disk may have cut it short."""
        lines = (json.dumps(event.to_json(), sort_keys=True) + "\n" for event in self.events(run))
        path = self._state / "runs" / run / "journal.jsonl"
        fresh = path.with_suffix(".new")
        try:
            self.run_directory(run)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.writelines(lines)
            fresh.replace(path)
        except OSError as error:
            raise JournalError(
                f"{path} can't be written: {error.strerror}", hint="make room, then resume again"
            ) from None

    def events(self, run: str, *, after: int = -1) -> tuple[Event, ...]:
        """The run's events in order, from the one after ``after``. Raises BrokenChain where one was changed."""
        query = sa.select(_EVENTS).where(_EVENTS.c.run == run, _EVENTS.c.seq > after).order_by(_EVENTS.c.seq)
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(query).all()
        except sa.exc.SQLAlchemyError as error:
            raise JournalError(f"the journal can't be read: {_reason(error)}") from None
        events = tuple(_event(number, row) for number, row in enumerate(rows, after + 1))
        if after == -1:
            verify_chain(events)
        return events

    def runs(self, operations: Collection[str] = ()) -> tuple[str, ...]:
        """Every run's id, oldest first; of these operations alone when some are named. An id begins with its operation."""
        query = sa.select(_EVENTS.c.run).where(_EVENTS.c.seq == 0).order_by(_EVENTS.c.at, _EVENTS.c.run)
        return self._ids(query.where(_of(operations)) if operations else query)

    def open_runs(self, operations: Collection[str]) -> tuple[str, ...]:
        """Those of the operations' runs whose newest event is not RunEnded: what goes on, waits, or was broken off."""
        newest = (
            sa.select(_EVENTS.c.run, sa.func.max(_EVENTS.c.seq).label("seq"))
            .where(_of(operations))
            .group_by(_EVENTS.c.run)
            .subquery()
        )
        is_newest = sa.and_(_EVENTS.c.run == newest.c.run, _EVENTS.c.seq == newest.c.seq)
        query = sa.select(_EVENTS.c.run).join(newest, is_newest).where(_EVENTS.c.kind != "RunEnded")
        return self._ids(query.order_by(_EVENTS.c.run))

    def _ids(self, query: sa.Select[tuple[str]]) -> tuple[str, ...]:
        try:
            with self._engine.connect() as connection:
                return tuple(connection.scalars(query))
        except sa.exc.SQLAlchemyError as error:
            raise JournalError(f"the journal can't be read: {_reason(error)}") from None


def _of(operations: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*(_EVENTS.c.run.startswith(f"{operation}-", autoescape=True) for operation in operations))


def verify_chain(events: tuple[Event, ...]) -> None:
    """Raises BrokenChain at the first event whose hash or place is wrong."""
    previous = GENESIS
    for number, e in enumerate(events):
        digest = event_hash(e.run, e.seq, e.kind, e.step, e.at, e.monotonic_s, e.data, e.previous)
        if e.seq != number or e.previous != previous or e.hash != digest:
            raise _broken(e.run, number, e.kind)
        previous = e.hash


def _event(number: int, row: Any) -> Event:
    try:
        data = json.loads(row.data)
    except (ValueError, TypeError, RecursionError):
        raise _broken(row.run, number, row.kind) from None
    return Event(row.run, row.seq, row.kind, row.step, row.at, row.monotonic_s, data, row.previous, row.hash)


def _broken(run: str, number: int, kind: str) -> BrokenChain:
    return BrokenChain(
        run,
        f"the journal of {run} was changed at event {number} ({kind})",
        hint=f"compare it with journal.jsonl in the run's directory; don't resume this run. {_WITHOUT}",
    )


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Which file has this name now."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def _durable(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _why_lost(database: str | None) -> str:
    """What to do about a file that can't be opened: a user who may not must not be told to begin with an empty one."""
    path = Path(database or "")
    try:
        read_only = os.statvfs(path.parent).f_flag & os.ST_RDONLY
        is_there = path.exists()
    except FileNotFoundError:
        return f"there is no directory {path.parent}. {_NAMED}"
    except OSError:
        return _not_yours(path)
    if read_only:
        return f"its disk is mounted read-only: look at it, and mount it anew. {_NAMED}"
    may_write = os.access(path.parent, os.W_OK) and (not is_there or os.access(path, os.W_OK))
    return _LOST if may_write else _not_yours(path)


def _not_yours(path: Path) -> str:
    return f"this user may not write there: run it as the one that owns {path.parent}. {_NAMED}"


def _require_host(url: str) -> None:
    """Raises ValueError where a part of a password would be taken for the host, and printed."""
    if "@" in (sa.make_url(url).host or ""):
        raise ValueError


def _with_driver(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


def sa_url_for_people(url: str) -> str:
    """The address without its passwords, wherever they stand in it."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: its port is no number
        return "(not an address)"
    if "@" in (parsed.host or ""):
        return "(not an address)"
    hidden = {key: _HIDDEN for key in parsed.query if key.lower() in ("password", "sslpassword")}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True).replace(quote(_HIDDEN), _HIDDEN)


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None)
    return str(original or error).strip().splitlines()[0]
