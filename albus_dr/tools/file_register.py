"""Registers in files of one machine: for a witness that is only asked from here, on a local file system.

The first line of a file is the version, the rest is the text. Writers take turns by flock; a file is written aside,
flushed to the disk and renamed, so that a reader or a crash never sees half of one.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from albus_dr.errors import NotReadyError
from albus_dr.tools.register import Conflict, Held, Unreachable

PATIENCE_S = 5.0
POLL_S = 0.01


@dataclass(frozen=True)
class FilePlace:
    """A directory, which is made when it is first written to, for this user alone."""

    directory: Path

    @property
    def name(self) -> str:
        """As Register.name."""
        return f"the directory {self.directory} on this machine"

    def read(self, key: str) -> Held:
        """As Register.read; ``now`` is this machine's clock."""
        try:
            content = self._path(key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return Held(None, None, time.time())
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(error) from None
        version, end, text = content.partition("\n")
        if not end or not version:
            raise NotReadyError(
                f"{self._path(key)} is not a register of albus-dr", hint="restore it from a copy, or move it away"
            )
        return Held(text, version, time.time())

    def write(self, key: str, text: str, expected: str | None) -> str:
        """As Register.write. When it returns, the text is on the disk."""
        with self._turn(key):
            present = self.read(key).version
            if present != expected:
                raise Conflict(f"{self._path(key)} was changed by somebody else")
            version = uuid.uuid4().hex
            try:
                self._replace(self._path(key), f"{version}\n{text}")
            except OSError as error:
                raise self._unusable(error) from None
            return version

    def remove(self, key: str) -> None:
        """As Place.remove."""
        try:
            self._path(key).unlink(missing_ok=True)
            self._path(key, ".lock").unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    def _path(self, key: str, suffix: str = ".register") -> Path:
        return self.directory / f"{key}{suffix}"

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE_S
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path(key, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        with os.fdopen(descriptor):
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise Unreachable(
                            f"{self._path(key)} is being written by another process for {PATIENCE_S:g} s",
                            hint="a process that was stopped holds it: fuser names it",
                        ) from None
                    time.sleep(POLL_S)
            yield

    def _replace(self, path: Path, content: str) -> None:
        aside = path.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        aside.rename(path)
        folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unusable(self, error: Exception) -> NotReadyError:
        why = getattr(error, "strerror", None) or str(error)
        return NotReadyError(f"{self.name} can't be used: {why}", hint="it must belong to the user who runs albus-dr")
