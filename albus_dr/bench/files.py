"""Private files, whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_private(path: Path, content: bytes | str) -> None:
    """Readable by its owner only; a reader sees the old content or the new, never a part."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    unfinished.replace(path)
