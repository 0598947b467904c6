"""Whose machine it is: the user's own directory, also where the system does not know the user (a container's, say)."""

from __future__ import annotations

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
