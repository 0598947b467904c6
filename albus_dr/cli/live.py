"""What a person watches while a run goes on, and the closing lines.

Three screens: a table that moves (terminals), plain lines (pipes, cron, CI), and almost nothing (-q).
Events and progress come from several threads, and from inside the journal's lock: a screen takes them in at once and
writes from a thread of its own, so that a terminal that is paused or gone never holds up a recovery. What is garbled
or missing in an event is left out; a screen never raises because of it.
"""

from __future__ import annotations

import math
import os
import queue
import shutil
import textwrap
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from albus_dr.errors import ExitCode
from albus_dr.journal.event import Event
from albus_dr.journal.state import RunState
from albus_dr.report.findings import (
    Objective,
    format_count,
    format_seconds,
    headline,
    objectives,
    one_line,
    run_mark,
    step_mark,
    troubled,
    utc,
    verdict_mark,
)
from albus_dr.units import format_bytes, format_duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

PHRASES = {
    "declared": "{operation} of {runbook}, {source} -> {target}: run {run}, {count} steps, RTO {rto}",
    "started": "started",
    "resumed": "resumed",
    "begins": "{step}: begins: {title}",
    "again": "{step}: attempt {attempt}",
    "attempt_failed": "{step}: attempt {attempt} failed and is tried again: {error}",
    "done": "{step}: done in {time}{more}",
    "adopted": "{step}: found done",
    "failed": "{step}: FAILED after {time}: {error}",
    "hint": "  what to do: {hint}",
    "skipped": "{step}: skipped: {reason}",
    "unknown": "{step}: UNKNOWN whether it was done: {reason}",
    "decided": "{step}: {who} decided: {decision}",
    "approval": "{step}: waits for an approval until {expires}. In another terminal: albus-dr approve {run} {step}",
    "approved": "{step}: approved by {who}",
    "abort": "abort asked for by {who}: {why}",
    "clock": "clock: {clock}",
    "verified": "{step}: {verdict}: {kind}: expected {expected}, found {actual}",
    "ended": "ended: {verdict} (exit code {code}): {reason}",
    "still": "{step}: still running after {time}{more}",
    "attempts": "{count} attempts",
    "left": "RTO {rto}: {time} left",
    "over": "RTO {rto}: missed by {time}",
    "since": "{time} since the {clock}",
    "begun": "{time} since it was declared",
    "above": "{count} earlier, {done} of them done",
    "below": "{count} more",
    "type": "Waits for you. In another terminal, type:",
    "no_steps": "waiting for the first event",
    "nobody": "somebody",
    "summary.time": "Recovery time",
    "summary.point": "Recovery point",
    "summary.downtime": "Client downtime",
    "summary.lost": "Lost writes",
    "summary.margin": "of {promised} promised, {margin} left",
    "summary.missed": "{promised} were promised, missed by {margin}",
    "summary.stricter": "of {promised} promised; a workload's own objective was missed",
    "summary.promised": "{promised} were promised",
    "summary.writes": "of {count} acknowledged",
    "summary.residue": "Left behind",
    "summary.hint": "what to do: {hint}",
    "summary.reports": "Report",
    "summary.report": "albus-dr report {run} --format html",
    "summary.next": "Next",
    "next.approve": "albus-dr approve {run} {step}",
    "next.decide": "albus-dr resume {run} --decide {step}=done (or =not_done)",
    "next.resume": "albus-dr resume {run}",
    "next.watch": "albus-dr resume {run} (or, while its process lives: albus-dr runs watch {run})",
}  # fmt: skip

HEARTBEAT_S = 30.0
_RATE_WINDOW_S = 10.0
_CLOSE_S = 5.0  # how long a screen may take to write what it still has, when the run is over
_ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "◐": "~", "○": "o", "↷": "-", "▸": ">", "·": ".", "…": "...", "→": "->", "“": '"', "”": '"'}
)
_STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "none": "default", "quiet": "dim"}

Now = Callable[[], datetime]


class Screen(Protocol):
    """Takes events and progress from any thread, without waiting for whoever reads. Entering starts it."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def on_event(self, event: Event) -> None:
        """One fact of the run, in the journal's order."""

    def on_progress(self, step_id: str, done: float, total: float | None, unit: str) -> None:
        """How far a step is: ``done`` of ``total`` (None: unknown); unit ``B`` for bytes."""


def screen_for(stream: TextIO, *, quiet: bool = False, verbose: bool = False) -> Screen:
    """The screen that fits where its words go: the table on a terminal, plain lines elsewhere."""
    if quiet:
        return PlainScreen(stream, verbose=False, only=_NEEDS_A_PERSON, heartbeat_s=math.inf)
    if stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        return TerminalScreen(stream, verbose=verbose)
    return PlainScreen(stream, verbose=verbose)


def _now() -> datetime:
    return datetime.now(UTC)


# --- a small view of the run, from what the events say -----------------------------------------------------------


def _text(data: Mapping[str, Any], key: str, default: str = "") -> str:
    value = data.get(key)
    return one_line(value) if isinstance(value, str | int | float) else default


def _number(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable and value is not None else None


def _inner(data: object, key: str) -> Mapping[str, Any]:
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _items(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = data.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _moment(value: object) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(value.replace("Z", "+00:00"))) if isinstance(value, str) else None
    except ValueError:
        return None


@dataclass
class _Meter:
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

    def say(self, at: datetime) -> str:
        """``1.2 of 2.1 GiB, 210 MiB/s``."""
        if self.total:
            done, total = self._amount(self.done), self._amount(self.total)
            if done.split()[-1] == total.split()[-1]:
                done = done.split()[0]
            far = f"{done} of {total}"
        else:
            far = self._amount(self.done)
        if not self.samples:
            return far
        began, first = self.samples[0]
        seconds = (at - began).total_seconds()
        if seconds < 0.5 or self.done <= first:
            return far
        return f"{far}, {self._amount((self.done - first) / seconds)}/s"

    def _amount(self, count: float) -> str:
        return format_bytes(count) if self.unit == "B" else f"{count:,.0f} {self.unit}".strip()


@dataclass
class _Step:
    id: str
    title: str
    status: str = "pending"
    adopted: bool = False
    began: datetime | None = None
    duration_s: float | None = None
    attempts: int = 0
    error: str = ""
    hint: str = ""
    expires: datetime | None = None
    meter: _Meter | None = None
    told: datetime | None = None
    """When a plain screen last said something about it."""

    def running_s(self, at: datetime) -> float:
        return max(0.0, (at - self.began).total_seconds()) if self.began else 0.0

    def command(self, run: str) -> str:
        """What an operator types to let a waiting step go on."""
        phrase = "next.approve" if self.status == "waiting" else "next.decide"
        return PHRASES[phrase].format(run=run, step=self.id)


@dataclass
class _View:
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
    steps: dict[str, _Step] = field(default_factory=dict)

    def zero(self) -> datetime | None:
        """Where the recovery time counts from, as far as it is known."""
        return (self.disrupted or self.declared) if self.clock == "disruption" else self.declared

    def step(self, id_: str) -> _Step:
        return self.steps.setdefault(id_, _Step(id_, id_))

    def apply(self, event: Event) -> None:
        data: Mapping[str, Any] = event.data if isinstance(event.data, Mapping) else {}
        at = _moment(event.at)
        self.run = self.run or one_line(event.run)
        if event.kind.startswith("Run"):
            self._of_run(event.kind, data, at)
        elif event.kind == "ClockRecorded":
            if data.get("clock") == "disrupted_at":
                self.disrupted = _moment(data.get("at"))
        elif event.step:
            self._of_step(self.step(one_line(event.step)), event.kind, data, at)

    def _of_run(self, kind: str, data: Mapping[str, Any], at: datetime | None) -> None:
        if kind == "RunEnded":
            self.ended, self.verdict, self.reason = at, _text(data, "verdict"), _text(data, "reason")
        elif kind == "RunResumed":
            self.ended = None
        elif kind == "RunDeclared":
            objective = _inner(data, "objectives")
            self.declared = at
            self.runbook, self.operation = _text(data, "runbook"), _text(data, "operation")
            self.source, self.target = _text(data, "source"), _text(data, "target")
            self.rto_s, self.clock = _number(objective, "rto_s"), _text(objective, "clock", "disruption")
            for step in _items(_inner(data, "plan"), "steps"):
                if id_ := _text(step, "id"):
                    self.steps[id_] = _Step(id_, _text(step, "title", id_))

    def _of_step(self, step: _Step, kind: str, data: Mapping[str, Any], at: datetime | None) -> None:
        match kind:
            case "StepIntended":
                step.status, step.began, step.meter, step.error = "running", step.began or at, None, ""
                step.attempts = int(_number(data, "attempt") or step.attempts + 1)
                step.told = at
            case "StepAttemptFailed":
                step.error = _text(data, "error")
            case "StepSucceeded":
                step.status, step.error, step.adopted = "succeeded", "", data.get("adopted") is True
                step.duration_s = _number(data, "duration_s")
            case "StepFailed":
                step.status, step.error, step.hint = "failed", _text(data, "error"), _text(data, "hint")
                step.duration_s = _number(data, "duration_s")
            case "StepSkipped":
                step.status, step.error = "skipped", _text(data, "reason")
            case "StepUnknown":
                step.status, step.error, step.hint = "unknown", _text(data, "reason"), _text(data, "hint")
            case "ApprovalRequested":
                step.status, step.expires = "waiting", _moment(data.get("expires_at"))
            case "ApprovalGiven":
                step.status = "running"
            case "StepDecided":
                step.status = "pending"

    def progress(self, id_: str, done: float, total: float | None, unit: str, at: datetime) -> None:
        step = self.step(one_line(id_))
        if not isinstance(done, int | float) or not math.isfinite(done):
            return
        total = total if isinstance(total, int | float) and math.isfinite(total) and total > 0 else None
        meter = step.meter or _Meter(done, total, one_line(unit, 12))
        meter.done, meter.total = done, total
        step.meter = meter
        meter.take(at)


# --- plain lines ---------------------------------------------------------------------------------------------------

_NEEDS_A_PERSON = frozenset({"StepFailed", "StepUnknown", "ApprovalRequested"})


class PlainScreen:
    """One line a fact: UTC time, time since the clock's start, words. No control codes.

    ``only``: the kinds of event that are told (None: all). A step that runs for long is told of every ``heartbeat_s``.
    """

    def __init__(
        self, stream: TextIO, *, verbose: bool, only: frozenset[str] | None = None, heartbeat_s: float = HEARTBEAT_S,
        now: Now = _now,
    ) -> None:  # fmt: skip
        self._out = _Out(stream)
        self._verbose = verbose
        self._only = only
        self._heartbeat_s = heartbeat_s
        self._now = now
        self._view = _View()
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
            self._view.apply(event)
            if self._only is None or event.kind in self._only:
                at = _moment(event.at) or self._now()
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
                more = f", {step.meter.say(at)}" if step.meter else ""
                time = format_duration(step.running_s(at))
                lines.append(self._line(at, PHRASES["still"].format(step=step.id, time=time, more=more)))
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
                yield PHRASES["declared"].format(
                    operation=view.operation, runbook=view.runbook, source=view.source, target=view.target,
                    run=view.run, count=len(view.steps), rto=format_seconds(view.rto_s),
                )  # fmt: skip
            case "RunStarted":
                yield PHRASES["started"]
            case "RunResumed":
                yield PHRASES["resumed"]
            case "ClockRecorded":
                yield PHRASES["clock"].format(clock=_text(data, "clock").removesuffix("_at").replace("_", " "))
            case "AbortRequested":
                who = _text(data, "who") or PHRASES["nobody"]
                yield PHRASES["abort"].format(who=who, why=_text(data, "why"))
            case "RunEnded":
                code = _text(data, "exit_code", "?")
                yield PHRASES["ended"].format(verdict=view.verdict or "?", code=code, reason=view.reason)

    def _say_step(self, step: _Step, kind: str, data: Mapping[str, Any]) -> Iterable[str]:
        match kind:
            case "StepIntended" if step.attempts > 1:
                yield PHRASES["again"].format(step=step.id, attempt=step.attempts)
            case "StepIntended":
                yield PHRASES["begins"].format(step=step.id, title=step.title)
            case "StepAttemptFailed":
                yield PHRASES["attempt_failed"].format(step=step.id, attempt=step.attempts, error=step.error)
            case "StepSucceeded" if step.adopted:
                yield PHRASES["adopted"].format(step=step.id)
            case "StepSucceeded":
                facts = [PHRASES["attempts"].format(count=step.attempts)] if step.attempts > 1 else []
                facts += [step.meter.say(self._now())] if step.meter else []
                more = "".join(f", {fact}" for fact in facts)
                yield PHRASES["done"].format(step=step.id, time=format_seconds(step.duration_s), more=more)
            case "StepFailed":
                time = format_seconds(step.duration_s)
                yield PHRASES["failed"].format(step=step.id, time=time, error=step.error)
            case "StepSkipped":
                yield PHRASES["skipped"].format(step=step.id, reason=step.error)
            case "StepUnknown":
                yield PHRASES["unknown"].format(step=step.id, reason=step.error)
                yield PHRASES["hint"].format(hint=step.hint or step.command(self._view.run))
            case "ApprovalRequested":
                expires = f"{step.expires:%H:%M:%SZ}" if step.expires else "?"
                yield PHRASES["approval"].format(step=step.id, run=self._view.run, expires=expires)
            case "ApprovalGiven":
                yield PHRASES["approved"].format(step=step.id, who=_text(data, "who") or PHRASES["nobody"])
            case "StepDecided":
                who = _text(data, "who") or PHRASES["nobody"]
                yield PHRASES["decided"].format(step=step.id, who=who, decision=_text(data, "decision"))
        if kind == "StepFailed" and step.hint:
            yield PHRASES["hint"].format(hint=step.hint)
        if self._verbose:
            for found in _items(data, "verifications"):
                said = {key: _text(found, key, "?") for key in ("verdict", "kind", "expected", "actual")}
                yield PHRASES["verified"].format(step=step.id, **said)


class _Out:
    """A stream that may be gone, or that can't write every letter. Neither may stop a recovery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding or "utf-8"
        self._gone = False

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                self._stream.write(encodable(text, self.encoding))
                self._stream.flush()
            except (OSError, ValueError):  # the terminal was closed, or the stream was
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Every write is flushed already."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()


def encodable(text: str, encoding: str) -> str:
    """The text in letters that the encoding has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text


# --- a terminal ----------------------------------------------------------------------------------------------------


class TerminalScreen:
    """A table of the steps that moves while they run. ``verbose``: the steps' ids instead of their titles."""

    def __init__(self, stream: TextIO, *, verbose: bool = False, now: Now = _now) -> None:
        from rich.console import Console
        from rich.live import Live

        self._verbose = verbose
        self._now = now
        self._view = _View()
        self._lock = threading.Lock()
        self._whole = False
        out: Any = _Out(stream)  # a TextIO as far as rich uses one
        self._console: Console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, get_renderable=self._draw, refresh_per_second=8, vertical_overflow="crop",
            redirect_stdout=False,
        )  # fmt: skip

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._whole = True
        self._live.vertical_overflow = "visible"
        self._live.stop()

    def on_event(self, event: Event) -> None:
        with self._lock:
            self._view.apply(event)

    def on_progress(self, step_id: str, done: float, total: float | None, unit: str) -> None:
        with self._lock:
            self._view.progress(step_id, done, total, unit, self._now())

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            at = self._view.ended or self._now()
            foot = self._asked()
            # Three lines of heading, one line between, one line that the cursor stands on.
            room = max(3, self._console.height - 6 - len(foot))
            return Group(*self._heading(at), Text(), self._table(at, room), *foot)

    def _heading(self, at: datetime) -> list[Text]:
        from rich.text import Text

        view = self._view
        first = Text(no_wrap=True, overflow="ellipsis")
        first.append(f"{view.operation} of {view.runbook}".strip() if view.runbook else view.run, "bold")
        if view.source and view.target:
            first.append(f"   {view.source} → {view.target}")
        lines = [first, Text(view.run, "dim", no_wrap=True, overflow="ellipsis"), Text(no_wrap=True)]
        if (zero := view.zero()) is None:
            return lines
        passed_s = max(0.0, (at - zero).total_seconds())
        if view.rto_s is not None and view.operation not in ("replicate", "reprotect"):
            left_s = view.rto_s - passed_s
            key, style = ("left", "bold") if left_s >= 0 else ("over", "bold red")
            rto = format_duration(view.rto_s)
            lines[2].append(PHRASES[key].format(rto=rto, time=_digits(abs(left_s))), style)
            lines[2].append("   ")
        known = view.clock == "declaration" or view.disrupted is not None
        since = PHRASES["since"].format(time=_digits(passed_s), clock=view.clock) if known else ""
        lines[2].append(since or PHRASES["begun"].format(time=_digits(passed_s)), "dim")
        return lines

    def _table(self, at: datetime, room: int) -> Table:
        from rich.table import Table

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1, no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True, min_width=8)
        steps = list(self._view.steps.values())
        if not steps:
            table.add_row("", PHRASES["no_steps"], "", "")
        shown, above, below = (steps, [], []) if self._whole else _around_the_work(steps, room)
        if above:
            done = sum(step.status == "succeeded" for step in above)
            table.add_row("↑", PHRASES["above"].format(count=len(above), done=done), "", "", style="dim")
        for step in shown:
            self._row(table, step, at)
        if below:
            table.add_row("↓", PHRASES["below"].format(count=len(below)), "", "", style="dim")
        return table

    def _row(self, table: Table, step: _Step, at: datetime) -> None:
        from rich.text import Text

        mark = step_mark(step.status, step.adopted)
        style = "dim" if step.status == "pending" else _STYLES[mark.tone]
        notes = [mark.word] if step.status not in ("succeeded", "pending", "running") or step.adopted else []
        if step.attempts > 1:
            notes.append(f"×{step.attempts}")
        if step.meter and step.status == "running":
            notes.append(step.meter.say(at))
        time = ""
        if step.duration_s is not None:
            time = format_duration(step.duration_s)
        elif step.status in ("running", "waiting"):
            time = _digits(step.running_s(at))
        title = Text(step.id if self._verbose else step.title, "" if step.status != "pending" else "dim")
        table.add_row(Text(mark.symbol, style), title, Text(", ".join(notes), style), Text(time, style))

    def _asked(self) -> list[Text]:
        """The lines below the table: what went wrong, and what somebody must type."""
        from rich.text import Text

        lines: list[Text] = []
        for step in self._view.steps.values():
            if step.status == "failed" or (step.status == "running" and step.error):
                lines.append(Text(f"{step.id}: {one_line(step.error, 300)}", _STYLES["bad"], overflow="fold"))
            if step.status in ("waiting", "unknown") and self._view.ended is None:
                lines.append(Text(PHRASES["type"], "bold yellow"))
                lines.append(Text(f"  {step.command(self._view.run)}", "bold"))
        return [Text(), *lines] if lines else []


def _digits(seconds: float) -> str:
    """``3:59:52``."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _around_the_work(steps: list[_Step], room: int) -> tuple[list[_Step], list[_Step], list[_Step]]:
    """The steps that fit into ``room`` lines, around the first that is not done; and those above and below."""
    if len(steps) <= room:
        return steps, [], []
    size = max(1, room - 2)
    first = next((index for index, step in enumerate(steps) if step.status != "succeeded"), len(steps))
    begin = max(0, min(first - 2, len(steps) - size))
    return steps[begin : begin + size], steps[:begin], steps[begin + size :]


# --- the closing lines ---------------------------------------------------------------------------------------------


def summary(state: RunState, stream: TextIO, *, directory: Path | None = None) -> None:
    """Tell a person how the run ended and what to do next. ``directory``: where its reports may have been written."""
    colour = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ
    width = min(100, shutil.get_terminal_size((80, 24)).columns) if stream.isatty() else 100
    lines = list(_closing(state, width, directory))
    out = _Out(stream)
    if not colour:
        out.write("".join(f"{text}\n" for _, text in lines))
        return
    from rich.console import Console
    from rich.text import Text

    file: Any = out
    console = Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for style, text in lines:
        console.print(Text(text, _STYLES.get(style, style)))


def _closing(state: RunState, width: int, directory: Path | None) -> Iterable[tuple[str, str]]:
    mark = run_mark(state)
    yield "", ""
    for line in _wrapped(f"{mark.symbol} {mark.word}. ", headline(state), width):
        yield mark.tone, line
    if state.reason and state.verdict != "passed":
        for line in _wrapped("  ", state.reason, width):
            yield "none", line
    yield "", ""
    if state.operation not in ("replicate", "reprotect"):
        yield from _figures(state)
        yield "", ""
    for step in troubled(state):
        said = step_mark(step.status)
        for line in _wrapped(f"  {said.symbol} {step.id} {said.word}: ", step.error or "", width):
            yield said.tone, line
        if step.hint:
            for line in _wrapped("    ", PHRASES["summary.hint"].format(hint=step.hint), width):
                yield "none", line
    for item in state.residue:
        yield from (("bad", line) for line in _wrapped(f"  {PHRASES['summary.residue']}: ", item, width))
    for note in state.notes:
        yield from (("quiet", line) for line in _wrapped("  ", note, width))
    if troubled(state) or state.residue or state.notes:
        yield "", ""
    written = directory / "report.html" if directory else None
    shown = str(written) if written and written.exists() else PHRASES["summary.report"].format(run=state.run)
    yield "none", f"  {PHRASES['summary.reports']:<8}{one_line(shown)}"
    if command := _next(state):
        yield "bold", f"  {PHRASES['summary.next']:<8}{one_line(command)}"


def _wrapped(lead: str, text: str, width: int) -> list[str]:
    """Lines of at most ``width``; the first begins with the lead, the others are set in below it."""
    indent = " " * (len(lead) - len(lead.lstrip()) + 2)
    return textwrap.wrap(
        lead.lstrip() + one_line(text, 1000), max(40, width),
        initial_indent=" " * (len(lead) - len(lead.lstrip())), subsequent_indent=indent, break_on_hyphens=False,
    )  # fmt: skip


def _figures(state: RunState) -> Iterable[tuple[str, str]]:
    time, point = objectives(state)
    for name, objective in (("summary.time", time), ("summary.point", point)):
        mark = verdict_mark(objective.verdict)
        said = f"{format_seconds(objective.actual_s):<13} {_margin(objective)}"
        yield mark.tone, f"  {mark.symbol} {PHRASES[name]:<16} {said}"
    yield "none", f"    {PHRASES['summary.downtime']:<16} {format_seconds(state.client_downtime_s)}"
    lost = format_count(state.lost_writes)
    if state.acknowledged_writes is not None:
        lost = f"{lost:<13} {PHRASES['summary.writes'].format(count=format_count(state.acknowledged_writes))}"
    yield "bad" if state.lost_writes else "none", f"    {PHRASES['summary.lost']:<16} {lost}"


def _margin(objective: Objective) -> str:
    promised = format_duration(objective.promised_s)
    if objective.margin_s is None:
        return PHRASES["summary.promised"].format(promised=promised)
    if objective.stricter_missed:
        return PHRASES["summary.stricter"].format(promised=promised)
    key = "summary.margin" if objective.margin_s >= 0 else "summary.missed"
    return PHRASES[key].format(promised=promised, margin=format_duration(abs(objective.margin_s)))


def _next(state: RunState) -> str:
    """The command that lets the run go on; empty where there is none."""
    waiting = state.steps.get(state.waiting_for) if state.waiting_for is not None else None
    if waiting is not None and waiting.status in ("waiting", "unknown"):
        key = "next.approve" if waiting.status == "waiting" else "next.decide"
        return PHRASES[key].format(run=state.run, step=waiting.id)
    if state.exit_code is None:
        return PHRASES["next.watch"].format(run=state.run)
    if state.exit_code in (ExitCode.STEP_FAILED, ExitCode.INTERRUPTED, ExitCode.WAITING):
        return PHRASES["next.resume"].format(run=state.run)
    return ""
