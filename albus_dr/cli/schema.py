"""albus-dr schema: the JSON Schemas (2020-12) of what people write and of what albus-dr prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Annotated, Any

import typer

from albus_dr.errors import UsageError
from albus_dr.runbook.json_schema import DIALECT, config_schema, runbook_schema
from albus_dr.workloads.registry import kinds


def _shipped(package: str, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(files(package).joinpath(name).read_text("utf-8"))
    return schema


def _run() -> dict[str, Any]:
    return _shipped("albus_dr.journal", "run.schema.json")


def _demo() -> dict[str, Any]:
    run = {key: value for key, value in _run().items() if key not in ("$schema", "$id")}
    return {
        "$schema": DIALECT,
        "$id": "urn:albus-dr:demo:1",
        "description": "What demo --json prints: its runs.",
        "type": "object",
        "properties": {
            "schema": {"const": "albus-dr/demo/1"},
            "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}},
        },
        "required": ["schema", "runs"],
        "$defs": {"run": run},
    }


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "runbook": lambda: runbook_schema(kinds()),
    "config": config_schema,
    "run": _run,
    "check": lambda: _shipped("albus_dr.check", "check.schema.json"),
    "demo": _demo,
    "evidence": lambda: _shipped("albus_dr.evidence", "evidence.schema.json"),
    "comparison": lambda: _shipped("albus_dr.report", "comparison.schema.json"),
    "compliance": lambda: _shipped("albus_dr.check", "compliance.schema.json"),
}


def command(name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(SCHEMAS)}.")]) -> None:
    """Print a JSON Schema."""
    if name not in SCHEMAS:
        raise UsageError(f"there is no schema {name}", hint=f"one of: {', '.join(SCHEMAS)}")
    print(json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False))
