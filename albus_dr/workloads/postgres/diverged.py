"""What a returned server has that no other server has: its rows, for people to enter again where they matter.

They are found by who wrote them. The write-ahead log tells which transactions were committed after the timelines part,
and every row carries the transaction that wrote it. The rows are read from the kept copy, by a server that takes no
writes and no connections but ours. They are patients' data: they stay in a private folder beside the copy; what the
journal gets are counts.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from albus_dr.errors import AlbusError, StepError
from albus_dr.tools import postgres_rebuild as rebuild
from albus_dr.tools.host import write_file
from albus_dr.tools.postgres import QUICK_S, Server
from albus_dr.workloads.postgres.aside import Folder
from albus_dr.workloads.postgres.lineage import Fork, text_of

SHORT_S = 60.0
LONGEST_SOCKET = 107  # bytes of a Unix socket's path
NOT_LISTED = "changes of tables themselves, of sequences and of large objects"


@dataclass(frozen=True)
class Diverged:
    """Counts. ``rows`` were inserted or changed, ``deleted`` removed, by table; ``not_shown`` says what is missing.

    None is not known.
    """

    position: str
    transactions: int | None = None
    rows: Mapping[str, int] | None = None
    deleted: Mapping[str, int] = field(default_factory=dict)
    not_shown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        return {**asdict(self), "not_shown": list(self.not_shown)}


def list_rows(folder: Folder, database: str, timeline: int, fork: Fork | None, *, timeout_s: float) -> Diverged:
    """Read the kept copy and write the list into the folder. What can't be shown is said, and fails nothing: the copy
    itself is kept."""
    if fork is None or fork.timeline != timeline:
        reason = "the two servers share no position on its last timeline: which rows are its own can't be told"
        return _written(folder, Diverged(text_of(fork.at) if fork else "", not_shown=(reason,)), {})
    start = text_of(fork.at)
    found = Diverged(start)
    folder.make_directory(folder.rows)
    times: Mapping[int, str] = {}
    try:
        copy = replace(folder.server, data=folder.data)
        commits = rebuild.read_commits(copy, timeline, start, timeout_s=timeout_s)
        times = commits.at
        found = replace(found, transactions=len(times), rows=None if times else {})
        if not commits.whole:
            found = _lacking(found, "the write-ahead log could not be read to its end: the last rows may be missing")
        if times:
            removed = rebuild.read_removals(copy, timeline, start, times.keys(), timeout_s=timeout_s)
            found = _read(folder, database, found, times, removed, timeout_s=timeout_s)
            if not removed.whole:
                found = _lacking(
                    found, "deletions could not be read to the end of the write-ahead log: there may be more"
                )
    except AlbusError as error:
        found = _lacking(found, error.message)
    return _written(folder, found, times)


def _lacking(found: Diverged, reason: str) -> Diverged:
    return replace(found, not_shown=(*found.not_shown, reason))


def _read(
    folder: Folder, database: str, found: Diverged, times: Mapping[int, str], removed: rebuild.Removed, *, timeout_s: float
) -> Diverged:  # fmt: skip
    mine = "ANY('{" + ",".join(str(xid) for xid in times) + "}'::xid[])"
    with serving(folder, timeout_s=timeout_s) as server:
        files = server.query(_FILES, database=database, timeout_s=QUICK_S)
        tables = [table for table, _ in files]
        counts = " UNION ALL ".join(
            f"SELECT {number}, count(*) FROM {table} t WHERE t.xmin = {mine}"  # noqa: S608 -- quoted by the server
            for number, table in enumerate(tables)
        )
        counted = server.query(counts, database=database, timeout_s=timeout_s) if tables else []
        rows = {tables[int(number)]: int(count) for number, count in counted if count != "0"}
        ordered = sorted(rows)
        found = replace(found, rows={table: rows[table] for table in ordered})
        for number, table in enumerate(ordered):
            written = f"SELECT t.xmin AS written_by, t.* FROM {table} t WHERE t.xmin = {mine}"  # noqa: S608 -- as above
            copy_to = f"COPY ({written}) TO STDOUT (FORMAT csv, HEADER)"
            write_query(server, copy_to, database, f"{folder.rows}/{_file_name(number, table)}", timeout_s=timeout_s)
    return _with_removals(
        found, removed, {(int(file.split("/")[0]), int(file.split("/")[1])): table for table, file in files}
    )


def _with_removals(found: Diverged, removed: rebuild.Removed, tables: Mapping[tuple[int, int], str]) -> Diverged:
    """``tables`` by their file, of this database alone: what was deleted in another one is not this workload's."""
    database = {key[0] for key in tables}
    deleted: Counter[str] = Counter()
    unnamed = 0
    for key, count in removed.deleted.items():
        if key in tables:
            deleted[tables[key]] += count
        elif key[0] in database:
            unnamed += count
    found = replace(found, deleted={table: deleted[table] for table in sorted(deleted)})
    if removed.truncations:
        found = _lacking(found, f"{removed.truncations} TRUNCATE: which rows they removed is not listed")
    if unnamed:
        found = _lacking(found, f"{unnamed} rows were deleted from the catalogue or from tables that are gone")
    return found


# Every table of the database, and its file as database/file number, as the write-ahead log names it.
_FILES = (
    "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), "
    "d.oid || '/' || coalesce(pg_relation_filenode(c.oid), 0) "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_database d "
    "WHERE d.datname = current_database() AND c.relkind = 'r' AND c.relpersistence = 'p' "
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1"
)


@contextlib.contextmanager
def serving(folder: Folder, *, timeout_s: float) -> Iterator[Server]:
    """A server on the kept copy, for as long as the block lasts: a standby of nobody that only shows."""
    end_serving(folder)
    if len(f"{folder.socket}/.s.PGSQL.1") > LONGEST_SOCKET:
        raise StepError(f"the path {folder.socket} is too long for a PostgreSQL socket: the rows can't be read")
    server = rebuild.shown(folder.server, folder.data, folder.socket)
    folder.make_directory(folder.socket)
    for name, text in (("empty.conf", ""), ("hba.conf", "local all all trust\n")):
        write_file(server.host, f"{folder.socket}/{name}", text, timeout_s=QUICK_S, run_as=server.run_as)
    write_file(server.host, f"{folder.data}/standby.signal", "", timeout_s=QUICK_S, run_as=server.run_as)
    try:
        server.start(timeout_s=timeout_s)
        yield server
    finally:
        end_serving(folder)


def end_serving(folder: Folder) -> None:
    """Also what a killed run left."""
    server = replace(folder.server, data=folder.data, systemd=None)
    if server.is_running():
        server.stop(timeout_s=SHORT_S)
    left = tuple(f"{folder.data}/{name}" for name in ("standby.signal", "postmaster.pid", "albus-dr-start.log"))
    server.host.run(("rm", "-rf", "--", *left, folder.socket), timeout_s=QUICK_S).check("the kept copy can't be tidied")


def write_query(server: Server, sql: str, database: str, path: str, *, timeout_s: float) -> None:
    """What a COPY … TO STDOUT gives, into a private file where the server is. Its rows don't come here."""
    script = 'umask 077 && out=$1 && shift && exec "$@" >"$out"'
    argv = (
        *server.client("psql"), "-h", server.socket or "", "-p", str(server.port), "-U", server.user, "-d", database, "-XAtq",
        "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-f", "-",
    )  # fmt: skip
    done = server.host.run(
        ("sh", "-c", script, "sh", path, *argv), stdin=sql, timeout_s=timeout_s, environment=server.environment(),
        run_as=server.run_as,
    )  # fmt: skip
    if done.code != 0:
        raise StepError(f"{path} could not be written")  # what psql says may quote a row


def _file_name(number: int, table: str) -> str:
    return f"{number + 1:02}-{re.sub(r'[^A-Za-z0-9_.-]', '_', table)}.csv"


def _written(folder: Folder, found: Diverged, times: Mapping[int, str]) -> Diverged:
    """The list's first page, and the time of every transaction."""
    lines = [
        "What was written at this site alone, and is not in the database that serves now.",
        "",
        f"Position in the write-ahead log from which it is so: {found.position or 'not known'}",
        f"Transactions committed there alone: {'not known' if found.transactions is None else found.transactions}",
        "",
        *(f"{count:8} rows written in {table}: {_file_name(number, table)}"
          for number, (table, count) in enumerate((found.rows or {}).items())),
        *(f"{count:8} rows deleted from {table}; the kept copy does not show them" for table, count in found.deleted.items()),
        "",
        *(f"Not shown: {one}" for one in found.not_shown),
        f"Never listed: {NOT_LISTED}.",
        "A row that was changed is listed as it was after the last change. The column written_by is the transaction;",
        "transactions.csv has the time of each.",
        f"The whole directory as it was: {folder.data}",
    ]  # fmt: skip
    folder.make_directory(folder.rows)
    transactions = "transaction,committed_at\n" + "".join(f"{xid},{at}\n" for xid, at in sorted(times.items()))
    for name, text in (("README.txt", "\n".join(lines) + "\n"), ("transactions.csv", transactions)):
        write_file(folder.server.host, f"{folder.rows}/{name}", text, timeout_s=QUICK_S, run_as=folder.server.run_as)
    return found
