"""The sentences that the program writes into a run's journal for people, read out of its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import albus_dr

PACKAGE = Path(albus_dr.__file__).parent
FILLED = "X"  # what stands for a value


def sentences() -> Iterator[tuple[str, str]]:
    """(where, sentence) of every note, verdict's reason and verification, with ``X`` where something is filled in."""
    for path in sorted(PACKAGE.rglob("*.py")):
        folder, *below = path.relative_to(PACKAGE).parts
        if folder in ("engine", "workloads", "journal") or (folder == "cli" and len(below) == 1):
            module = _Module(ast.parse(path.read_text(encoding="utf-8")))
            for line, text in module.spoken():
                yield f"{path.relative_to(PACKAGE)}:{line}", text


def found_by_status() -> Iterator[str]:
    """What `albus-dr status` and `compliance` find, roles included: every text in the functions that say so."""
    return _said_at({
        "workloads/standing.py": None,
        "cli/status.py": ("_since_failover", "_drill_concerns"),
        "check/compliance.py": ("decide", "_nothing_proved", "_missed"),
    })  # fmt: skip


def done_by_schedule() -> Iterator[str]:
    """What `albus-dr schedule install` and `remove` say that they did: every text of several words in what does it."""
    told = ("install", "remove", "_remove", "_forget_when_it_last_fired")
    places = {"tools/systemd.py": told, "tools/crontab.py": ("install", "remove")}
    return (text for text in _said_at(places) if " " in text)


def told_by_guard() -> Iterator[str]:
    """What `albus-dr guard` says and refuses with: every text of several words in what decides and tells it."""
    places = {
        "safety/guard.py": None,
        "safety/rule.py": ("accept", "start", "renew", "write"),
        "tools/guarded.py": ("one_guard",),
    }
    return (text for text in _said_at(places) if re.search(r"[a-z] .*[a-z]", text))


def refused_by_verify() -> Iterator[str]:
    """Why `albus-dr evidence verify` says no: every text of several words in what opens a file."""
    places = {"evidence/envelope.py": ("open_sealed", "_envelope", "_require_consistent")}
    return (text for text in _said_at(places) if " " in text)


def _said_at(places: Mapping[str, tuple[str, ...] | None]) -> Iterator[str]:
    """Every text in the functions of these names, or in every function of the file."""
    for path, names in places.items():
        tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and (names is None or function.name in names):
                yield from _said_in(function)


def _said_in(function: ast.FunctionDef) -> Iterator[str]:
    documentation = ast.get_docstring(function, clean=False)
    within = {part for node in ast.walk(function) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
        node for node in ast.walk(function) if isinstance(node, ast.JoinedStr)
    }
    for node in ast.walk(function):
        if node in within:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != documentation:
            yield node.value


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    def spoken(self) -> Iterator[tuple[int, str]]:
        for function in [*self._functions.values(), self._tree]:
            for node in ast.walk(function) if function is not self._tree else ast.iter_child_nodes(self._tree):
                for said in self._said(node):
                    for text in self._texts(said, function, 3):
                        yield said.lineno, text

    def _said(self, node: ast.AST) -> Iterator[ast.expr]:
        """The expressions that end up in front of a reader."""
        match node:
            case ast.Dict():
                yield from (
                    value
                    for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "notes"
                )
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value="notes"))]):
                yield node.value
            case ast.Assign(targets=[ast.Name(id="notes" | "_MEASURED_TO" | "_NO_DISRUPTION")]):
                yield from node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            case ast.Call(func=ast.Attribute(attr="append", value=ast.Name(id="notes") | ast.Attribute(attr="notes"))):
                yield node.args[0]
            case ast.Call(func=ast.Name(id="Verification")):
                yield from node.args[1:4]
            case ast.Call(func=ast.Name(id="Standpoint")):
                yield from node.args[4:]
            case ast.Return(value=ast.Tuple(elts=[ast.Attribute(value=ast.Name(id="Verdict")), _, reason])):
                yield reason

    def _texts(self, said: ast.expr, function: ast.AST, depth: int) -> Iterator[str]:
        """The strings that the expression may be, through local names and the module's own functions."""
        match said:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr():
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in said.values)
            case ast.List() | ast.Tuple():
                for item in said.elts:
                    yield from self._texts(item, function, depth)
            case ast.ListComp():
                yield from self._texts(said.elt, function, depth)
            case ast.IfExp():
                yield from self._texts(said.body, function, depth)
                yield from self._texts(said.orelse, function, depth)
            case ast.BoolOp():
                for item in said.values:
                    yield from self._texts(item, function, depth)
            case ast.Name() if depth:
                for node in ast.walk(function):
                    if isinstance(node, ast.Assign) and any(_names(target, said.id) for target in node.targets):
                        yield from self._texts(node.value, function, depth - 1)
            case ast.Call(func=ast.Name(id=name)) if depth and name in self._functions:
                for node in ast.walk(self._functions[name]):
                    if isinstance(node, ast.Return) and node.value is not None:
                        yield from self._texts(node.value, self._functions[name], depth - 1)


def _names(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name
