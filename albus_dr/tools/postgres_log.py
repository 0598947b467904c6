"""What a server that albus-dr started has written into its log."""

from __future__ import annotations

from albus_dr.errors import StepError
from albus_dr.tools.postgres import QUICK_S, Server, log_of

# Constant text; the log is its argument. One program, so that its exit code says whether it could read.
_OTHERS = """awk '/connection authorized: / && !/application_name=albus-dr( |$)/ {n++} END {print n + 0}' "$1" """


def visits_of_others(server: Server) -> int:
    """How often somebody else than albus-dr was let in since it was created. It must log connections.

    Raises StepError when its log can't be read.
    """
    done = server.host.run(
        ("sh", "-c", _OTHERS, "sh", log_of(server.data)), timeout_s=QUICK_S, run_as=server.run_as
    )  # fmt: skip
    if done.code != 0:  # its words say nothing: ssh adds the host's banner to them
        raise StepError(f"the log of PostgreSQL in {server.data} can't be read: {done.last_words}")
    return int(done.stdout)
