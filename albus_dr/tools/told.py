"""What is told by programs of files and rows: both may be patients', and what is told ends in journals and reports."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from albus_dr.errors import StepError
from albus_dr.tools.process import Completed, program_of, redact


def anonymous(name: str) -> str:
    """Stands for the file: enough to find it, and no more."""
    return "file with name's SHA-256 " + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]


def reasons(said: str) -> str:
    """What programs such as tar said at their end, on one line, redacted, each line from its last colon on: before it stand
    the names."""
    lines = dict.fromkeys(line.rpartition(": ")[2].strip() for line in said.splitlines() if line.strip())
    return redact(" · ".join(list(lines)[-3:]))[-400:]


def check_without_names(done: Completed, what: str) -> Completed:
    """``done.check(what)`` for a program that walks a tree of files: it tells why, and not of which file."""
    if done.code != 0:
        raise StepError(f"{what}: {program_of(done.argv)} ended with {done.code}: {reasons(done.stderr)}")
    return done


def restic_words(done: Completed) -> str:
    """Why restic failed, on one line, redacted. With ``--json`` it tells each file's error as a message of its own."""
    files: list[str] = []
    counted: dict[str, int] = {}
    for message in restic_messages(done):
        if message.get("message_type") == "error":
            error, name = message.get("error"), PurePath(str(message.get("item", ""))).name
            reason = str(error.get("message", "")) if isinstance(error, dict) else str(error)
            reason = reasons(reason) if name in reason else redact(reason)
            files.append(name)
            counted[reason] = counted.get(reason, 0) + 1
    if not files:
        said = [str(_message(line).get("message", line)).strip() for line in done.stderr.splitlines() if line.strip()]
        return redact(" · ".join(said[-3:]))[-600:] or done.last_words
    told = " · ".join(f"{why} ({count} files)" if count > 1 else why for why, count in list(counted.items())[:3])
    return f"{told[:500]}; the first is the {anonymous(files[0])}"


def restic_messages(done: Completed) -> Iterator[dict[str, Any]]:
    """What restic told as JSON beside its results; an empty one for a line that is none."""
    yield from map(_message, done.stderr.splitlines())


def _message(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        message = json.loads(line)
    except ValueError:
        return {}  # restic also prints lines that are none of its messages
    return message if isinstance(message, dict) else {}


# invalid input syntax for type integer: "…"; value "…" is out of range. A table's or a role's name stands elsewhere.
_VALUE = re.compile(r'(?<=: )(?<!locale name: )".*"|(?<=value )".*?"|«.*»|».*«|„.*[“”]', re.DOTALL)
_QUOTED = re.compile(r'".*"', re.DOTALL)
_SEVERITY = re.compile(r"([^\W\d_]{2,})\s?:")
_ENGLISH = frozenset(
    ["ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "DETAIL", "HINT", "CONTEXT", "QUERY", "LINE", "COPY"]
)


def without_values(said: str) -> str:
    """PostgreSQL's errors without the values that they quote. A server speaks the language of its own lc_messages; where
    that is another one than English, everything in quotes is left out."""
    words = _SEVERITY.findall(said)
    if any(not word.isascii() or (word.isupper() and word not in _ENGLISH) for word in words):
        said = _QUOTED.sub("[…]", said)
    return _VALUE.sub("[…]", said)


def postgres_words(said: str) -> str:
    """The end of what psql said, on one line, redacted, without values."""
    lines = [line.strip() for line in without_values(said).splitlines() if line.strip()]
    return redact(" · ".join(lines[-3:]))[-600:] or "psql did not say why"


def postgres_errors(said: str) -> str:
    """What pg_restore calls errors, on one line, redacted, without values and without the lines that quote rows."""
    lines = [line.strip() for line in without_values(said).splitlines() if "error:" in line.lower()]
    return redact(" · ".join(lines[:3])) or "pg_restore did not say why"
