"""The state of a run, folded from its events. Reports, status and resume read this and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

RUN_SCHEMA = "albus-dr/run/1"
CLOCKS = (
    "disrupted_at", "detected_at", "declared_at", "started_at", "approved_at", "fenced_at", "data_recovered_at",
    "service_verified_at", "clients_verified_at", "ended_at",
)  # fmt: skip
CHANGES_PRIMARY = ("switchover", "failover", "failback")
LOOKS_BACK = timedelta(days=400)
"""How far a run is compared with earlier ones: a year and a month, so that five quarterly drills lie within, some of them late."""
RECOVERS = ("drill", "switchover", "failover", "failback")  # the operations that measure a recovery time


@dataclass
class StepState:
    """One step of the run. ``status``: pending, running, succeeded, failed, skipped, unknown, waiting."""

    id: str
    title: str
    workload: str
    site: str
    action: str
    needs: tuple[str, ...]
    status: str = "pending"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: float | None = None
    attempts: int = 0
    waited_s: float | None = None
    """How long it waited for people, all times together; None when it asked nobody."""
    asked_at: datetime | None = None
    """Since when it waits for a person; None when it does not."""
    adopted: bool = False
    error: str | None = None
    hint: str = ""
    exit_code: int | None = None
    """What kind of error it failed with, as an exit code; None where it did not fail."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    began_by: tuple[float, float] | None = None
    """While it runs: how far the wall clock was ahead of the monotonic one when it began, and the run's ``clock_moved_s``."""
    may_fail: bool = False
    """The run goes on without it (``on_failure: continue``)."""


@dataclass
class Creation:
    """A directory that a drill said it would make, before it made it, and what became of it."""

    run: str
    """The run that made it: this one, or an earlier one whose leftovers this one removed."""
    workload: str
    """Whose data went into it; empty for the target itself."""
    site: str
    host: str
    path: str
    announced_at: datetime | None
    """None where only the remains were found."""
    destroyed_at: datetime | None = None
    """None while nobody has seen that it is gone."""
    destroyed_by: str = ""
    """Who had ordered, resumed or aborted the run that removed it, or EXPIRY."""


EXPIRY = "expiry"
"""``destroyed_by`` of a drill that nobody came back to: it removed itself when its time was over."""
NETWORK = "network of what was restored"
"""The kind of the verification that says what a drill's target can reach. It proves nothing about data."""
OPENED = "opened the restored "
"""How the kind of the verification begins that says whether a drill's copy has connected to a restored database, which is named
behind it. An answer of the copy is another one."""
HOW_DESTROYED = (
    "Every process of the drill was killed, its directory was removed, then both were looked for again. "
    "The bytes on the disk were not overwritten."
)


_OF_A_SERVER = ("collations", "encoding")


@dataclass
class VerificationState:
    """``verdict``: passed, failed, not_evaluated."""

    step: str
    workload: str
    kind: str
    expected: str
    actual: str
    verdict: str

    @property
    def is_about_content(self) -> bool:
        """Does it compare data or answers, and not what surrounds them?"""
        return self.kind != NETWORK and not self.kind.startswith(OPENED)

    @property
    def is_about_data(self) -> bool:
        """Does it compare what could have been lost? A server's role, and how it sorts, are the same over empty tables."""
        return self.is_about_content and not self.kind.startswith("role at ") and self.kind not in _OF_A_SERVER


@dataclass
class RunState:
    """Everything that people and machines are told about a run. Unmeasured is None, never 0."""

    run: str
    runbook: str
    description: str | Mapping[str, str]
    """In the words of the runbook's author; by language where they wrote more than one."""
    operation: str
    scenario: str | None
    plan_digest: str
    source: str
    target: str
    rto_s: float
    rpo_s: float
    clock: str
    """Where the recovery time starts: disruption or declaration."""
    budgets: Mapping[str, float] = field(default_factory=dict)
    """By the name of the clock that ends a stage (``fenced``): what the runbook allows it, in seconds."""
    point: str = ""
    """The recovery point, or the time, that a drill was asked to restore; empty: the newest."""
    epoch_seen: int = 0
    """The witness's when the run was declared; where that was silent the highest that the journal knew; 0: none."""
    verdict: str = "incomplete"
    exit_code: int | None = None
    """None while the run has not ended."""
    reason: str = ""
    """Why the verdict is what it is, in one sentence."""
    proof_level: str = "L0"
    rta_s: float | None = None
    rpa_s: float | None = None
    rpa_by_workload: Mapping[str, float] = field(default_factory=dict)
    client_downtime_s: float | None = None
    acknowledged_writes: int | None = None
    lost_writes: int | None = None
    clocks: dict[str, datetime | None] = field(default_factory=lambda: dict.fromkeys(CLOCKS))
    boot: str = ""
    """Which start of the machine its last process lived in; the monotonic clock counts from that."""
    ahead_s: float = 0.0
    """How far the wall clock was ahead of the monotonic one at the newest event of the run's own process."""
    clock_moved_s: float = 0.0
    """How far the machine's wall clock has moved against its monotonic one, while steps ran."""
    set_back_s: float = 0.0
    """How far of that it was set back."""
    set_back_before: dict[str, float] = field(default_factory=dict)
    """``set_back_s`` when each clock was recorded."""
    steps: dict[str, StepState] = field(default_factory=dict)
    """In the plan's stable order."""
    verifications: list[VerificationState] = field(default_factory=list)
    residue: list[str] = field(default_factory=list)
    resumed: int = 0
    notes: list[str] = field(default_factory=list)
    """What a reader must know: an accepted loss, a person's statement, a clock that was not given."""
    operator: str = ""
    acting: str = ""
    """Who ordered, or last resumed or aborted it."""
    creations: list[Creation] = field(default_factory=list)
    """What a drill made, in the order of the announcements, and its destruction."""
    sites: Mapping[str, Any] = field(default_factory=dict)
    """By site name: latitude, longitude, country, provider, account, certificate; and distance_km."""
    waiting_for: str | None = None
    """The step that waits for an approval or a decision."""
    events: int = 0
    last_hash: str = ""

    def steady(self, clock: str) -> datetime | None:
        """The clock as one shows it that nobody set back: to be compared with others, not to be shown."""
        at = self.clocks.get(clock)
        return at and at + timedelta(seconds=self.set_back_before.get(clock, 0.0))
