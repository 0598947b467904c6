"""PostgreSQL by its own programs: psql, pg_ctl, pg_controldata, pg_dump, pg_restore, initdb."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from albus_dr.errors import NotReadyError, RefusedError, StepError, TransientError
from albus_dr.tools import process
from albus_dr.tools.fence import FenceProof, Identity
from albus_dr.tools.host import Host, skip_greeting, write_file
from albus_dr.tools.told import postgres_errors, postgres_words

QUICK_S = 10.0
POLL_S = 0.02
# The text of a row must not depend on who asks: checksums are compared across servers.
_STABLE = (
    "SET TimeZone='UTC'; SET DateStyle='ISO'; SET IntervalStyle='postgres'; SET extra_float_digits=1; "
    "SET bytea_output='hex'; SET lc_monetary='C';"
)
# What a database's owner sets for its users must not end a dump or its exported snapshot. Our own time-outs hold.
_PATIENT = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
# Two send a program elsewhere; one that wants a primary makes every standby look dead. An empty PGSERVICE is a name too.
_OF_ANOTHER = ("PGSERVICE", "PGHOSTADDR", "PGTARGETSESSIONATTRS")
_PASSFILE = "albus-dr.pgpass"
_TAKEN = "# no timeline of this server: it was left out for another one that may have taken the number\n"
STANDBY_SIGNAL = "standby.signal"  # in the data directory: it starts as a standby; a promotion removes it
# A restore to a point in time leaves its target in the settings. A primary takes no notice; a standby promotes itself there.
NO_TARGET = dict.fromkeys(
    ("recovery_target", "recovery_target_time", "recovery_target_xid", "recovery_target_lsn", "recovery_target_name"),
    "",
)
# Constant text; the data directory is its argument. 0 only where the process is there, and works somewhere else.
_STRANGER = r"""
place=$(readlink "/proc/$(head -n 1 "$1/postmaster.pid" 2>/dev/null)/cwd" 2>/dev/null) &&
  [ -n "$place" ] && [ "$place" != "$(readlink -f "$1")" ]
"""
# psql prints no SQLSTATE for a connection that it didn't get. Elsewhere than in English it stays "does not answer".
_NOT_LET_IN = (
    r'authentication failed|no password supplied|pg_hba\.conf|role ".*" (does not exist|is not permitted to log in)'
    r'|database ".*" does not exist|permission denied for database'
)


class ServerDown(TransientError):
    """The server does not accept connections."""


@dataclass(frozen=True)
class Lag:
    """How far a standby is behind its primary, in bytes of WAL.

    ``confirmed_after_s``: how long the last commits waited, or would have, until it had them on disk; None after a while
    without any.
    """

    received: int
    replayed: int
    sync_state: str
    confirmed_after_s: float | None


@dataclass(frozen=True)
class TableSummary:
    """``checksum`` does not depend on the order of rows."""

    rows: int
    checksum: str


@dataclass(frozen=True)
class Server:
    """A server on a host, reached over its own Unix socket (or localhost) as an administrator."""

    host: Host
    data: str
    port: int
    socket: str | None
    user: str
    run_as: str | None
    bin: str
    systemd: str | None = None
    password: str = ""
    starts_with: tuple[str, ...] = ()
    """More options for postgres at start."""

    # --- asking ---------------------------------------------------------------------------------------------------

    def query(self, sql: str, *, database: str = "postgres", timeout_s: float = QUICK_S) -> list[list[str]]:
        """Rows of columns as text.

        Raises ServerDown when nobody answers, NotReadyError when the server answers and lets nobody in (a wrong password,
        for example), StepError when it refuses the query.
        """
        done = self.host.run(
            (*self._psql(database), "-F", "\x1f", "-0", "-f", "-"), stdin=sql, timeout_s=timeout_s,
            environment={**self.environment(), "PGCLIENTENCODING": "UTF8"},
        )  # fmt: skip
        if done.code == 2:  # psql(1): "2 if the connection to the server went bad"
            if re.search(_NOT_LET_IN, done.stderr):
                raise NotReadyError(
                    f"PostgreSQL at {self.host.name}:{self.port} does not let {self.user} into {database}: {done.last_words}",
                    hint=self._how_to_get_in(done.stderr),
                )
            raise ServerDown(f"PostgreSQL at {self.host.name}:{self.port} does not answer: {done.last_words}")
        if done.code != 0:
            raise StepError(
                f"PostgreSQL at {self.host.name}:{self.port} refused a query: {process.program_of(done.argv)} ended with "
                f"{done.code}: {postgres_words(done.stderr)}"
            )
        return [row.split("\x1f") for row in done.stdout.split("\0")[:-1]]  # a text may hold line breaks

    def _how_to_get_in(self, said: str) -> str:
        """Debian's own setting (peer) goes by the system user's name, which psql does not say."""
        if "Peer authentication failed" not in said:
            return (
                "compare the server's user: and password: in the config, and the runbook's database:, with the server and its "
                "pg_hba.conf"
            )
        came_as = self.host.run(("id", "-un"), timeout_s=QUICK_S).stdout.strip()
        return (
            f"albus-dr came to the socket as the system user {came_as}, and `peer` lets only {self.user} in as {self.user}. Two lines "
            f"let {came_as} in, too: `local all {self.user} peer map=albus`, above every other line of pg_hba.conf, and "
            f"`albus {came_as} {self.user}` in pg_ident.conf; with `albus {self.user} {self.user}` below it {self.user} stays let in. Then "
            "reload the server (docs/how-to/prepare-two-sites.md)"
        )

    def value(self, sql: str, *, database: str = "postgres", timeout_s: float = QUICK_S) -> str:
        """One value as text. Raises StepError when the query gives anything else."""
        rows = self.query(sql, database=database, timeout_s=timeout_s)
        if len(rows) != 1 or len(rows[0]) != 1:
            raise StepError(f"the query gave {len(rows)} rows where one value was asked for: {sql}")
        return rows[0][0]

    def is_in_recovery(self) -> bool:
        """True on a standby."""
        return self.value("SELECT pg_is_in_recovery()") == "t"

    def is_running(self) -> bool:
        """True when a postmaster that owns the data directory lives, answering or not."""
        done = self._run("pg_ctl", "status", "-D", self.data)
        if done.code in (0, 3, 4):  # pg_ctl(1): 3 not running, 4 no accessible data directory
            return done.code == 0 and not self._names_a_stranger()
        raise StepError(f"can't tell whether PostgreSQL runs in {self.data}: {done.last_words}")

    def _names_a_stranger(self) -> bool:
        """Does postmaster.pid, left by a server that was killed, name a process that works elsewhere? pg_ctl(1) believes
        the number alone, and would end that process."""
        return self._as_owner(("sh", "-c", _STRANGER, "sh", self.data)).code == 0

    def system_identifier(self) -> str:
        """The cluster's identity: the same on a primary and its standbys, and nowhere else."""
        return self.value("SELECT system_identifier FROM pg_control_system()")

    def version(self) -> str:
        """As the server itself says it."""
        return self.value("SHOW server_version")

    def control(self) -> dict[str, str]:
        """What pg_controldata prints, by its own labels. Works on a stopped server."""
        done = self._run("pg_controldata", "-D", self.data).check(f"{self.data} is not a readable data directory")
        return {
            key.strip(): text.strip() for key, _, text in (line.partition(":") for line in done.stdout.splitlines())
        }

    def lag_of(self, standby: str) -> Lag | None:
        """On a primary: how far the standby of this name is behind; None when it is not connected."""
        rows = self.query(
            "SELECT pg_current_wal_lsn() - coalesce(flush_lsn, '0/0'), pg_current_wal_lsn() - coalesce(replay_lsn, '0/0'), "
            f"sync_state, extract(epoch FROM flush_lag) FROM pg_stat_replication WHERE application_name = {literal(standby)} "
            "AND state = 'streaming'"
        )
        if not rows:
            return None
        received, replayed, sync_state, waited_s = rows[0]
        return Lag(int(float(received)), int(float(replayed)), sync_state, float(waited_s) if waited_s else None)

    def replayed_position(self) -> int:
        """On a standby: the WAL position up to which it has replayed, in bytes."""
        return position(self.value("SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')"))

    def received_position(self) -> int:
        """On a standby: the WAL position up to which it has received and flushed, in bytes."""
        return position(
            self.value("SELECT coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')")
        )

    def size_of(self, database: str) -> int:
        """Bytes of the database on disk."""
        return int(self.value(f"SELECT pg_database_size({literal(database)})"))

    def answer(self, question: str, database: str, *, timeout_s: float, snapshot: str = "") -> str:
        """One value as text, the same whoever asks and whatever the server is set to (of an exported snapshot, if named)."""
        asked = _one(question)
        if snapshot:
            asked = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {literal(snapshot)}; {asked} COMMIT;"
        return self.value(f"{_STABLE} {asked}", database=database, timeout_s=timeout_s)

    def newest_write(self, marker: str, database: str, *, snapshot: str = "") -> datetime | None:
        """The time that the marker query gives; None when there is none."""
        text = self.answer(marker, database, snapshot=snapshot, timeout_s=60)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise StepError(
                "the marker gave something that is not a time with a zone", hint="use a timestamptz column"
            ) from None
        if found.tzinfo is None:
            raise StepError("the marker gave a time without a zone", hint="use a timestamptz column")
        return found

    def tables(self, database: str, *, timeout_s: float, snapshot: str = "") -> dict[str, TableSummary]:
        """Every user table with its rows and checksum, in one transaction (of an exported snapshot, if named)."""
        names = [row[0] for row in self.query(_TABLES, database=database)]
        if not names:
            return {}
        # ROW(t.*), because `t` alone may be a column
        union = " UNION ALL ".join(
            f"SELECT {literal(name)}, count(*), coalesce(sum(hashtextextended(ROW(t.*)::text, 0)::numeric), 0) FROM {name} t"
            for name in names
        )
        use = f"SET TRANSACTION SNAPSHOT {literal(snapshot)};" if snapshot else ""
        # a policy may hide rows; whoever may not see them all is told so, and counts none
        sql = f"{_STABLE} SET row_security=off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {use} {union}; COMMIT;"
        rows = self.query(sql, database=database, timeout_s=timeout_s)
        return {name: TableSummary(int(count), checksum) for name, count, checksum in rows}

    @contextmanager
    def exported_snapshot(self, database: str) -> Iterator[str]:
        """A snapshot that other sessions can use while the block lasts: pg_dump and the counts see the same rows."""
        argv, environment, prelude = self.host.command(self._psql(database), self.environment())
        with process.start(argv, environment=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(
                (prelude + "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();\n").encode()
            )
            session.stdin.flush()
            watchdog = threading.Timer(QUICK_S, process.end_group, (session,))
            watchdog.start()
            skip_greeting(self.host, session.stdout)
            name = session.stdout.readline().decode().strip()
            watchdog.cancel()
            if not re.fullmatch(r"[0-9A-F-]+", name):
                raise StepError(f"PostgreSQL at {self.host.name}:{self.port} did not export a snapshot")
            yield name

    # --- acting ---------------------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """Which server this is, at this moment: what a promotion asserts."""
        rows = self.query(
            "SELECT system_identifier, timeline_id, pg_postmaster_start_time() FROM pg_control_system(), pg_control_checkpoint()"
        )
        identifier, timeline, started = rows[0]
        return Identity(identifier, int(timeline), started)

    def promote(self, proof: FenceProof, seen: Identity, *, timeout_s: float) -> None:
        """Make the standby the primary. The proof says why the old one can't write.

        It may arrive late: a server that is not in recovery, or not the one that was seen, is left as it is
        (RefusedError).
        """
        if not proof.rests_on:
            raise RefusedError("a fence proof that rests on nothing is none")
        # A standby may carry a list of its own; nobody would confirm the new primary's commits.
        # One session asserts, promotes and waits: the session sees at once that recovery has ended.
        is_it = (
            "pg_is_in_recovery() AND (SELECT (system_identifier::text, timeline_id, pg_postmaster_start_time()) = "
            f"({literal(seen.system_identifier)}, {seen.timeline}, {literal(seen.started)}::timestamptz) "
            "FROM pg_control_system(), pg_control_checkpoint())"
        )
        looks = max(1, round(timeout_s / POLL_S))
        rows = self.query(
            f"SELECT {is_it} AS is_it \\gset\n"
            "\\if :is_it\n"
            f"ALTER SYSTEM SET synchronous_standby_names = ''; "
            f"ALTER SYSTEM RESET recovery_target_timeline; SELECT pg_reload_conf(); SELECT pg_promote(false) WHERE {is_it}; "
            f"SELECT count(pg_sleep({POLL_S / 4})) FROM generate_series(1, {looks * 4}) WHERE pg_is_in_recovery(); "
            "SELECT pg_is_in_recovery();\n"
            "\\endif\n",
            timeout_s=timeout_s + QUICK_S,
        )
        if not rows or len(rows) < 4:
            raise RefusedError(
                f"PostgreSQL at {self.host.name}:{self.port} is not the standby that was seen (system identifier "
                f"{seen.system_identifier}, timeline {seen.timeline}, started {seen.started}): it was not promoted",
                hint="albus-dr status shows the roles; resume looks at it again",
            )
        if rows[-1] != ["f"]:
            raise TransientError(f"PostgreSQL at {self.host.name}:{self.port} is still a standby after {timeout_s:g} s")

    def start(self, *, timeout_s: float) -> None:
        """Start it and wait until it accepts connections."""
        if self.systemd:
            self.host.run(("systemctl", "start", self.systemd), timeout_s=timeout_s).check(
                f"{self.systemd} did not start"
            )
            return
        options = ("-o", " ".join(self.starts_with)) if self.starts_with else ()
        log = log_of(self.data)
        done = self._as_owner(  # what a standby follows with has our environment
            (*self.client("pg_ctl"), "start", "-D", self.data, "-w", "-t", f"{timeout_s:.0f}", "-l", log, *options),
            timeout_s=timeout_s + 5,
        )
        if done.code != 0:
            raise StepError(f"PostgreSQL in {self.data} did not start: {done.last_words}", hint=f"its log: {log}")

    def stop(self, *, timeout_s: float) -> None:
        """Stop it cleanly: everything that was written is sent to the connected standbys first."""
        if self.systemd:
            self.host.run(("systemctl", "stop", self.systemd), timeout_s=timeout_s).check(
                f"{self.systemd} did not stop"
            )
            return
        if self._names_a_stranger():
            return
        done = self._run(
            "pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", "-t", f"{timeout_s:.0f}", timeout_s=timeout_s + 5
        )
        if done.code != 0 and self.is_running():
            raise TransientError(f"PostgreSQL in {self.data} did not stop within {timeout_s:g} s: {done.last_words}")

    def stop_at_once(self) -> None:
        """For servers that a drill made: nothing in them is kept."""
        if self.is_running():
            self._run("pg_ctl", "stop", "-D", self.data, "-m", "immediate", "-w", "-t", "20", timeout_s=30)

    def follow(self, primary: Mapping[str, str], slot: str, password: str, *, timeout_s: float) -> None:
        """Make a cleanly stopped server the standby of the primary (libpq keywords), and start it."""
        passfile = f"{self.data}/{_PASSFILE}"
        entry = ":".join(_escape(part) for part in (primary["host"], primary["port"], "*", primary["user"], password))
        # As its owner: PostgreSQL refuses a passfile that belongs to somebody else.
        self._write(passfile, entry + "\n")
        upstream = conninfo({**primary, "passfile": passfile})
        self._start_as_standby({"primary_conninfo": upstream, "primary_slot_name": slot}, timeout_s=timeout_s)

    def follow_nobody(self, *, taken: int, timeout_s: float) -> None:
        """Make a stopped server a standby that takes no writes and waits to be promoted, and start it.

        ``taken``: a timeline that another server may have begun. The promotion takes the next one: two servers on one
        timeline could not be told apart.
        """
        self._write(f"{self.data}/pg_wal/{taken:08X}.history", _TAKEN)
        settings = {"primary_conninfo": "", "primary_slot_name": "", "recovery_target_timeline": "current"}
        self._start_as_standby(settings, timeout_s=timeout_s)

    def _start_as_standby(self, settings: Mapping[str, str], *, timeout_s: float) -> None:
        self._write(f"{self.data}/{STANDBY_SIGNAL}", "")
        settings = {**NO_TARGET, **settings}  # empty rather than left out: postgresql.conf may name one too
        current = (
            self._as_owner(("cat", f"{self.data}/postgresql.auto.conf")).check("can't read postgresql.auto.conf").stdout
        )
        replaced = (*settings, "synchronous_standby_names", "recovery_target_timeline")
        kept = [line for line in current.splitlines() if line.split("=")[0].strip() not in replaced]
        ours = [f"{key} = '{_quoted(text)}'" for key, text in settings.items()]
        self._write(f"{self.data}/postgresql.auto.conf", "\n".join([*kept, *ours]) + "\n")
        self.start(timeout_s=timeout_s)

    def make_slot(self, slot: str) -> None:
        """A physical replication slot, once."""
        self.query(
            f"SELECT pg_create_physical_replication_slot({literal(slot)}, true) "
            f"WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = {literal(slot)})"
        )

    def has_idle_slot(self, slot: str) -> bool:
        """Whether there is a physical replication slot of that name that nobody reads from."""
        return self.value(f"SELECT count(*) {_idle_slot(slot)}") != "0"

    def drop_slot(self, slot: str) -> None:
        """A physical replication slot that nobody reads from, if there is one. It would keep all the WAL to come."""
        self.query(f"SELECT pg_drop_replication_slot(slot_name) {_idle_slot(slot)}")

    def wait_for_standby_to_confirm(self, standby: str) -> None:
        """From now on a commit is acknowledged once the standby has it."""
        self.query(
            f"ALTER SYSTEM SET synchronous_standby_names = {literal(identifier(standby))}; SELECT pg_reload_conf();"
        )

    def create(self, *, timeout_s: float) -> None:
        """A new, empty cluster in ``data`` for a drill: trust on its private socket, no network, no durability."""
        self._run(
            "initdb", "-D", self.data, "-U", self.user, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
            timeout_s=timeout_s,
        ).check(f"no cluster could be made in {self.data}")  # fmt: skip

    def create_database(self, database: str) -> None:
        """An empty one, in the server's own encoding and locale."""
        self.query(f"CREATE DATABASE {identifier(database)} TEMPLATE template0")

    def restore_dump(
        self, path: str, database: str, *, with_access: bool, jobs: int, timeout_s: float, cancelled: threading.Event
    ) -> None:
        """Fill an empty database from a custom-format dump. Any error fails it.

        ``with_access``: owners and grants too; every role that they name must be there.
        """
        without = () if with_access else ("--no-owner", "--no-privileges")
        done = self.host.run(
            (*self.client("pg_restore"), *self._connection(database), *without, "--no-tablespaces", "--exit-on-error",
             "-j", str(jobs), path),
            timeout_s=timeout_s, environment=self.environment(), cancelled=cancelled,
        )  # fmt: skip
        if done.code != 0:
            raise StepError(f"the dump could not be restored: {postgres_errors(done.stderr)}")
        self.query("ANALYZE", database=database, timeout_s=timeout_s)

    def dump_command(self, database: str, snapshot: str) -> tuple[str, ...]:
        """Prints the database in the custom format, uncompressed: the repository compresses and deduplicates."""
        return (
            *self.client("pg_dump"), *self._connection(database), "--format=custom", "--compress=0", f"--snapshot={snapshot}",
        )  # fmt: skip

    def uri(self, database: str) -> str:
        """A libpq URI over the Unix socket."""
        from urllib.parse import quote

        return f"postgresql://{quote(self.user)}@/{quote(database)}?host={quote(self.socket or 'localhost', safe='')}&port={self.port}"

    # --- plumbing -------------------------------------------------------------------------------------------------

    def _psql(self, database: str) -> tuple[str, ...]:
        return (
            *self.client("psql"),
            *self._connection(database),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "VERBOSITY=terse",
        )

    def _connection(self, database: str) -> tuple[str, ...]:
        return ("-h", self.socket or "localhost", "-p", str(self.port), "-U", self.user, "-w", "-d", database)

    def client(self, program: str) -> tuple[str, ...]:
        """A program that connects, without what a shell or a login may say of another server than the config's."""
        return ("env", *(word for name in _OF_ANOTHER for word in ("-u", name)), f"{self.bin}/{program}")

    def environment(self) -> dict[str, str]:
        """What the programs need besides their arguments."""
        password = {"PGPASSWORD": self.password} if self.password else {}
        return {
            "PGCONNECT_TIMEOUT": "5",
            "PGAPPNAME": "albus-dr",
            "LC_MESSAGES": "C",
            "PGOPTIONS": _PATIENT,
            **password,
        }

    def _run(self, program: str, *arguments: str, timeout_s: float = QUICK_S) -> process.Completed:
        return self._as_owner((f"{self.bin}/{program}", *arguments), timeout_s=timeout_s)

    def _as_owner(self, argv: Sequence[str], *, timeout_s: float = QUICK_S) -> process.Completed:
        return self.host.run(argv, timeout_s=timeout_s, run_as=self.run_as)

    def _write(self, path: str, text: str) -> None:
        write_file(self.host, path, text, timeout_s=QUICK_S, run_as=self.run_as)


@cache
def find_programs(host: Host, data: str | None) -> str:
    """The directory of the PostgreSQL programs on the host: those of the data directory's version, else the newest.

    Looked up once in a process's life.
    Raises NotReadyError when there are none.
    """
    script = (
        'v=$(cat "$1/PG_VERSION" 2>/dev/null); d=/usr/lib/postgresql/$v/bin; '
        '[ -n "$v" ] && [ -x "$d/pg_ctl" ] && echo "$d" && exit; '
        "d=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -n 1); "
        '[ -x "$d/pg_ctl" ] && echo "$d" && exit; p=$(command -v pg_ctl) && dirname "$p"'
    )
    done = host.run(("sh", "-c", script, "sh", data or "/nonexistent"), timeout_s=QUICK_S)
    if done.code != 0 or not done.stdout.strip():
        raise NotReadyError(
            f"there are no PostgreSQL programs at {host.name}", hint="albus-dr doctor says how to get them"
        )
    return done.stdout.strip()


def log_of(data: str) -> str:
    """Where a server that albus-dr started writes."""
    return f"{data}/albus-dr-start.log"


def literal(text: str) -> str:
    """An SQL string literal."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def conninfo(keywords: Mapping[str, str]) -> str:
    """A libpq connection string."""
    return " ".join(
        f"{key}='{text.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'"
        for key, text in keywords.items()
    )


def position(lsn: str) -> int:
    """``16/B374D848`` in bytes."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _one(sql: str) -> str:
    return sql.strip().rstrip(";") + ";"


def _idle_slot(slot: str) -> str:
    """Of a query: the physical replication slot of that name, if nobody reads from it."""
    return f"FROM pg_replication_slots WHERE slot_name = {literal(slot)} AND slot_type = 'physical' AND NOT active"


def _quoted(text: str) -> str:
    """Inside the quotes of a PostgreSQL configuration file."""
    return text.replace("\\", "\\\\").replace("'", "''")


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


_TABLES = (
    "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
    "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname !~ '^pg_temp_' ORDER BY 1;"
)  # a temporary table is its session's own: nobody else can read it, and pg_dump leaves it out
