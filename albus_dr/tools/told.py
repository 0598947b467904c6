"""What is told of files by programs: their names may be patients', and what is told ends in journals and reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from albus_dr.tools.process import Completed, redact


def anonymous(name: str) -> str:
    """Stands for the file: enough to find it, and no more."""
    return "file with name's SHA-256 " + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]


def without_names(text: str, names: Iterable[str]) -> str:
    """The text with what is shown instead of each of these names."""
    for name in sorted((name for name in names if name in text), key=len, reverse=True):
        text = text.replace(name, anonymous(name))
    return text


def restic_words(done: Completed) -> str:
    """Why restic failed, on one line, redacted. With ``--json`` it tells each file's error as a message of its own."""
    reasons: dict[str, int] = {}
    files: list[str] = []
    for line in done.stderr.splitlines():
        message = _message(line)
        if message.get("message_type") == "error":
            item = str(message.get("item", ""))
            files.append(PurePath(item).name)
            reason = str(message["error"]["message"])
            # restic writes a path as it was given, whole, or from the directory that it works in
            for path in (item, *(item[at + 1 :] for at, letter in enumerate(item) if letter == "/")):
                reason = reason.replace(path, "…") if path else reason
            reasons[reason] = reasons.get(reason, 0) + 1
    if not files:
        said = [str(_message(line).get("message", line)).strip() for line in done.stderr.splitlines() if line.strip()]
        return redact(" · ".join(said[-3:]))[-600:] or done.last_words
    told = " · ".join(
        f"{reason} ({count} files)" if count > 1 else reason for reason, count in list(reasons.items())[:3]
    )
    return redact(f"{told}; the first is the {anonymous(files[0])}")[-600:]


def _message(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        message = json.loads(line)
    except ValueError:
        return {}  # restic also prints lines that are none of its messages
    return message if isinstance(message, dict) else {}
