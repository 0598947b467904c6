"""pg_amcheck: are the pages of a database's tables and the order of its indexes as they must be?"""

from __future__ import annotations

import re
import threading

from albus_dr.errors import StepError
from albus_dr.tools.postgres import Server

QUICK_S = 10.0
FOUND_DAMAGE = 2  # pg_amcheck(1) does not say; its source does: 1 is an error, 2 is damage
# What follows on the next lines may quote what is stored; the name is enough to find it.
_DAMAGED = re.compile(r'^(?:heap table|btree index) "([^"]+(?:""[^"]*)*)"', re.MULTILINE)


def why_not(server: Server) -> str:
    """Why it can't be asked of this server, in a few words; empty when it can."""
    if server.host.run(("test", "-x", f"{server.bin}/pg_amcheck"), timeout_s=QUICK_S).code != 0:
        return f"{server.bin} at {server.host.name} has no pg_amcheck (it comes with PostgreSQL 14 and later)"
    if server.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'") == "0":
        return f"PostgreSQL at {server.host.name} lacks its extension amcheck"
    return ""


def damaged_relations(
    server: Server, database: str, *, jobs: int, timeout_s: float, cancelled: threading.Event
) -> tuple[str, ...]:
    """Names of tables and indexes that are damaged, each once. It puts the extension amcheck into the database.

    Raises StepError when it can't look, TransientError when it has not looked at everything in time.
    """
    done = server.host.run(
        (*server.client("pg_amcheck"), "--host", server.socket or "localhost", "--port", str(server.port), "--username",
         server.user, "--no-password", "--install-missing", "--jobs", str(jobs), "--database", database),
        timeout_s=timeout_s, environment=server.environment(), cancelled=cancelled,
    )  # fmt: skip
    if done.code == FOUND_DAMAGE:
        return tuple(dict.fromkeys(_DAMAGED.findall(done.stdout))) or ("a relation that it did not name",)
    if done.code != 0:
        raise StepError(f"pg_amcheck could not look at {database}: it ended with {done.code}")
    return ()
