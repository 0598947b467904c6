"""A TCP line to a server that can lose answers: the server gets what was asked and acts, and nobody hears of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.tools.conftest import free_port


class Line:
    """``loses``: once these bytes were sent to the server, its answer is lost and the connection ends."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.loses: bytes | None = None
        self.lost = 0
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", self.port))

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port), timeout=10)
        losing = threading.Event()
        back = threading.Thread(target=self._back, args=(server, client, losing), daemon=True)
        back.start()
        sent = b""
        with client, server, suppress(OSError):
            while chunk := client.recv(65_536):
                sent += chunk
                if self.loses is not None and self.loses in sent:
                    losing.set()
                server.sendall(chunk)
            server.shutdown(socket.SHUT_WR)
            back.join(10)

    def _back(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while chunk := server.recv(65_536):
                if losing.is_set():
                    self.lost += 1
                    break
                client.sendall(chunk)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(server_port: int) -> Iterator[Line]:
    """A line on a port of its own, while the block lasts."""
    line = Line(server_port)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join(10)
