"""The folded journal, for people and machines: HTML, JSON, Markdown, JUnit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from albus_dr.journal.state import RunState
from albus_dr.report.words import ENGLISH, Words

Renderer = Callable[..., str]
_FOR_PEOPLE = ("html", "markdown")


def _render(name: str, state: RunState, words: Words = ENGLISH) -> str:
    render = import_module(f"albus_dr.report.{name}").render
    text: str = render(state, words) if name in _FOR_PEOPLE else render(state)
    return text


FORMATS: dict[str, Renderer] = {name: partial(_render, name) for name in ("html", "json", "markdown", "junit")}
"""By name; each takes a state and, as it is for people, the words of a language. Each is imported when it is asked for:
nobody waits for the report's parts when a failover begins."""
