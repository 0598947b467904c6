"""What a run amounts to: pure, from its folded journal. Unmeasured is None, never 0, never a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from albus_dr.errors import ExitCode
from albus_dr.journal.fold import parse_time
from albus_dr.journal.proof import run_level
from albus_dr.journal.stages import stages
from albus_dr.journal.state import RECOVERS, RunState
from albus_dr.runbook.model import PLANNED
from albus_dr.units import format_duration
from albus_dr.workloads.step import Verdict

# Clocks of hosts that nobody sets in step, and a recovery point that is made while a drill begins. Not more: it is by so
# much that an age may be wrong, and objectives of a minute are kept.
_SAME_MOMENT_S = 60.0


@dataclass(frozen=True)
class Actuals:
    """Measured, or None."""

    rta_s: float | None = None
    rpa_s: float | None = None
    rpa_by_workload: dict[str, float] = field(default_factory=dict)
    client_downtime_s: float | None = None
    acknowledged_writes: int | None = None
    lost_writes: int | None = None


@dataclass(frozen=True)
class Judgement:
    """The end of a run, as RunEnded records it."""

    verdict: Verdict
    exit_code: ExitCode
    reason: str
    proof_level: str
    actuals: Actuals
    residue: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The data of RunEnded."""
        return {
            "verdict": self.verdict.value, "exit_code": int(self.exit_code), "reason": self.reason,
            "proof_level": self.proof_level, "actuals": asdict(self.actuals), "residue": list(self.residue),
            "notes": list(self.notes),
        }  # fmt: skip


def judge(
    state: RunState, *, failure_codes: dict[str, int], tolerated: frozenset[str], rpo_by_workload: dict[str, float],
    clocks: frozenset[str], may_lose: bool,
) -> Judgement:  # fmt: skip
    """``failure_codes``: the exit code of each failed step; ``tolerated``: steps whose failure stops nothing, but
    leaves the run incomplete; ``rpo_by_workload``: objectives in seconds; ``clocks``: those that the plan sets;
    ``may_lose``: a failover may lose acknowledged writes, as far as the objectives go."""
    end = _last_clock(state.operation, clocks)
    actuals = _actuals(state, end, rpo_by_workload)
    residue = tuple(item for step in state.steps.values() for item in step.facts.get("residue", ()))
    verdict, code, reason = _verdict(state, actuals, residue, failure_codes, tolerated, rpo_by_workload, may_lose)
    notes = tuple(note for note in _notes(state, end) if note != reason)
    return Judgement(verdict, code, reason, run_level(state, passed=verdict is Verdict.PASSED), actuals, residue, notes)


def _verdict(
    state: RunState, actuals: Actuals, residue: tuple[str, ...], failure_codes: dict[str, int],
    tolerated: frozenset[str], rpo_by_workload: dict[str, float], may_lose: bool,
) -> tuple[Verdict, ExitCode, str]:  # fmt: skip
    failed = [step for step in state.steps.values() if step.status == "failed"]
    serious = [step for step in failed if step.action != "site.cleanup" and step.id not in tolerated]
    if serious:
        step = serious[0]
        return Verdict.FAILED, ExitCode(failure_codes[step.id]), f"{step.id} failed: {step.error}"
    uncleaned = [step for step in failed if step.action == "site.cleanup"]
    if uncleaned or residue:
        why = uncleaned[0].error if uncleaned else f"something was left behind: {', '.join(residue)}"
        return Verdict.FAILED, ExitCode.CLEANUP_FAILED, f"cleanup failed: {why}"
    undone = [step for step in state.steps.values() if step.status != "succeeded"]
    if undone:
        names = ", ".join(step.id for step in undone[:4]) + (", …" if len(undone) > 4 else "")
        return Verdict.INCOMPLETE, ExitCode.STEP_FAILED, f"not everything was done: {names}"
    if state.operation in RECOVERS:
        return _against_objectives(state, actuals, rpo_by_workload, may_lose)
    return Verdict.PASSED, ExitCode.PASSED, "everything was done and verified"


def _against_objectives(
    state: RunState, actuals: Actuals, rpo_by_workload: dict[str, float], may_lose: bool
) -> tuple[Verdict, ExitCode, str]:
    if state.operation in PLANNED and actuals.lost_writes:
        return (
            Verdict.FAILED,
            ExitCode.VERIFICATION_FAILED,
            f"a {state.operation} lost {actuals.lost_writes} acknowledged writes",
        )
    if actuals.lost_writes and not may_lose:
        return (
            Verdict.FAILED, ExitCode.OBJECTIVE_MISSED,
            f"acknowledged writes were lost: {actuals.lost_writes}. The runbook promises synchronous replication, and nobody "
            "accepted a loss",
        )  # fmt: skip
    if actuals.rta_s is None:
        return (
            Verdict.INCOMPLETE,
            ExitCode.STEP_FAILED,
            "the recovery time was not measured: nothing verified the service, or the clock of this machine was set back",
        )
    if actuals.rta_s > state.rto_s:
        return (
            Verdict.FAILED, ExitCode.OBJECTIVE_MISSED,
            f"recovered after {format_duration(actuals.rta_s, beside=state.rto_s)}; the objective is {format_duration(state.rto_s)}",
        )  # fmt: skip
    for workload, rpo_s in rpo_by_workload.items() if not state.point else ():
        found = actuals.rpa_by_workload.get(workload)
        if found is None:
            return Verdict.INCOMPLETE, ExitCode.STEP_FAILED, _unmeasured(workload, _ahead_s(state).get(workload))
        if found > rpo_s:
            return (
                Verdict.FAILED, ExitCode.OBJECTIVE_MISSED,
                f"{workload}: its newest write is {format_duration(found, beside=rpo_s)} older than the disruption; "
                f"the objective is {format_duration(rpo_s)}",
            )  # fmt: skip
    over = next((stage for stage in stages(state) if stage.is_over), None)
    if over is not None and over.budget_s is not None:
        step = over.longest
        most = f"; most of it: {step.id}, {format_duration(step.duration_s or over.took_s)}" if step else ""
        return (
            Verdict.FAILED, ExitCode.OBJECTIVE_MISSED,
            f"the stage {over.clock.removesuffix('_at')} took {format_duration(over.took_s, beside=over.budget_s)}; its budget is "
            f"{format_duration(over.budget_s)}{most}",
        )  # fmt: skip
    return Verdict.PASSED, ExitCode.PASSED, "recovered, verified and within the objectives"


def _last_clock(operation: str, clocks: frozenset[str]) -> str:
    """Where recovery ends: users were seen served. A drill moves no door, so there the restored application has
    answered. A runbook that has no door, or no application, is measured as far as it goes, and that is said."""
    order = ("clients_verified_at", "service_verified_at", "data_recovered_at")[1 if operation == "drill" else 0 :]
    return next((clock for clock in order if clock in clocks), order[0])


_MEASURED_TO = {
    (
        "drill",
        "data_recovered_at",
    ): "the runbook has no application: the recovery time ends where the data were verified",
    (
        "",
        "data_recovered_at",
    ): "the runbook has no application and no door: the recovery time ends where the data were verified",
    (
        "",
        "service_verified_at",
    ): "the runbook has no door: the recovery time ends where the application was verified, not its users' way in",
}


def _actuals(state: RunState, last_clock: str, rpo_by_workload: Mapping[str, float]) -> Actuals:
    start = state.steady("disrupted_at" if state.clock == "disruption" else "declared_at")
    end = state.steady(last_clock)
    recovers = state.operation in RECOVERS
    recovered = (
        recovers and state.clocks["data_recovered_at"] is not None
    )  # before that it is only what might come back
    # The age of a point that was asked for says nothing about what a disaster would cost.
    rpa = _rpa(state) if recovered and not state.point else {}
    seen: dict[str, Any] = {}
    for step in state.steps.values():
        seen.update(
            {
                key: step.facts[key]
                for key in ("client_downtime_s", "acknowledged_writes", "lost_writes")
                if key in step.facts
            }
        )
    return Actuals(
        rta_s=_between(start, end) if recovers else None,
        rpa_s=max(rpa.values(), default=None)
        if rpa.keys() >= {*_ages_s(state), *rpo_by_workload}
        else None,  # the worst of all
        rpa_by_workload=rpa,
        client_downtime_s=seen.get("client_downtime_s"),
        acknowledged_writes=seen.get("acknowledged_writes"),
        lost_writes=seen.get("lost_writes"),
    )


def _between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds; None where one is missing, or where the machine's clock was set back in between."""
    if start is None or end is None or end <= start:
        return None
    return (end - start).total_seconds()


def _rpa(state: RunState) -> dict[str, float]:
    """By workload. What is dated later than a drill supposes the disruption tells nothing of how old the data are."""
    unknown = _ahead_s(state) if state.operation == "drill" else {}
    return {name: max(0.0, age_s) for name, age_s in _ages_s(state).items() if name not in unknown}


def _ahead_s(state: RunState) -> dict[str, float]:
    """By how much the newest write of a workload is dated later than the disruption, where that is no single moment."""
    return {name: -age_s for name, age_s in _ages_s(state).items() if -age_s > _SAME_MOMENT_S}


def _ages_s(state: RunState) -> dict[str, float]:
    """From the newest write to the disruption, by workload; the last step that measured it speaks."""
    disrupted = state.clocks["disrupted_at"]
    return {
        step.workload: (disrupted - parse_time(found)).total_seconds()
        for step in state.steps.values()
        if disrupted and step.workload and (found := step.facts.get("newest_write_at"))
    }


def _unmeasured(workload: str, ahead_s: float | None) -> str:
    if ahead_s is None:
        return f"{workload}: the age of its newest write was not measured"
    return (
        f"{workload}: the age of its newest write was not measured: it is dated {format_duration(ahead_s)} later than the "
        "disruption that the drill supposed. A clock is wrong, the marker finds dates that lie ahead, or the recovery point "
        "was made after the drill had begun"
    )


def _dated_ahead(state: RunState) -> list[str]:
    """What to tell of newest writes that are later than the disruption. A switchover loses nothing, whatever their dates."""
    if state.operation == "drill" and not state.point:
        return [_unmeasured(name, ahead_s) for name, ahead_s in _ahead_s(state).items()]
    if state.operation != "failover" or state.clocks["data_recovered_at"] is None:
        return []
    return [
        f"{name}: its newest write is dated {format_duration(ahead_s)} later than the disruption. Its recovery point (RPA) is "
        "told as 0, and holds where users were still served then; not where a clock is wrong, or the marker finds dates that "
        "lie ahead"
        for name, ahead_s in _ahead_s(state).items()
    ]


def _notes(state: RunState, last_clock: str) -> tuple[str, ...]:
    found = [note for step in state.steps.values() for note in step.facts.get("notes", ())]
    short = _MEASURED_TO.get(("drill" if state.operation == "drill" else "", last_clock))
    if short and state.operation in RECOVERS:
        found.append(short)
    found += _dated_ahead(state)
    if state.point:
        found.append(
            f"the recovery point {state.point} was asked for: how much work a disaster would cost was not measured, and this "
            "is not the drill that the runbook promises"
        )
    return tuple(dict.fromkeys(found))
