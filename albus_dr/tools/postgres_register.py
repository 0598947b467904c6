"""Registers in a table of a PostgreSQL server: one row each, changed in one statement.

A connection lasts for one call, and a timer closes its socket when the call takes too long: a server that was
stopped, or a line that swallows packets, gives no error by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from albus_dr.errors import NotReadyError
from albus_dr.tools.deadline import cut_after
from albus_dr.tools.process import redact
from albus_dr.tools.register import Conflict, Held, Unreachable, WriteUnknown

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 3
CALL_S = 5.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS albus_dr_register (key text PRIMARY KEY, version text NOT NULL, text text NOT NULL)"
)
_READ = (
    "SELECT r.text, r.version, extract(epoch FROM clock_timestamp())::float8, pg_is_in_recovery()"
    " FROM (SELECT) AS always LEFT JOIN albus_dr_register r ON r.key = %s"
)
_CREATE = "INSERT INTO albus_dr_register (key, version, text) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_CHANGE = "UPDATE albus_dr_register SET version = %s, text = %s WHERE key = %s AND version = %s"
# Whatever the role's or the server's defaults are: a commit is on the disk, and the row is seen as it is now.
_OPTIONS = "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed -c statement_timeout=4000 -c lock_timeout=3000"

_UNSAID = {"host": "", "hostaddr": "", "port": "", "dbname": "", "user": "", "target_session_attrs": "any"}


@dataclass(frozen=True)
class PostgresPlace:
    """A database, and a role that may create one table in its first schema."""

    url: str
    """libpq's, without a password."""
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """As Register.name."""
        return f"PostgreSQL at {self.url}"

    def read(self, key: str) -> Held:
        """As Register.read; ``now`` is the server's clock. A standby is refused: it may be behind."""
        with self._connection() as connection, self._translated():
            rows = self._with_table(connection, _READ, (key,)).fetchall()
        text, version, now, is_standby = rows[0]
        if is_standby:
            raise NotReadyError(
                f"{self.name} is a standby, which may be behind",
                hint="name the primary, or several hosts and target_session_attrs=read-write",
            )
        return Held(text, version, now)

    def write(self, key: str, text: str, expected: str | None) -> str:
        """As Register.write."""
        version = uuid.uuid4().hex
        with self._connection() as connection, self._translated(is_write=True):
            if expected is None:
                changed = self._with_table(connection, _CREATE, (key, version, text)).rowcount
            else:
                changed = self._with_table(connection, _CHANGE, (version, text, key, expected)).rowcount
        if changed != 1:
            raise Conflict(f"{self.name} holds another version of {key}")
        return version

    def remove(self, key: str) -> None:
        """As Place.remove."""
        with self._connection() as connection, self._translated():
            connection.execute("DELETE FROM albus_dr_register WHERE key = %s", (key,))

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        import psycopg  # a tenth of a second: only where it is needed
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        with self._translated():
            # psycopg and libpq would take what the address doesn't say from the shell: each operator another witness.
            said = conninfo_to_dict(self.url)
            unsaid = {name: value for name, value in _UNSAID.items() if name not in said}
            connection = psycopg.connect(
                make_conninfo(self.url, **unsaid), password=self.password or None, autocommit=True, connect_timeout=CONNECT_S,
                options=_OPTIONS, application_name="albus-dr witness",
            )  # fmt: skip
        with closing(connection), cut_after(CALL_S, connection.fileno()):
            yield connection

    def _with_table(
        self, connection: psycopg.Connection[Any], query: str, values: tuple[str, ...]
    ) -> psycopg.Cursor[Any]:
        """What the query gives; the table is made when it is missing."""
        from psycopg import errors

        try:
            return connection.execute(query.encode(), values)
        except errors.UndefinedTable:
            with suppress(errors.UniqueViolation, errors.DuplicateTable):  # somebody else makes it at this moment
                connection.execute(_TABLE)
            return connection.execute(query.encode(), values)

    @contextmanager
    def _translated(self, *, is_write: bool = False) -> Iterator[None]:
        """psycopg's errors as the register's."""
        import psycopg
        from psycopg import errors

        try:
            yield
        except (errors.SerializationFailure, errors.DeadlockDetected):
            raise Conflict(f"{self.name} was changed by somebody else at the same moment") from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # Refused by the server while it was at work: rolled back. Anything else may have come after the commit.
            was_rolled_back = isinstance(error, errors.QueryCanceled | errors.LockNotAvailable)
            if is_write and not was_rolled_back:
                raise WriteUnknown(f"{self.name} did not say whether it wrote: {_said(error)}", hint=_HINT) from None
            raise Unreachable(f"{self.name} does not answer: {_said(error)}", hint=_HINT) from None
        except psycopg.Error as error:
            raise NotReadyError(f"{self.name} can't be used: {_said(error)}", hint=_HINT) from None


_HINT = "psql with the same address shows more; the role needs the right to create one table"


def _said(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return redact(" · ".join(lines[:3]))[:400] or type(error).__name__
