"""New files, each there whole or not at all: a full disk leaves nothing that could be taken for one of them."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


@dataclass(frozen=True)
class New:
    """A file that is to be made."""

    path: Path
    content: bytes
    mode: int


def write_new(files: Iterable[New]) -> None:
    """Make all of them or none. Raises FileExistsError where one is there already, and OSError."""
    written: list[tuple[Path, Path]] = []
    placed: list[Path] = []
    try:
        for file in files:
            aside = file.path.parent / f".albus-dr-{secrets.token_hex(4)}"
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
            written.append((aside, file.path))
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(file.content)
                stream.flush()
                os.fsync(descriptor)
        for aside, path in written:
            _place(aside, path)
            placed.append(path)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    finally:
        for aside, _ in written:
            aside.unlink(missing_ok=True)


def _place(aside: Path, path: Path) -> None:
    """A link never takes the place of a file, as a rename would."""
    try:
        os.link(aside, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():  # a file system that has no links, as on a stick
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        aside.rename(path)
