"""How far the proof of a run goes, workload by workload, and what nobody verified."""

from __future__ import annotations

from albus_dr.journal.proof import workload_levels
from albus_dr.journal.state import RunState, VerificationState
from albus_dr.report.phrases import PHRASES
from albus_dr.report.words import ENGLISH, Words

NOTHING = "–"


def levels(state: RunState) -> dict[str, str]:
    """The proof level of each workload, by its name."""
    return workload_levels(state, passed=state.verdict == "passed")


def not_verified(state: RunState) -> dict[str, list[VerificationState]]:
    """By workload: the comparisons that ended neither way."""
    found: dict[str, list[VerificationState]] = {}
    for one in state.verifications:
        if one.verdict not in ("passed", "failed"):
            found.setdefault(one.workload, []).append(one)
    return found


def proof(state: RunState, words: Words = ENGLISH) -> list[tuple[str, str, str, str]]:
    """Of each workload: its name, what was proved of it, how many comparisons passed, and what was not verified and why."""
    blank = not_verified(state)
    rows = []
    for name, level in levels(state).items():
        mine = [found.verdict for found in state.verifications if found.workload == name]
        count, everything = words.number(mine.count("passed")), words.number(len(mine))
        passed = words.say(PHRASES["proof.passed"], count=count, all=everything) if mine else NOTHING
        meaning = words.say(PHRASES["level"], level=level, meaning=words.say(PHRASES[f"level.{level}"]))
        missing = with_reasons(blank.get(name, []), words)
        rows.append((name, meaning, passed, missing or NOTHING))
    return rows


def with_reasons(blank: list[VerificationState], words: Words = ENGLISH) -> str:
    """``collations, settings (older than this comparison)``: what was not verified, and why."""
    by_reason: dict[str, list[str]] = {}
    for one in blank:
        by_reason.setdefault(words.retold(one.actual), []).append(words.retold(one.kind))
    said = [(", ".join(kinds), reason) for reason, kinds in by_reason.items()]
    return words.also.join(
        words.say(PHRASES["proof.missing"], kind=kinds, reason=reason) if reason else kinds for kinds, reason in said
    )
