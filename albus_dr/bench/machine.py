"""What the bench needs to know of the machine that it stands on."""

from __future__ import annotations

import os
import pwd
import random
import socket
from pathlib import Path

from albus_dr.bench.processes import Running
from albus_dr.errors import NotReadyError
from albus_dr.tools.host import LocalHost

PORTS = range(20_000, 32_000)  # below those that the system gives to outgoing connections: still free after a restart
_ENTER_ONLY = 0o711  # PostgreSQL's user passes through; nobody but us sees what is there


def make_enterable(directory: Path) -> None:
    """A directory of ours, and those above it that do not exist yet; what does exist above keeps its mode."""
    missing = [directory, *(parent for parent in directory.parents if not parent.exists())]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(_ENTER_ONLY)
    user = system_user()
    if user and LocalHost().run(("test", "-x", str(directory)), timeout_s=5, run_as=user).code != 0:
        raise NotReadyError(
            f"the user {user}, whom PostgreSQL runs as, can't enter {directory}",
            hint="give a directory below one that everybody may enter, for example /var/tmp",
        )


def system_user() -> str:
    """Empty unless we are root, whom PostgreSQL refuses. Raises NotReadyError."""
    if os.geteuid() != 0:
        return ""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NotReadyError(
            "PostgreSQL does not run as root, and there is no user postgres here",
            hint="install PostgreSQL from a package, which makes that user, or be another user than root",
        ) from None


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise NotReadyError("there are not enough free ports on this machine")


def listens(process: Running, port: int) -> bool:
    """A server listens on the port in the network that the process is in."""
    listening = "0A"  # include/net/tcp_states.h: TCP_LISTEN
    for table in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            return False
        if any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == listening for row in rows):
            return True
    return False
