"""Another clock for a program and for all that it starts, whoever they run as: libfaketime."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBFAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
SHARED = Path("/dev/shm")


@contextmanager
def faked_clock(file: Path) -> Iterator[dict[str, str]]:
    """The variables of the environment that set the clock to what ``file`` says (``+600``), read at every question.

    Left to itself, libfaketime makes a semaphore for root that PostgreSQL's user may not open, and then one more whose
    name may be taken already: the program ends at once. So here is one that everybody may open, and nobody makes another.
    """
    assert LIBFAKETIME is not None, "a test that fakes the clock is skipped where libfaketime is not installed"
    semaphore, memory = (f"albus_{kind}_{os.getpid()}_{file.stat().st_ino}" for kind in ("sem", "shm"))
    ours = (SHARED / f"sem.{semaphore}", SHARED / memory)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sem_open.restype = ctypes.c_void_p
    if not libc.sem_open(f"/{semaphore}".encode(), os.O_CREAT | os.O_EXCL, 0o600, 1):
        raise OSError(ctypes.get_errno(), "sem_open", semaphore)
    try:
        ours[1].write_bytes(bytes(4096))
        for path in ours:
            path.chmod(0o666)
        yield {
            "LD_PRELOAD": str(LIBFAKETIME),
            "FAKETIME_SHARED": f"/{semaphore} /{memory}",
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    finally:
        for path in ours:
            path.unlink(missing_ok=True)
