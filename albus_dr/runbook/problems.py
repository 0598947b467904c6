"""What is wrong in a runbook or config, where, and what would be right. All of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from albus_dr.errors import UsageError


class Problem(NamedTuple):
    """One thing that is wrong. Line and column count from 1; no value that may be a secret is in the texts."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        what = f"{self.message}; {self.hint}" if self.hint else self.message
        return f"{self.file}:{self.line}:{self.column}: {what}"


class InvalidRunbook(UsageError):
    """The runbook or its config can't be used. ``problems`` is all that was found, sorted, without repeats."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def closest(name: str, known: Sequence[str]) -> str:
    """The known name that this one was probably meant to be; empty when there is none."""
    from difflib import get_close_matches  # only where something is wrong

    return next(iter(get_close_matches(name[:100], known, n=1, cutoff=0.6)), "")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is not known: the nearest one, else all of them."""
    if close := closest(name, known):
        return f"did you mean {close}?"
    if not known:
        return "none is defined"
    return "known: " + ", ".join(sorted(known))
