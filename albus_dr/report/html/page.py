"""The elements that the page is made of. Text goes through ``e``; what is passed as ``html`` is HTML already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from albus_dr.journal.state import RunState
from albus_dr.report.findings import Mark, printable
from albus_dr.report.html.phrases import COLUMNS, PHRASES
from albus_dr.report.words import Words

# A number with its unit, in the forms of every language; large lines don't break inside.
_QUANTITY = re.compile(r"\d[\d.,\u202f]*\s(?:ms|s|min|h|d|j)\b(?:\s\d+\s(?:s|min|h)\b)?")


@dataclass(frozen=True)
class Page:
    """What is told, and in which language."""

    state: RunState
    words: Words
    earlier: Sequence[RunState] = ()
    """The runs of its kind before it, oldest first."""

    def plain(self, phrase: str, /, **values: object) -> str:
        """The phrase with its values, not escaped."""
        return self.words.say(PHRASES[phrase], **values)

    def say(self, phrase: str, /, **values: object) -> str:
        """The phrase with its values, all of it escaped."""
        return e(self.plain(phrase, **values))

    def head(self, table: str, **values: object) -> list[str]:
        """The titles of a table's columns."""
        return [self.words.say(title, **values) for title in COLUMNS[table]]

    @property
    def clock(self) -> str:
        """What the recovery time counts from: ``disruption``."""
        return self.plain("clock.declaration" if self.state.clock == "declaration" else "clock.disruption")


def e(value: object) -> str:
    """Printable and escaped."""
    return escape(printable(value))


def unbroken(html: str) -> str:
    """Numbers that keep their units when a large line breaks."""
    return _QUANTITY.sub(r'<span class="nb">\g<0></span>', html)


def marked(mark: Mark, word: str | None = None) -> str:
    """A symbol for the eye and its word for everybody."""
    text = e(mark.word if word is None else word)
    return f'<span class="mark {mark.tone}"><span aria-hidden="true">{e(mark.symbol)}</span> {text}</span>'


def section(page: Page, name: str, html: str, kind: str = "") -> str:
    """A part of the page under a heading of its own."""
    css = f' class="{kind}"' if kind else ""
    heading = f'<h2 id="h-{name}">{page.say(name)}</h2>'
    return f'<section{css} aria-labelledby="h-{name}">\n{heading}\n{html}\n</section>\n'


def ul(items: Iterable[str]) -> str:
    """A list; nothing where there are no items."""
    rows = "".join(f"<li>{e(item)}</li>" for item in items)
    return f"<ul>{rows}</ul>" if rows else ""


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML. On a phone each row becomes a card; the roles keep it a table to read."""
    top = "".join(f'<th scope="col" role="columnheader">{e(title)}</th>' for title in head)
    body = ""
    for row in rows:
        cells = f'<th scope="row" role="rowheader" data-label="{e(head[0])}">{row[0]}</th>' + "".join(
            f'<td role="cell" data-label="{e(title)}"><span>{cell}</span></td>'
            for title, cell in zip(head[1:], row[1:], strict=True)
        )
        body += f'<tr role="row">{cells}</tr>\n'
    return (
        f'<table role="table" class="{name}" aria-labelledby="h-{name}">'
        f'<thead role="rowgroup"><tr role="row">{top}</tr></thead>\n<tbody role="rowgroup">\n{body}</tbody></table>'
    )


def value(text: str, measured: bool) -> str:
    """A figure, or in another hand that there is none."""
    return f'<span class="{"measured" if measured else "unmeasured"}">{e(text)}</span>'


def quoted(page: Page, text: str) -> str:
    """What a program or a person said, marked as English where albus-dr's own words are in another language."""
    told = page.words.retold(text)
    foreign = page.words.code != "en" and told == text and not page.words.knows(text)
    return f'<span lang="en">{e(text)}</span>' if foreign else e(told)
