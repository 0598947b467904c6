"""The language of a report: its sentences, numbers and moments.

The program writes English: what it says of a run, and what its steps leave in the journal. Another language is a ``Words``
with a catalogue that has every one of those sentences; a test holds them against each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module

from albus_dr.errors import UsageError
from albus_dr.units import format_bytes, format_duration

LANGUAGES = ("en", "fr")


class Words:
    """English."""

    code = "en"
    also = "; "  # between two statements

    def say(self, english: str, /, **values: object) -> str:
        """The sentence in this language with its values put in; those are of this language already."""
        return english.format(**values)

    def retold(self, english: str) -> str:
        """What a step or the engine wrote into the journal, in this language; a text that is nobody's stays as it is."""
        return english

    def knows(self, english: str) -> bool:
        """Is the text one that albus-dr wrote, and not a person's or a program's?"""
        return True

    def number(self, value: float, digits: int = 0) -> str:
        """``1,204`` and ``0.4``: with marks for thousands and decimals."""
        return f"{value:,.{digits}f}"

    def percent(self, number: str) -> str:
        """A number that ``number`` has written, as a share of a hundred."""
        return f"{number} %"

    def duration(self, seconds: float, *, beside: float | None = None) -> str:
        """``1 h 30 min``, ``12.3 s``: two units at most, more where it would read as the limit ``beside`` it and is not that."""
        return format_duration(seconds, beside=beside)

    def whole(self, seconds: float) -> str:
        """A length on a scale: ``0``, ``5 s``, ``2 min``."""
        return "0" if seconds == 0 else f"{seconds:g} s" if 1 <= seconds < 60 else self.duration(seconds)

    def size(self, count: float) -> str:
        """``512 B``, ``1.4 GiB``."""
        return format_bytes(count)

    def second(self, at: datetime) -> str:
        """``2026-01-31 09:14:03 UTC``."""
        return f"{utc(at):%Y-%m-%d %H:%M:%S} UTC"

    def moment(self, at: datetime) -> str:
        """``2026-01-31 09:14:03.120 UTC``."""
        return f"{utc(at):%Y-%m-%d %H:%M:%S}.{utc(at).microsecond // 1000:03d} UTC"

    def minute(self, at: datetime) -> str:
        """``2026-01-31 09:14 UTC``."""
        return f"{utc(at):%Y-%m-%d %H:%M} UTC"

    def day(self, at: datetime) -> str:
        """``2026-01-31``."""
        return f"{utc(at):%Y-%m-%d}"


ENGLISH = Words()


def utc(at: datetime) -> datetime:
    """The moment in UTC; one without a zone is UTC already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def words_of(code: str) -> Words:
    """The language by its code. Raises UsageError for one that there is no catalogue of."""
    if code not in LANGUAGES:
        raise UsageError(f"there is no language {code}", hint="one of: " + ", ".join(LANGUAGES))
    if code == ENGLISH.code:
        return ENGLISH
    found: Words = import_module("albus_dr.report.french").FRENCH
    return found
