"""Several names at once: workers, each a process with grounds of its own, who take one name after the other."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess

from faults.ground import reusing
from faults.outcome import Outcome
from faults.worlds import Visited

Found = Outcome | Visited
Work = Callable[[str], Iterator[Found]]


class Died(Exception):
    """A worker's process ended before its work. Names what it was at."""


class Worker:
    """``name`` is what it is at; empty when it has nothing to do."""

    name = ""

    def __init__(self, work: Work) -> None:
        self.end, its_end = Pipe()
        self._process: BaseProcess = multiprocessing.get_context("fork").Process(target=_serve, args=(its_end, work))
        self._process.start()
        its_end.close()  # so that its end is seen here

    def take(self, left: deque[str]) -> None:
        """The next name, if there is one."""
        self.name = left.popleft() if left else ""
        if self.name:
            self.end.send(self.name)

    def found(self) -> Found | None:
        """What it found next; None at the end of the name. Raises Died."""
        try:
            found: Found | None = self.end.recv()
        except EOFError:
            self._process.join()
            raise Died(f"{self.name}: the worker's process ended with {self._process.exitcode}") from None
        return found

    def dismiss(self) -> None:
        """It undoes what it began, and ends."""
        self._process.terminate()
        self._process.join()
        self.end.close()


def side_by_side(names: Sequence[str], work: Work, workers: int) -> Generator[tuple[str, Found], None, None]:
    """What is found at each of the names, as soon as it is found. Raises Died. However it ends, no worker is left."""
    left = deque(names)
    crew: list[Worker] = []
    try:
        crew.extend(Worker(work) for _ in range(min(workers, len(names))))
        for worker in crew:
            worker.take(left)
        while busy := {worker.end: worker for worker in crew if worker.name}:
            for end in wait(list(busy)):
                worker = busy[end]  # type: ignore[index]  # what is waited for are these ends alone
                if (found := worker.found()) is None:
                    worker.take(left)
                else:
                    yield worker.name, found
    finally:
        for worker in crew:
            worker.dismiss()


def _serve(end: Connection, work: Work) -> None:
    signal.signal(signal.SIGINT, lambda *_: None)  # from a terminal it reaches everybody: the parent decides
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unwinds: grounds take down what they put up
    with reusing():
        try:
            while True:
                for found in work(end.recv()):
                    end.send(found)
                end.send(None)
        except (EOFError, KeyboardInterrupt):
            return
