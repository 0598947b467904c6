"""Lines that fit the terminal: folded at blanks, never within a word. A path that is too long stands alone, to be copied."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from typing import TextIO

UNFOLDED = 1_000_000  # of a pipe: whoever searches it finds what belongs together on one line
LEAST = 24  # a column that is narrower than this is not read with pleasure
INDENT = 4


def columns(stream: TextIO) -> int:
    """How wide the terminal behind the stream is; of what is no terminal: UNFOLDED."""
    if not stream.isatty():
        return UNFOLDED
    if (text := os.environ.get("COLUMNS", "")).isdigit() and int(text):
        return int(text)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def folded(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """Lines of at most ``width`` that begin with ``first`` and then ``rest``; or of one longer word, as far left as it takes."""
    lines = _wrapped(text, width, first, rest) or [first.rstrip()]
    if len(lines[0]) > width and first.strip():
        lines = [first.rstrip(), *_wrapped(text, width, rest, rest)]
    return [line if len(line) <= width else line.lstrip().rjust(width) for line in lines]


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def fitted(text: str, stream: TextIO, *, first: str = "", rest: str = "") -> str:
    """A text of one or more lines as the stream's terminal has room for it; a pipe gets it as it is."""
    width = columns(stream)
    lines = [f"{first}{text}"] if width == UNFOLDED else []
    for number, line in enumerate(text.splitlines() if width != UNFOLDED else ()):
        lines += folded(line, width, first="" if number else first, rest=rest)
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns as wide as what is in them; the last is folded beside them, or below them where there is no room for that."""
    wide = [max(map(len, cells)) for cells in zip(*(row[:-1] for row in rows), strict=True)]
    lines = []
    for row in rows:
        lead = "".join(cell.ljust(size + 2) for cell, size in zip(row[:-1], wide, strict=True))
        longest = max(map(len, row[-1].split()), default=0)
        if width - len(lead) >= max(LEAST, longest) or len(lead + row[-1]) <= width:
            lines += [line.rstrip() for line in folded(row[-1], width, first=lead, rest=" " * len(lead))]
        else:
            lines += [lead.rstrip(), *folded(row[-1], width, first=" " * INDENT, rest=" " * INDENT)]
    return lines
