"""``${NAME}`` in the values of a config, taken from the environment. ``$${`` writes a plain ``${``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import NamedTuple

from pydantic import BaseModel

from albus_dr.runbook.placeholders import as_it_is, may_hold_placeholders
from albus_dr.runbook.problems import Problem
from albus_dr.runbook.shape import types_at
from albus_dr.runbook.yaml_nodes import Document, Keys, resolve

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STAND_IN = "/unset"  # good for text and for absolute paths
_NUMBER_STAND_IN = "1"


class Interpolated(NamedTuple):
    """A config with its variables filled in."""

    document: Document
    problems: list[Problem]
    """Malformed references."""
    missing: list[Problem]
    """One for each variable that is not set, where it is first used."""
    stand_ins: set[Keys]
    """Values that hold a stand-in, because a variable is not set: they prove nothing."""


def interpolate(document: Document, model: type[BaseModel], environment: Mapping[str, str]) -> Interpolated:
    """The document with every variable replaced.

    A value that is a variable is read as what the model wants there: a number, true or false, text. An empty one
    where the model has an optional value is the same as none.
    """
    work = _Work(document, model, environment)
    value = work.walk(document.value, ())
    return Interpolated(
        document._replace(value=value), work.problems, list(work.missing.values()), work.stand_ins
    )  # fmt: skip


class _Work:
    def __init__(self, document: Document, model: type[BaseModel], environment: Mapping[str, str]) -> None:
        self.document = document
        self.model = model
        self.environment = environment
        self.problems: list[Problem] = []
        self.missing: dict[str, Problem] = {}
        self.stand_ins: set[Keys] = set()

    def walk(self, value: object, path: Keys) -> object:
        if isinstance(value, dict):
            return {key: self.walk(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.walk(below, (*path, index)) for index, below in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._fill(value, path)
        return value

    def _fill(self, value: str, path: Keys) -> object:
        wanted = types_at(self.model, path)
        textual = str in wanted
        filled = _REFERENCE.sub(lambda match: self._replacement(match, path, textual), value)
        if filled == "" and NoneType in wanted and path[-1:] != ("ssh",):  # without ssh a host is this very machine
            return None
        return filled if textual else resolve(filled)

    def _replacement(self, match: re.Match[str], path: Keys, textual: bool) -> str:
        if match[0] == "$${":
            return "${"
        name = match[1]
        if not match[2] or not _VARIABLE.fullmatch(name):
            hint = "write ${NAME}, with letters, digits and _; $${ writes a plain ${"
            self.problems.append(self.document.problem(path, "this ${ is not a reference to a variable", hint))
            return ""
        if (text := self.environment.get(name)) is not None:
            if text.encode(errors="replace").decode() == text:
                return as_it_is(text) if may_hold_placeholders(path) else text
            message = f"the environment variable {name} is not UTF-8 text"
            self.problems.append(self.document.problem(path, message))
            return ""
        hint = "set it, or write the value here; $${ writes a plain ${"
        self.missing.setdefault(
            name, self.document.problem(path, f"the environment variable {name} is not set", hint)
        )  # fmt: skip
        self.stand_ins.add(path)
        return _STAND_IN if textual else _NUMBER_STAND_IN
