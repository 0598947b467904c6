"""The closing lines: how the run ended, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from albus_dr.cli.folding import columns, folded
from albus_dr.cli.live.out import Out
from albus_dr.cli.live.phrases import PHRASES, STYLES
from albus_dr.engine.history import touched
from albus_dr.errors import ExitCode
from albus_dr.journal.state import RunState, StepState
from albus_dr.report.discreet import discreet
from albus_dr.report.findings import (
    Objective,
    format_count,
    format_seconds,
    headline,
    level_meaning,
    objectives,
    one_line,
    over_budget,
    run_mark,
    step_mark,
    troubled,
    verdict_mark,
)
from albus_dr.report.proof import levels, not_verified, with_reasons
from albus_dr.report.words import ENGLISH, Words

ONE_LINE = 2000


def summary(state: RunState, stream: TextIO, *, directory: Path | None = None, words: Words = ENGLISH) -> None:
    """Tell a person how the run ended and what to do next. ``directory``: where its reports may have been written."""
    colour = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ
    width = min(100, columns(stream))
    first = width if stream.isatty() else ONE_LINE  # who searches a log finds the cause on one line
    lines = list(_closing(discreet(state), width, first, directory, words))
    out = Out(stream)
    if not colour:
        out.write("".join(f"{text}\n" for _, text in lines))
        return
    from rich.console import Console
    from rich.text import Text

    file: Any = out
    console = Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for style, text in lines:
        console.print(Text(text, STYLES.get(style, style)))


def how_it_ended(state: RunState, words: Words = ENGLISH) -> str:
    """``passed``, ``failed``…, ``waiting``, ``not ended``: the run in a list of runs."""
    if state.exit_code is not None:
        return words.retold(state.verdict)
    return words.say(PHRASES["run.waiting" if state.waiting_for else "run.not_ended"])


def _closing(
    state: RunState, width: int, first: int, directory: Path | None, words: Words
) -> Iterable[tuple[str, str]]:
    """The cause of a failure first, and what it means after it. It is told once."""
    mark, causes = run_mark(state, words), troubled(state)
    caused = state.verdict == "failed" and bool(state.reason)
    yield "", ""
    for line in _wrapped(
        f"{mark.symbol} {mark.word}. ", words.retold(state.reason) if caused else headline(state, words), first
    ):
        yield mark.tone, line
    if caused and not (state.exit_code == ExitCode.OBJECTIVE_MISSED and over_budget(state)):  # it would say the same
        yield from (("none", line) for line in _wrapped("  ", headline(state, words), width))
    elif (
        not caused
        and state.reason
        and state.verdict != "passed"
        and not any(_tells_of(step, state.reason) for step in causes)
    ):
        yield from (("none", line) for line in _wrapped("  ", words.retold(state.reason), width))
    told = {step.error for step in causes[:1] if caused and step.error and step.error in state.reason}
    hints = {""}
    for number, step in enumerate(causes):
        again = words.say(PHRASES["summary.same"]) if number else ""
        yield from _cause(step, again if step.error in told else step.error or "", width, words)
        if step.hint not in hints:
            said = words.say(PHRASES["summary.hint"], hint=step.hint)
            yield from (("none", line) for line in _wrapped("    ", said, width))
        told.add(step.error or "")
        hints.add(step.hint)
    yield "", ""
    if state.operation not in ("replicate", "reprotect"):
        yield from _figures(state, words, first)
        yield "", ""
    if proved := _proved(state, words):
        yield from (("none", line) for line in _wrapped("    ", proved, width))
    for workload, blank in not_verified(state).items():
        said = words.say(
            PHRASES["summary.not_verified"],
            workload=workload,
            kinds=with_reasons(blank, words),
        )
        yield from (("warn", line) for line in _wrapped("    ", said, width))
    if proved:
        yield "", ""
    for item in state.residue:
        yield from (
            ("bad", line) for line in _wrapped(f"  {words.say(PHRASES['summary.residue'])} ", words.retold(item), width)
        )
    for note in state.notes:
        yield from (("quiet", line) for line in _wrapped("  ", words.retold(note), width))
    if state.residue or state.notes:
        yield "", ""
    written = directory / "report.html" if directory else None
    shown = str(written) if written and written.exists() else words.say(PHRASES["summary.report"], run=state.run)
    yield from (("none", line) for line in _labelled(words.say(PHRASES["summary.reports"]), shown, first))
    if command := _next(state, words):
        yield from (("bold", line) for line in _labelled(words.say(PHRASES["summary.next"]), command, first))


def _proved(state: RunState, words: Words) -> str:
    """``Proof level L3: the application served requests on it``, and of which workloads it is another one."""
    if state.operation in ("replicate", "reprotect") or state.exit_code is None:
        return ""
    others = [f"{name} {level}" for name, level in levels(state).items() if level != state.proof_level]
    said = words.say(PHRASES["summary.proof"], level=level_meaning(state, words))
    return f"{said}{words.also}{', '.join(others)}" if others else said


def _tells_of(step: StepState, reason: str) -> bool:
    return bool(step.error) and reason.endswith(f"{step.id} failed: {step.error}")


def _cause(step: StepState, why: str, width: int, words: Words) -> Iterable[tuple[str, str]]:
    said = step_mark(step.status, words=words)
    if why or not step.error:
        yield from ((said.tone, line) for line in _wrapped(f"  {said.symbol} {step.id} {said.word}: ", why, width))


def _labelled(label: str, text: str, width: int) -> list[str]:
    """What somebody may want to copy: whole, and on a line of its own where it does not fit beside its label."""
    line = f"  {label:<8}{one_line(text)}"
    return [line] if len(line) <= width else [f"  {label}", *folded(one_line(text), width, first="    ", rest="    ")]


def _wrapped(lead: str, text: str, width: int) -> list[str]:
    """Lines of at most ``width``, or of one longer word; the first begins with the lead, the others are set in below it."""
    indent = " " * (len(lead) - len(lead.lstrip()) + 2)
    return folded(lead.lstrip() + one_line(text, 1000), max(40, width), first=indent[2:], rest=indent)


def _figures(state: RunState, words: Words, width: int) -> Iterable[tuple[str, str]]:
    time, point = objectives(state)
    names = ("summary.time", "summary.point", "summary.downtime", "summary.lost")
    wide = max(16, *(len(words.say(PHRASES[name])) for name in names))
    for name, objective in (("summary.time", time), ("summary.point", point)):
        mark = verdict_mark(objective.verdict, words)
        lead = f"  {mark.symbol} {words.say(PHRASES[name]):<{wide}} "
        found = format_seconds(objective.actual_s, words, beside=objective.promised_s)
        yield from ((mark.tone, line) for line in _figure(lead, found, _margin(objective, words), width))
    yield (
        "none",
        f"    {words.say(PHRASES['summary.downtime']):<{wide}} {format_seconds(state.client_downtime_s, words)}",
    )
    more = ""
    if state.acknowledged_writes is not None:
        more = words.say(PHRASES["summary.writes"], count=format_count(state.acknowledged_writes, words))
    lead, lost = f"    {words.say(PHRASES['summary.lost']):<{wide}} ", format_count(state.lost_writes, words)
    tone = "bad" if state.lost_writes else "none"
    yield from ((tone, line) for line in _figure(lead, lost, more, width))


def _figure(lead: str, found: str, more: str, width: int) -> list[str]:
    """What was measured, and what it is held against: beside it, or below it where there is no room for that."""
    line = f"{lead}{found:<13} {more}".rstrip()
    return [line] if len(line) <= width else [f"{lead}{found}", *folded(more, width, first=" " * 8, rest=" " * 8)]


def _margin(objective: Objective, words: Words) -> str:
    promised = words.duration(objective.promised_s)
    if objective.margin_s is None:
        return words.say(PHRASES["summary.promised"], promised=promised)
    if objective.stricter_missed:
        return words.say(PHRASES["summary.stricter"], promised=promised)
    key = "summary.margin" if objective.margin_s >= 0 else "summary.missed"
    return words.say(PHRASES[key], promised=promised, margin=words.duration(abs(objective.margin_s)))


def _next(state: RunState, words: Words) -> str:
    """The command that lets the run go on; empty where there is none."""
    waiting = state.steps.get(state.waiting_for) if state.waiting_for is not None else None
    if waiting is not None and waiting.status in ("waiting", "unknown"):
        key = "next.approve" if waiting.status == "waiting" else "next.decide"
        return words.say(PHRASES[key], run=state.run, step=waiting.id)
    if state.exit_code is None:
        return words.say(PHRASES["next.watch"], run=state.run)
    if "cleanup" in state.steps and state.steps["cleanup"].status == "succeeded":
        return ""  # what the drill restored is gone: there is nothing to go on with
    told = " ".join(step.hint for step in state.steps.values() if step.status == "failed")
    if f"albus-dr abort {state.run}" in told and f"albus-dr resume {state.run}" not in told:
        return ""
    goes_on = state.exit_code in (ExitCode.STEP_FAILED, ExitCode.INTERRUPTED, ExitCode.WAITING)
    half_way = state.exit_code in (ExitCode.NOT_READY, ExitCode.VERIFICATION_FAILED) and touched(state)
    if goes_on or half_way:
        return words.say(PHRASES["next.resume"], run=state.run)
    return ""
