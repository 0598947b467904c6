"""French: the catalogues, and how numbers, durations and moments are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from albus_dr.report.french_demo import DEMO
from albus_dr.report.french_journal import JOURNAL
from albus_dr.report.french_phrases import FINDINGS, PAGE
from albus_dr.report.french_terminal import TERMINAL
from albus_dr.report.words import Words, utc

NARROW = "\N{NARROW NO-BREAK SPACE}"
WIDE = "\N{NO-BREAK SPACE}"
_DURATION = re.compile(r"-?\d[\d.]* (?:ms|s|min|h|d)(?: \d[\d.]* (?:s|min|h))*")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))? UTC")
_COUNT = re.compile(r"\d{1,3}(?:,\d{3})+")
_SIZE = re.compile(r"[\d.]+ (?:[KMGT]i)?B")
_PLAIN = re.compile(r"[\W\d_]*")  # nothing that has a language


def typeset(text: str) -> str:
    """The spaces that French typography asks for, in a text that was typed with ordinary ones."""
    text = re.sub(r" (?=[;!?»%])|(?<=«) ", NARROW, text)
    return re.sub(r" (?=:)", WIDE, text)


class French(Words):
    """French, for whoever audits health data in France."""

    code = "fr"
    also = f"{NARROW}; "

    def say(self, english: str, /, **values: object) -> str:
        """Raises KeyError for a sentence that the catalogue lacks; a test finds it first."""
        return self._phrases[english].format(**values)

    def retold(self, english: str) -> str:
        found = self._match(english)
        if found is None:
            return english
        french, values = found
        return french.format(**{name: self._filled(name, text) for name, text in values.items()})

    def knows(self, english: str) -> bool:
        return self._match(english) is not None or self._value(english) != english or bool(_PLAIN.fullmatch(english))

    def number(self, value: float, digits: int = 0) -> str:
        return super().number(value, digits).replace(",", NARROW).replace(".", ",")

    def percent(self, number: str) -> str:
        return f"{number}{NARROW}%"

    def duration(self, seconds: float, *, beside: float | None = None) -> str:
        return _units(super().duration(seconds, beside=beside))

    def whole(self, seconds: float) -> str:
        return _units(super().whole(seconds))

    def size(self, count: float) -> str:
        return _octets(super().size(count))

    def second(self, at: datetime) -> str:
        """``31/01/2026 à 09:14:03 UTC``."""
        return f"{utc(at):%d/%m/%Y à %H:%M:%S}{WIDE}UTC"

    def moment(self, at: datetime) -> str:
        """``31/01/2026 à 09:14:03,120 UTC``."""
        return f"{utc(at):%d/%m/%Y à %H:%M:%S},{utc(at).microsecond // 1000:03d}{WIDE}UTC"

    def minute(self, at: datetime) -> str:
        """``31/01/2026 à 09:14 UTC``."""
        return f"{utc(at):%d/%m/%Y à %H:%M}{WIDE}UTC"

    def day(self, at: datetime) -> str:
        """``31/01/2026``."""
        return f"{utc(at):%d/%m/%Y}"

    @cached_property
    def _phrases(self) -> Mapping[str, str]:
        return {english: typeset(french) for english, french in (TERMINAL | DEMO | FINDINGS | PAGE).items()}

    @cached_property
    def _sentences(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """The most telling first: a sentence of one word and a gap would swallow the others."""
        ordered = sorted(JOURNAL, key=lambda english: -len(re.sub(r"\{\w+\}", "", english)))
        return tuple((_pattern(english), typeset(JOURNAL[english])) for english in ordered)

    def _match(self, english: str) -> tuple[str, dict[str, str]] | None:
        for pattern, french in self._sentences:
            if found := pattern.fullmatch(english):
                return french, found.groupdict()
        return None

    def _filled(self, name: str, text: str) -> str:
        return ", ".join(map(self._value, text.split(", "))) if name == "each" else self._value(text)

    def _value(self, text: str) -> str:
        """What a sentence was filled with: a figure, a moment, another sentence, or a name."""
        if _DURATION.fullmatch(text):
            return _units(text)
        if found := _MOMENT.fullmatch(text):
            year, month, day, time, rest = found.groups()
            return f"{day}/{month}/{year} à {time}{f',{rest}' if rest else ''}{WIDE}UTC"
        if _COUNT.fullmatch(text):
            return text.replace(",", NARROW)
        if _SIZE.fullmatch(text):
            return _octets(text)
        return self.retold(text)


def _units(english: str) -> str:
    return english.replace(".", ",").replace(" d", " j").replace(" ", WIDE)


def _octets(english: str) -> str:
    return english.replace("B", "o").replace(".", ",").replace(" ", WIDE)


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", english)
    written, seen = "", set()
    for part in parts:
        if not part.startswith("{"):
            written += re.escape(part)
        else:
            name = part[1:-1]
            # A sentence that begins with a workload's name is not one that quotes it after something else.
            gap = r"[^\s:]*?" if name == "name" and not written else ".*?"
            written += f"(?P={name})" if name in seen else f"(?P<{name}>{gap})"
            seen.add(name)
    return re.compile(written, re.DOTALL)


FRENCH = French()
