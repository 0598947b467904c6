"""Program calls that several scripts make. A call that fails ends the script."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

DEMO = Path(os.environ["ALBUS_DEMO"])
USER = os.environ["ALBUS_DEMO_USER"]
PYTHON = os.environ["ALBUS_DEMO_PYTHON"]
BIN = Path(os.environ["POSTGRES_BIN"])
QUESTIONS = ("/agenda/today", "/patients/1", "/invoices/1")  # the playbook's, to the application


def run(*argv: str, cwd: Path | str | None = None, environment: dict[str, str] | None = None, stdin: str = "") -> str:
    """What it printed."""
    return subprocess.run(
        argv, check=True, text=True, input=stdin, stdout=subprocess.PIPE, cwd=cwd, timeout=3600,
        env={**os.environ, **(environment or {})},
    ).stdout  # fmt: skip


def postgres(program: str, *arguments: str) -> str:
    """A program of PostgreSQL, as the user that owns the data."""
    owner = ("setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "--") if USER else ()
    return run(*owner, str(BIN / program), *arguments, cwd="/")


def sql(site: str, *statements: str, database: str = "postgres") -> str:
    """What psql prints for them, at one of the two sites."""
    return psql(DEMO / site / "run", int(os.environ[f"{site.upper()}_POSTGRES_PORT"]), statements, database)


def psql(socket_directory: Path, port: int, statements: Sequence[str], database: str) -> str:
    """What psql prints for the statements."""
    return run(
        str(BIN / "psql"), "-h", str(socket_directory), "-p", str(port), "-U", "postgres", "-d", database, "-XAtq",
        "-v", "ON_ERROR_STOP=1", "-f", "-", stdin=";\n".join(statements) + ";\n",
    ).strip()  # fmt: skip


def door(site: str, state: str) -> None:
    """Open (ready) or close (maint) the door to a site."""
    orders = [f"set server albus/{site} state {state}"]
    if state == "maint":
        orders.append(f"shutdown sessions server albus/{site}")
    for order in orders:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(DEMO / "door" / "admin.sock"))
            connection.sendall(order.encode() + b"\n")
            while connection.recv(4096):
                pass


def application(verb: str, site: str) -> None:
    """Start or stop it, as the config does."""
    run(PYTHON, "-m", "albus_dr.bench.application", verb, str(DEMO / site / "application.json"))


def wait_for(url: str) -> None:
    """Until it answers 200."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own http: address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)


def wait_until_primary(site: str) -> None:
    """Until its server is no standby any more."""
    while sql(site, "SELECT pg_is_in_recovery()") != "f":
        time.sleep(0.02)
