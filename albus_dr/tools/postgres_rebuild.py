"""PostgreSQL's programs for a server that came back: pg_waldump, pg_rewind, pg_basebackup, and a look at its files."""

from __future__ import annotations

import re
import shlex
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from albus_dr.errors import StepError
from albus_dr.tools import process
from albus_dr.tools.postgres import NO_TARGET, QUICK_S, Server, conninfo

# What a standby must have at least as much of as its primary had, by pg_controldata's labels.
_AS_LARGE = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
_TRANSACTION = re.compile(r"\btx:\s*(\d+),.*?desc: (COMMIT(?:_PREPARED)?)\b(.*)")
_DELETE = re.compile(r"\btx:\s*(\d+),.*?desc: DELETE\b.*?\brel \d+/(\d+)/(\d+)")
_TRUNCATE = re.compile(r"\btx:\s*(\d+),.*?desc: TRUNCATE\b")


# --- reading the write-ahead log ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Committed:
    """``at``: by transaction id, the time of its commit as PostgreSQL writes it. ``whole``: read up to the log's end."""

    at: Mapping[int, str]
    whole: bool


@dataclass(frozen=True)
class Removed:
    """``deleted``: rows by (database, file) number. ``truncations``: commands that emptied tables. ``whole``: read up to the
    log's end."""

    deleted: Mapping[tuple[int, int], int]
    truncations: int
    whole: bool


def read_commits(server: Server, timeline: int, start: str, *, timeout_s: float) -> Committed:
    """The transactions that the server's own log commits after the position. Raises StepError when it is not there."""
    first = _waldump(server, timeline, start, ("-n", "1"), None, timeout_s)
    if first.code != 0 and "could not find a valid record" not in first.stderr:
        raise StepError(f"the log after {start} is not there any more: {first.last_words}")
    found: dict[int, str] = {}

    def on_line(line: str) -> None:
        if match := _TRANSACTION.search(line):
            main, kind, rest = int(match[1]), match[2], match[3]
            if kind == "COMMIT_PREPARED" and (named := re.match(r"\s*(\d+)", rest)):
                main = int(named[1])
            time = re.search(r"\d{4}-\d\d-\d\d [\d:.]+ \S+", rest)
            committed = re.search(r"subxacts: ([\d ]+)", rest)
            for xid in (main, *(int(one) for one in (committed[1].split() if committed else ()))):
                found[xid] = time[0].rstrip(";") if time else ""

    done = _waldump(server, timeline, start, ("-r", "Transaction"), on_line, timeout_s)
    return Committed(found, whole=done.code == 0 or _at_its_end(done))


def read_removals(
    server: Server, timeline: int, start: str, transactions: Collection[int], *, timeout_s: float
) -> Removed:
    """What the transactions took away after the position."""
    deleted: Counter[tuple[int, int]] = Counter()
    truncations = 0

    def on_line(line: str) -> None:
        nonlocal truncations
        if (match := _DELETE.search(line)) and int(match[1]) in transactions:
            deleted[int(match[2]), int(match[3])] += 1
        elif (emptied := _TRUNCATE.search(line)) and int(emptied[1]) in transactions:
            truncations += 1

    done = _waldump(server, timeline, start, ("-r", "Heap"), on_line, timeout_s)
    return Removed(deleted, truncations, whole=done.code == 0 or _at_its_end(done))


def _at_its_end(done: process.Completed) -> bool:
    """The log of a server ends with a record that is none; pg_waldump calls that an error."""
    return "error in WAL record" in done.stderr or "could not find a valid record" in done.stderr


def _waldump(
    server: Server, timeline: int, start: str, more: tuple[str, ...], on_line: object, timeout_s: float
) -> process.Completed:
    argv = (f"{server.bin}/pg_waldump", "-p", f"{server.data}/pg_wal", "-t", str(timeline), "-s", start, *more)
    return server.host.run(argv, timeout_s=timeout_s, run_as=server.run_as, on_line=on_line)  # type: ignore[arg-type]


# --- a server that only shows ---------------------------------------------------------------------------------------


def shown(server: Server, data: str, socket: str) -> Server:
    """The same programs on a copy of its data: a standby of nobody, without a network, that takes no writes.

    It is reached through the private directory ``socket`` alone. Nothing that the copy's own configuration says counts.
    """
    copy = replace(server, data=data)
    control = copy.control()
    settings = {
        "config_file": f"{socket}/empty.conf", "hba_file": f"{socket}/hba.conf", "ident_file": f"{socket}/empty.conf",
        "port": "1", "listen_addresses": "", "unix_socket_directories": socket, "ssl": "off",
        "hot_standby": "on", "primary_conninfo": "", "primary_slot_name": "", "restore_command": "",
        "archive_cleanup_command": "", "recovery_end_command": "", **NO_TARGET,
        "recovery_target_timeline": "current", "archive_mode": "off", "archive_command": "", "autovacuum": "off",
        "shared_preload_libraries": "", "synchronous_standby_names": "", "logging_collector": "off",
        "wal_keep_size": "2147483647", "max_slot_wal_keep_size": "-1", "shared_buffers": "64MB",
        **{key: control[label] for key, label in _AS_LARGE.items() if label in control},
    }  # fmt: skip
    options = tuple(f"-c {shlex.quote(f'{key}={value}')}" for key, value in settings.items())
    return replace(copy, port=1, socket=socket, systemd=None, password="", starts_with=options)


# --- rebuilding -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upstream:
    """The server that serves, for programs at the other site: libpq keywords, and the file that has the password."""

    keywords: Mapping[str, str]
    passfile: str

    def conninfo(self, **more: str) -> str:
        """For one program."""
        return conninfo({**self.keywords, **more, "passfile": self.passfile})


def rewind(
    server: Server, upstream: Upstream, lock: str, *, dry_run: bool, timeout_s: float, cancelled: threading.Event
) -> process.Completed:
    """Take back what the stopped server has of its own, and fetch what it lacks. The caller judges how it ended.

    One that is ended half-way leaves a directory that no server can use. ``lock``: only one at a time, whoever calls.
    """
    argv = (
        *server.client("pg_rewind"), "-D", server.data, f"--source-server={upstream.conninfo(dbname='postgres')}",
        *(("--dry-run",) if dry_run else ("--write-recovery-conf",)),
    )  # fmt: skip
    return alone(server, lock, argv, timeout_s=timeout_s, cancelled=cancelled)


def base_backup(
    server: Server, upstream: Upstream, into: str, slot: str, lock: str, *, timeout_s: float, cancelled: threading.Event
) -> None:
    """A copy of the server that serves, in a new directory, ready to follow it. Raises StepError."""
    argv = (
        *server.client("pg_basebackup"), "-d", upstream.conninfo(), "-D", into, "-X", "stream", "-S", slot, "-R", "-c", "fast",
        "-w", "--no-password",
    )  # fmt: skip
    alone(server, lock, argv, timeout_s=timeout_s, cancelled=cancelled).check("the server that serves can't be copied")


def alone(
    server: Server, lock: str, argv: tuple[str, ...], *, timeout_s: float, cancelled: threading.Event
) -> process.Completed:
    """Run as the data's owner while nobody else holds the lock file.

    A program on a far host may outlive the connection, and albus-dr: it must end before the next one begins.
    """
    return server.host.run(
        ("flock", "--nonblock", "--conflict-exit-code", "75", lock, *argv), timeout_s=timeout_s, run_as=server.run_as,
        cancelled=cancelled,
    )  # fmt: skip


STILL_BUSY = 75  # what alone() ends with when an earlier program still works there


def let_rewind(server: Server, role: str) -> None:
    """On the server that serves: the role that standbys connect as may read its files, which it may copy anyway."""
    named = '"' + role.replace('"', '""') + '"'
    functions = (
        "pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)",
        "pg_read_binary_file(text, bigint, bigint, boolean)",
    )  # fmt: skip
    server.query("".join(f"GRANT EXECUTE ON FUNCTION pg_catalog.{one} TO {named};" for one in functions))


# --- its files --------------------------------------------------------------------------------------------------------

# Constant text; the directory is its argument. First what it is, then its real path.
_LOOK = r"""
d=$(readlink -f -- "$1") || d=$1
if [ ! -e "$d" ]; then echo absent
elif [ ! -d "$d" ]; then echo strange
elif [ ! -r "$d" ] || [ ! -x "$d" ]; then echo closed
elif mountpoint -q -- "$d"; then echo mount
elif [ -z "$(ls -A -- "$d")" ]; then echo absent
elif [ ! -f "$d/global/pg_control" ]; then echo strange
elif [ -n "$(ls -A -- "$d/pg_tblspc" 2>/dev/null)" ]; then echo tablespaces
else echo cluster
fi
printf '%s\n' "$d"
"""


def look_at_directory(server: Server) -> tuple[str, str]:
    """(absent, cluster, tablespaces, mount, closed or strange; the data directory's real path). An empty one is absent."""
    done = server.host.run(("sh", "-c", _LOOK, "sh", server.data), timeout_s=QUICK_S, run_as=server.run_as)
    kind, path = done.check(f"{server.data} can't be looked at").stdout.splitlines()
    return kind, path


def control_digest(server: Server, data: str) -> str:
    """Stands for the directory's pg_control, which every start of a server changes; empty where there is none."""
    done = server.host.run(("sha256sum", "--", f"{data}/global/pg_control"), timeout_s=QUICK_S, run_as=server.run_as)
    return done.stdout.split()[0] if done.code == 0 else ""


def histories(server: Server) -> dict[int, str]:
    """The timelines' history files that are in the data directory, by timeline. One that names no earlier timeline only
    keeps a number free."""
    script = r'cd "$1/pg_wal" && for f in *.history; do [ -f "$f" ] && printf "%s\034%s\035" "$f" "$(cat "$f")"; done; exit 0'
    done = server.host.run(("sh", "-c", script, "sh", server.data), timeout_s=QUICK_S, run_as=server.run_as)
    files = (entry.split("\x1c") for entry in done.check(f"{server.data} can't be read").stdout.split("\x1d") if entry)
    found = {int(name.removesuffix(".history"), 16): text for name, text in files}
    return {timeline: text for timeline, text in found.items() if re.search(r"^\s*\d", text, re.MULTILINE)}


def nearest_directory(server: Server) -> str:
    """The directory above the data directory; where it is missing too, the first above it that is there."""
    script = 'd=$(dirname -- "$1"); while [ ! -d "$d" ]; do d=$(dirname -- "$d"); done; printf "%s" "$d"'
    done = server.host.run(("sh", "-c", script, "sh", server.data), timeout_s=QUICK_S)
    return done.check(f"{server.data} can't be looked at").stdout
