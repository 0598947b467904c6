"""pydantic's errors as plain sentences at their places. No value from the file is repeated: it may be a secret."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from albus_dr.runbook.config import SecretRef
from albus_dr.runbook.model import ONE_LINE
from albus_dr.runbook.problems import Problem, closest, nearest
from albus_dr.runbook.shape import description, known_keys, types_at
from albus_dr.runbook.yaml_nodes import Document, Keys

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_HOW = {
    "text": "put it in quotes",
    "a whole number": "write it with digits only, without quotes",
    "a number": "write it with digits, without quotes",
    "true or false": "write true or false, without quotes",
    "a list": "write [a, b], or one '- item' per line",
    "a mapping": "write {key: value}, or one 'key: value' per line",
}
_REFERENCE_HINT = "write {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}"
_PATTERNS = {
    ONE_LINE: ("one line", "without line breaks and tabs"),
    r"^[a-z][a-z0-9_-]{0,62}$": ("a name", "a small letter, then small letters, digits, - and _, at most 63"),
    r"^[A-Za-z_][A-Za-z0-9_]*$": ("the name of an environment variable", "letters, digits and _, no $"),
}


class _Error(NamedTuple):
    type: str
    location: tuple[str | int, ...]
    path: Keys
    """Where in the document; for a missing key, what should hold it."""
    union: tuple[Keys, str] | None
    """The place of the union that it is about, and the member."""
    message: str
    context: Mapping[str, Any]


def problems(
    error: ValidationError, document: Document, model: type[BaseModel], prefix: Keys = ()
) -> Iterator[tuple[Keys, Problem]]:
    """A problem, and its path in the document, for each thing that is wrong. ``model`` stands at ``prefix``."""
    found = [_place(document, prefix, raw) for raw in error.errors(include_url=False, include_input=False)]
    for each in _without_echoes(list(_chosen(found)), document):
        yield each.path, _translate(each, document, model)


def _place(document: Document, prefix: Keys, raw: Any) -> _Error:
    path, union = prefix, None
    for element in raw["loc"]:
        if (*path, element) in document.values:
            path = (*path, element)
        elif element != "[key]" and union is None and not (raw["type"] == "missing" and element == raw["loc"][-1]):
            union = path, str(element)
    return _Error(raw["type"], raw["loc"], path, union, raw["msg"], raw.get("ctx", {}))


def _chosen(errors: Sequence[_Error]) -> Iterator[_Error]:
    """The errors without those of union members that were not meant."""
    unions: dict[Keys, dict[str, list[_Error]]] = {}
    for error in errors:
        if error.union is None:
            yield error
        else:
            unions.setdefault(error.union[0], {}).setdefault(error.union[1], []).append(error)
    for place, by_member in unions.items():
        meant = [
            found
            for found in by_member.values()
            if not any(error.path == place and error.type in _EXPECTED for error in found)
        ]
        if meant:
            yield from min(meant, key=len)
        else:
            first = next(iter(by_member.values()))[0]
            wanted = dict.fromkeys(
                _EXPECTED[error.type] for found in by_member.values() for error in found if error.type in _EXPECTED
            )
            yield first._replace(type="union", context={"expected": tuple(wanted)})


def _without_echoes(errors: Sequence[_Error], document: Document) -> Iterator[_Error]:
    """Without what only follows from another error: a key that is there but misspelt, a list whose items are wrong."""
    unknown: dict[Keys, list[str]] = {}
    for error in errors:
        if error.type == "extra_forbidden":
            unknown.setdefault(error.path[:-1], []).append(str(error.path[-1]))
    for error in errors:
        misspelt = error.type == "missing" and closest(str(error.location[-1]), unknown.get(error.path, ()))
        value = document.get(*error.path)
        long_enough = isinstance(value, list) and len(value) >= error.context.get("min_length", math.inf)
        if not misspelt and not (error.type == "too_short" and long_enough):
            yield error


def _translate(error: _Error, document: Document, model: type[BaseModel]) -> Problem:
    path, name = error.path, _called(error.path)
    if error.type == "missing":
        key = str(error.location[-1])
        around = types_at(model, error.location[:-1])
        what = description(around, key)
        hint = f"add {key} ({what.rstrip('.')})" if what else f"add {key}"
        return document.problem(path, f"{key} is missing{_inside(path)}", hint, at_key=True)
    if error.type == "extra_forbidden":
        around = types_at(model, error.location[:-1])
        if SecretRef in around:  # the key may be the secret
            return document.problem(path, f"unknown key{_inside(path[:-1])}", _REFERENCE_HINT, at_key=True)
        return document.problem(
            path, f"unknown key {path[-1]}", nearest(str(path[-1]), known_keys(around)), at_key=True
        )
    wrong_type = error.type in _EXPECTED or error.type == "union"
    if wrong_type and SecretRef in types_at(model, error.location):
        return document.problem(
            path, f"{name} holds a value where only a reference to a secret belongs", _REFERENCE_HINT
        )
    if wrong_type:
        wanted = error.context["expected"] if error.type == "union" else (_EXPECTED[error.type],)
        what = " or ".join(wanted)
        if document.get(*path) is None:
            return document.problem(path, f"{name} is empty", f"it must be {what}")
        return document.problem(path, f"{name} must be {what}", _HOW[wanted[0]] if len(wanted) == 1 else "")
    message, hint = _plain(error, name, document.get(*path))
    return document.problem(path, message, hint, at_key="[key]" in error.location)


def _plain(error: _Error, name: str, value: object) -> tuple[str, str]:
    context = error.context
    match error.type:
        case "value_error":
            text = str(context["error"])
            if found := re.match(r"(a duration|a distance) needs", text):
                return f"{name} is not {found[1]}", text
            return text, ""
        case "literal_error":
            expected = context["expected"].replace("'", "")
            if expected == "True":
                return f"{name} can only be true", "write true, without quotes; or leave it out"
            close = closest(value, re.split(r", | or ", expected)) if isinstance(value, str) else ""
            return f"{name} must be {expected}", f"did you mean {close}?" if close else ""
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            if pattern == "^/":
                return f"{name} must start with /", ""
            what, how = _PATTERNS.get(pattern, (f"text that matches {pattern}", ""))
            return f"{name} is not {what}", how
        case "too_short" | "string_too_short":
            return f"{name} has too few items" if "field_type" in context else f"{name} is empty", (
                f"at least {context['min_length']}" if "field_type" in context else "write something"
            )
        case "greater_than_equal":
            return f"{name} is too small", f"at least {_limit(context['ge'], value)}"
        case "greater_than":
            return f"{name} is too small", f"more than {_limit(context['gt'], value)}"
        case "less_than_equal":
            return f"{name} is too large", f"at most {_limit(context['le'], value)}"
        case "less_than":
            return f"{name} is too large", f"less than {_limit(context['lt'], value)}"
        case _:
            return f"{name}: {error.message[:1].lower()}{error.message[1:]}", ""


def _limit(number: float, value: object) -> str:
    """As it would be written: what stands there as text and was compared as a number is a duration."""
    return f"{number:g}s" if isinstance(value, str) else f"{number:g}"


def _called(path: Keys) -> str:
    """How people call the place."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {_called(path[:-1])}"
    return path[-1]


def _inside(path: Keys) -> str:
    return f" in {_called(path)}" if path else ""
