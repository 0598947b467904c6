"""The folded journal, for people and machines: HTML, JSON, Markdown, JUnit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from albus_dr.journal.state import RunState

Renderer = Callable[[RunState], str]


def _render(name: str, state: RunState) -> str:
    text: str = import_module(f"albus_dr.report.{name}").render(state)
    return text


FORMATS: dict[str, Renderer] = {name: partial(_render, name) for name in ("html", "json", "markdown", "junit")}
"""By name. Each is imported when it is asked for: nobody waits for the report's parts when a failover begins."""
