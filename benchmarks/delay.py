"""A TCP proxy that holds every byte back for half of a round trip, each way: distance, on one machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

CHUNK = 65536


class DelayProxy:
    """From ``port`` on loopback to ``target``. ``round_trip_s`` may be changed at any time, for what comes later."""

    def __init__(self, target: int) -> None:
        self.round_trip_s = 0.0
        self.port = 0
        self._target = target

    async def serve(self, ready: threading.Event) -> None:
        """Until ``stop`` is called; connections that are open then are aborted."""
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()

    def stop(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._over.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        for one in (writer, far_writer):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # one end went, or all is over: the other is told below
        finally:
            writer.transport.abort()
            far_writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Every chunk in order, each as late as it came plus half of the round trip; many may be under way."""
        loop = asyncio.get_running_loop()
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await way.get()
                if (wait_s := due - loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                if not chunk:
                    writer.write_eof()
                    return
                writer.write(chunk)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        try:
            while chunk := await reader.read(CHUNK):
                way.put_nowait((loop.time() + self.round_trip_s / 2, chunk))
            way.put_nowait((loop.time() + self.round_trip_s / 2, b""))
            await delivering
        finally:
            delivering.cancel()


@contextlib.contextmanager
def delayed(target: int) -> Iterator[DelayProxy]:
    """A proxy in a thread of its own; its connections end with the block."""
    proxy, ready = DelayProxy(target), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve(ready)), name="delay", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise TimeoutError("the proxy did not open its port")
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)


def round_trip_through(port: int) -> float:
    """Seconds until an echo behind the proxy came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"?")  # the first also opens the far connection
        connection.recv(1)
        began = time.perf_counter()
        connection.sendall(b"?")
        connection.recv(1)
        return time.perf_counter() - began
