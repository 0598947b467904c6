"""What the models say about a place in a document: which types may stand there, and which keys are known."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def types_at(model: type[BaseModel], path: tuple[str | int, ...]) -> tuple[Any, ...]:
    """Every type that may stand at the path: models, plain types, generic aliases and NoneType.

    ``path`` may be the location of a pydantic error: an element that no type has as its child is the name that
    pydantic gives to one member of a union, and chooses that member.
    """
    here: tuple[Any, ...] = (model,)
    for element in path:
        below = tuple(child for each in here for child in _children(each, element))
        here = below or tuple(each for each in here if getattr(each, "__name__", "") == element) or here
    return here


def known_keys(candidates: tuple[Any, ...]) -> list[str]:
    """The keys of the models among the types, as they are written in the YAML."""
    models = [each for each in candidates if _is_model(each)]
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def description(candidates: tuple[Any, ...], key: str) -> str:
    """What the models say about one of their keys; empty when they say nothing."""
    for each in candidates:
        if _is_model(each):
            for name, field in each.model_fields.items():
                if (field.alias or name) == key:
                    return field.description or ""
    return ""


def members(annotation: Any) -> Iterator[Any]:
    """The types in an annotation, out of unions and without their constraints."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for each in get_args(annotation):
            yield from members(each)
    else:
        yield annotation


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _children(candidate: Any, element: str | int) -> Iterator[Any]:
    if _is_model(candidate):
        for name, field in candidate.model_fields.items():
            if (field.alias or name) == element:
                yield from members(field.annotation)
        return
    arguments = get_args(candidate)
    if get_origin(candidate) is dict and isinstance(element, str):
        yield from members(arguments[1])
    elif get_origin(candidate) in (tuple, list) and isinstance(element, int):
        yield from members(
            arguments[0] if len(arguments) == 1 or ... in arguments else arguments[element % len(arguments)]
        )
