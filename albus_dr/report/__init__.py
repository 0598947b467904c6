"""The folded journal, for people and machines: HTML, JSON, Markdown, JUnit."""

from __future__ import annotations

from collections.abc import Callable

from albus_dr.journal.state import RunState
from albus_dr.report import html, json, junit, markdown

Renderer = Callable[[RunState], str]

FORMATS: dict[str, Renderer] = {
    "html": html.render,
    "json": json.render,
    "markdown": markdown.render,
    "junit": junit.render,
}
