"""Buckets, while restic works: it would try for a quarter of an hour, in silence, to reach one that has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from albus_dr.errors import AlbusError, NotReadyError
from albus_dr.tools import s3
from albus_dr.units import format_duration

FIRST_S, EVERY_S, PATIENCE_S = 2.0, 15.0, 300.0
_have_answered: set[s3.Bucket] = set()


class WentAway(Exception):
    """A bucket has not answered for ``PATIENCE_S``; the message says which, and how it did not."""


class _Either(threading.Event):
    """Set once it, or the other, is. To be asked, not to be waited for."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


def has_answered(buckets: Iterable[s3.Bucket]) -> None:
    """A restic of this machine has ended well with them: they were reached from here."""
    _have_answered.update(buckets)


@contextmanager
def watched(buckets: Mapping[str, s3.Bucket], cancelled: threading.Event) -> Iterator[threading.Event]:
    """What stops the work of the block: ``cancelled``, or a bucket that has gone. Raises WentAway for the latter.

    ``buckets``: by what people call them. Only one that has answered to this process before, whatever it said, or to its
    restic on this machine, can have gone: restic elsewhere may reach what cannot be reached from here.
    """
    stop, ended = _Either(cancelled), threading.Event()
    gone: list[str] = []

    def watch(name: str, bucket: s3.Bucket) -> None:
        last, wait_s = time.monotonic(), FIRST_S
        while not ended.wait(wait_s):
            wait_s = EVERY_S
            try:
                s3.probe(bucket, what=name)
            except s3.NoAnswer as error:
                if bucket in _have_answered and time.monotonic() - last >= PATIENCE_S:
                    gone.append(f"for {format_duration(PATIENCE_S)}, {error.message}")
                    stop.set()
                    return
                continue
            except NotReadyError:
                pass  # a refusal is an answer; restic knows best what to make of it
            last = time.monotonic()
            _have_answered.add(bucket)

    for name, bucket in buckets.items():
        threading.Thread(target=watch, args=(name, bucket), name="watches a bucket", daemon=True).start()
    try:
        yield stop
    except AlbusError:
        if gone:
            raise WentAway(gone[0]) from None
        raise
    finally:
        ended.set()
