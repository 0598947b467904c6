"""One step: observe, write the intent, act, verify, write the outcome."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from albus_dr.errors import AlbusError, CleanupError, ExitCode, StepError
from albus_dr.journal.event import now
from albus_dr.journal.store import JournalStore
from albus_dr.tools.process import redact
from albus_dr.workloads.step import (
    Action,
    Facts,
    Observation,
    State,
    StepContext,
    StepSpec,
    Verdict,
    Verification,
    nothing_to_observe,
    nothing_to_verify,
)  # fmt: skip

Decision = Literal["", "done", "not_done"]
Outcome = Literal["succeeded", "failed", "unknown", "interrupted", "skipped"]
GRACE_S = 15.0  # what a step may take beyond its deadline to end its children


@dataclass(frozen=True)
class Past:
    """What the journal knew of a step when this process started."""

    intended: bool = False
    decision: Decision = ""
    attempts: int = 0


class _Progress:
    """What changes from one attempt to the next."""

    def __init__(self, past: Past) -> None:
        self.intended = past.intended
        self.decision = past.decision
        self.attempts = past.attempts


class _Unknown(Exception):
    def __init__(self, seen: Observation) -> None:
        super().__init__(seen.reason)
        self.seen = seen


class Interrupted(StepError):
    """albus-dr was told to stop while the step ran. Its state is for the next observe to find out."""


class Executor:
    """Executes steps of one run. Every change in the world lies between an intent and an outcome in the journal."""

    def __init__(self, store: JournalStore, run: str, actions: Mapping[str, Action]) -> None:
        self._store = store
        self._run = run
        self._actions = actions

    def execute(self, context: Callable[[], StepContext], spec: StepSpec, past: Past) -> tuple[Outcome, Facts]:
        """Run the step to an outcome and record it; its facts when it succeeded. Only the journal's errors are raised."""
        began = time.monotonic()
        progress = _Progress(past)
        retrying = Retrying(
            stop=stop_after_attempt(spec.retries + 1),
            wait=wait_random_exponential(multiplier=0.3, max=15),
            retry=retry_if_exception(_may_try_again),
            sleep=lambda seconds: _wait(context().cancelled, seconds),
            before_sleep=lambda state: self._attempt_failed(spec, state),
            reraise=True,
        )
        try:
            seen, facts, verifications = retrying(lambda: self._attempt(spec, context(), progress))
        except _Unknown as unknown:
            return self._unknown(spec, unknown.seen), {}
        except Interrupted:
            return "interrupted", {}
        except AlbusError as error:
            left = {"residue": list(error.residue)} if isinstance(error, CleanupError) else {}
            return self._failed(
                spec, began, progress.attempts, error.message, error.hint, error.exit_code, facts=left
            ), {}
        adopted = seen.state is State.DONE
        return self._ended(spec, began, progress.attempts, facts, verifications, adopted=adopted), facts

    def _attempt(
        self, spec: StepSpec, ctx: StepContext, progress: _Progress
    ) -> tuple[Observation, Facts, tuple[Verification, ...]]:
        action = self._actions[spec.action]
        if progress.decision:
            seen = Observation(State.DONE if progress.decision == "done" else State.NOT_DONE, "an operator decided")
            progress.decision = ""
        else:
            seen = self._observe(spec, ctx, action)
        if seen.state is State.UNKNOWN and not spec.repeatable and progress.intended:
            raise _Unknown(seen)
        if seen.state is State.DONE:
            facts: Facts = seen.facts
        else:
            progress.attempts += 1
            progress.intended = True
            self._store.append(self._run, "StepIntended", {"attempt": progress.attempts}, step=spec.id)
            facts = self._within(spec, ctx, lambda: action.act(ctx))
        if action.verify is nothing_to_verify:
            return seen, facts, ()
        return seen, facts, self._within(spec, ctx, lambda: action.verify(ctx, facts))

    def _observe(self, spec: StepSpec, ctx: StepContext, action: Action) -> Observation:
        if action.observe is nothing_to_observe:
            return (
                nothing_to_observe(ctx)
                if spec.repeatable
                else Observation(State.UNKNOWN, "nothing shows whether it was done")
            )
        seen: Observation = self._within(spec, ctx, lambda: action.observe(ctx))
        return seen

    def _within(self, spec: StepSpec, ctx: StepContext, call: Callable[[], Any]) -> Any:
        """Call in a thread of its own, so that even an action that hangs in Python is left behind at its deadline."""
        result: list[Any] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                result.append(call())
            except BaseException as error:  # noqa: BLE001 -- carried to the thread that waits, below
                errors.append(error)

        if ctx.cancelled.is_set():
            raise Interrupted("stopped before it began")
        worker = threading.Thread(target=work, name=spec.id, daemon=True)
        worker.start()
        worker.join(max(0.0, ctx.deadline - time.monotonic()) + GRACE_S)
        if worker.is_alive():
            raise StepError(f"it did not end within {spec.timeout_s:g} s and can't be stopped")
        if errors:
            if ctx.cancelled.is_set():
                raise Interrupted("stopped while it ran")
            raise self._as_albus_error(spec, errors[0])
        return result[0]

    def _as_albus_error(self, spec: StepSpec, error: BaseException) -> AlbusError:
        if isinstance(error, AlbusError):
            return error
        bug = StepError(
            f"an error in albus-dr itself: {type(error).__name__}: {redact(str(error))}", hint=self._log(spec, error)
        )
        bug.exit_code = ExitCode.BUG
        return bug

    def _log(self, spec: StepSpec, error: BaseException) -> str:
        """Write the details of a bug into the run's directory; where they are, for people."""
        text = redact("".join(traceback.format_exception(error)))
        try:
            path = self._store.run_directory(self._run) / "albus-dr.log"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
                file.write(f"{now()} {spec.id}\n{text}".encode(errors="backslashreplace"))
        except OSError as full:
            return f"the details could not be written into the run's directory: {full.strerror}"
        return f"the details are in {path}"

    def _attempt_failed(self, spec: StepSpec, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._store.append(
            self._run, "StepAttemptFailed", {"error": redact(str(error)), "attempt": state.attempt_number}, step=spec.id
        )

    def _ended(
        self, spec: StepSpec, began: float, attempts: int, facts: Facts, verifications: tuple[Verification, ...], *,
        adopted: bool,
    ) -> Outcome:  # fmt: skip
        failed = [item for item in verifications if item.verdict is Verdict.FAILED]
        if failed:
            first = failed[0]
            more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            message = f"{first.workload}: {first.kind}: expected {first.expected}, found {first.actual}{more}"
            return self._failed(
                spec,
                began,
                attempts,
                message,
                "",
                ExitCode.VERIFICATION_FAILED,
                verifications=verifications,
                facts=facts,
            )
        data = {
            "facts": facts, "verifications": [_plain(item) for item in verifications], "attempts": attempts,
            "adopted": adopted, "duration_s": round(time.monotonic() - began, 4),
        }  # fmt: skip
        self._store.append(self._run, "StepSucceeded", data, step=spec.id)
        return "succeeded"

    def _failed(
        self, spec: StepSpec, began: float, attempts: int, message: str, hint: str, code: ExitCode, *,
        verifications: tuple[Verification, ...] = (), facts: Facts | None = None,
    ) -> Outcome:  # fmt: skip
        data = {
            "error": redact(message), "hint": redact(hint), "exit_code": int(code), "attempts": attempts,
            "verifications": [_plain(item) for item in verifications], "facts": facts or {},
            "duration_s": round(time.monotonic() - began, 4),
        }  # fmt: skip
        self._store.append(self._run, "StepFailed", data, step=spec.id)
        return "failed"

    def _unknown(self, spec: StepSpec, seen: Observation) -> Outcome:
        hint = f"look at {spec.site}, then: albus-dr resume {self._run} --decide {spec.id}=done (or =not_done)"
        self._store.append(self._run, "StepUnknown", {"reason": redact(seen.reason), "hint": hint}, step=spec.id)
        return "unknown"


def _may_try_again(error: BaseException) -> bool:
    return isinstance(error, AlbusError) and not error.permanent


def _wait(cancelled: threading.Event, seconds: float) -> None:
    if cancelled.wait(seconds):
        raise Interrupted("stopped between two attempts")


def _plain(verification: Verification) -> dict[str, str]:
    data = asdict(verification)
    data["verdict"] = verification.verdict.value
    return data
