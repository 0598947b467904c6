"""The engine's address: an SQLite file by default, PostgreSQL when several machines share it."""

from __future__ import annotations

from albus_dr.errors import UsageError


def engine_url(text: str) -> str:
    """The address as DBOS takes it. Raises UsageError for anything but sqlite:/// and postgresql://."""
    path, _, _ = text.removeprefix("sqlite:///").partition("?")
    if text.startswith("sqlite:///") and (not path or path.startswith((":memory:", "file:"))):
        raise UsageError(
            "the engine's address names no file: what is in memory alone is gone with the program",
            hint="sqlite:///PATH; an absolute path has four slashes",
        )
    if text.startswith(("sqlite:///", "postgresql://", "postgres://")):
        return text
    raise UsageError("the engine's address is neither sqlite:///PATH nor postgresql://HOST/DATABASE")
