"""The documentation's fenced blocks. What stands after ```` ```LANGUAGE ```` says what a test does with the block.

For ``console``, of which the lines that begin with ``$`` (and go on with ``>``) are commands:

    (nothing)       run in an empty directory
    kind            run where the files of its page (``file=NAME``) lie
    standby         run on two small servers, with what the page writes into their files (``file=NAME``)
    setup, bench, teardown
                    run on the tutorial's two sites, page after page
    form            needs a bad day: only verbs and options are compared with albus-dr's own
    install         installs packages: not run
    elsewhere       needs other machines (example.org): not run, the form of albus-dr's commands is compared

with ``after=EVENT`` (something that happens first), ``exit=CODE`` of the last command, and ``two-terminals``: the first
command runs until the second has been accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted((TOP / "docs").rglob("*.md"))
DOCUMENTS = (TOP / "README.md", *PAGES)
_FENCE = re.compile(r"^( *)```(\S*) *([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    options: dict[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(TOP)}:{self.line}"

    @property
    def treatment(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def commands(self) -> list[str]:
        """Without their prompts; the lines of one command are one text."""
        found: list[str] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line.startswith("> "):
                found[-1] += "\n" + line[2:]
        return found


def blocks(page: Path) -> Iterator[Block]:
    """In the page's order."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        indent, language, info, content = match.groups()
        words = info.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        yield Block(
            page, text.count("\n", 0, match.start()) + 1, language, tuple(word for word in words if "=" not in word), options,
            "".join(line.removeprefix(indent) for line in content.splitlines(keepends=True)),
        )  # fmt: skip


def all_blocks(language: str) -> list[Block]:
    return [block for page in DOCUMENTS for block in blocks(page) if block.language == language]
