"""HAProxy's runtime API: which server of a backend gets the users."""

from __future__ import annotations

import csv
import io
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from albus_dr.errors import StepError, TransientError, UsageError
from albus_dr.tools.host import Host, LocalHost

TIMEOUT_S = 5.0
ANSWER_LIMIT = 16 << 20
ServerState = Literal["ready", "drain", "maint"]


@dataclass(frozen=True)
class Door:
    """``address``: path of the admin socket, or host:port."""

    host: Host
    address: str
    backend: str

    def state(self, server: str) -> ServerState:
        """What the server is set to. Raises StepError when the backend has no such server."""
        rows = csv.DictReader(io.StringIO(self._ask(f"show stat {self.backend} 4 -1").lstrip("# ")))
        for row in _readable(rows, self.address):
            if row.get("pxname") == self.backend and row.get("svname") == server:
                status = row.get("status") or ""
                if status.startswith(
                    "MAINT ("
                ):  # by DNS, or with another server: that ends by itself. Is it closed, too?
                    return "maint" if self._is_closed(server) else "ready"
                return "maint" if status.startswith("MAINT") else "drain" if status.startswith("DRAIN") else "ready"
        raise StepError(
            f"HAProxy at {self.address} has no server {server} in a backend {self.backend}",
            hint="compare proxies: in the config with haproxy.cfg",
        )

    def _is_closed(self, server: str) -> bool:
        """By order, or in the configuration (management.txt, `show servers state`: srv_admin_state 0x01 and 0x04)."""
        for line in self._ask(f"show servers state {self.backend}").splitlines():
            fields = line.split()
            if len(fields) > 6 and (fields[1], fields[3]) == (self.backend, server) and fields[6].isdigit():
                return bool(int(fields[6]) & 0x05)
        return False

    def version(self) -> str:
        """As it says itself; empty where it says none."""
        said = (line.partition(": ") for line in self._ask("show info").splitlines())
        return next((value.strip() for key, _, value in said if key == "Version"), "")

    def set_state(self, server: str, state: ServerState) -> None:
        """Open (ready) or close (maint) a server; closing ends the connections that are open to it."""
        self._order(f"set server {self.backend}/{server} state {state}")
        if state == "maint":
            self._order(f"shutdown sessions server {self.backend}/{server}")

    def _order(self, command: str) -> None:
        said = self._ask(command).strip()
        if said:
            raise StepError(f"HAProxy at {self.address} refused '{command}': {said}")

    def _ask(self, command: str) -> str:
        if not isinstance(self.host, LocalHost):
            target = f"TCP:{self.address}" if ":" in self.address else f"UNIX-CONNECT:{self.address}"
            done = self.host.run(("socat", "-T5", "-", target), stdin=command + "\n", timeout_s=TIMEOUT_S * 3)
            return done.check(
                f"the door at {self.host.name} can't be asked", hint="socat must be installed there"
            ).stdout
        try:
            with self._connect() as connection:
                connection.sendall(command.encode() + b"\n")
                answer = bytearray()
                deadline = time.monotonic() + TIMEOUT_S
                while chunk := connection.recv(65536):
                    answer += chunk
                    if len(answer) > ANSWER_LIMIT or time.monotonic() > deadline:
                        raise StepError(
                            f"what answers at {self.address} does not come to an end",
                            hint="is it HAProxy's runtime API?",
                        )
        except OSError as error:
            raise TransientError(
                f"HAProxy does not answer at {self.address}: {error.strerror or error}",
                hint="is it running, and is `stats socket … level admin` in its configuration? Where it is lost: name another "
                "one under proxies: in the config, then go on",
            ) from None
        return answer.decode(errors="replace")

    def _connect(self) -> socket.socket:
        if self.address.startswith("/"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT_S)
            connection.connect(self.address)
            return connection
        host, _, port = self.address.rpartition(":")
        if not port.isdigit():
            raise UsageError(f"{self.address} is neither the path of a socket nor host:port", hint="correct proxies:")
        return socket.create_connection((host, int(port)), timeout=TIMEOUT_S)


def _readable(rows: Iterable[dict[str, str]], address: str) -> Iterator[dict[str, str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise StepError(
            f"what answers at {address} can't be read: {error}", hint="is it HAProxy's runtime API?"
        ) from None
