"""stdout and stderr that may be closed, full or left by their reader: what is said there never changes what happens."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO


class _Patient(io.TextIOWrapper):
    """Loses what can't be written, and remembers why. A reader that has left wants no more: that is its right."""

    spoke = False
    loss = ""

    def write(self, text: str) -> int:
        self.spoke = True
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if error.errno != errno.EPIPE:
            self.loss = error.strerror or str(error)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())  # what is buffered, and what follows, goes there
        os.close(nowhere)


def prepare_streams() -> None:
    """Call it before anything is opened: a file must not get the number of a standard stream that is closed."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout, sys.stderr = _patient(sys.stdout, 1), _patient(sys.stderr, 2)


def _patient(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return _Patient(os.fdopen(number, "wb"), errors="backslashreplace")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    # With PYTHONUNBUFFERED, as images for containers have it, nothing is buffered: a line at a time comes nearest to that.
    encoding, by_line = stream.encoding, stream.line_buffering or stream.write_through
    raw_or_buffered: io.IOBase = stream.detach()
    binary = io.BufferedWriter(raw_or_buffered) if isinstance(raw_or_buffered, io.RawIOBase) else raw_or_buffered
    return _Patient(binary, encoding=encoding, errors="backslashreplace", line_buffering=by_line)  # type: ignore[arg-type]


def has_spoken(stream: TextIO) -> bool:
    """True when anything was written to it."""
    return isinstance(stream, _Patient) and stream.spoke


def reason_of_loss(stream: TextIO) -> str:
    """Why something that was written was lost; empty when nothing was, or when only its reader had left."""
    return stream.loss if isinstance(stream, _Patient) else ""
