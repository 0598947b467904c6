"""Telling others that a run began and how it ended. A failed notification is a note in the run, and changes nothing else."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from albus_dr.check.compliance import told_at
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.traces import spans_of
from albus_dr.engine.history import runs_of
from albus_dr.errors import AlbusError, ExitCode
from albus_dr.journal.errors import JournalError
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState, StepState
from albus_dr.journal.store import JournalStore
from albus_dr.report import metrics
from albus_dr.report.discreet import discreet
from albus_dr.report.findings import (
    budget_sentence,
    format_seconds,
    headline,
    objectives,
    one_line,
    over_budget,
    step_mark,
    troubled,
    unexplained,
)
from albus_dr.report.phrases import PHRASES as NAMES
from albus_dr.report.words import ENGLISH, Words
from albus_dr.runbook.config import NotifyConfig, SecretRef
from albus_dr.runbook.loader import Loaded
from albus_dr.tools import notify, process, traces
from albus_dr.tools.deadline import within
from albus_dr.tools.secrets import reveal
from albus_dr.workloads.step import RunInfo

Job = tuple[str, Callable[[], None]]
LIMIT = 3500  # bytes of a summary: ntfy takes 4,096, the others more


class _Channels:
    """Whom the config names for an operation. They are told side by side.

    Monitors wait for the drill that the runbook promises: one of a recovery point that was asked for is told to people alone.
    """

    def __init__(self, loaded: Loaded, operation: str, words: Words, *, is_monitored: bool = True) -> None:
        self._runbook, self._operation, self._words = loaded.runbook.runbook, operation, words
        self._is_monitored = is_monitored
        self._config = loaded.config.notify or NotifyConfig()
        self._base = loaded.config_path.parent
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="notify")
        self._begun: list[tuple[str, Future[None]]] = []

    def tell(self, jobs: Iterator[Job]) -> list[tuple[str, str]]:
        """Do them and wait until everybody was told: each channel that failed, and why. Can be called once."""
        with self._pool:
            failures = [*self._failures(self._begun)]  # whoever hears of the end has heard of the start
            return [*failures, *self._failures(self._start(jobs))]

    def of_error(self, phrase: str, error: BaseException, *more: str) -> Iterator[Job]:
        """Its kind alone: its message may repeat what a program printed."""
        said = self._words.say(
            PHRASES[phrase], operation=self._words.say(NAMES[f"operation.{self._operation}"]), runbook=self._runbook,
            error=type(error).__name__, kind=_kind(_exit_code(error), self._words), machine=platform.node(),
        )  # fmt: skip
        text = "\n".join([said, *more])
        yield from self._pings("fail", text)
        yield from self._people(text)

    def _pings(self, signal: str, text: str) -> Iterator[Job]:
        ref = self._config.pings.get(self._operation)
        if ref is not None and self._is_monitored:
            yield f"ping {signal}".strip(), lambda: notify.ping(self._secret(ref), signal, text)

    def _people(self, text: str) -> Iterator[Job]:
        if self._config.apprise:
            title = f"albus-dr: {self._operation} of {self._runbook}"
            yield "apprise", lambda: notify.tell([self._secret(ref) for ref in self._config.apprise], title, text)

    def _secret(self, ref: SecretRef) -> str:
        return reveal(ref, self._base)

    def _start(self, jobs: Iterator[Job]) -> list[tuple[str, Future[None]]]:
        return [
            (channel, self._pool.submit(within, notify.PATIENCE_S, work, name=f"tell {channel}"))
            for channel, work in jobs
        ]

    @staticmethod
    def _failures(begun: list[tuple[str, Future[None]]]) -> Iterator[tuple[str, str]]:
        for channel, future in begun:
            try:
                future.result()
            except AlbusError as error:
                yield channel, process.redact(error.message)
            except TimeoutError:
                yield channel, f"it did not end within {notify.PATIENCE_S:.0f} s"
            except Exception as error:  # noqa: BLE001 -- even a bug in here has no part in how the run ends
                yield channel, type(error).__name__


class Notifier(_Channels):
    """Of one run. The start is told beside the run: nobody waits for it on the worst day."""

    def __init__(self, store: JournalStore, loaded: Loaded, info: RunInfo, words: Words = ENGLISH) -> None:
        super().__init__(loaded, info.operation, words, is_monitored=not info.options.get("point"))
        self._store, self._run = store, info.id
        self._begun = self._start(self._pings("start", f"{info.operation} of {self._runbook}: {info.id}"))

    def end(self, state: RunState) -> RunState:
        """Tell how it ended, or that it waits; the state with a note for each that could not be told."""
        return self._noted(self.tell(self._at_the_end(state))) or state

    def broke_off(self, error: BaseException) -> None:
        """Tell that an error broke the run off before it came to an end; what can't be told is a note of it all the same."""
        if isinstance(error, AlbusError):
            error.told = True
        self._noted(self.tell(self.of_error("told.broke_off", error, _where(self._run))))

    def _noted(self, failures: list[tuple[str, str]]) -> RunState | None:
        """The run with a note of each; None where there is none, or where the journal can't take it. It has ended: a journal
        that fails now takes neither its verdict nor its report."""
        try:
            for channel, reason in failures:
                self._store.append(self._run, "NotificationFailed", {"channel": channel, "reason": reason})
            return fold(self._store.events(self._run)) if failures else None
        except JournalError as error:
            told = [_not_told(*failure) for failure in failures]
            print("\n".join([*told, f"the run may have no note of it: {error.message}"]), file=sys.stderr)
            return None

    def _at_the_end(self, state: RunState) -> Iterator[Job]:
        text = summary(state, self._words)
        if state.exit_code is not None:
            yield from self._pings("" if state.verdict == "passed" else "fail", text)
            if self._config.metrics and self._is_monitored:
                yield "metrics", lambda: self._write_metrics(state, Path(self._config.metrics or ""))
            if (gateway := self._config.pushgateway) is not None and self._is_monitored:
                yield "pushgateway", lambda: self._push_metrics(state, gateway)
            if traces.is_wanted():
                yield "traces", lambda: traces.export(spans_of(state))
        # One that waits, or was broken off, has not passed either.
        if state.verdict != "passed" or self._config.tell == "always":
            yield from self._people(text)

    def _write_metrics(self, state: RunState, directory: Path) -> None:
        notify.write_metrics(directory, f"albus-dr-{state.runbook}-{state.operation}", self._metrics(state))

    def _push_metrics(self, state: RunState, gateway: SecretRef) -> None:
        group = {"runbook": state.runbook, "operation": state.operation}
        notify.push_metrics(self._secret(gateway), group, self._metrics(state))

    def _metrics(self, state: RunState) -> str:
        runs = runs_of(self._store, state.runbook, (state.operation,), damaged=[])
        passed = next((run for run in runs if _passed(run)), None)  # the newest comes first: a year of them is not read
        return metrics.render(state, told_at(passed) if passed else None)


def tell_not_begun(loaded: Loaded, operation: str, error: AlbusError, words: Words) -> None:
    """Tell that the error kept a run from beginning. It has no journal: who can't be told is on stderr."""
    channels = _Channels(loaded, operation, words)
    for failure in channels.tell(channels.of_error("told.not_begun", error)):
        print(_not_told(*failure), file=sys.stderr)


def _not_told(channel: str, reason: str) -> str:
    return f"a notification failed: {channel}: {reason}"


def summary(state: RunState, words: Words = ENGLISH) -> str:
    """What is sent: the verdict, what was measured, and where to look; where the run did not pass also what broke, and a line
    for each step. At most ``LIMIT`` bytes, and no text that a program printed."""
    state = discreet(state)
    lines = [one_line(headline(state, words), 500), ""]
    for each in objectives(state):
        found = format_seconds(each.actual_s, words, beside=each.promised_s)
        lines.append(words.say(PHRASES[f"told.{each.key}"], found=found, promised=words.duration(each.promised_s)))
    where = _where(state.run)
    if _has_passed(state):
        return "\n".join([*lines, where])
    title = words.say(PHRASES["told.steps"])
    room = LIMIT - _size([*lines, "", "", where, "", title])
    causes = _cut(_causes(state, words), room // 2, words)
    log = _cut((_logged(step, words) for step in state.steps.values()), room - _size(causes), words)
    return "\n".join([*lines, "", *causes, *([""] if causes else []), where, "", title, *log])


def _causes(state: RunState, words: Words) -> Iterator[str]:
    """What broke, and where, in words of ours and of the runbook."""
    for step in troubled(state):
        if step.status == "unknown":
            yield words.say(PHRASES["told.unknown"], step=_named(step))
        else:
            kind = _kind(step.exit_code or ExitCode.STEP_FAILED, words)
            yield words.say(PHRASES["told.failed"], step=_named(step), kind=kind)
    for found in state.verifications:
        if found.verdict == "failed":
            kind = words.retold(one_line(found.kind, 150))
            yield words.say(PHRASES["told.verification"], workload=found.workload, kind=kind)
    if unexplained(state):  # where a step failed it would quote that
        key = "told.objective" if state.exit_code == ExitCode.OBJECTIVE_MISSED else "told.reason"
        yield words.say(PHRASES[key], reason=words.retold(state.reason))
    for stage in over_budget(state):
        yield words.say(PHRASES["told.budget"], said=budget_sentence(stage, words))
    sites = {item: step.site for step in state.steps.values() for item in step.facts.get("residue", ())}
    hosts = {made.site: made.host for made in state.creations}  # a site has one scratch directory
    for item in state.residue:
        site = sites.get(item, state.target)
        key = "told.left_on" if site in hosts else "told.left"
        yield words.say(PHRASES[key], site=site, host=hosts.get(site), what=words.retold(item))


def _logged(step: StepState, words: Words) -> str:
    status = step_mark(step.status, step.adopted, words).word
    if step.duration_s is None:
        return words.say(PHRASES["told.step_untimed"], step=_named(step), status=status)
    time = format_seconds(step.duration_s, words)
    return words.say(PHRASES["told.step"], step=_named(step), status=status, time=time)


def _where(run: str) -> str:
    return f"albus-dr runs show {run}"


def _named(step: StepState) -> str:
    return f"{step.id} ({step.site})" if step.site else step.id


def _kind(code: int, words: Words) -> str:
    return words.say(PHRASES.get(f"told.code.{code}", PHRASES["told.code"]), code=code)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, AlbusError):
        return int(error.exit_code)
    return int(ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.BUG)


def _cut(told: Iterable[str], room: int, words: Words) -> list[str]:
    """The lines, or as many from both ends as the room has, and between them how many are missing."""
    lines = [one_line(line, 250) for line in told]
    shown, left_out = lines, 0
    while left_out < len(lines) and _size(shown) > room:
        left_out += 1
        first, last = (len(lines) - left_out + 1) // 2, (len(lines) - left_out) // 2
        cut = words.say(PHRASES["told.cut"], count=left_out)
        shown = [*lines[:first], cut, *lines[len(lines) - last :]]
    return shown


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _has_passed(state: RunState) -> bool:
    return state.verdict == "passed" and state.exit_code is not None


def _passed(state: RunState) -> bool:
    """What is promised: a drill of an old recovery point is not."""
    return _has_passed(state) and not state.point
