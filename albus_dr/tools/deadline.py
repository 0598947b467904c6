"""How long an exchange over a socket may take in all: a socket's own time-out begins anew with every byte that comes."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


def within(timeout_s: float, work: Callable[[], T], *, name: str) -> T:
    """What ``work`` gives or raises. Raises TimeoutError when it has not ended in time: a thread (``name``) goes on with it.

    For what no socket can end yet: a search for an address, a handshake.
    """
    ended: Future[T] = Future()

    def settle() -> None:
        try:
            ended.set_result(work())
        except Exception as error:  # noqa: BLE001 -- whoever waits gets it
            ended.set_exception(error)

    threading.Thread(target=settle, name=name, daemon=True).start()
    return ended.result(timeout_s)


@contextmanager
def cut_after(seconds: float, descriptor: int) -> Iterator[None]:
    """Shut the socket down when the block takes longer: what waits for it gets an error, or the end of what comes."""
    with socket.socket(fileno=os.dup(descriptor)) as line:
        watchdog = threading.Timer(seconds, cut, (line,))
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()
            watchdog.join()


def cut(line: socket.socket) -> None:
    """What reads from it, anywhere, comes to an end."""
    with suppress(OSError):  # the other side was faster
        line.shutdown(socket.SHUT_RDWR)
