"""The plan: a frozen DAG for one operation. Nothing runs that is not in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from albus_dr.runbook.model import Operation
from albus_dr.workloads.step import StepSpec


@dataclass(frozen=True)
class Plan:
    """``steps`` are in a stable topological order: the same runbook gives the same order on every machine."""

    runbook: str
    operation: Operation
    source: str
    target: str
    steps: tuple[StepSpec, ...]
    protects: Mapping[str, Any] = field(default_factory=dict)
    """By workload: what the runbook says about it, as plain data. The steps read it: what is restored, and the questions
    that are asked afterwards."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the plan does. A run is bound to it."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the journal and for `plan --json`."""
        return {
            "runbook": self.runbook,
            "operation": self.operation,
            "source": self.source,
            "target": self.target,
            "steps": [asdict(step) for step in self.steps],
            "protects": self.protects,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Plan:
        """The plan that to_json wrote down."""
        steps = tuple(
            StepSpec(**{**step, "needs": tuple(step["needs"]), "undo": tuple(step["undo"])}) for step in data["steps"]
        )
        return Plan(data["runbook"], data["operation"], data["source"], data["target"], steps, data["protects"])
