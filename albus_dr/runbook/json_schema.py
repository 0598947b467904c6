"""The JSON Schema (2020-12) of the runbook and the config, from the models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from albus_dr.runbook.config import Config
from albus_dr.runbook.model import DURATION_PATTERN, Runbook, WorkloadModel
from albus_dr.runbook.references import KindLike

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_PLAIN = ("integer", "number", "boolean")
_ABOUT = ("description", "default", "examples")

Schema = dict[str, Any]


def runbook_schema(kinds: Mapping[str, KindLike]) -> Schema:
    """Of a runbook whose workloads are of these kinds."""
    schema = Runbook.model_json_schema()
    definitions: Schema = {name: each for name, each in schema["$defs"].items() if name != "WorkloadModel"}
    for name, kind in sorted(kinds.items()):
        definitions |= _kind_definitions(name, kind.Model, definitions)
    by_name = schema["properties"]["workloads"]["patternProperties"]
    for pattern in by_name:
        by_name[pattern] = {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in sorted(kinds)]}
    return _finished("runbook", {**schema, "$defs": definitions})


def _kind_definitions(name: str, model: type[WorkloadModel], taken: Schema) -> Schema:
    """The kind's own schema and those that it uses, under a longer name where another kind means something else."""
    schema = model.model_json_schema()
    if any(taken.get(below, each) != each for below, each in schema.get("$defs", {}).items()):
        schema = model.model_json_schema(ref_template="#/$defs/" + name + ".{model}")
        schema["$defs"] = {f"{name}.{below}": each for below, each in schema["$defs"].items()}
    below = schema.pop("$defs", {})
    schema["properties"]["kind"] = {"const": name, "description": "The kind of workload."}
    return {**below, name: schema}


def config_schema() -> Schema:
    """Of a config as it is written: ``${NAME}`` may stand wherever a plain value does."""
    schema = _finished("config", Config.model_json_schema())
    schema["properties"] = _with_variables(schema["properties"])
    schema["$defs"] = _with_variables(schema["$defs"])
    return schema


def _finished(name: str, schema: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:albus-dr:{name}:1", **_tidy(schema)}


def _tidy(node: Any) -> Any:
    """Without generated titles, with defaults as YAML writes them, and with no names but the allowed ones."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    if tidy.get("pattern") == DURATION_PATTERN and isinstance(tidy.get("default"), float):
        tidy["default"] = _written(tidy["default"])
    return tidy


def _written(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _with_variables(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_variables(each) for each in node]
    if not isinstance(node, dict):
        return node
    restricted = node.get("type") == "string" and ("pattern" in node or "enum" in node)
    if restricted or node.get("type") in _PLAIN:
        about = {key: node[key] for key in _ABOUT if key in node}
        return {**about, "anyOf": [{key: value for key, value in node.items() if key not in _ABOUT}, _VARIABLE]}
    return {key: _with_variables(value) for key, value in node.items()}
