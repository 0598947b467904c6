"""No answer of a database or an application that may name somebody is in a report; the machine's JSON has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from albus_dr.journal.state import RunState, VerificationState
from albus_dr.report import FORMATS
from albus_dr.report.discreet import LEFT_OUT, discreet
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
        ("GET /agenda", "status 200, length(a) > `0`", "status 200, length(a) > `0`", True),
        ("GET /agenda", "status 200, length(a) > `0`", "status 503", True),
        ("GET /agenda", "status 200", "status 302 (redirects are not followed)", True),
        ("GET /agenda", "status 200, length(a) > `0`", "length(a) > `0` is not true", True),
        ("GET /agenda", "status 200, contains 'Agenda'", "the body does not contain 'Agenda'", True),
        ("GET /agenda", "status 200", "http://127.0.0.1:8/agenda does not answer: timed out", True),
        ("GET /patients/1", "status 200", f"status 500: row of {PATIENT}", False),
        ("GET /patients/1", "status 200", f"the expression can't be applied: {PATIENT} is no number", False),
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


def test_a_run_without_such_answers_is_left_alone() -> None:
    assert all(discreet(state) is state for state in (make() for make in ALL.values()))
