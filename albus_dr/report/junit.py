"""A run as JUnit XML, so that a CI server shows it like its other tests.

One suite per run; one case per step, verification, objective and budget, and one for the verdict of the whole: a run whose
steps were skipped has nothing red among its steps, and must not look green. A step that could not do its work is an
error; a comparison that came out wrong is a failure; what did not happen or was not measured is skipped.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from albus_dr.journal.stages import Stage, stages
from albus_dr.journal.state import RunState, StepState, VerificationState
from albus_dr.report.findings import (
    Objective,
    budget_sentence,
    clock_start,
    format_seconds,
    headline,
    objectives,
    printable,
    seconds_between,
)
from albus_dr.report.phrases import NOT_MEASURED
from albus_dr.units import format_duration, rfc3339

PHRASES = {
    "step_error": "the step failed",
    "step_unknown": "it is not known whether the step was done",
    "step_not_done": "the step was not done: {status}",
    "expected": "expected {expected}, found {actual}",
    "objective": "promised within {promised}, measured {actual}",
    "unfinished": "the run has not ended",
    "residue": "left behind: {residue}",
}


def render(state: RunState) -> str:
    """The XML document as text. It is well-formed whatever the state's strings hold."""
    suite = ET.Element("testsuite", name=printable(f"albus-dr {state.operation} {state.runbook}"))
    for step in state.steps.values():
        _step(suite, state, step)
    for number, found in enumerate(state.verifications, 1):
        _verification(suite, state, number, found)
    for objective in objectives(state):
        _objective(suite, state, objective)
    for stage in stages(state):
        if stage.budget_s is not None:
            _budget(suite, state, stage)
    _verdict(suite, state)
    for outcome in ("failure", "error", "skipped"):
        plural = {"failure": "failures", "error": "errors", "skipped": "skipped"}[outcome]
        suite.set(plural, str(sum(case.find(outcome) is not None for case in suite)))
    suite.set("tests", str(len(suite)))
    begin = state.clocks.get("started_at") or clock_start(state)
    took_s = seconds_between(begin, state.clocks.get("ended_at"))
    if begin is not None:
        suite.set("timestamp", rfc3339(begin, "seconds"))
    if took_s is not None:
        suite.set("time", f"{took_s:.3f}")
    suite.insert(0, _properties(state))
    suites = ET.Element("testsuites", {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")})
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _properties(state: RunState) -> ET.Element:
    properties = ET.Element("properties")
    for name, value in (
        ("run", state.run), ("plan_digest", state.plan_digest), ("verdict", state.verdict),
        ("proof_level", state.proof_level), ("source", state.source), ("target", state.target),
        ("last_hash", state.last_hash),
    ):  # fmt: skip
        ET.SubElement(properties, "property", name=name, value=printable(value))
    return properties


def _case(suite: ET.Element, state: RunState, group: str, name: str) -> ET.Element:
    classname = printable(f"{state.runbook}.{state.operation}.{group}")
    return ET.SubElement(suite, "testcase", classname=classname, name=printable(name))


def _say(case: ET.Element, outcome: str, message: str, detail: str = "") -> None:
    ET.SubElement(case, outcome, message=printable(message)).text = printable(detail) or None


def _step(suite: ET.Element, state: RunState, step: StepState) -> None:
    case = _case(suite, state, "steps", step.id)
    if step.duration_s is not None:
        case.set("time", f"{step.duration_s:.3f}")
    match step.status:
        case "succeeded":
            pass
        case "failed":
            _say(case, "error", step.error or PHRASES["step_error"], step.hint)
        case "unknown":
            _say(case, "error", PHRASES["step_unknown"], "\n".join(filter(None, (step.error, step.hint))))
        case _:
            _say(case, "skipped", PHRASES["step_not_done"].format(status=step.status), step.error or "")


def _verification(suite: ET.Element, state: RunState, number: int, found: VerificationState) -> None:
    # The number keeps two equal questions apart: CI servers join cases of one name.
    case = _case(suite, state, "verifications", f"{number} {found.workload} {found.kind}")
    message = PHRASES["expected"].format(expected=found.expected, actual=found.actual)
    if found.verdict == "failed":
        _say(case, "failure", message)
    elif found.verdict != "passed":
        _say(case, "skipped", f"{found.verdict}: {message}")


def _objective(suite: ET.Element, state: RunState, objective: Objective) -> None:
    case = _case(suite, state, "objectives", objective.key.upper())
    if objective.verdict == "failed":
        promised = format_duration(objective.promised_s)
        actual = format_seconds(objective.actual_s, beside=objective.promised_s)
        detail = state.reason if objective.stricter_missed else ""
        _say(case, "failure", PHRASES["objective"].format(promised=promised, actual=actual), detail)
    elif objective.verdict == "not_evaluated":
        _say(case, "skipped", NOT_MEASURED)


def _budget(suite: ET.Element, state: RunState, stage: Stage) -> None:
    case = _case(suite, state, "budgets", stage.clock.removesuffix("_at"))
    case.set("time", f"{stage.took_s:.3f}")
    if stage.is_over:
        _say(case, "failure", budget_sentence(stage))


def _verdict(suite: ET.Element, state: RunState) -> None:
    case = _case(suite, state, "run", "verdict")
    if state.exit_code is None:
        _say(case, "skipped", PHRASES["unfinished"])
    elif state.verdict != "passed":
        left = PHRASES["residue"].format(residue="; ".join(state.residue)) if state.residue else ""
        _say(case, "failure", headline(state), "\n".join(filter(None, (state.reason, left))))
