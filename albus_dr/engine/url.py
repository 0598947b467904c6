"""The engine's address: an SQLite file by default, PostgreSQL when several machines share it."""

from __future__ import annotations

from albus_dr.errors import UsageError


def engine_url(text: str) -> str:
    """The address as DBOS takes it. Raises UsageError for anything but sqlite:/// and postgresql://."""
    if text.startswith(("sqlite:///", "postgresql://", "postgres://")):
        return text
    raise UsageError("the engine's address is neither sqlite:///PATH nor postgresql://HOST/DATABASE")
