"""Run a plan: what may start when, what happens after a failure, an interrupt or an abort."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from albus_dr.engine.approval import approval_action
from albus_dr.engine.execute import Decision, Executor, Outcome, Past
from albus_dr.engine.history import aborted
from albus_dr.engine.promise import may_lose, promised_rpo_s
from albus_dr.engine.undo import undo_own_steps
from albus_dr.engine.verdict import Judgement, judge
from albus_dr.errors import AlbusError, ExitCode
from albus_dr.journal.errors import JournalError
from albus_dr.journal.event import Event, now
from albus_dr.journal.fold import fold, parse_time
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.safety.witness import Witness
from albus_dr.workloads.step import Action, Facts, RunInfo, StepContext, StepSpec, Verdict

if TYPE_CHECKING:
    from albus_dr.engine.durable import Checkpoint

WORKERS = 16  # steps wait for programs; more of them at once than this help nobody
ABORT_POLL_S = 1.0
Progress = Callable[[str, float, float | None, str], None]


@dataclass
class Execution:
    """Everything that one execution of a plan needs."""

    store: JournalStore
    url: str
    plan: Plan
    info: RunInfo
    runbook: Runbook
    config: Config
    base: Path
    config_base: Path
    actions: Mapping[str, Action]
    progress: Progress
    witness: Witness | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set it to stop the run: children are ended, the rest is left for `resume`; a drill still cleans up."""


def execute(execution: Execution) -> RunState:
    """Run the plan, or go on with it; the folded state when nothing more can be done now.

    A run that ended has RunEnded in its journal. A run that waits for somebody, or that was interrupted, has not.
    """
    runner = _Runner(execution)
    runner.look_ahead()
    from albus_dr.engine.durable import run_durably  # slow to import; what the first steps read is on its way by now

    with _AbortWatch(execution):
        run_durably(execution.url, execution.info.id, tuple(step.id for step in execution.plan.steps), runner.body)
    return fold(execution.store.events(execution.info.id))


_ABORTED, _INTERRUPTED = "it was aborted", "it was interrupted"
_TRIED = ("StepIntended", "StepSucceeded", "StepFailed")


def _standing_decisions(events: Iterable[Event]) -> dict[str, Decision]:
    """By step. A decision was about one attempt: once another one began it says nothing."""
    found: dict[str, Decision] = {}
    for event in events:
        if event.kind == "StepDecided":
            found[event.step] = event.data["decision"]
        elif event.kind in _TRIED:
            found.pop(event.step, None)
    return found


class _Runner:
    def __init__(self, execution: Execution) -> None:
        self._x = execution
        self._run = execution.info.id
        events = execution.store.events(self._run)
        state = fold(events)
        self._declared_clocks: Mapping[str, str] = events[0].data.get("clocks", {})
        self._done: dict[str, Facts] = {
            step.id: step.facts for step in state.steps.values() if step.status == "succeeded"
        }
        decisions = _standing_decisions(events)
        self._past = {
            step.id: Past(step.attempts > 0, decisions.get(step.id, ""), step.attempts) for step in state.steps.values()
        }
        self._clocks = {name for name, at in state.clocks.items() if at is not None}
        self._ended_at = {step.id: step.ended_at for step in state.steps.values() if step.ended_at}
        self._tolerated = _tolerated(execution.plan)
        self._lock = threading.Lock()
        self._executor = Executor(
            execution.store, self._run,
            {**execution.actions, "own.approve": approval_action(execution.store, self._run)},
        )  # fmt: skip

    def look_ahead(self) -> None:
        """Let the first steps that are not done begin to read what they need. A step that can't says so at its turn."""
        for spec in self._x.plan.steps:
            action = self._x.actions.get(spec.action)
            if action and action.look_ahead and not spec.needs and spec.id not in self._done:
                with contextlib.suppress(AlbusError):
                    action.look_ahead(self._context(spec))

    async def body(self, checkpoints: dict[str, Checkpoint]) -> None:
        """The workflow: every step as soon as what it needs has succeeded."""
        self._record_missed_clocks()
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="step") as pool:
            tasks: dict[str, asyncio.Task[Outcome]] = {}
            for spec in self._x.plan.steps:
                needs = [tasks[need] for need in spec.needs]
                tasks[spec.id] = asyncio.create_task(self._when_ready(spec, needs, checkpoints[spec.id], pool))
            outcomes = await asyncio.gather(*tasks.values())
        self._conclude(set(outcomes))

    async def _when_ready(
        self, spec: StepSpec, needs: list[asyncio.Task[Outcome]], checkpoint: Checkpoint, pool: ThreadPoolExecutor
    ) -> Outcome:
        outcomes: list[Outcome] = await asyncio.gather(*needs)
        if spec.id in self._done:
            return "succeeded"
        if not spec.always:
            if self._x.cancelled.is_set():
                return "interrupted"
            bad = [outcome for outcome, need in zip(outcomes, spec.needs, strict=True) if self._stops(outcome, need)]
            if bad:
                return "skipped" if "failed" in bad or "skipped" in bad else bad[0]

        looked = False

        async def act() -> str:
            nonlocal looked
            looked = True
            return await asyncio.get_running_loop().run_in_executor(pool, partial(self._execute, spec))

        outcome = await checkpoint(act)  # what _execute returned, or an earlier process's record of it
        has_no_end = outcome in ("unknown", "interrupted") or (outcome == "failed" and spec.id not in self._tolerated)
        if has_no_end and not looked:
            outcome = await act()  # an earlier process's: by now a person may have decided it, or mended the cause
        return outcome  # type: ignore[return-value]

    def _stops(self, outcome: Outcome, step: str) -> bool:
        return outcome != "succeeded" and not (outcome == "failed" and step in self._tolerated)

    def _execute(self, spec: StepSpec) -> Outcome:
        outcome, facts = self._executor.execute(partial(self._context, spec), spec, self._past[spec.id])
        if outcome == "succeeded":
            with self._lock:
                self._done[spec.id] = facts
                self._record_clock(spec)
        return outcome

    def _record_missed_clocks(self) -> None:
        """A process may have died between a step's outcome and the clock that it set: the outcome tells the time. Or before
        it recorded the clocks that the run was declared with."""
        for clock, at in self._declared_clocks.items():
            if clock not in self._clocks:
                self._clocks.add(clock)
                self._x.store.append(self._run, "ClockRecorded", {"clock": clock, "at": at})
        for clock in dict.fromkeys(spec.clock for spec in self._x.plan.steps if spec.clock):
            setters = [spec.id for spec in self._x.plan.steps if spec.clock == clock]
            if clock not in self._clocks and all(id_ in self._done for id_ in setters):
                last = max(setters, key=lambda id_: self._ended_at[id_])
                at = self._done[last].get("clock_at") or self._ended_at[last].isoformat()
                self._clocks.add(clock)
                self._x.store.append(self._run, "ClockRecorded", {"clock": clock, "at": at})

    def _record_clock(self, spec: StepSpec) -> None:
        """A clock is set when the last of its steps has succeeded."""
        if not spec.clock or spec.clock in self._clocks:
            return
        if not all(step.id in self._done for step in self._x.plan.steps if step.clock == spec.clock):
            return
        self._clocks.add(spec.clock)
        at = self._done[spec.id].get("clock_at") or now()
        self._x.store.append(self._run, "ClockRecorded", {"clock": spec.clock, "at": at})

    def _context(self, spec: StepSpec) -> StepContext:
        x = self._x
        return StepContext(
            spec=spec, run=x.info, runbook=x.runbook, config=x.config, base=x.base, config_base=x.config_base,
            facts_of=lambda id_: self._done.get(id_, {}), progress=partial(x.progress, spec.id),
            announce=partial(self._announce, spec),
            cancelled=threading.Event() if spec.always else x.cancelled, deadline=time.monotonic() + spec.timeout_s,
            witness=x.witness,
        )  # fmt: skip

    def _announce(self, spec: StepSpec, host: str, path: str) -> None:
        data = {"workload": spec.workload, "site": spec.site, "host": host, "path": path}
        self._x.store.append(self._run, "CreationAnnounced", data, step=spec.id)

    def _conclude(self, outcomes: set[Outcome]) -> None:
        x = self._x
        is_done = outcomes <= {
            "succeeded"
        }  # whoever asked it to stop came too late: nothing is undone behind users' backs
        given_up = not is_done and aborted(x.store, self._run)
        interrupted = not is_done and (x.cancelled.is_set() or "interrupted" in outcomes)
        if "unknown" in outcomes and "cleanup" in self._done:  # what it was about is gone: there is nothing to decide
            interrupted = True
        elif not given_up and ("unknown" in outcomes or (interrupted and x.plan.operation != "drill")):
            return
        if given_up:
            undo_own_steps(x.store, fold(x.store.events(self._run)), x.plan, self._undo_context)
        judgement = conclude(x.store, self._run, x.runbook, x.plan)
        if given_up or interrupted:
            judgement = _interrupted(judgement, _ABORTED if given_up else _INTERRUPTED)
        x.store.append(self._run, "RunEnded", judgement.to_json())

    def _undo_context(self, spec: StepSpec) -> StepContext:
        return replace(self._context(spec), cancelled=threading.Event())


def conclude(store: JournalStore, run: str, runbook: Runbook, plan: Plan) -> Judgement:
    """Mark what was never started, or waited for an answer, as skipped, and judge the run."""
    events = store.events(run)
    for step in fold(events).steps.values():
        if step.status in ("pending", "waiting"):
            asked = step.status == "waiting"
            reason = "the run ended before anybody answered" if asked else "something that it needs was not done"
            store.append(run, "StepSkipped", {"reason": reason}, step=step.id)
    events = store.events(run)
    codes = {event.step: int(event.data["exit_code"]) for event in events if event.kind == "StepFailed"}
    state = fold(events)
    # Its stage has a budget, and the cleanup is in it.
    state.clocks["ended_at"], state.set_back_before["ended_at"] = parse_time(now()), state.set_back_s
    return judge(
        state,
        failure_codes=codes,
        tolerated=_tolerated(plan),
        rpo_by_workload=promised_rpo_s(runbook, plan.operation),
        clocks=frozenset(step.clock for step in plan.steps),
        may_lose=may_lose(runbook, events[0].data.get("options", {})),
    )


def _tolerated(plan: Plan) -> frozenset[str]:
    return frozenset(step.id for step in plan.steps if step.on_failure == "continue")


def was_stopped(state: RunState) -> bool:
    """True where somebody ended the run before its end, whatever else it found (and ends with)."""
    return state.exit_code is None or state.reason.startswith((_ABORTED, _INTERRUPTED))


def _interrupted(judgement: Judgement, reason: str) -> Judgement:
    """What failed stays failed, and what is left behind stays said; the rest is incomplete."""
    if judgement.verdict is Verdict.FAILED:
        return replace(judgement, reason=f"{reason}; {judgement.reason}")
    return replace(judgement, verdict=Verdict.INCOMPLETE, exit_code=ExitCode.INTERRUPTED, reason=reason)


class _AbortWatch:
    """While it is open, an AbortRequested in the journal, from whatever process, stops the run."""

    def __init__(self, execution: Execution) -> None:
        self._x = execution
        events = execution.store.events(execution.info.id)
        # What was asked for before anybody watched is heard, too.
        self._seen = max(event.seq for event in events if event.kind in ("RunDeclared", "RunResumed"))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="abort-watch", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(ABORT_POLL_S):
            try:
                news = self._x.store.events(self._x.info.id, after=self._seen)
            except JournalError:
                continue  # the database starts again, perhaps; whoever asks after that must still be heard
            for event in news:
                self._seen = event.seq
                if event.kind == "AbortRequested":
                    self._x.cancelled.set()
