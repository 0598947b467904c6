"""The door that users come in by: HAProxy in front of both sites, with its runtime API on a private socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from albus_dr.bench.files import write_private
from albus_dr.bench.processes import Running, spawn
from albus_dr.errors import NotReadyError
from albus_dr.tools import process
from albus_dr.tools.inventory import require_program

BACKEND = "albus"

# No health checks and no second try elsewhere: who serves is albus-dr's decision, made through the socket.
_CONFIG = """\
global
    pidfile {directory}/haproxy.pid
    stats socket {directory}/admin.sock mode 600 level admin
    stats timeout 60s
    maxconn 1000
    nbthread 1

defaults
    mode http
    timeout client 60s
    timeout client-fin 5s
    timeout connect 1s
    timeout server 10s
    timeout queue 1s
    timeout http-request 10s
    timeout http-keep-alive 60s
    retries 0
    no option redispatch

frontend door
    bind 127.0.0.1:{port}
    default_backend {backend}

backend {backend}
{servers}
"""


def write_config(directory: Path, port: int, servers: Mapping[str, int], open_to: str) -> None:
    """``servers``: ports of the application by site. Every site but ``open_to`` begins in maintenance."""
    lines = "\n".join(
        f"    server {site} 127.0.0.1:{application}{'' if site == open_to else ' disabled'}"
        for site, application in servers.items()
    )
    text = _CONFIG.format(directory=directory, port=port, backend=BACKEND, servers=lines)
    write_private(directory / "haproxy.cfg", text)


def start(directory: Path) -> Running:
    """HAProxy in a session of its own. Raises NotReadyError when it is missing or refuses its config."""
    config = str(directory / "haproxy.cfg")
    program = str(require_program("haproxy"))
    checked = process.run((program, "-c", "-q", "-f", config), timeout_s=10)
    if checked.code != 0:
        raise NotReadyError(f"HAProxy refuses its config: {checked.last_words}")
    return spawn((program, "-db", "-f", config), log=directory / "haproxy.log", cwd=directory)
