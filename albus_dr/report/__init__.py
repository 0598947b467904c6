"""The folded journal, for people and machines: HTML, JSON, Markdown, JUnit, GitHub's annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from albus_dr.report.words import ENGLISH, Words

if TYPE_CHECKING:
    from albus_dr.journal.state import RunState

Renderer = Callable[..., str]


def _render(name: str, state: RunState, words: Words = ENGLISH, others: Iterable[RunState] = ()) -> str:
    render = import_module(f"albus_dr.report.{name}").render
    if name != "json":
        from albus_dr.report.discreet import discreet

        state = discreet(state)
    arguments = {"html": (words, others), "markdown": (words,)}.get(name, ())
    text: str = render(state, *arguments)
    return text


FORMATS: dict[str, Renderer] = {
    name: partial(_render, name) for name in ("html", "json", "markdown", "junit", "github")
}
"""By name; each takes a state and, as it is for people, the words of a language and other runs to compare with. Each is
imported when it is asked for: nobody waits for the report's parts when a failover begins, nor for the journal where a
language is all that is wanted."""
