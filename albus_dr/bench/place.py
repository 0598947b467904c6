"""Where a part of the bench runs: on this machine's loopback, or in a network namespace with an address of its own."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from albus_dr.tools import process
from albus_dr.tools.host import LocalHost
from albus_dr.tools.process import Completed

NAMESPACES = Path("/run/netns")  # where ip(8) keeps them
_CLONE_NEWNET = 0x40000000
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """``namespace``: its name; empty for loopback. Files and processes are this machine's in either case."""

    address: str = "127.0.0.1"
    namespace: str = ""
    peers: str = "127.0.0.1/32"
    """The addresses of every place of the bench."""

    def command(self, argv: Sequence[str]) -> tuple[str, ...]:
        """What to start so that ``argv`` runs here."""
        if not self.namespace:
            return tuple(argv)
        return ("nsenter", f"--net={NAMESPACES / self.namespace}", "--", *argv)

    def run(self, argv: Sequence[str], *, timeout_s: float, run_as: str = "") -> Completed:
        """A program here, as another system user if one is named. As process.run."""
        if not self.namespace:
            return LocalHost().run(argv, timeout_s=timeout_s, run_as=run_as or None, cwd="/")
        # The namespace is entered as root, before the user changes.
        user = ("setpriv", "--reuid", run_as, "--regid", run_as, "--init-groups", "--") if run_as else ()
        return process.run(self.command((*user, *argv)), timeout_s=timeout_s, cwd="/")

    def inside(self, work: Callable[[], T]) -> T:
        """What ``work`` returns; connections that it opens start here. Raises what it raises."""
        if not self.namespace:
            return work()
        outcome: list[T] = []
        failure: list[BaseException] = []

        def enter_and_work() -> None:  # a namespace belongs to a thread: this one ends with the work
            try:
                _enter(NAMESPACES / self.namespace)
                outcome.append(work())
            except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
                failure.append(error)

        thread = threading.Thread(target=enter_and_work)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]


HERE = Place()


def _enter(path: Path) -> None:
    """Move the calling thread. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
