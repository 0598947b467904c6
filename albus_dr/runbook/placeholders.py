"""How a drill starts a copy: every placeholder in its command and environment stands for something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from string import Formatter

from albus_dr.runbook.problems import Problem
from albus_dr.runbook.yaml_nodes import Document, Keys

OWN = ("port", "dir")
_HOLD_THEM = ("command", "environment")


def may_hold_placeholders(path: Keys) -> bool:
    """Is it a word of a copy's command, or a variable of its environment? What comes from elsewhere, a secret, holds none."""
    return len(path) == 7 and (path[0], path[2], path[4]) == ("sites", "services", "drill") and path[5] in _HOLD_THEM


def as_it_is(text: str) -> str:
    """Written so that its braces mean braces."""
    return text.replace("{", "{{").replace("}", "}}")


def problems(config: Document, site: str, service: str, needs: Sequence[str]) -> Iterator[Problem]:
    """Those of one service at one site, which stands on these workloads."""
    at: Keys = ("sites", site, "services", service, "drill")
    known = (*OWN, *needs)
    for key in _HOLD_THEM:
        entries = config.get(*at, key)
        named = (
            entries.items() if isinstance(entries, dict) else enumerate(entries if isinstance(entries, list) else ())
        )
        for name, text in named:
            if isinstance(text, str) and (wrong := _wrong(text, known)):
                hint = f"one of: {', '.join(f'{{{one}}}' for one in known)}; braces that are meant as such are written twice"
                yield config.problem((*at, key, name), wrong, hint)


def _wrong(text: str, known: Sequence[str]) -> str:
    """What is wrong with the first placeholder; empty when nothing is. No more of the text is told than a name."""
    try:
        for _, field, form, conversion in Formatter().parse(text):
            if field is not None and (field not in known or form or conversion):
                name = f"{{{field}}}" if re.fullmatch(r"[\w.-]{0,40}", field) else "what stands in braces"
                return f"{name} stands for nothing"
    except ValueError as error:
        return f"the placeholders can't be read: {str(error).lower()}"
    return ""
