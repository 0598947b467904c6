"""Which machine it is, and whose: its name, and the user's own directory, also where the system does not know the user (a
container's, say)."""

from __future__ import annotations

import platform
from pathlib import Path

from albus_dr.errors import UsageError


def home() -> Path:
    """The user's directory. Raises UsageError where there is none: no HOME, and no entry in the list of users."""
    try:
        return Path.home()
    except RuntimeError:
        raise UsageError(
            "nobody knows this user's home directory", hint="set HOME, or name the state directory with ALBUS_DR_STATE"
        ) from None


def machine() -> str:
    """Tells this machine from others: its name, and the id that its system was given, where it has one."""
    identity = Path("/etc/machine-id")
    return f"{platform.node()} {identity.read_text().strip() if identity.exists() else ''}"
