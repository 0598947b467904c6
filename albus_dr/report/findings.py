"""What the state of a run means, in words and comparisons. Every report and the closing lines of a terminal read this.

Nothing here is measured or guessed: a number that the state does not have is "not measured".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from albus_dr.errors import ExitCode
from albus_dr.journal.state import CLOCKS, RunState, StepState
from albus_dr.units import format_duration

NOT_MEASURED = "not measured"

PHRASES = {
    "passed": "Passed",
    "failed": "Failed",
    "incomplete": "Incomplete",
    "not_evaluated": "Not evaluated",
    "in_progress": "Not ended",
    "unheard": "Unclear",
    "operation.replicate": "Replication",
    "operation.drill": "Drill",
    "operation.switchover": "Switchover",
    "operation.failover": "Failover",
    "operation.failback": "Failback",
    "operation.reprotect": "Reprotection",
    "way.replicate": "from {source} to {target}",
    "way.drill": "with the data of {source}, at {target}",
    "way": "from {source} to {target}",
    "step.succeeded": "done",
    "step.adopted": "found done",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.unknown": "unknown",
    "step.waiting": "waiting",
    "step.running": "running",
    "step.pending": "not started",
    "clock.disrupted_at": "Disruption",
    "clock.declared_at": "Declared",
    "clock.started_at": "Started",
    "clock.fenced_at": "Old primary fenced",
    "clock.data_recovered_at": "Data recovered",
    "clock.service_verified_at": "Service verified",
    "clock.clients_verified_at": "Clients verified",
    "clock.ended_at": "Ended",
    "head.back": "Service was back after {time}.",
    "head.switched": "Users were moved to {target}, and service was verified after {time}.",
    "head.drill": "The drill passed: a restored service answered after {time}.",
    "head.drill_data": "The drill passed: the restored data were verified after {time}. No application was asked.",
    "head.back_data": "The data were verified at {target} after {time}. No application and no door were asked.",
    "head.drill_untimed": "The drill passed; its recovery time was not measured.",
    "head.untimed": "Every step was done; the recovery time was not measured.",
    "head.replicated": "Recovery points were made and checked in {time}.",
    "head.replicated_untimed": "Recovery points were made and checked.",
    "head.reprotected": "{target} is the standby of {source} again, after {time}.",
    "head.step": "{operation} failed at “{title}”.",
    "head.verification": "{operation} failed: {count} of {all} verifications found something else than was saved.",
    "head.objective_time": "{operation} took {time}: longer than the {promised} that were promised.",
    "head.objective_point": "{operation} brought back data from {time} before the disruption: {promised} was promised.",
    "head.cleanup": "Cleanup failed: {count} things were left behind.",
    "head.cleanup_one": "Cleanup failed: one thing was left behind.",
    "head.refused": "{operation} was refused for safety.",
    "head.failed": "{operation} failed.",
    "head.no_service": "Service was not seen working for users.",
    "head.waiting": "{operation} waits for a person at “{title}”.",
    "head.interrupted": "{operation} was interrupted and can be resumed.",
    "head.running": "{operation} has not ended: {count} of {all} steps are done.",
    "head.objective": "{operation} missed an objective.",
    "head.incomplete": "{operation} is incomplete: {count} of {all} steps were not done.",
    "head.incomplete_one": "{operation} is incomplete: 1 of {all} steps was not done.",
    "head.incomplete_done": "{operation} is incomplete: not everything that was asked for was seen.",
    "head.not_evaluated": "{operation} was not evaluated.",
    "head.unheard": "{operation} ended with a verdict that this report does not know: {verdict}.",
    "loss.none": "Nothing that users had been told was saved is lost.",
    "loss.none_count": "None of the {all} writes that users had been told were saved is lost.",
    "loss.some": "{count} of the {all} writes that users had been told were saved are lost.",
    "loss.some_uncounted": "{count} writes that users had been told were saved are lost.",
    "loss.no_writes": "Users saved nothing while this was watched, so loss was not put to the test.",
    "loss.unmeasured": "What users lost was not measured.",
    "loss.no_change": "A run of this kind changes no primary: it put no write of a user at stake, and measured none.",
    "gap.rta": "Recovery time (RTA)",
    "gap.rpa": "Recovery point (RPA)",
    "gap.downtime": "Client downtime",
    "gap.acknowledged": "Acknowledged writes",
    "gap.lost": "Lost writes",
    "gap.clocks": "Clocks: {names}",
    "gap.steps": "Steps without a seen success: {names}",
    "gap.verifications": "Verifications not evaluated: {count} of {all}",
    "gap.no_verifications": "Verifications: none was made",
    "gap.distance": "Distance between the sites",
    "beyond.drill": "A drill works on an isolated copy. It does not show that users can be moved to the other site.",
    "beyond.replicate": "Replication makes and checks copies. It does not show that service can run on them.",
    "beyond.adopted": "Steps found done ({names}) were done already when albus-dr looked: not how long they took.",
    "beyond.level": "Proof level {level} ({meaning}). Not shown: {higher}.",
    "level.L0": "declared",
    "level.L1": "checked by a probe",
    "level.L2": "data restored and verified",
    "level.L3": "the application served requests on it",
    "level.L4": "a real change of primary",
    "level.L5": "a completed return",
}  # fmt: skip

NO_CHANGE = ("drill", "replicate", "reprotect")  # of the primary: users stay where they are
LEVELS = ("L0", "L1", "L2", "L3", "L4", "L5")

# Control characters, half a surrogate pair, non-characters (none of them may stand in XML), and the marks that turn
# the direction of text: with those, a hostile name could make a line read as something else.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def printable(text: object) -> str:
    """The text without the characters that terminals obey and XML refuses. Tabs and line ends stay."""
    return _UNPRINTABLE.sub("", str(text))


def one_line(text: object, limit: int = 500) -> str:
    """Printable, on one line, at most ``limit`` characters (then it ends in …)."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@dataclass(frozen=True)
class Mark:
    """A symbol, its word, and a tone (good, bad, warn, none) for colour. The tone never stands alone."""

    symbol: str
    word: str
    tone: str


def verdict_mark(verdict: str) -> Mark:
    """The mark of a verdict of a run, a verification or an objective; an unheard word is never a pass."""
    symbols = {"passed": ("✓", "good"), "failed": ("✗", "bad"), "incomplete": ("◐", "warn")}
    symbol, tone = symbols.get(verdict, ("○", "none") if verdict == "not_evaluated" else ("?", "warn"))
    return Mark(symbol, PHRASES[verdict if verdict in (*symbols, "not_evaluated") else "unheard"], tone)


def run_mark(state: RunState) -> Mark:
    """The mark of the run as a whole: one that has not ended has no verdict yet."""
    if state.exit_code is None:
        return Mark("…", PHRASES["in_progress"], "warn")
    return verdict_mark(state.verdict)


def step_mark(status: str, adopted: bool = False) -> Mark:
    """The mark of a step's status."""
    marks = {
        "succeeded": ("✓", "good"), "failed": ("✗", "bad"), "skipped": ("↷", "warn"), "unknown": ("?", "warn"),
        "waiting": ("…", "warn"), "running": ("▸", "none"), "pending": ("·", "none"),
    }  # fmt: skip
    if status not in marks:
        return Mark("?", one_line(status, 40), "warn")
    symbol, tone = marks[status]
    return Mark(symbol, PHRASES["step.adopted" if adopted and status == "succeeded" else f"step.{status}"], tone)


@dataclass(frozen=True)
class Objective:
    """What was promised beside what was measured, in seconds. Nothing measured: ``verdict`` is not_evaluated."""

    key: str
    promised_s: float
    actual_s: float | None
    stricter_missed: bool = False
    """A workload missed an objective of its own that is stricter than this one."""

    @property
    def margin_s(self) -> float | None:
        """What is left of the promise; negative when it was missed."""
        return None if self.actual_s is None else self.promised_s - self.actual_s

    @property
    def verdict(self) -> str:
        margin_s = self.margin_s
        if margin_s is None:
            return "not_evaluated"
        return "passed" if margin_s >= 0 and not self.stricter_missed else "failed"


def objectives(state: RunState) -> tuple[Objective, Objective]:
    """RTO and RPO of the run, each with its actual."""
    time, point = Objective("rto", state.rto_s, state.rta_s), Objective("rpo", state.rpo_s, state.rpa_s)
    if state.exit_code == ExitCode.OBJECTIVE_MISSED and "failed" not in (time.verdict, point.verdict):
        return time, replace(point, stricter_missed=True)
    return time, point


def clock_start(state: RunState) -> datetime | None:
    """The moment that the recovery time counts from."""
    return state.clocks.get("declared_at" if state.clock == "declaration" else "disrupted_at")


def utc(at: datetime) -> datetime:
    """The moment in UTC; one without a zone is UTC already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def seconds_between(earlier: datetime | None, later: datetime | None) -> float | None:
    """Seconds from one moment to the other; None where either is missing."""
    return None if earlier is None or later is None else (utc(later) - utc(earlier)).total_seconds()


def format_moment(at: datetime | None) -> str:
    """``2026-01-31 09:14:03.120 UTC``, or "not measured"."""
    return NOT_MEASURED if at is None else f"{utc(at):%Y-%m-%d %H:%M:%S}.{utc(at).microsecond // 1000:03d} UTC"


def format_seconds(seconds: float | None) -> str:
    """A duration for people, or "not measured"."""
    return NOT_MEASURED if seconds is None else format_duration(seconds)


def format_count(count: int | None) -> str:
    """``1,204``, or "not measured"."""
    return NOT_MEASURED if count is None else f"{count:,}"


def format_share(part: float, whole: float) -> str:
    """``0.016 %``, ``37 %``: two digits that mean something."""
    if whole <= 0:
        return NOT_MEASURED
    percent = 100 * part / whole
    if percent >= 10 or percent <= 0:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %" if percent >= 0.01 else "less than 0.01 %"


def operation_name(state: RunState) -> str:
    """``Failover``, as a word for the beginning of a sentence."""
    return PHRASES.get(f"operation.{state.operation}", one_line(state.operation).capitalize())


def way(state: RunState) -> str:
    """``from strasbourg to bordeaux``."""
    return PHRASES.get(f"way.{state.operation}", PHRASES["way"]).format(source=state.source, target=state.target)


def undone(steps: Iterable[StepState]) -> list[StepState]:
    """The steps whose success nobody has seen."""
    return [step for step in steps if step.status != "succeeded"]


def troubled(state: RunState) -> list[StepState]:
    """The steps that failed or whose outcome is unknown."""
    return [step for step in state.steps.values() if step.status in ("failed", "unknown")]


def headline(state: RunState) -> str:
    """The verdict in a sentence or two, and what it means for users. Words of success stand in a passed run alone."""
    if state.exit_code is None:
        return _unfinished(state)
    match state.verdict:
        case "passed":
            return _passed(state)
        case "failed":
            return _failed(state)
        case "incomplete":
            return _incomplete(state)
        case "not_evaluated":
            return PHRASES["head.not_evaluated"].format(operation=operation_name(state))
    return PHRASES["head.unheard"].format(operation=operation_name(state), verdict=one_line(state.verdict, 60))


def _passed(state: RunState) -> str:
    measured = state.rta_s is not None
    time = format_seconds(state.rta_s)
    if state.operation == "drill":
        asked = "head.drill_data" if _data_alone(state) else "head.drill"
        return PHRASES[asked if measured else "head.drill_untimed"].format(time=time)
    if state.operation == "replicate":
        took_s = seconds_between(state.clocks.get("started_at"), state.clocks.get("ended_at"))
        key = "head.replicated_untimed" if took_s is None else "head.replicated"
        return PHRASES[key].format(time=format_seconds(took_s))
    if state.operation == "reprotect":
        took_s = seconds_between(state.clocks.get("started_at"), state.clocks.get("ended_at"))
        return PHRASES["head.reprotected"].format(source=state.source, target=state.target, time=format_seconds(took_s))
    key = "head.switched" if state.operation in ("switchover", "failback") else "head.back"
    if _data_alone(state):
        key = "head.back_data"
    return f"{PHRASES[key if measured else 'head.untimed'].format(time=time, target=state.target)} {loss(state)}"


def _data_alone(state: RunState) -> bool:
    """The runbook has nothing that answers: the data were verified, and nobody was seen served."""
    data, *answers = (
        state.clocks.get(f"{name}_at") for name in ("data_recovered", "service_verified", "clients_verified")
    )
    return data is not None and not any(answers)


def _failed(state: RunState) -> str:
    parts = [_why_failed(state)]
    if _service_missing(state) and state.exit_code != ExitCode.REFUSED:
        parts.append(PHRASES["head.no_service"])
    if state.lost_writes:
        parts.append(loss(state))
    return " ".join(parts)


def _why_failed(state: RunState) -> str:
    operation = operation_name(state)
    missed = next((objective for objective in objectives(state) if objective.verdict == "failed"), None)
    failed = next((step for step in state.steps.values() if step.status == "failed"), None)
    wrong = sum(found.verdict == "failed" for found in state.verifications)
    if state.exit_code == ExitCode.OBJECTIVE_MISSED and missed is not None:
        if missed.stricter_missed:
            return PHRASES["head.objective"].format(operation=operation)
        time, promised = format_seconds(missed.actual_s), format_duration(missed.promised_s)
        key = "head.objective_time" if missed.key == "rto" else "head.objective_point"
        return PHRASES[key].format(operation=operation, time=time, promised=promised)
    if state.exit_code == ExitCode.CLEANUP_FAILED and state.residue:
        count = len(state.residue)
        return PHRASES["head.cleanup_one" if count == 1 else "head.cleanup"].format(count=count)
    if state.exit_code == ExitCode.REFUSED:
        return PHRASES["head.refused"].format(operation=operation)
    if state.exit_code == ExitCode.VERIFICATION_FAILED and wrong:
        return PHRASES["head.verification"].format(operation=operation, count=wrong, all=len(state.verifications))
    if failed is not None:
        return PHRASES["head.step"].format(operation=operation, title=one_line(failed.title, 120))
    return PHRASES["head.failed"].format(operation=operation)


def _service_missing(state: RunState) -> bool:
    return state.operation not in NO_CHANGE and state.clocks.get("clients_verified_at") is None


def _incomplete(state: RunState) -> str:
    if state.exit_code == ExitCode.INTERRUPTED:
        return PHRASES["head.interrupted"].format(operation=operation_name(state))
    missing = len(undone(state.steps.values()))
    key = {0: "head.incomplete_done", 1: "head.incomplete_one"}.get(missing, "head.incomplete")
    return PHRASES[key].format(operation=operation_name(state), count=missing, all=len(state.steps))


def _unfinished(state: RunState) -> str:
    operation = operation_name(state)
    waiting = state.steps.get(state.waiting_for) if state.waiting_for is not None else None
    if waiting is not None:
        return PHRASES["head.waiting"].format(operation=operation, title=one_line(waiting.title, 120))
    done = len(state.steps) - len(undone(state.steps.values()))
    return PHRASES["head.running"].format(operation=operation, count=done, all=len(state.steps))


def loss(state: RunState) -> str:
    """What users lost of what they had been told was saved: nothing, how much, or that nobody measured it."""
    acknowledged, lost = state.acknowledged_writes, state.lost_writes
    if lost is None and state.operation in NO_CHANGE:
        return PHRASES["loss.no_change"]
    if lost is None:
        return PHRASES["loss.unmeasured"]
    if lost > 0:
        key = "loss.some_uncounted" if acknowledged is None else "loss.some"
        return PHRASES[key].format(count=format_count(lost), all=format_count(acknowledged))
    if acknowledged is None:
        return PHRASES["loss.unmeasured"]
    if acknowledged == 0:
        return PHRASES["loss.no_writes"]
    if state.verdict == "passed" and state.exit_code is not None:
        return PHRASES["loss.none"]
    return PHRASES["loss.none_count"].format(all=format_count(acknowledged))


def clock_label(key: str) -> str:
    """``Old primary fenced``."""
    return PHRASES[f"clock.{key}"]


def ordered_clocks(state: RunState) -> list[tuple[str, datetime | None]]:
    """Every clock: the measured ones by time, then those that were not measured."""
    measured = [(key, at) for key in CLOCKS if (at := state.clocks.get(key)) is not None]
    measured.sort(key=lambda pair: (utc(pair[1]), CLOCKS.index(pair[0])))
    return [*measured, *((key, None) for key in CLOCKS if state.clocks.get(key) is None)]


def level_meaning(state: RunState) -> str:
    """``L3: the application served requests on it``."""
    meaning = PHRASES.get(f"level.{state.proof_level}")
    return f"{state.proof_level}: {meaning}" if meaning else state.proof_level


def distance_km(state: RunState) -> float | None:
    """Kilometres between the sites, where known."""
    distance = state.sites.get("distance_km")
    return float(distance) if isinstance(distance, int | float) and not isinstance(distance, bool) else None


def unmeasured(state: RunState) -> list[str]:
    """What this run has no measurement of, one item a line."""
    measured = (
        ("gap.rta", state.rta_s), ("gap.rpa", state.rpa_s), ("gap.downtime", state.client_downtime_s),
        ("gap.acknowledged", state.acknowledged_writes), ("gap.lost", state.lost_writes),
        ("gap.distance", distance_km(state)),
    )  # fmt: skip
    gaps = [PHRASES[key] for key, value in measured if value is None]
    if missing := [clock_label(key).lower() for key in CLOCKS if state.clocks.get(key) is None]:
        gaps.append(PHRASES["gap.clocks"].format(names=", ".join(missing)))
    if steps := undone(state.steps.values()):
        gaps.append(PHRASES["gap.steps"].format(names=", ".join(one_line(step.id, 80) for step in steps)))
    blank = sum(found.verdict not in ("passed", "failed") for found in state.verifications)
    if blank:
        gaps.append(PHRASES["gap.verifications"].format(count=blank, all=len(state.verifications)))
    if not state.verifications:
        gaps.append(PHRASES["gap.no_verifications"])
    return gaps


def limits(state: RunState) -> list[str]:
    """What a run of this kind can't show, even when everything was measured."""
    said = [PHRASES[key] for key in (f"beyond.{state.operation}",) if key in PHRASES]
    if adopted := [one_line(step.id, 80) for step in state.steps.values() if step.adopted]:
        said.append(PHRASES["beyond.adopted"].format(names=", ".join(adopted)))
    if state.proof_level in LEVELS[:-1]:
        higher = LEVELS[LEVELS.index(state.proof_level) + 1 :]
        said.append(
            PHRASES["beyond.level"].format(
                level=state.proof_level,
                meaning=PHRASES[f"level.{state.proof_level}"],
                higher=", ".join(f"{level} ({PHRASES[f'level.{level}']})" for level in higher),
            )
        )
    return said
