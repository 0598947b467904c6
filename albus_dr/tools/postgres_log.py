"""What a server that albus-dr started has written into its log."""

from __future__ import annotations

from albus_dr.errors import StepError
from albus_dr.tools.postgres import QUICK_S, Server, log_of

# Constant text; the log is its argument. grep(1): 1 is nothing found.
_OTHERS = 'grep -F "connection authorized: " -- "$1" | grep -cvF application_name=albus-dr'


def visits_of_others(server: Server) -> int:
    """How often somebody else than albus-dr was let in since it was created. It must log connections.

    Raises StepError when its log can't be read.
    """
    done = server.host.run(
        ("sh", "-c", _OTHERS, "sh", log_of(server.data)), timeout_s=QUICK_S, run_as=server.run_as
    )  # fmt: skip
    if done.code not in (0, 1) or done.err:
        raise StepError(f"the log of PostgreSQL in {server.data} can't be read: {done.last_words}")
    return int(done.stdout)
