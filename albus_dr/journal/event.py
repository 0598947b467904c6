"""One fact. Its hash covers the fact and the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from albus_dr.units import rfc3339

GENESIS = "0" * 64


def now() -> str:
    """RFC 3339, UTC, milliseconds."""
    return rfc3339(datetime.now(UTC))


EVENT_KINDS = (
    "RunDeclared",  # data: runbook, operation, scenario, plan, plan_digest, source, target, objectives, options
    "RunStarted",
    "RunResumed",
    "ClockRecorded",  # data: clock, at
    "StepIntended",  # data: attempt
    "CreationAnnounced",  # data: workload, site, host, path; written before a drill makes it
    "StepAttemptFailed",  # data: error, attempt; it will be tried again
    "StepSucceeded",  # data: facts, verifications, attempts, adopted (it was found done), duration_s
    "StepFailed",  # data: error, hint, exit_code, attempts, verifications, facts, duration_s
    "StepSkipped",  # data: reason
    "StepUnknown",  # data: reason
    "StepDecided",  # data: decision (done, not_done), who, why
    "ApprovalRequested",  # data: expires_at
    "ApprovalGiven",  # data: who, why
    "AbortRequested",  # data: who, why
    "StepUndone",  # data: outcome
    "NotificationFailed",  # data: channel, reason; it may come after RunEnded
    "RunEnded",  # data: verdict, exit_code, actuals, residue, proof_level, reason
)


def this_boot() -> str:
    """Which start of this machine it is: times of the monotonic clock compare within one. Empty where nobody says."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Event:
    """``seq`` counts from 0 within the run; ``at`` is RFC 3339 UTC; ``monotonic_s`` is the machine's own clock."""

    run: str
    seq: int
    kind: str
    step: str
    at: str
    monotonic_s: float
    data: Mapping[str, Any]
    previous: str
    hash: str

    def to_json(self) -> dict[str, Any]:
        """The JSON line of the mirror."""
        return {
            "run": self.run, "seq": self.seq, "kind": self.kind, "step": self.step, "at": self.at,
            "monotonic_s": self.monotonic_s, "data": self.data, "previous": self.previous, "hash": self.hash,
        }  # fmt: skip


def event_hash(
    run: str, seq: int, kind: str, step: str, at: str, monotonic_s: float, data: Mapping[str, Any], previous: str
) -> str:
    """SHA-256 over the canonical JSON of the event without its hash, in hexadecimal."""
    text = json.dumps([run, seq, kind, step, at, monotonic_s, data, previous], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
