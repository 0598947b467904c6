"""Buckets, while restic works: it would try for a quarter of an hour, in silence, to reach one that has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from albus_dr.errors import AlbusError, NotReadyError
from albus_dr.tools import s3
from albus_dr.units import format_duration

EVERY_S, PATIENCE_S = 15.0, 120.0


class WentAway(Exception):
    """A bucket has not answered for ``PATIENCE_S``; the message says which, and how it did not."""


class _Either(threading.Event):
    """Set once it, or the other, is."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


@contextmanager
def watched(
    buckets: Mapping[str, s3.Bucket], cancelled: threading.Event, *, reached_from_here: bool
) -> Iterator[threading.Event]:
    """What stops the work of the block: ``cancelled``, or a bucket that has gone. Raises WentAway for the latter.

    ``buckets``: by what people call them. Without ``reached_from_here`` (the work is done on another host) only one that
    has answered to this machine before can have gone.
    """
    stop, ended = _Either(cancelled), threading.Event()
    gone: list[str] = []

    def watch(name: str, bucket: s3.Bucket) -> None:
        answered_at = time.monotonic() if reached_from_here else None
        while not ended.wait(EVERY_S):
            try:
                s3.probe(bucket, what=name)
                answered_at = time.monotonic()
            except NotReadyError as error:
                if answered_at is not None and time.monotonic() - answered_at >= PATIENCE_S:
                    gone.append(f"for {format_duration(PATIENCE_S)}, {error.message}")
                    stop.set()
                    return

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
