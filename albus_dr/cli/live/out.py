"""A stream that people read, and that may go away."""

from __future__ import annotations

from typing import TextIO

_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "◐": "~",
        "○": "o",
        "↷": "-",
        "▸": ">",
        "·": ".",
        "…": "...",
        "→": "->",
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "\N{NARROW NO-BREAK SPACE}": " ",
        "\N{NO-BREAK SPACE}": " ",
    }
)


class Out:
    """A stream that may be gone, or that can't write every letter. Neither may stop a recovery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding or "utf-8"
        self._gone = False

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                self._stream.write(encodable(text, self.encoding))
                self._stream.flush()
            except (OSError, ValueError):  # the terminal was closed, or the stream was
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Every write is flushed already."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()


def encodable(text: str, encoding: str) -> str:
    """The text in letters that the encoding has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text
