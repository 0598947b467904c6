"""Telling others that a run began and how it ended. A failed notification is a note in the run, and changes nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from albus_dr.cli.traces import spans_of
from albus_dr.engine.history import runs_of
from albus_dr.errors import AlbusError
from albus_dr.journal.errors import JournalError
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.report import metrics
from albus_dr.report.findings import format_seconds, headline, objectives
from albus_dr.runbook.config import NotifyConfig, SecretRef
from albus_dr.runbook.loader import Loaded
from albus_dr.tools import notify, process, traces
from albus_dr.tools.secrets import reveal
from albus_dr.units import format_duration
from albus_dr.workloads.step import RunInfo

Job = tuple[str, Callable[[], None]]


class Notifier:
    """Of one run. The start is told beside the run: nobody waits for it on the worst day.

    Monitors wait for the drill that the runbook promises: one of a recovery point that was asked for is told to people alone.
    """

    def __init__(self, store: JournalStore, loaded: Loaded, info: RunInfo) -> None:
        self._store, self._run, self._operation = store, info.id, info.operation
        self._is_monitored = not info.options.get("point")
        self._config = loaded.config.notify or NotifyConfig()
        self._base = loaded.config_path.parent
        told = loaded.config.notify is not None or traces.is_wanted()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="notify") if told else None
        self._begun = [*self._start(self._pings("start", f"{info.operation} of {loaded.runbook.runbook}: {info.id}"))]

    def end(self, state: RunState) -> RunState:
        """Tell how it ended, or that it waits; the state with a note for each that could not be told."""
        if self._pool is None:
            return state
        with self._pool:
            failures = [
                *self._failures(self._begun),
                *self._failures([*self._start(self._at_the_end(state))]),
            ]
        return self._noted(state, [(channel, process.redact(reason)) for channel, reason in failures])

    def _noted(self, state: RunState, failures: list[tuple[str, str]]) -> RunState:
        """The run has ended: a journal that fails now takes neither its verdict nor its report."""
        try:
            for channel, reason in failures:
                self._store.append(self._run, "NotificationFailed", {"channel": channel, "reason": reason})
            return fold(self._store.events(self._run)) if failures else state
        except JournalError as error:
            told = [f"a notification failed: {channel}: {reason}" for channel, reason in failures]
            print("\n".join([*told, f"the run may have no note of it: {error.message}"]), file=sys.stderr)
            return state

    def _at_the_end(self, state: RunState) -> Iterator[Job]:
        text = summary(state)
        if state.exit_code is not None:
            yield from self._pings("" if state.verdict == "passed" else "fail", text)
            if self._config.metrics and self._is_monitored:
                yield "metrics", lambda: self._write_metrics(state, Path(self._config.metrics or ""))
            if (gateway := self._config.pushgateway) is not None and self._is_monitored:
                yield "pushgateway", lambda: self._push_metrics(state, gateway)
            if traces.is_wanted():
                yield "traces", lambda: traces.export(spans_of(state))
        troubled = state.verdict != "passed"  # one that waits, or was broken off, has not passed either
        if self._config.apprise and (troubled or self._config.tell == "always"):
            yield "apprise", lambda: self._tell(f"albus-dr: {state.operation} of {state.runbook}", text)

    def _pings(self, signal: str, text: str) -> Iterator[Job]:
        ref = self._config.pings.get(self._operation)
        if ref is not None and self._is_monitored:
            yield f"ping {signal}".strip(), lambda: notify.ping(self._secret(ref), signal, text)

    def _tell(self, title: str, text: str) -> None:
        notify.tell([self._secret(ref) for ref in self._config.apprise], title, text)

    def _secret(self, ref: SecretRef) -> str:
        return reveal(ref, self._base)

    def _write_metrics(self, state: RunState, directory: Path) -> None:
        notify.write_metrics(directory, f"albus-dr-{state.runbook}-{state.operation}", self._metrics(state))

    def _push_metrics(self, state: RunState, gateway: SecretRef) -> None:
        group = {"runbook": state.runbook, "operation": state.operation}
        notify.push_metrics(self._secret(gateway), group, self._metrics(state))

    def _metrics(self, state: RunState) -> str:
        runs = runs_of(self._store, state.runbook, (state.operation,), damaged=[])
        passed = next((run for run in runs if _passed(run)), None)
        at: datetime | None = passed.clocks["ended_at"] if passed else None
        return metrics.render(state, at)

    def _start(self, jobs: Iterator[Job]) -> Iterator[tuple[str, Future[None]]]:
        for channel, work in jobs:
            assert self._pool is not None
            yield channel, self._pool.submit(work)

    @staticmethod
    def _failures(begun: list[tuple[str, Future[None]]]) -> Iterator[tuple[str, str]]:
        for channel, future in begun:
            try:
                future.result()
            except AlbusError as error:
                yield channel, error.message
            except Exception as error:  # noqa: BLE001 -- even a bug in here has no part in how the run ends
                yield channel, type(error).__name__


def summary(state: RunState) -> str:
    """What is sent: the verdict, what was measured, and where to look. No text that a program printed."""
    lines = [headline(state), ""]
    for each in objectives(state):
        found = format_seconds(each.actual_s, beside=each.promised_s)
        lines.append(f"{each.key.upper()}: {found}, {format_duration(each.promised_s)} promised")
    return "\n".join([*lines, f"albus-dr runs show {state.run}"])


def _passed(state: RunState) -> bool:
    """What is promised: a drill of an old recovery point is not."""
    return state.verdict == "passed" and state.exit_code is not None and not state.point
