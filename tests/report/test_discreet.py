"""No answer of a database or an application that may name somebody is in a report; the machine's JSON has it."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from albus_dr.cli.live import screen_for, summary
from albus_dr.journal.event import Event
from albus_dr.journal.state import RunState, VerificationState
from albus_dr.journal.texts import LEFT_OUT
from albus_dr.report import FORMATS
from albus_dr.report.discreet import Discretion, discreet
from albus_dr.report.french import FRENCH
from albus_dr.report.words import ENGLISH
from tests.report.run_states import ALL, failed_drill

PATIENT = "Zéphyrine Quarkmarten"


def told_too_much() -> RunState:
    """A drill in which an answer names a patient, and the step's error and the run's reason repeat it."""
    state = failed_drill()
    kind = "SELECT name FROM patient LIMIT 1"
    state.verifications.append(
        VerificationState("patients.verify", "patients", kind, PATIENT, f"{PATIENT} 2", "failed")
    )
    error = f"patients: {kind}: expected {PATIENT}, found {PATIENT} 2"
    state.steps["patients.verify"].error = error
    state.reason = f"patients.verify failed: {error}"
    state.notes = [f"looked at {PATIENT}"]
    return state


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
@pytest.mark.parametrize("form", [name for name in FORMATS if name != "json"])
def test_no_report_for_people_names_a_patient(form: str, words: Any) -> None:
    text = FORMATS[form](told_too_much(), words)
    assert "Quarkmarten" not in text
    assert LEFT_OUT in text.replace("\\", "")
    assert "3871" in text, "what is known to be harmless stays"


def test_the_json_has_everything() -> None:
    assert PATIENT in json.dumps(json.loads(FORMATS["json"](told_too_much())), ensure_ascii=False)


@pytest.mark.parametrize(
    ("kind", "expected", "actual", "shown"),
    [
        ("SELECT count(*) FROM patient", "4000", "3999", True),
        ("select max(day) > now() from visit", "t", "f", True),
        ("SELECT name FROM patient", "the manifest", "no recovery point has an answer to compare with", True),
        ("WITH x AS (SELECT 1) SELECT name FROM x", "Zoe", "Zoe", False),
        ("SELECT phone FROM patient", "0612345678", "0612345678", False),
        ("SELECT phone FROM patient", "06 12 34 56 78", "06 12 34 56 78", False),
        ("SELECT nir FROM patient", "1 85 05 78 006 084 36", "1 85 05 78 006 084 36", False),
        ("SELECT 1, 2", "1, 2", "1, 2", False),
        ("SELECT 1", "2026-01-01 04:00:00+00", "2026-01-02 04:00:00+00", True),
        ("GET /agenda", "status 200, length(a) > `0`", "status 200, length(a) > `0`", True),
        ("GET /agenda", "status 200, length(a) > `0`", "status 503", True),
        ("GET /agenda", "status 200", "status 302 (redirects are not followed)", True),
        ("GET /agenda", "status 200, length(a) > `0`", "length(a) > `0` is not true", True),
        ("GET /agenda", "status 200, contains 'Agenda'", "the body does not contain 'Agenda'", True),
        ("GET /agenda", "status 200", "http://127.0.0.1:8/agenda does not answer: timed out", True),
        (
            "GET /agenda",
            "status 200",
            "http://127.0.0.1:8/agenda does not answer at bordeaux: curl: (28) timed out",
            True,
        ),
        ("GET /patients/1", "status 200", f"status 500: row of {PATIENT}", False),
        ("GET /patients/1", "status 200", f"the expression can't be applied: {PATIENT} is no number", False),
        ("GET /patients/1", "status 200", "the expression can't be applied: length(): JMESPathTypeError", True),
        ("GET /patients/1", "status 200", "the expression can't be applied: the body is nested too deeply", True),
        ("GET /a/{x}", "status 200, gives b[0].c", "b[0].c is neither text nor a number", True),
        ("GET /a/{x}", "status 200, gives b[0].c", "b[0].c is null", True),
        ("GET /a/{x}", "status 200", "not asked: an earlier answer was wrong", True),
        ("POST /visits", "status 201", "no answer", True),
        ("POST /visits", "status 201", f"status 500: row of {PATIENT}", False),
        ("SHA-256 of 3 files", "3 equal", "1 differ, the first: file with name's SHA-256 0011223344556677", True),
    ],
)
def test_what_may_be_shown(kind: str, expected: str, actual: str, shown: bool) -> None:
    state = failed_drill()
    state.verifications = [VerificationState("patients.verify", "patients", kind, expected, actual, "failed")]
    assert (discreet(state).verifications[0].actual == actual) is shown
    if kind.startswith(("GET ", "POST ")):
        assert discreet(state).verifications[0].expected == expected, "the runbook's own words"


@pytest.mark.parametrize(
    "question",
    [
        "-- the last visit's patient\nSELECT name FROM visit", "/* who */ SELECT name FROM visit", "; (select name from visit)",
        "--\n/* a\n b */\n  WITH last AS (VALUES (1)) SELECT name FROM visit", "EXPLAIN ANALYZE SELECT 1", "execute newest",
        "UPDATE visit SET seen = true RETURNING name", "SET search_path = clinic; SELECT name FROM visit",
        "BEGIN; SELECT name FROM visit", "declare c cursor for select 1; fetch c", "\\pset null x\nSELECT name FROM visit",
    ],
)  # fmt: skip
def test_a_question_is_one_whatever_it_begins_with(question: str) -> None:
    state = told_too_much()
    state.verifications[-1] = replace(state.verifications[-1], kind=question)
    assert PATIENT not in repr(discreet(state))


def test_a_run_without_such_answers_is_left_alone() -> None:
    assert all(discreet(state) is state for state in (make() for make in ALL.values()))


def events_of(state: RunState) -> list[Event]:
    """The events that end such a drill, as its journal has them."""
    told = [asdict(each) for each in state.verifications if each.step == "patients.verify"]
    step = state.steps["patients.verify"]
    ended: list[tuple[str, str, dict[str, Any]]] = [
        ("StepFailed", step.id, {"error": step.error, "hint": "", "verifications": told, "duration_s": 1.0}),
        ("RunEnded", "", {"verdict": "failed", "exit_code": 5, "reason": state.reason}),
    ]
    return [
        Event(state.run, seq, kind, step_id, "2026-01-31T09:14:05Z", 0.0, data, "", "")
        for seq, (kind, step_id, data) in enumerate(ended)
    ]


@pytest.mark.parametrize("verbose", [False, True])
def test_the_lines_of_a_run_that_goes_on_name_no_patient(verbose: bool) -> None:
    stream = io.StringIO()
    with screen_for(stream, verbose=verbose) as screen:
        for event in events_of(told_too_much()):
            screen.on_event(event)
    assert "Quarkmarten" not in stream.getvalue()
    assert f"FAILED after 1.0 s: patients: SELECT name FROM patient LIMIT 1: expected {LEFT_OUT}" in stream.getvalue()


def test_a_reason_that_comes_alone_repeats_no_answer() -> None:
    failed, ended = events_of(told_too_much())
    discretion = Discretion()
    discretion.of(failed)
    assert "Quarkmarten" not in discretion.of(ended).data["reason"]


@pytest.mark.parametrize("garbled", [None, 3, "text", ["text", None, {"kind": 5}]])
def test_a_garbled_event_is_shown_all_the_same(garbled: object) -> None:
    event = replace(events_of(told_too_much())[0], data={"verifications": garbled, "error": "it said no"})
    assert Discretion().of(event).data["error"] == "it said no"


def test_the_closing_lines_name_no_patient() -> None:
    stream = io.StringIO()
    summary(told_too_much(), stream)
    assert "Quarkmarten" not in stream.getvalue()
    assert f"found {LEFT_OUT}" in stream.getvalue()
