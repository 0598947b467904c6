"""From a reference to the secret. Whatever is revealed here is redacted everywhere from then on."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from albus_dr.errors import NotReadyError
from albus_dr.runbook.config import SecretRef
from albus_dr.tools import process

COMMAND_TIMEOUT_S = 30.0
MAX_BYTES = 65_536


def reveal(ref: SecretRef, base: Path) -> str:
    """The secret, without one newline at its end. ``base`` is the directory of the file that holds the reference.

    Raises NotReadyError when it is missing, empty or readable by others. No message holds the secret.
    """
    if ref.env is not None:
        secret, where = os.environ.get(ref.env), f"the environment variable {ref.env}"
        if secret is None:
            raise NotReadyError(f"{where} is not set", hint="it holds a secret that the config refers to")
    elif ref.file is not None:
        path = base / ref.file
        secret, where = _read(path), f"the secret file {path}"
    else:
        assert ref.command is not None
        secret, where = _ask(ref.command, base), f"the output of {ref.command[0]}"
    secret = secret.removesuffix("\n")
    if not secret:
        raise NotReadyError(f"{where} is empty", hint="it must hold the secret and nothing else")
    process.register_secret(secret)
    return secret


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not hang us
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is not the name of a file"
        raise NotReadyError(f"the secret file {path} can't be read: {why}") from None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotReadyError(f"the secret file {path} is not a regular file")
        if status.st_mode & 0o077:
            raise NotReadyError(f"the secret file {path} is open to other users", hint=f"chmod 600 {path}")
        return _text(stream.read(MAX_BYTES + 1), f"the secret file {path}")


def _ask(command: tuple[str, ...], base: Path) -> str:
    done = process.run(command, timeout_s=COMMAND_TIMEOUT_S, cwd=base, keep=MAX_BYTES + 1)
    if done.code != 0:  # what it printed is not repeated: it may be half of a secret
        raise NotReadyError(
            f"{command[0]}, which prints a secret, ended with {done.code}", hint="run it by hand to see why"
        )
    return done.stdout


def _text(content: bytes, where: str) -> str:
    if len(content) > MAX_BYTES:
        raise NotReadyError(f"{where} is larger than {MAX_BYTES // 1024} KiB", hint="it must hold the secret only")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise NotReadyError(f"{where} is not UTF-8 text") from None
