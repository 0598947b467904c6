"""Events become the state of a run. Pure: the same events give the same state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from albus_dr.journal.event import Event
from albus_dr.journal.state import Creation, RunState, StepState, VerificationState
from albus_dr.units import format_duration

# Written by another process than the one that runs the steps, maybe on another machine.
_BY_OTHERS = ("ApprovalGiven", "AbortRequested", "StepDecided", "RunResumed")
CLOCK_MOVED_S = 2.0  # NTP slews by less while a step runs


def fold(events: Iterable[Event]) -> RunState:
    """The state after the events. Raises ValueError when the first is not RunDeclared."""
    iterator = iter(events)
    first = next(iterator, None)
    if first is None or first.kind != "RunDeclared":
        raise ValueError("a run begins with RunDeclared")
    state = _declared(first)
    for event in iterator:
        # What is said of a step that the plan has not is of no use, and must not hide the rest.
        if (not event.step or event.step in state.steps) and (handler := _HANDLERS.get(event.kind)):
            handler(state, event)
        if event.kind not in _BY_OTHERS:
            state.ahead_s = _ahead_s(event)
        state.events += 1
        state.last_hash = event.hash
    return state


def parse_time(text: str) -> datetime:
    """RFC 3339 with Z or an offset."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _declared(event: Event) -> RunState:
    data = event.data
    objectives = data["objectives"]
    state = RunState(
        run=event.run, runbook=data["runbook"], description=data.get("description", ""), operation=data["operation"],
        ahead_s=_ahead_s(event), scenario=data.get("scenario"),
        plan_digest=data["plan_digest"], source=data["source"], target=data["target"],
        rto_s=objectives["rto_s"], rpo_s=objectives["rpo_s"], clock=clock_of(data["operation"], objectives["clock"]),
        budgets=objectives.get("budgets", {}),
        point=data.get("options", {}).get("point") or "", epoch_seen=data.get("options", {}).get("epoch_seen") or 0,
        notes=list(data.get("notes", ())), operator=data.get("operator", ""),
        acting=data.get("operator", ""), sites=data.get("sites", {}), events=1, last_hash=event.hash,
    )  # fmt: skip
    for step in data["plan"]["steps"]:
        state.steps[step["id"]] = StepState(
            id=step["id"], title=step["title"], workload=step["workload"], site=step["site"], action=step["action"],
            needs=tuple(step["needs"]), may_fail=step.get("on_failure") == "continue",
        )  # fmt: skip
    state.clocks["declared_at"] = parse_time(event.at)
    return state


def clock_of(operation: str, clock: str) -> str:
    """What the recovery time counts from: a failback is declared long before users notice, while the site is rebuilt."""
    return "disruption" if operation == "failback" else clock


def _started(state: RunState, event: Event) -> None:
    boot = event.data.get("boot", "")
    if boot and boot == state.boot:
        _tell_of_a_move(state, _ahead_s(event) - state.ahead_s, "before it was resumed")
    state.boot = boot
    if state.clocks["started_at"] is None:
        state.clocks["started_at"] = parse_time(event.at)


def _resumed(state: RunState, event: Event) -> None:
    state.resumed += 1
    state.acting = event.data.get("operator") or state.acting
    state.exit_code = None
    state.waiting_for = None
    for step in state.steps.values():
        step.began_by = None  # another process; it may have been another start of the machine
    state.verdict, state.reason, state.proof_level = "incomplete", "", "L0"
    state.clocks["ended_at"] = None
    # What it amounts to is measured when it ends: the figures of the earlier end are not this one's.
    state.rta_s = state.rpa_s = state.client_downtime_s = None
    state.acknowledged_writes = state.lost_writes = None
    state.rpa_by_workload, state.residue = {}, []


def _clock(state: RunState, event: Event) -> None:
    state.clocks[event.data["clock"]] = parse_time(event.data["at"])
    state.set_back_before[event.data["clock"]] = state.set_back_s


def _intended(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status = "running"
    step.attempts = event.data["attempt"]
    step.started_at = step.started_at or parse_time(event.at)
    step.began_by = (_ahead_s(event), state.clock_moved_s)


def _announced(state: RunState, event: Event) -> None:
    data = event.data
    if data["path"] not in {known.path for known in state.creations}:  # a repeated step announces it again
        at = parse_time(event.at)
        state.creations.append(Creation(state.run, data["workload"], data["site"], data["host"], data["path"], at))


def _destroyed(state: RunState, step: StepState) -> None:
    """Cleanup saw that everything is gone; the isolated target began by removing what earlier drills had left."""
    removed_at = step.facts.get("removed_at")
    if step.action == "site.cleanup" and removed_at:
        for made in state.creations:
            made.destroyed_at = made.destroyed_at or parse_time(removed_at)
            made.destroyed_by = made.destroyed_by or step.facts.get("removed_by", state.acting)
    for left in step.facts.get("cleared", ()):
        at, by = parse_time(left["at"]), left.get("by", state.acting)
        state.creations.append(Creation(left["run"], "", step.site, left["host"], left["path"], None, at, by))


def _attempt_failed(state: RunState, event: Event) -> None:
    state.steps[event.step].error = event.data["error"]
    _compare_clocks(state, state.steps[event.step], event)


def _succeeded(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status, step.error, step.hint, step.exit_code = "succeeded", None, "", None
    step.facts = event.data["facts"]
    step.adopted = event.data["adopted"]
    _step_ended(state, step, event)
    _destroyed(state, step)


def _failed(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status, step.error, step.hint = "failed", event.data["error"], event.data.get("hint", "")
    step.exit_code = event.data.get("exit_code")
    step.facts = {"residue": left} if (left := event.data.get("facts", {}).get("residue")) else {}
    _step_ended(state, step, event)


def _step_ended(state: RunState, step: StepState, event: Event) -> None:
    if step.ended_at:  # what an earlier attempt verified is no longer so
        state.verifications = [known for known in state.verifications if known.step != step.id]
    _compare_clocks(state, step, event)
    _answered(step, event)
    step.started_at = step.started_at or parse_time(event.at)
    step.ended_at = parse_time(event.at)
    step.duration_s = event.data.get("duration_s")
    state.verifications += [
        VerificationState(step=step.id, **verification) for verification in event.data.get("verifications", ())
    ]


def _ahead_s(event: Event) -> float:
    return parse_time(event.at).timestamp() - event.monotonic_s


def _compare_clocks(state: RunState, step: StepState, event: Event) -> None:
    """A step begins and ends in one process, where both clocks go equally fast unless one is set, or the machine slept."""
    if step.began_by is None:
        return
    ahead_s, moved_s = step.began_by
    step.began_by = None
    moved_s = _ahead_s(event) - ahead_s - (state.clock_moved_s - moved_s)  # what another step has not told
    _tell_of_a_move(state, moved_s, f"during {step.id}")


def _tell_of_a_move(state: RunState, moved_s: float, when: str) -> None:
    """The wall clock went by so much more than the monotonic one."""
    if abs(moved_s) < CLOCK_MOVED_S:
        return
    state.clock_moved_s += moved_s
    moved = format_duration(abs(moved_s))
    if moved_s < 0:
        state.set_back_s -= moved_s
        state.notes.append(
            f"the clock of the machine was set back {when} by {moved}: the recovery time is measured across that"
        )
    else:
        state.notes.append(
            f"the clock of the machine went forward {when} by {moved}: it was set, or the machine slept; that time counts"
        )


def _skipped(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status, step.error = "skipped", event.data["reason"]
    _answered(step, event)


def _unknown(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status, step.error, step.hint = "unknown", event.data["reason"], event.data.get("hint", "")
    state.waiting_for = step.id


def _approval_requested(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.status = "waiting"
    step.began_by = step.began_by or (_ahead_s(event), state.clock_moved_s)
    step.asked_at = step.asked_at or parse_time(event.at)
    state.waiting_for = event.step


def _answered(step: StepState, event: Event) -> None:
    """Whoever was asked has answered, or the time for it is over: until now it waited."""
    if step.asked_at is not None:
        step.waited_s = (step.waited_s or 0.0) + (parse_time(event.at) - step.asked_at).total_seconds()
        step.asked_at = None


def _approval_given(state: RunState, event: Event) -> None:
    state.waiting_for = None
    _answered(state.steps[event.step], event)
    state.clocks["approved_at"] = parse_time(event.at)
    state.set_back_before["approved_at"] = state.set_back_s
    state.notes.append(f"{state.steps[event.step].title}: approved by {event.data['who']}")


def _decided(state: RunState, event: Event) -> None:
    state.waiting_for = None
    who, why, decision = (event.data.get(key, "") for key in ("who", "why", "decision"))
    state.notes.append(
        f"{state.steps[event.step].title}: {who} decided that it is {decision} ({why or 'no reason given'})"
    )


def _abort(state: RunState, event: Event) -> None:
    state.acting = event.data["who"]
    state.notes.append(f"abort asked for by {event.data['who']}: {event.data['why']}")


def _undone(state: RunState, event: Event) -> None:
    state.notes.append(f"{state.steps[event.step].title}: {event.data['outcome']}")


def _not_notified(state: RunState, event: Event) -> None:
    state.notes.append(f"a notification failed: {event.data['channel']}: {event.data['reason']}")


def _ended(state: RunState, event: Event) -> None:
    data: Mapping[str, Any] = event.data
    actuals = data["actuals"]
    state.waiting_for = None  # nobody would hear the answer
    state.verdict, state.exit_code, state.reason = data["verdict"], data["exit_code"], data["reason"]
    state.proof_level, state.residue = data["proof_level"], list(data["residue"])
    state.rta_s, state.rpa_s = actuals["rta_s"], actuals["rpa_s"]
    state.rpa_by_workload = actuals["rpa_by_workload"]
    state.client_downtime_s = actuals["client_downtime_s"]
    state.acknowledged_writes, state.lost_writes = actuals["acknowledged_writes"], actuals["lost_writes"]
    state.clocks["ended_at"] = parse_time(event.at)
    state.set_back_before["ended_at"] = state.set_back_s
    state.notes += [note for note in data["notes"] if note not in state.notes]


_HANDLERS: dict[str, Callable[[RunState, Event], None]] = {
    "RunStarted": _started,
    "RunResumed": _resumed,
    "ClockRecorded": _clock,
    "StepIntended": _intended,
    "CreationAnnounced": _announced,
    "StepAttemptFailed": _attempt_failed,
    "StepSucceeded": _succeeded,
    "StepFailed": _failed,
    "StepSkipped": _skipped,
    "StepUnknown": _unknown,
    "StepDecided": _decided,
    "ApprovalRequested": _approval_requested,
    "ApprovalGiven": _approval_given,
    "AbortRequested": _abort,
    "StepUndone": _undone,
    "NotificationFailed": _not_notified,
    "RunEnded": _ended,
}
