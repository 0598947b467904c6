"""The door that users come in by: HAProxy in front of both sites, with its runtime API on a private socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from albus_dr.bench.files import write_private
from albus_dr.bench.place import Place
from albus_dr.bench.processes import Running, spawn
from albus_dr.errors import NotReadyError
from albus_dr.tools import process
from albus_dr.tools.inventory import require_program

BACKEND = "albus"

# No health checks and no second try elsewhere: who serves is albus-dr's decision, made through the socket.
_CONFIG = """\
global
    pidfile {directory}/haproxy.pid
    stats socket {admin} level admin
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
    bind {address}:{port}
    default_backend {backend}

backend {backend}
{servers}
"""


def write_config(directory: Path, place: Place, ports: tuple[int, int], servers: Mapping[str, tuple[str, int]]) -> None:
    """``ports``: of the door and of its runtime API; ``servers``: address and port of the application by site.

    Every site begins in maintenance: HAProxy remembers nothing, and whoever is primary when it starts, it is not known
    here.
    """
    lines = "\n".join(f"    server {site} {address}:{port} disabled" for site, (address, port) in servers.items())
    admin = admin_address(directory, place, ports[1])
    text = _CONFIG.format(
        directory=directory, address=place.address, port=ports[0], admin=admin + ("" if place.namespace else " mode 600"),
        backend=BACKEND, servers=lines,
    )  # fmt: skip
    write_private(directory / "haproxy.cfg", text)


def admin_address(directory: Path, place: Place, port: int) -> str:
    """Of the runtime API: a private socket, or a port where whoever operates the door is elsewhere."""
    return f"{place.address}:{port}" if place.namespace else f"{directory}/admin.sock"


def start(directory: Path, place: Place) -> Running:
    """HAProxy in a session of its own. Raises NotReadyError when it is missing or refuses its config."""
    config = str(directory / "haproxy.cfg")
    program = str(require_program("haproxy"))
    checked = process.run((program, "-c", "-q", "-f", config), timeout_s=10)
    if checked.code != 0:
        raise NotReadyError(f"HAProxy refuses its config: {checked.last_words}")
    return spawn(place.command((program, "-db", "-f", config)), log=directory / "haproxy.log", cwd=directory)
