"""What the state of a run means, in words and comparisons. Every report and the closing lines of a terminal read this.

Nothing here is measured or guessed: a number that the state does not have is "not measured".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from albus_dr.errors import ExitCode
from albus_dr.journal.fold import parse_time
from albus_dr.journal.restored import restored
from albus_dr.journal.stages import Stage, in_order, stages
from albus_dr.journal.state import CLOCKS, RunState, StepState
from albus_dr.journal.texts import LEFT_OUT
from albus_dr.report.phrases import NOT_MEASURED, PHRASES
from albus_dr.report.proof import not_verified
from albus_dr.report.words import ENGLISH, Words, utc

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
    line = re.sub(r"[ \t\r\n]+", " ", printable(text)).strip()  # a space that doesn't break stays one
    return line if len(line) <= limit else line[: limit - 1] + "…"


@dataclass(frozen=True)
class Mark:
    """A symbol, its word, and a tone (good, bad, warn, none) for colour. The tone never stands alone."""

    symbol: str
    word: str
    tone: str


def verdict_mark(verdict: str, words: Words = ENGLISH) -> Mark:
    """The mark of a verdict of a run, a verification or an objective; an unheard word is never a pass."""
    symbols = {"passed": ("✓", "good"), "failed": ("✗", "bad"), "incomplete": ("◐", "warn")}
    symbol, tone = symbols.get(verdict, ("○", "none") if verdict == "not_evaluated" else ("?", "warn"))
    return Mark(symbol, words.say(PHRASES[verdict if verdict in (*symbols, "not_evaluated") else "unheard"]), tone)


def run_mark(state: RunState, words: Words = ENGLISH) -> Mark:
    """The mark of the run as a whole: one that has not ended has no verdict yet."""
    if state.exit_code is None:
        return Mark("…", words.say(PHRASES["in_progress"]), "warn")
    return verdict_mark(state.verdict, words)


def step_mark(status: str, adopted: bool = False, words: Words = ENGLISH) -> Mark:
    """The mark of a step's status."""
    marks = {
        "succeeded": ("✓", "good"), "failed": ("✗", "bad"), "skipped": ("↷", "warn"), "unknown": ("?", "warn"),
        "waiting": ("…", "warn"), "running": ("▸", "none"), "pending": ("·", "none"),
    }  # fmt: skip
    if status not in marks:
        return Mark("?", one_line(status, 40), "warn")
    symbol, tone = marks[status]
    key = "step.adopted" if adopted and status == "succeeded" else f"step.{status}"
    return Mark(symbol, words.say(PHRASES[key]), tone)


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
    missed = state.exit_code == ExitCode.OBJECTIVE_MISSED and "failed" not in (time.verdict, point.verdict)
    if missed and not lost_promised(state) and "the stage " not in state.reason:  # of an age the verdict speaks first
        return time, replace(point, stricter_missed=True)
    return time, point


def lost_promised(state: RunState) -> bool:
    """A failover kept its objectives, and lost writes that the runbook promised to keep."""
    missed = state.operation == "failover" and state.exit_code == ExitCode.OBJECTIVE_MISSED
    return missed and state.reason.startswith("acknowledged writes were lost: ")


def unexplained(state: RunState) -> bool:
    """It did not pass, and neither a step nor a stage nor what was left behind says why: its reason alone does."""
    said = troubled(state) or over_budget(state) or state.residue
    return state.exit_code is not None and state.verdict != "passed" and bool(state.reason) and not said


def over_budget(state: RunState) -> list[Stage]:
    """The stages that took longer than the runbook allows them."""
    return [stage for stage in stages(state) if stage.is_over]


def budget_sentence(stage: Stage, words: Words = ENGLISH) -> str:
    """What one of them took, what it may take, and which step took most of it."""
    key = "budget.over" if stage.longest is None else "budget.over_most"
    longest = stage.longest
    return words.say(
        PHRASES[key], clock=clock_label(stage.clock, words), took=words.duration(stage.took_s, beside=stage.budget_s),
        budget=format_seconds(stage.budget_s, words), step=title_of(longest, words) if longest else "",
        most=format_seconds(longest.duration_s, words) if longest else "",
    )  # fmt: skip


def clock_start(state: RunState) -> datetime | None:
    """The moment that the recovery time counts from."""
    return state.clocks.get("declared_at" if state.clock == "declaration" else "disrupted_at")


def seconds_between(earlier: datetime | None, later: datetime | None) -> float | None:
    """Seconds from one moment to the other; None where either is missing."""
    return None if earlier is None or later is None else (utc(later) - utc(earlier)).total_seconds()


def restored_points(state: RunState, words: Words = ENGLISH) -> str:
    """Each workload with the recovery point that was restored and its time; empty where none was."""
    return "; ".join(f"{each.workload} {each.point} ({words.moment(each.at)})" for each in restored(state))


def format_moment(at: datetime | None, words: Words = ENGLISH) -> str:
    """``2026-01-31 09:14:03.120 UTC``, or "not measured"."""
    return words.say(NOT_MEASURED) if at is None else words.moment(at)


def format_seconds(seconds: float | None, words: Words = ENGLISH, *, beside: float | None = None) -> str:
    """A duration for people, never one that reads as the limit ``beside`` it and is not that; or "not measured"."""
    return words.say(NOT_MEASURED) if seconds is None else words.duration(seconds, beside=beside)


def format_count(count: int | None, words: Words = ENGLISH) -> str:
    """``1,204``, or "not measured"."""
    return words.say(NOT_MEASURED) if count is None else words.number(count)


def format_share(part: float, whole: float, words: Words = ENGLISH) -> str:
    """``0.016 %``, ``37 %``: two digits that mean something."""
    if whole <= 0:
        return words.say(NOT_MEASURED)
    percent = 100 * part / whole
    if percent >= 10 or percent <= 0:
        return words.percent(words.number(percent))
    if percent < 0.01:
        return words.say(PHRASES["share.tiny"], share=words.percent(words.number(0.01, 2)))
    return words.percent(words.number(percent, 1 - math.floor(math.log10(percent))).rstrip("0").rstrip(".,"))


def operation_name(state: RunState, words: Words = ENGLISH) -> str:
    """``Failover``, as a word for the beginning of a sentence."""
    known = PHRASES.get(f"operation.{state.operation}")
    return words.say(known) if known else one_line(state.operation).capitalize()


def way(state: RunState, words: Words = ENGLISH) -> str:
    """``from strasbourg to bordeaux``."""
    return words.say(PHRASES.get(f"way.{state.operation}", PHRASES["way"]), source=state.source, target=state.target)


def title_of(step: StepState, words: Words = ENGLISH) -> str:
    """What the step is called. The name of an own step is its author's, in whatever language."""
    return step.title if step.action.startswith("own.") else words.retold(step.title)


def undone(steps: Iterable[StepState]) -> list[StepState]:
    """The steps whose success nobody has seen."""
    return [step for step in steps if step.status != "succeeded"]


def troubled(state: RunState) -> list[StepState]:
    """The steps that failed or whose outcome is unknown."""
    return [step for step in state.steps.values() if step.status in ("failed", "unknown")]


def headline(state: RunState, words: Words = ENGLISH) -> str:
    """The verdict in a sentence or two, and what it means for users. Words of success stand in a passed run alone."""
    if state.exit_code is None:
        return _unfinished(state, words)
    match state.verdict:
        case "passed":
            return _passed(state, words)
        case "failed":
            return _failed(state, words)
        case "incomplete":
            return _incomplete(state, words)
        case "not_evaluated":
            return words.say(PHRASES["head.not_evaluated"], operation=operation_name(state, words))
    return words.say(
        PHRASES["head.unheard"], operation=operation_name(state, words), verdict=one_line(state.verdict, 60)
    )


def _passed(state: RunState, words: Words) -> str:
    measured = state.rta_s is not None
    time = format_seconds(state.rta_s, words)
    if state.operation == "drill":
        asked = "head.drill_data" if _data_alone(state) else "head.drill"
        return words.say(PHRASES[asked if measured else "head.drill_untimed"], time=time)
    if state.operation == "replicate":
        took_s = seconds_between(state.clocks.get("started_at"), state.clocks.get("ended_at"))
        key = "head.replicated_untimed" if took_s is None else "head.replicated"
        return words.say(PHRASES[key], time=format_seconds(took_s, words))
    if state.operation == "reprotect":
        took_s = seconds_between(state.clocks.get("started_at"), state.clocks.get("ended_at"))
        return words.say(
            PHRASES["head.reprotected"], source=state.source, target=state.target, time=format_seconds(took_s, words)
        )
    key = "head.switched" if state.operation in ("switchover", "failback") else "head.back"
    if _data_alone(state):
        key = "head.back_data"
    return f"{words.say(PHRASES[key if measured else 'head.untimed'], time=time, target=state.target)} {loss(state, words)}"


def _data_alone(state: RunState) -> bool:
    """The runbook has nothing that answers: the data were verified, and nobody was seen served."""
    data, *answers = (
        state.clocks.get(f"{name}_at") for name in ("data_recovered", "service_verified", "clients_verified")
    )
    return data is not None and not any(answers)


def _failed(state: RunState, words: Words) -> str:
    parts = [_why_failed(state, words)]
    if _service_missing(state) and state.exit_code != ExitCode.REFUSED:
        parts.append(words.say(PHRASES["head.no_service"]))
    if state.lost_writes:
        parts.append(loss(state, words))
    return " ".join(parts)


def _why_failed(state: RunState, words: Words) -> str:
    operation = operation_name(state, words)
    missed = next((objective for objective in objectives(state) if objective.verdict == "failed"), None)
    failed = next((step for step in state.steps.values() if step.status == "failed"), None)
    wrong = sum(found.verdict == "failed" for found in state.verifications)
    if lost_promised(state):
        return words.say(PHRASES["head.lost"], operation=operation)
    if state.exit_code == ExitCode.OBJECTIVE_MISSED and missed is None and (over := over_budget(state)):
        return words.say(PHRASES["head.budget"], operation=operation, said=budget_sentence(over[0], words))
    if state.exit_code == ExitCode.OBJECTIVE_MISSED and missed is not None:
        if missed.stricter_missed:
            return words.say(PHRASES["head.objective"], operation=operation)
        time = format_seconds(missed.actual_s, words, beside=missed.promised_s)
        promised = words.duration(missed.promised_s)
        key = "head.objective_time" if missed.key == "rto" else "head.objective_point"
        return words.say(PHRASES[key], operation=operation, time=time, promised=promised)
    if state.exit_code == ExitCode.CLEANUP_FAILED and state.residue:
        count = len(state.residue)
        return words.say(PHRASES["head.cleanup_one" if count == 1 else "head.cleanup"], count=count)
    if state.exit_code == ExitCode.REFUSED:
        return words.say(PHRASES["head.refused"], operation=operation)
    if state.exit_code == ExitCode.VERIFICATION_FAILED and wrong:
        return words.say(PHRASES["head.verification"], operation=operation, count=wrong, all=len(state.verifications))
    if failed is not None:
        return words.say(PHRASES["head.step"], operation=operation, title=one_line(title_of(failed, words), 120))
    return words.say(PHRASES["head.failed"], operation=operation)


def _service_missing(state: RunState) -> bool:
    return state.operation not in NO_CHANGE and state.clocks.get("clients_verified_at") is None


def _incomplete(state: RunState, words: Words) -> str:
    if state.exit_code == ExitCode.INTERRUPTED:
        return words.say(PHRASES["head.interrupted"], operation=operation_name(state, words))
    missing = len(undone(state.steps.values()))
    key = {0: "head.incomplete_done", 1: "head.incomplete_one"}.get(missing, "head.incomplete")
    return words.say(PHRASES[key], operation=operation_name(state, words), count=missing, all=len(state.steps))


def _unfinished(state: RunState, words: Words) -> str:
    operation = operation_name(state, words)
    waiting = state.steps.get(state.waiting_for) if state.waiting_for is not None else None
    if waiting is not None:
        return words.say(PHRASES["head.waiting"], operation=operation, title=one_line(title_of(waiting, words), 120))
    done = len(state.steps) - len(undone(state.steps.values()))
    return words.say(PHRASES["head.running"], operation=operation, count=done, all=len(state.steps))


def loss(state: RunState, words: Words = ENGLISH) -> str:
    """What users lost of what they had been told was saved: nothing, how much, or that nobody measured it; and which
    workloads came back from a recovery point, as old as that is."""
    return " ".join((_counted_loss(state, words), *older(state, words)))


def older(state: RunState, words: Words) -> Iterable[str]:
    """Of each workload that came back from a recovery point, how old that is: the counted writes say nothing of what was there
    alone."""
    if state.operation != "failover":  # the others carry over what is newer than the point
        return
    disrupted_at = state.clocks.get("disrupted_at")
    points = {step.workload: step.facts["point_at"] for step in state.steps.values() if step.facts.get("point_at")}
    for workload, point_at in points.items():
        at = parse_time(point_at)
        age_s = seconds_between(at, disrupted_at)
        key = "loss.older_untimed" if age_s is None or age_s < 0 else "loss.older"
        yield words.say(PHRASES[key], workload=workload, at=words.moment(at), age=format_seconds(age_s, words))


def _counted_loss(state: RunState, words: Words) -> str:
    acknowledged, lost = state.acknowledged_writes, state.lost_writes
    if lost is None and state.operation in NO_CHANGE:
        return words.say(PHRASES["loss.no_change"])
    if lost is None:
        return words.say(PHRASES["loss.unmeasured"])
    if lost > 0:
        key = "loss.some_uncounted" if acknowledged is None else "loss.some"
        return words.say(PHRASES[key], count=format_count(lost, words), all=format_count(acknowledged, words))
    if acknowledged is None:
        return words.say(PHRASES["loss.unmeasured"])
    if acknowledged == 0:
        return words.say(PHRASES["loss.no_writes"])
    if state.verdict == "passed" and state.exit_code is not None:
        return words.say(PHRASES["loss.none"])
    return words.say(PHRASES["loss.none_count"], all=format_count(acknowledged, words))


def clock_label(key: str, words: Words = ENGLISH, *, operation: str = "") -> str:
    """``Old primary fenced``. A drill has disrupted nothing: its times count as if the site had been lost when it began."""
    return words.say(PHRASES["clock.assumed" if (operation, key) == ("drill", "disrupted_at") else f"clock.{key}"])


def ordered_clocks(state: RunState) -> list[tuple[str, datetime | None]]:
    """The measured clocks by time, then those that a run of this kind has and that were not measured."""
    return [*in_order(state), *((key, None) for key in _missing_clocks(state))]


def _missing_clocks(state: RunState) -> list[str]:
    return [key for key in CLOCKS if state.clocks.get(key) is None and has_clock(state, key)]


def has_clock(state: RunState, key: str) -> bool:
    """Is there such a moment in a run of this kind? A drill moves no door, and where nobody is asked nobody approves."""
    if key in ("declared_at", "started_at", "ended_at"):
        return True
    if key == "approved_at":
        return any(step.action == "own.approve" for step in state.steps.values())
    if key == "detected_at":
        return state.operation == "failover"
    if key in ("fenced_at", "clients_verified_at"):
        return state.operation not in NO_CHANGE
    return state.operation not in ("replicate", "reprotect")


def level_meaning(state: RunState, words: Words = ENGLISH) -> str:
    """``L3: the application served requests on it``."""
    meaning = PHRASES.get(f"level.{state.proof_level}")
    return (
        words.say(PHRASES["level"], level=state.proof_level, meaning=words.say(meaning))
        if meaning
        else state.proof_level
    )


def distance_km(state: RunState) -> float | None:
    """Kilometres between the sites, where known."""
    distance = state.sites.get("distance_km")
    return float(distance) if isinstance(distance, int | float) and not isinstance(distance, bool) else None


def unmeasured(state: RunState, words: Words = ENGLISH) -> list[str]:
    """What this run has no measurement of, one item a line."""
    measured = (
        ("gap.rta", state.rta_s), ("gap.rpa", state.rpa_s), ("gap.downtime", state.client_downtime_s),
        ("gap.acknowledged", state.acknowledged_writes), ("gap.lost", state.lost_writes),
        ("gap.distance", distance_km(state)),
    )  # fmt: skip
    gaps = [words.say(PHRASES[key]) for key, value in measured if value is None]
    if missing := [clock_label(key, words).lower() for key in _missing_clocks(state)]:
        gaps.append(words.say(PHRASES["gap.clocks"], names=", ".join(missing)))
    if steps := undone(state.steps.values()):
        gaps.append(words.say(PHRASES["gap.steps"], names=", ".join(one_line(step.id, 80) for step in steps)))
    for workload, blank in not_verified(state).items():
        kinds = ", ".join(words.retold(one_line(found.kind, 80)) for found in blank)
        gaps.append(words.say(PHRASES["gap.not_verified"], workload=workload, kinds=kinds))
    if not state.verifications:
        gaps.append(words.say(PHRASES["gap.no_verifications"]))
    return gaps


def _workloads_with(state: RunState, *actions: str) -> list[str]:
    """Whose plan has one of these actions, in its order."""
    return list(dict.fromkeys(step.workload for step in state.steps.values() if step.action in actions))


def limits(state: RunState, words: Words = ENGLISH) -> list[str]:
    """What a run of this kind can't show, even when everything was measured."""
    said = [words.say(PHRASES[key]) for key in (f"beyond.{state.operation}",) if key in PHRASES]
    if state.operation == "drill" and state.clocks.get("disrupted_at"):
        said.append(words.say(PHRASES["beyond.assumed"]))
    promoted = _workloads_with(state, "postgres.verify")
    no_day = [
        name for name in _workloads_with(state, "service.verify", "service.verify_copy")
        if name not in _workloads_with(state, "service.rehearse")
    ]  # fmt: skip
    copied = _workloads_with(state, "service.verify_copy")
    unread = _workloads_with(state, "files.restore") if copied else []
    for key, names in (("beyond.promoted", promoted), ("beyond.no_day", no_day), ("beyond.files", unread)):
        if names:
            said.append(words.say(PHRASES[key], names=", ".join(names)))
    if adopted := [one_line(step.id, 80) for step in state.steps.values() if step.adopted]:
        said.append(words.say(PHRASES["beyond.adopted"], names=", ".join(adopted)))
    isolated = [step.facts for step in state.steps.values() if step.action == "site.isolate"]
    if any("network" in facts and facts["network"] is None for facts in isolated):
        said.append(words.say(PHRASES["beyond.outlived"]))
    if any(LEFT_OUT in (found.expected, found.actual) for found in state.verifications):
        said.append(words.say(PHRASES["beyond.left_out"], mark=LEFT_OUT))
    if state.proof_level in LEVELS[:-1]:
        higher = LEVELS[LEVELS.index(state.proof_level) + 1 :]
        said.append(
            words.say(
                PHRASES["beyond.level"],
                level=state.proof_level,
                meaning=words.say(PHRASES[f"level.{state.proof_level}"]),
                higher=", ".join(f"{level} ({words.say(PHRASES[f'level.{level}'])})" for level in higher),
            )
        )
    return said
