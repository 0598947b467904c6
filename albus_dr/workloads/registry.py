"""The kinds of workload by name: a literal table, and the entry point ``albus_dr.workloads`` for third parties."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from albus_dr.errors import UsageError
from albus_dr.runbook.model import Operation, Runbook, WorkloadModel

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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

    The plan puts the phases together: every ``ready`` step before anything that changes something; where a site came
    back, ``quiesce`` there against the direction of ``needs`` and ``prepare`` along it; ``forward``; ``release`` against the direction
    of ``needs`` (the door closes before the application stops before the database stops); then the fence; ``take`` along
    ``needs``; ``after`` once every workload was taken.
    """

    ready: tuple[StepSpec, ...] = ()
    quiesce: tuple[StepSpec, ...] = ()
    """reprotect, failback: nothing at the returned site writes any more."""
    prepare: tuple[StepSpec, ...] = ()
    """reprotect, failback: what is there alone is kept aside, then the returned site becomes the standby."""
    forward: tuple[StepSpec, ...] = ()
    """switchover, failback: while users are still served, the target is brought nearly up to date."""
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


def kinds() -> Mapping[str, Kind]:
    """Every kind by name; each is imported when it is asked for, so that a small runbook is checked quickly."""
    return _Kinds()


class _Kinds(Mapping[str, Kind]):
    """Raises UsageError where a third party's module takes a built-in name: as soon as third parties matter."""

    def __getitem__(self, name: str) -> Kind:
        return _load(_BUILT_IN[name]) if name in _BUILT_IN else self._third_party[name].load()

    def __iter__(self) -> Iterator[str]:
        return iter((*_BUILT_IN, *self._third_party))

    def __len__(self) -> int:
        return len(_BUILT_IN) + len(self._third_party)

    @cached_property
    def _third_party(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points  # it reads the metadata of every installed package

        entries = {entry.name: entry for entry in entry_points(group="albus_dr.workloads")}
        for name in entries.keys() & _BUILT_IN.keys():
            package = entries[name].dist
            raise UsageError(f"the package {package and package.name} redefines the workload kind {name}")
        return entries


def _load(module: str) -> Kind:
    kind: Kind = import_module(module)
    return kind


def later(package: str, **modules: str) -> Callable[[str], Any]:
    """A package's ``__getattr__``: what is called NAME is imported from the package's own module when it is asked for.

    Checking a runbook needs a kind's model alone, and not the programs that it works with.
    """

    def look_up(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package} has no attribute {name}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return look_up
