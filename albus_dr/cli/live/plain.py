"""The screen of pipes, cron and CI: plain lines."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, TextIO

from albus_dr.cli.live.out import Out
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.live.screen import Now, Screen, utc_now
from albus_dr.cli.live.view import Step, View, items_of, moment_of, text_of
from albus_dr.journal.event import Event
from albus_dr.report.discreet import Discretion
from albus_dr.report.findings import format_seconds, one_line
from albus_dr.report.words import ENGLISH, Words

HEARTBEAT_S = 30.0


_CLOSE_S = 5.0  # how long a screen may take to write what it still has, when the run is over


class PlainScreen:
    """One line a fact: UTC time, time since the clock's start, words. No control codes.

    ``only``: the kinds of event that are told (None: all). A step that runs for long is told of every ``heartbeat_s``.
    """

    def __init__(
        self, stream: TextIO, *, verbose: bool, only: frozenset[str] | None = None, heartbeat_s: float = HEARTBEAT_S,
        now: Now = utc_now, words: Words = ENGLISH,
    ) -> None:  # fmt: skip
        self._out = Out(stream)
        self._verbose = verbose
        self._words = words
        self._only = only
        self._heartbeat_s = heartbeat_s
        self._now = now
        self._view = View()
        self._discretion = Discretion()
        self._lock = threading.Lock()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="screen", daemon=True)

    def __enter__(self) -> Screen:
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.put(None)
        self._writer.join(_CLOSE_S)

    def on_event(self, event: Event) -> None:
        with self._lock:
            event = self._discretion.of(event)
            self._view.apply(event)
            if self._only is None or event.kind in self._only:
                at = moment_of(event.at) or self._now()
                for text in self._say(event):
                    self._lines.put(self._line(at, text))

    def on_progress(self, step_id: str, done: float, total: float | None, unit: str) -> None:
        with self._lock:
            self._view.progress(step_id, done, total, unit, self._now())

    def _write(self) -> None:
        wait_s = None if math.isinf(self._heartbeat_s) else min(1.0, self._heartbeat_s)
        while True:
            try:
                line = self._lines.get(timeout=wait_s)
            except queue.Empty:
                for beat in self._heartbeats():
                    self._out.write(beat)
                continue
            if line is None:
                return
            self._out.write(line)

    def _heartbeats(self) -> list[str]:
        at = self._now()
        lines = []
        with self._lock:
            for step in self._view.steps.values():
                told = step.told or step.began
                if step.status != "running" or told is None or (at - told).total_seconds() < self._heartbeat_s:
                    continue
                step.told = at
                more = f", {step.meter.say(at, self._words)}" if step.meter else ""
                time = self._words.duration(step.running_s(at))
                lines.append(self._line(at, self._words.say(PHRASES["still"], step=step.id, time=time, more=more)))
        return lines

    def _line(self, at: datetime, text: str) -> str:
        zero = self._view.zero()
        since = f"+{max(0.0, (at - zero).total_seconds()):,.1f} s" if zero else ""
        return f"{at:%Y-%m-%dT%H:%M:%SZ} {since:>11}  {text.rstrip()}\n"

    def _say(self, event: Event) -> Iterable[str]:
        data: Mapping[str, Any] = event.data if isinstance(event.data, Mapping) else {}
        if event.kind.startswith("Run") or not event.step:
            yield from self._say_run(event.kind, data)
        else:
            yield from self._say_step(self._view.step(one_line(event.step)), event.kind, data)

    def _say_run(self, kind: str, data: Mapping[str, Any]) -> Iterable[str]:
        view = self._view
        match kind:
            case "RunDeclared":
                yield self._words.say(PHRASES["declared"],
                    operation=self._words.retold(view.operation), runbook=view.runbook, source=view.source, target=view.target,
                    run=view.run, count=len(view.steps), rto=format_seconds(view.rto_s, self._words),
                )  # fmt: skip
            case "RunStarted":
                yield self._words.say(PHRASES["started"])
            case "RunResumed":
                yield self._words.say(PHRASES["resumed"])
            case "ClockRecorded":
                name = text_of(data, "clock").removesuffix("_at")
                if (view.operation, name) == ("drill", "disrupted"):
                    name = "disrupted (assumed)"
                yield self._words.say(PHRASES["clock"], clock=self._words.retold(name).replace("_", " "))
            case "AbortRequested":
                who = text_of(data, "who") or self._words.say(PHRASES["nobody"])
                yield self._words.say(PHRASES["abort"], who=who, why=text_of(data, "why"))
            case "RunEnded":
                code = text_of(data, "exit_code", "?")
                told = any(step.error and view.reason.endswith(step.error) for step in view.steps.values())
                why = self._words.say(PHRASES["ended.why"], reason=self._words.retold(view.reason))
                reason = "" if told else why  # a step's failure has its line already
                yield self._words.say(
                    PHRASES["ended"], verdict=self._words.retold(view.verdict) or "?", code=code, reason=reason
                )

    def _say_step(self, step: Step, kind: str, data: Mapping[str, Any]) -> Iterable[str]:
        match kind:
            case "StepIntended" if step.attempts > 1:
                yield self._words.say(PHRASES["again"], step=step.id, attempt=step.attempts)
            case "StepIntended":
                yield self._words.say(PHRASES["begins"], step=step.id, title=step.called(self._words))
            case "StepAttemptFailed":
                yield self._words.say(
                    PHRASES["attempt_failed"], step=step.id, attempt=step.attempts, error=self._words.retold(step.error)
                )
            case "StepSucceeded" if step.adopted:
                yield self._words.say(PHRASES["adopted"], step=step.id)
            case "StepSucceeded":
                facts = [self._words.say(PHRASES["attempts"], count=step.attempts)] if step.attempts > 1 else []
                facts += [step.meter.say(self._now(), self._words)] if step.meter else []
                more = "".join(f", {fact}" for fact in facts)
                yield self._words.say(
                    PHRASES["done"], step=step.id, time=format_seconds(step.duration_s, self._words), more=more
                )
            case "StepFailed":
                time = format_seconds(step.duration_s, self._words)
                yield self._words.say(PHRASES["failed"], step=step.id, time=time, error=self._words.retold(step.error))
            case "StepSkipped":
                yield self._words.say(PHRASES["skipped"], step=step.id, reason=self._words.retold(step.error))
            case "StepUnknown":
                yield self._words.say(PHRASES["unknown"], step=step.id, reason=self._words.retold(step.error))
                yield self._words.say(PHRASES["hint"], hint=step.hint or step.command(self._view.run, self._words))
            case "ApprovalRequested":
                expires = f"{step.expires:%H:%M:%SZ}" if step.expires else "?"
                yield self._words.say(PHRASES["approval"], step=step.id, run=self._view.run, expires=expires)
            case "ApprovalGiven":
                yield self._words.say(
                    PHRASES["approved"], step=step.id, who=text_of(data, "who") or self._words.say(PHRASES["nobody"])
                )
            case "StepDecided":
                who = text_of(data, "who") or self._words.say(PHRASES["nobody"])
                yield self._words.say(
                    PHRASES["decided"], step=step.id, who=who, decision=self._words.retold(text_of(data, "decision"))
                )
        if kind == "StepFailed" and step.hint:
            yield self._words.say(PHRASES["hint"], hint=step.hint)
        if self._verbose:
            for found in items_of(data, "verifications"):
                said = {
                    key: self._words.retold(text_of(found, key, "?"))
                    for key in ("verdict", "kind", "expected", "actual")
                }
                yield self._words.say(PHRASES["verified"], step=step.id, **said)
