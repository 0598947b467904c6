"""The kinds of workload by name: a literal table, and the entry point ``albus_dr.workloads`` for third parties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Literal, Protocol

from albus_dr.errors import UsageError
from albus_dr.runbook.model import Operation, Runbook, WorkloadModel
from albus_dr.workloads.step import Action, StepSpec

_BUILT_IN = {
    "postgres": "albus_dr.workloads.postgres",
    "files": "albus_dr.workloads.files",
    "service": "albus_dr.workloads.service",
    "traffic": "albus_dr.workloads.traffic",
    "command": "albus_dr.workloads.command",
}


@dataclass(frozen=True)
class Reference:
    """A name in a workload that must exist in the config: in ``section`` of both sites, or among the proxies."""

    key: tuple[str | int, ...]
    """Where in the workload the name stands, for example ("recovery_points", "dump")."""
    section: Literal["servers", "services", "paths", "repositories", "proxies"]
    name: str


@dataclass(frozen=True)
class Derivation:
    """What a kind may know when it derives its steps: no credentials, no environment."""

    runbook: Runbook
    operation: Operation
    source: str
    """The site that serves (or served)."""
    target: str
    """The site that is copied to, drilled at, promoted."""


@dataclass(frozen=True)
class Derived:
    """The steps of one workload for one operation, by phase, each phase in an order that satisfies its own needs.

    The plan puts the phases together: every ``ready`` step before anything that changes something; ``release``
    against the direction of ``needs`` (the door closes before the application stops before the database stops);
    then the fence; ``take`` along ``needs``; ``after`` once every workload was taken.
    """

    ready: tuple[StepSpec, ...] = ()
    release: tuple[StepSpec, ...] = ()
    take: tuple[StepSpec, ...] = ()
    after: tuple[StepSpec, ...] = ()


class Kind(Protocol):
    """A module that is a kind of workload."""

    Model: type[WorkloadModel]
    ACTIONS: Mapping[str, Action]
    """By ``KIND.VERB``."""

    def references(self, model: WorkloadModel) -> tuple[Reference, ...]:
        """Names that the config must define."""
        ...

    def steps(self, name: str, model: WorkloadModel, derivation: Derivation) -> Derived:
        """The steps of one operation for the workload ``name``."""
        ...


def kinds() -> dict[str, Kind]:
    """Every kind by name. Raises UsageError when a third party's module takes a built-in name."""
    table = {name: _load(module) for name, module in _BUILT_IN.items()}
    for entry in entry_points(group="albus_dr.workloads"):
        if entry.name in table:
            raise UsageError(f"the package {entry.dist and entry.dist.name} redefines the workload kind {entry.name}")
        table[entry.name] = entry.load()
    return table


def _load(module: str) -> Kind:
    kind: Kind = import_module(module)
    return kind
