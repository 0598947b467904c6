"""A small view of the run, from what the events say: what is garbled or missing in one is left out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from albus_dr.cli.live.phrases import PHRASES
from albus_dr.journal.event import Event
from albus_dr.journal.fold import clock_of
from albus_dr.report.findings import one_line
from albus_dr.report.words import Words, utc

_RATE_WINDOW_S = 10.0


@dataclass
class Meter:
    """How far a step is, and how fast it was lately."""

    done: float
    total: float | None
    unit: str
    samples: deque[tuple[datetime, float]] = field(default_factory=deque)

    def take(self, at: datetime) -> None:
        if not self.samples or (at - self.samples[-1][0]).total_seconds() >= 0.5:
            self.samples.append((at, self.done))
        while len(self.samples) > 2 and (at - self.samples[0][0]).total_seconds() > _RATE_WINDOW_S:
            self.samples.popleft()

    def say(self, at: datetime, words: Words) -> str:
        """``1.2 of 2.1 GiB, 210 MiB/s``."""
        if self.total:
            done, total = self._amount(self.done, words), self._amount(self.total, words)
            if done.split()[-1] == total.split()[-1]:
                done = done.split()[0]
            far = words.say(PHRASES["far"], done=done, total=total)
        else:
            far = self._amount(self.done, words)
        if not self.samples:
            return far
        began, first = self.samples[0]
        seconds = (at - began).total_seconds()
        if seconds < 0.5 or self.done <= first:
            return far
        return f"{far}, {self._amount((self.done - first) / seconds, words)}/s"

    def _amount(self, count: float, words: Words) -> str:
        return words.size(count) if self.unit == "B" else f"{words.number(count)} {self.unit}".strip()


@dataclass
class Step:
    id: str
    title: str
    action: str = ""
    status: str = "pending"
    adopted: bool = False
    began: datetime | None = None
    duration_s: float | None = None
    attempts: int = 0
    error: str = ""
    hint: str = ""
    expires: datetime | None = None
    meter: Meter | None = None
    told: datetime | None = None
    """When a plain screen last said something about it."""

    def running_s(self, at: datetime) -> float:
        return max(0.0, (at - self.began).total_seconds()) if self.began else 0.0

    def called(self, words: Words) -> str:
        """Its title; the name of an own step is its author's, in whatever language."""
        return self.title if self.action.startswith("own.") else words.retold(self.title)

    def command(self, run: str, words: Words) -> str:
        """What an operator types to let a waiting step go on."""
        phrase = "next.approve" if self.status == "waiting" else "next.decide"
        return words.say(PHRASES[phrase], run=run, step=self.id)


@dataclass
class View:
    run: str = ""
    runbook: str = ""
    operation: str = ""
    source: str = ""
    target: str = ""
    rto_s: float | None = None
    clock: str = "disruption"
    declared: datetime | None = None
    disrupted: datetime | None = None
    ended: datetime | None = None
    verdict: str = ""
    reason: str = ""
    steps: dict[str, Step] = field(default_factory=dict)

    def zero(self) -> datetime | None:
        """Where the recovery time counts from, as far as it is known."""
        return (self.disrupted or self.declared) if self.clock == "disruption" else self.declared

    def step(self, id_: str) -> Step:
        return self.steps.setdefault(id_, Step(id_, id_))

    def apply(self, event: Event) -> None:
        data: Mapping[str, Any] = event.data if isinstance(event.data, Mapping) else {}
        at = moment_of(event.at)
        self.run = self.run or one_line(event.run)
        if event.kind.startswith("Run"):
            self._of_run(event.kind, data, at)
        elif event.kind == "ClockRecorded":
            if data.get("clock") == "disrupted_at":
                self.disrupted = moment_of(data.get("at"))
        elif event.step:
            self._of_step(self.step(one_line(event.step)), event.kind, data, at)

    def _of_run(self, kind: str, data: Mapping[str, Any], at: datetime | None) -> None:
        if kind == "RunEnded":
            self.ended, self.verdict, self.reason = at, text_of(data, "verdict"), text_of(data, "reason")
        elif kind == "RunResumed":
            self.ended = None
        elif kind == "RunDeclared":
            objective = mapping_of(data, "objectives")
            self.declared = at
            self.runbook, self.operation = text_of(data, "runbook"), text_of(data, "operation")
            self.source, self.target = text_of(data, "source"), text_of(data, "target")
            self.rto_s = number_of(objective, "rto_s")
            self.clock = clock_of(self.operation, text_of(objective, "clock", "disruption"))
            for step in items_of(mapping_of(data, "plan"), "steps"):
                if id_ := text_of(step, "id"):
                    self.steps[id_] = Step(id_, text_of(step, "title", id_), text_of(step, "action"))

    def _of_step(self, step: Step, kind: str, data: Mapping[str, Any], at: datetime | None) -> None:
        match kind:
            case "StepIntended":
                step.status, step.began, step.meter, step.error = "running", step.began or at, None, ""
                step.attempts = int(number_of(data, "attempt") or step.attempts + 1)
                step.told = at
            case "StepAttemptFailed":
                step.error = text_of(data, "error")
            case "StepSucceeded":
                step.status, step.error, step.adopted = "succeeded", "", data.get("adopted") is True
                step.duration_s = number_of(data, "duration_s")
            case "StepFailed":
                step.status, step.error, step.hint = "failed", text_of(data, "error"), text_of(data, "hint")
                step.duration_s = number_of(data, "duration_s")
            case "StepSkipped":
                step.status, step.error = "skipped", text_of(data, "reason")
            case "StepUnknown":
                step.status, step.error, step.hint = "unknown", text_of(data, "reason"), text_of(data, "hint")
            case "ApprovalRequested":
                step.status, step.expires = "waiting", moment_of(data.get("expires_at"))
            case "ApprovalGiven":
                step.status = "running"
            case "StepDecided":
                step.status = "pending"

    def progress(self, id_: str, done: float, total: float | None, unit: str, at: datetime) -> None:
        step = self.step(one_line(id_))
        if not isinstance(done, int | float) or not math.isfinite(done):
            return
        total = total if isinstance(total, int | float) and math.isfinite(total) and total > 0 else None
        meter = step.meter or Meter(done, total, one_line(unit, 12))
        meter.done, meter.total = done, total
        step.meter = meter
        meter.take(at)


def text_of(data: Mapping[str, Any], key: str, default: str = "") -> str:
    value = data.get(key)
    return one_line(value) if isinstance(value, str | int | float) else default


def number_of(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable and value is not None else None


def mapping_of(data: object, key: str) -> Mapping[str, Any]:
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def items_of(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = data.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def moment_of(value: object) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(value.replace("Z", "+00:00"))) if isinstance(value, str) else None
    except ValueError:
        return None
