"""What a step is: a frozen description (StepSpec) and three verbs (Action).

observe looks at the world and says whether the step is already done. act does it. verify looks again.
The engine writes the intent before act and the outcome after verify; a step that was interrupted is observed
before anything else happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from albus_dr.runbook.config import Config, ProxyConfig, SiteConfig
from albus_dr.runbook.model import Operation, Runbook, WorkloadModel
from albus_dr.safety.witness import Witness

Facts = Mapping[str, Any]  # what a step found or made; JSON-serialisable, kept in the journal, read by later steps


class State(Enum):
    """What observe saw. UNKNOWN is not NOT_DONE: nobody may act on it blindly."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Observation:
    """A state, why we think so, and, when DONE, the facts that act would have returned."""

    state: State
    reason: str = ""
    facts: Facts = field(default_factory=dict)


class Verdict(Enum):
    """Has no truth value: `if verdict` would make a skipped check a success."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    NOT_EVALUATED = "not_evaluated"

    def __bool__(self) -> bool:
        raise TypeError("a verdict is not true or false; compare it")


@dataclass(frozen=True)
class Verification:
    """One comparison of what should be there with what is there. Both sides are printed: no secrets, no patients."""

    workload: str
    kind: str
    expected: str
    actual: str
    verdict: Verdict


@dataclass(frozen=True)
class StepSpec:
    """One node of a plan. Plain data: it is digested, stored and shown before anything runs."""

    id: str
    """``WORKLOAD.VERB``, unique in the plan, for example ``patients.promote``."""
    workload: str
    """The workload's name; empty for steps of the run itself."""
    site: str
    """The site that the step acts on; empty when it acts on none."""
    action: str
    """``KIND.VERB``: the key of the Action, for example ``postgres.promote``."""
    title: str
    """What it does, for people: "Promote patients at bordeaux"."""
    needs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 300.0
    retries: int = 0
    repeatable: bool = True
    """False: acting twice can do harm (promote, fence, delete); an unknown state stops for the operator."""
    always: bool = False
    """True: runs whatever happened before (cleanup), once everything it needs has ended."""
    on_failure: str = "stop"
    undo: tuple[str, ...] = ()
    clock: str = ""
    """The clock of the run that the end of this step sets, for example ``fenced_at``."""
    estimate_s: float = 1.0
    """A guess for the forecast of a plan, where no run has timed the step."""


@dataclass(frozen=True)
class RunInfo:
    """What is fixed for a whole run."""

    id: str
    operation: Operation
    source: str
    """The site that serves, or served, when the run was declared."""
    target: str
    """The other one: what is copied to, drilled at, promoted."""
    declared_at: datetime
    disrupted_at: datetime | None
    directory: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    """accept_data_loss, fenced_by, point, …: what the operator said."""
    operator: str = ""
    resumed: bool = False
    """It lay there between its steps: what was done then may be old by now."""
    lock_place: str = ""
    """Where its lock lies (``albus_dr.engine.lock.place_of``): two runs of one operation and place never run together."""


@dataclass(frozen=True)
class StepContext:
    """What an action may know. It reaches programs and servers through albus_dr.tools only."""

    spec: StepSpec
    run: RunInfo
    runbook: Runbook
    config: Config
    base: Path
    """Directory of the runbook: relative commands start here."""
    config_base: Path
    """Directory of the config: relative secret files are there."""
    facts_of: Callable[[str], Facts]
    """Facts of an earlier step by id; empty when it has not succeeded."""
    progress: Callable[[float, float | None, str], None]
    """Report (done, total or None, unit): keeps the screen alive. Bytes for unit ``B``."""
    announce: Callable[[str, str], None]
    """Say, durably and before it is made, that a directory (its host's name, its path) will hold this workload's data, so
    that its destruction can be shown."""
    cancelled: threading.Event
    deadline: float
    """Monotonic seconds; nothing that the step starts may go on after it."""
    witness: Witness | None = None
    """None where a person stated that the run goes on without it, and in runs that don't change the primary."""

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never less than a tenth."""
        return max(0.1, self.deadline - time.monotonic())

    @property
    def site(self) -> SiteConfig:
        return self.config.sites[self.spec.site]

    @property
    def workload(self) -> WorkloadModel:
        return self.runbook.workloads[self.spec.workload]

    def proxy(self, name: str) -> ProxyConfig:
        return self.config.proxies[name]


def nothing_to_observe(_: StepContext) -> Observation:
    """The default: whatever an earlier attempt did, act does it again without harm."""
    return Observation(State.NOT_DONE, "it has no lasting effect to look for")


def nothing_to_verify(_: StepContext, __: Facts) -> tuple[Verification, ...]:
    """The default: act raises when it did not work."""
    return ()


@dataclass(frozen=True)
class Action:
    """The three verbs of one kind of step."""

    act: Callable[[StepContext], Facts]
    observe: Callable[[StepContext], Observation] = nothing_to_observe
    verify: Callable[[StepContext, Facts], tuple[Verification, ...]] = nothing_to_verify
    look_ahead: Callable[[StepContext], None] | None = None
    """For a step that waits for none: begin, in the background, to read what act is going to need. It changes nothing
    and returns at once; the engine starts meanwhile. What goes wrong is for act to say."""
