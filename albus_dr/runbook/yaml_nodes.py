"""YAML read strictly, with the place of every key and value.

No objects are built from tags. Only ``true`` and ``false`` are booleans; ``no``, ``1:30``, ``0x1F`` and ``007`` are
text.
Equal keys, merge keys, second documents and aliases that repeat without end are refused.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from albus_dr.runbook.problems import Problem

Keys = tuple[str | int, ...]
"""Where in a document: keys of mappings and indices of lists, from the top."""

MAX_BYTES = 1_048_576
MAX_VALUES = 20_000  # with every alias written out
MAX_DEPTH = 40
PIPE_S = 10.0
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,40}(e[-+]?[0-9]{1,2})?")
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# No program takes a NUL. The others would be printed some day, and move a terminal's cursor or turn what is read around.
_UNUSABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_SYNTAX_HINTS = (
    ("mapping values", "quote a value that holds ': ', and check the indentation"),
    ("cannot start any token", "indent with spaces, and quote a value that starts with %, @ or `"),
    ("expected ',' or", "close the bracket, and quote a value that holds one"),
    ("end of stream", "close the quote"),
    ("block end", "line up the keys that belong together"),
)


class Mark(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


_TOP = Mark(1, 1)


class Document(NamedTuple):
    """The plain values (dict, list, str, int, float, bool, None) of one file and where each was written."""

    file: str
    value: object
    keys: Mapping[Keys, Mark]
    values: Mapping[Keys, Mark]

    def get(self, *path: str | int) -> object:
        """The value at the path; None where there is none."""
        value = self.value
        for key in path:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    def problem(self, path: Keys, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem at the value of the path, or at its key; where the path does not exist, at what would hold it."""
        for end in range(len(path), -1, -1):
            mark = (self.keys.get(path[:end]) if at_key else None) or self.values.get(path[:end])
            if mark:
                return Problem(self.file, mark.line, mark.column, message, hint)
        return Problem(self.file, 1, 1, message, hint)


def read(path: Path, file: str) -> tuple[Document, list[Problem]]:
    """The document in a file, called ``file`` in problems. Its value is None where it can't be read at all."""
    try:
        content = _content(path)
    except TimeoutError:
        return _unreadable(file, f"can't be read: nothing more came within {PIPE_S:g} s", "does anybody write to it?")
    except OSError as error:
        return _unreadable(file, f"can't be read: {(error.strerror or 'unknown error').lower()}")
    except ValueError:  # a NUL in the name
        return _unreadable(file, "can't be read: this is not the name of a file")
    if len(content) > MAX_BYTES:
        return _unreadable(file, f"is larger than {MAX_BYTES // 1024} KiB", "is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        mark = Mark(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        return _unreadable(file, "is not UTF-8 text", "save it as UTF-8", mark)
    return parse(text, file)


def _content(path: Path) -> bytes:
    """Up to one byte more than is allowed. A pipe, such as a shell's <(…), has PIPE_S for each piece."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0):
        content = bytearray()
        while len(content) <= MAX_BYTES:
            if not select.select([descriptor], [], [], PIPE_S)[0]:
                raise TimeoutError
            piece = os.read(descriptor, MAX_BYTES + 1 - len(content))
            if not piece:
                break
            content += piece
    return bytes(content)


def parse(text: str, file: str) -> tuple[Document, list[Problem]]:
    """The document in a text. Its value is None where it can't be read at all."""
    if bad := _NOT_YAML.search(text):
        mark = Mark(text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start()))
        return _unreadable(file, "holds a control character", "remove it, or escape it in double quotes", mark)
    reader = _Reader(file)
    try:
        root = reader.compose(yaml.parse(text, Loader=_LOADER))
        if root is None:
            return _unreadable(file, "is empty", "albus-dr init writes a starter")
        value = reader.build(root, ())
        if value is None and not reader.problems:
            return _unreadable(file, "is empty", "albus-dr init writes a starter")
    except _Stop:
        value = None
    except yaml.MarkedYAMLError as error:
        reader.problems.append(_syntax(error, file))
        value = None
    except yaml.YAMLError:
        return _unreadable(file, "is not YAML")
    return Document(file, value, reader.keys, reader.values), reader.problems


def _unreadable(
    file: str, message: str, hint: str = "", mark: Mark = _TOP
) -> tuple[Document, list[Problem]]:  # fmt: skip
    return Document(file, None, {}, {}), [Problem(file, mark.line, mark.column, f"the file {message}", hint)]


def _syntax(error: yaml.MarkedYAMLError, file: str) -> Problem:
    what = error.problem or "it can't be read"
    hint = next((hint for part, hint in _SYNTAX_HINTS if part in what), "check the quotes and the indentation above")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, f"this is not YAML: {what}", hint)


class _Stop(Exception):
    """The rest of the file makes no sense; the problem is recorded."""


class _Scalar(NamedTuple):
    mark: Mark
    value: str | int | float | bool | None
    text: str


class _Sequence(NamedTuple):
    mark: Mark
    items: list[_Node]


class _Mapping(NamedTuple):
    mark: Mark
    items: dict[str, tuple[Mark, _Node]]


class _Alias(NamedTuple):
    mark: Mark
    target: _Node


_Node: TypeAlias = _Scalar | _Sequence | _Mapping | _Alias


class _Reader:
    """One pass over the parser's events, then one over the nodes that writes every alias out."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.keys: dict[Keys, Mark] = {}
        self.values: dict[Keys, Mark] = {}
        self._anchors: dict[str, _Node] = {}
        self._open: set[str] = set()
        self._count = 0

    def compose(self, events: Iterator[Event]) -> _Node | None:
        root: _Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise self._stop(_mark(event), "a second document starts here", "keep one document in a file")
            elif isinstance(event, AliasEvent | ScalarEvent | SequenceStartEvent | MappingStartEvent):
                root = self._node(event, events, 0)
        return root

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise self._stop(_mark(event), f"this is nested deeper than {MAX_DEPTH} levels", "is it the right file?")
        mark = _mark(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, mark)
        assert isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent)
        if event.tag is not None:
            self._add(_mark(event), "tags (with !) are not used here", "remove the tag; quotes make a value text")
        node: _Node
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, mark)
        elif isinstance(event, SequenceStartEvent):
            node = _Sequence(mark, [])
        else:
            node = _Mapping(mark, {})
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = node
            self._open.add(anchor)
        if isinstance(node, _Sequence):
            while not isinstance(event := next(events), SequenceEndEvent):
                node.items.append(self._node(event, events, depth + 1))
        elif isinstance(node, _Mapping):
            while not isinstance(event := next(events), MappingEndEvent):
                self._pair(node, event, events, depth + 1)
        if anchor is not None:
            self._open.discard(anchor)
        return node

    def _alias(self, event: AliasEvent, mark: Mark) -> _Node:
        # The name is not repeated: a secret that starts with * ends up here.
        if event.anchor not in self._anchors:
            raise self._stop(
                _mark(event), "this alias (*) has no anchor (&) before it", "quote a value that starts with *"
            )
        if event.anchor in self._open:
            raise self._stop(_mark(event), "this alias (*) stands inside its own anchor (&)", "write the value out")
        return _Alias(mark, self._anchors[event.anchor])

    def _scalar(self, event: ScalarEvent, mark: Mark) -> _Scalar:
        text = event.value
        if _UNUSABLE.search(text):
            raise self._stop(
                _mark(event), "this text holds a control character", "remove it, or the escape that makes it"
            )
        plain = event.implicit[0] and event.style in (None, "")
        return _Scalar(mark, resolve(text) if plain else text, text)

    def _pair(self, mapping: _Mapping, event: Event, events: Iterator[Event], depth: int) -> None:
        key = self._node(event, events, depth)
        value = self._node(next(events), events, depth)
        if not isinstance(key, _Scalar):
            self._add(_mark(event), "a key must be plain text", "quote {…} and […] where they are a value")
        elif key.text == "<<":
            hint = "write the keys out, or use an alias as a whole value"
            self._add(_mark(event), "merge keys (<<) are not used here", hint)
        elif (first := mapping.items.get(key.text)) is not None:
            where = f"line {first[0].line}, column {first[0].column}"
            self._add(_mark(event), f"the key {key.text} is given twice", f"keep this one or the one at {where}")
        else:
            mapping.items[key.text] = key.mark, value

    def build(self, node: _Node, path: Keys) -> object:
        """The plain value of a node; its places are kept under the path."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._stop(node.mark, f"the file holds more than {MAX_VALUES} values", "use fewer aliases")
        self.values.setdefault(path, node.mark)
        if isinstance(node, _Alias):
            return self.build(node.target, path)
        if len(path) > MAX_DEPTH:
            raise self._stop(node.mark, f"this is nested deeper than {MAX_DEPTH} levels", "use fewer aliases")
        if isinstance(node, _Sequence):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.items)]
        if isinstance(node, _Mapping):
            built: dict[str, object] = {}
            for name, (mark, value) in node.items.items():
                self.keys[*path, name] = mark
                built[name] = self.build(value, (*path, name))
            return built
        assert isinstance(node, _Scalar)
        return node.value

    def _add(self, mark: Mark, message: str, hint: str) -> None:
        self.problems.append(Problem(self.file, mark.line, mark.column, message, hint))

    def _stop(self, mark: Mark, message: str, hint: str) -> _Stop:
        self._add(mark, message, hint)
        return _Stop()


def _mark(event: Event) -> Mark:
    assert event.start_mark is not None
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def resolve(text: str) -> str | int | float | bool | None:
    """What a plain (unquoted) scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
