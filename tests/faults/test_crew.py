"""Workers side by side: who takes what, who dies, and that nobody is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.crew import Died, Found, side_by_side
from faults.outcome import Outcome

NAMES = ("door", "line", "power", "witness")


def test_each_name_is_tried_once_and_two_are_under_way_at_the_same_time(tmp_path: Path) -> None:
    def work(name: str) -> Iterator[Found]:
        (tmp_path / name).touch()
        if name in NAMES[:2]:  # each waits for the other: alone, neither would end
            other = NAMES[1 - NAMES.index(name)]
            while not (tmp_path / other).exists():
                time.sleep(0.01)
        yield Outcome(acknowledged=1, codes=(os.getpid(),))
        yield Outcome(acknowledged=2)

    found = list(side_by_side(NAMES, work, 2))
    assert sorted(name for name, _ in found) == sorted(NAMES * 2)
    workers = {one.codes for _, one in found if isinstance(one, Outcome) and one.codes}
    assert len(workers) == 2
    assert (os.getpid(),) not in workers


def test_a_worker_that_dies_is_named_with_what_it_was_at_and_the_others_end(tmp_path: Path) -> None:
    def work(name: str) -> Iterator[Found]:
        if name == "line":
            os.kill(os.getpid(), signal.SIGKILL)
        while not (tmp_path / "never").exists():
            time.sleep(0.01)
        yield Outcome()

    with pytest.raises(Died, match="line: the worker's process ended with -9"):
        list(side_by_side(NAMES, work, 2))
    assert multiprocessing.active_children() == []


def test_who_stops_looking_leaves_nobody_and_what_was_begun_is_undone(tmp_path: Path) -> None:
    undone, more = tmp_path / "undone", tmp_path / "more"

    def work(_: str) -> Iterator[Found]:
        yield Outcome()
        try:
            while not more.exists():
                time.sleep(0.01)
            yield Outcome(acknowledged=2)
            while not (tmp_path / "never").exists():
                time.sleep(0.01)
        finally:
            undone.touch()

    looking = side_by_side(NAMES, work, 1)
    next(looking)
    (worker,) = multiprocessing.active_children()
    assert worker.pid
    os.kill(worker.pid, signal.SIGINT)  # as from a terminal: not the worker's to decide
    more.touch()
    assert next(looking) == ("door", Outcome(acknowledged=2)), "it goes on"
    assert not undone.exists()
    looking.close()
    assert undone.exists()
    assert multiprocessing.active_children() == []
