"""From two YAML files to a frozen runbook and config, or to everything that is wrong with them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from albus_dr.runbook.config import Config
from albus_dr.runbook.interpolate import interpolate
from albus_dr.runbook.model import Runbook, WorkloadModel
from albus_dr.runbook.problems import InvalidRunbook, Problem, nearest
from albus_dr.runbook.references import KindLike, References
from albus_dr.runbook.yaml_nodes import Document, Keys, read

_Model = TypeVar("_Model", bound=BaseModel)


class Positions(NamedTuple):
    """Where everything was written: ``positions.runbook.problem(path, message, hint)`` points at it."""

    runbook: Document
    config: Document


@dataclass(frozen=True)
class Loaded:
    """A runbook and its config that fit together."""

    runbook: Runbook
    config: Config
    path: Path
    config_path: Path
    positions: Positions
    notes: tuple[Problem, ...] = ()
    """Environment variables that are not set; empty unless that was allowed."""
    stand_ins: frozenset[Keys] = frozenset()
    """Values of the config in whose place something stands because of that."""

    def problem(self, path: Keys, message: str, hint: str = "") -> Problem:
        """A problem at a place in the runbook, for example ``("steps", 0, "before")``."""
        return self.positions.runbook.problem(path, message, hint)


def load(
    path: Path,
    config_path: Path | None = None,
    *,
    kinds: Mapping[str, KindLike],
    environment: Mapping[str, str],
    require_environment: bool = True,
) -> Loaded:
    """The runbook in ``path`` and its config (``config_path``, or the one that the runbook names).

    Raises InvalidRunbook with every problem of both files. Without ``require_environment`` a variable that is not
    set is a note and a stand-in takes its place: good for looking, not for acting. Only then is a fence that can prove
    nothing a problem: whoever acts may have another one.
    """
    runbook, problems = read(path, str(path))
    config_path, lost = _config_path(path, config_path, runbook)
    problems += lost
    written = None
    if config_path is not None:
        written, unreadable = read(config_path, os.path.normpath(config_path))
        problems += unreadable
    if mixed_up := _mixed_up(runbook, written):
        raise InvalidRunbook([mixed_up])
    filled = interpolate(written, Config, environment) if written and written.value is not None else None

    workloads = dict(_workloads(runbook, kinds, problems))
    checked_runbook = _runbook(runbook, workloads, problems)
    checked_config = None
    missing: list[Problem] = []
    if filled is not None:
        problems += filled.problems
        missing = filled.missing
        checked_config = _config(filled.document, filled.stand_ins, problems)
    if runbook.value is not None:
        stand_ins = filled.stand_ins if filled else set()
        document = filled.document if filled else None
        references = References(runbook, document, workloads, kinds, stand_ins)
        problems += references.problems()
        problems += [] if require_environment else references.fences()

    if problems or checked_runbook is None or checked_config is None or (missing and require_environment):
        unfillable = missing if require_environment or not problems else []
        raise InvalidRunbook([*problems, *unfillable])
    assert config_path is not None
    assert filled is not None
    positions = Positions(runbook, filled.document)
    return Loaded(
        checked_runbook, checked_config, path, config_path, positions, tuple(missing), frozenset(filled.stand_ins)
    )


def _mixed_up(runbook: Document, config: Document | None) -> Problem | None:
    """One file given in the place of the other: that is said, and not each key that the other has not."""
    if config is not None and _is_a_runbook(config):
        hint = "name a config with --config FILE, or leave --config out: a runbook names its own"
        return config.problem((), "this is a runbook, and a config is wanted here", hint)
    if _is_a_config(runbook):
        hint = "give the runbook: the file that has workloads; the config goes with --config FILE"
        return runbook.problem((), "this is a config, and a runbook is wanted here", hint)
    return None


def _is_a_runbook(document: Document) -> bool:
    return isinstance(document.value, dict) and {"runbook", "workloads"} <= document.value.keys()


def _is_a_config(document: Document) -> bool:
    """Sites that are described, where a runbook only names two."""
    if not isinstance(document.value, dict) or document.value.keys() & {"runbook", "workloads", "objectives", "config"}:
        return False
    sites = document.value.get("sites")
    return isinstance(sites, dict) and bool(sites) and all(isinstance(site, dict) for site in sites.values())


def _config_path(path: Path, given: Path | None, runbook: Document) -> tuple[Path | None, list[Problem]]:
    if given is not None:
        return given, []
    named = runbook.get("config")
    if runbook.value is None or (named is not None and not isinstance(named, str)):
        return None, []  # reported already, or by the schema
    if not named:
        return None, [runbook.problem(("config",), "no config is named", "write config: FILE, or give --config FILE")]
    config = path.parent / named
    try:
        exists, is_directory = config.is_file(), config.is_dir()
    except (OSError, ValueError):
        exists = is_directory = False
    if not exists:
        tried = os.path.normpath(config)
        what = f"there is no config file {tried}"
        if is_directory:
            what = f"{tried} is a directory, and a config file is wanted"
        hint = "write the path relative to this file, or give --config FILE"
        return None, [runbook.problem(("config",), what, hint)]
    return config, []


def _workloads(
    runbook: Document, kinds: Mapping[str, KindLike], problems: list[Problem]
) -> Iterator[tuple[str, WorkloadModel]]:
    """Those that are valid."""
    workloads = runbook.get("workloads")
    for name, value in workloads.items() if isinstance(workloads, dict) else ():
        path: Keys = ("workloads", name)
        if not isinstance(value, dict):
            problems.append(runbook.problem(path, f"{name} must be a mapping", "write its kind and what it protects"))
            continue
        kind = value.get("kind")
        if kind is None:
            problems.append(runbook.problem(path, f"kind is missing in {name}", f"one of: {', '.join(sorted(kinds))}"))
        elif not isinstance(kind, str) or kind not in kinds:
            problems.append(
                runbook.problem(
                    (*path, "kind"), f"there is no kind of workload {kind}", nearest(str(kind), list(kinds))
                )
            )
        elif (model := _validated(kinds[kind].Model, value, runbook, path, problems)) is not None:
            yield name, model


def _runbook(
    runbook: Document, workloads: Mapping[str, WorkloadModel], problems: list[Problem]
) -> Runbook | None:  # fmt: skip
    if runbook.value is None:
        return None
    value = runbook.value
    if isinstance(value, dict) and isinstance(value.get("workloads"), dict):
        value = {**value, "workloads": {name: {"kind": "validated"} for name in value["workloads"]}}
    checked = _validated(Runbook, value, runbook, (), problems)
    return checked and checked.model_copy(update={"workloads": dict(workloads)})


def _config(config: Document, stand_ins: Set[Keys], problems: list[Problem]) -> Config | None:
    return _validated(Config, config.value, config, (), problems, stand_ins)


def _validated(
    model: type[_Model],
    value: object,
    document: Document,
    path: Keys,
    problems: list[Problem],
    stand_ins: Set[Keys] = frozenset(),
) -> _Model | None:
    """The model, or None and problems. JSON in between: only there strict types and tuples go together."""
    try:
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        from albus_dr.runbook import translate  # only where something is wrong

        problems += [
            problem for place, problem in translate.problems(error, document, model, path) if place not in stand_ins
        ]
        return None
