"""The proof level of each workload, and what was not verified with its reason, wherever a run is told."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from albus_dr.cli.live import summary
from albus_dr.journal.state import RunState, VerificationState
from albus_dr.report import FORMATS, json, markdown
from albus_dr.report.findings import limits
from albus_dr.report.french import FRENCH
from tests.report.run_states import failed_drill, passed

REASON = "pg_amcheck had not ended after 4 h"


def blank_in_a_pass() -> str:
    """The text that closes a run in which one comparison was not made."""
    stream = io.StringIO()
    summary(with_a_blank(), stream)
    return stream.getvalue()


def with_a_blank() -> RunState:
    state = passed()
    state.verifications.append(
        VerificationState("patients.verify", "patients", "pg_amcheck", "no damage", REASON, "not_evaluated")
    )
    return state


def test_in_json() -> None:
    assert json.run_document(passed())["proof_levels"] == {
        "patients": "L4", "documents": "L4", "application": "L4", "door": "L4",
    }  # fmt: skip
    document = json.run_document(failed_drill())
    assert (document["proof_level"], document["proof_levels"]) == (
        "L1", {"patients": "L1", "documents": "L0", "application": "L0"},
    )  # fmt: skip


def test_in_markdown_and_html() -> None:
    text = markdown.render(with_a_blank())
    assert (
        "| patients | L4: a real change of primary | 2 of 3 passed | pg\\_amcheck (pg\\_amcheck had not ended after 4 h) |"
        in text
    )
    assert "- Not measured: patients, not verified: pg\\_amcheck" in text
    page = FORMATS["html"](with_a_blank())
    assert f"pg_amcheck ({REASON})" in page
    assert "patients, not verified: pg_amcheck" in page
    assert "(pg\\_amcheck n'avait pas fini après" in markdown.render(with_a_blank(), FRENCH)


def test_on_a_terminal() -> None:
    said = "    Proof level L4: a real change of primary\n    Not verified of patients: pg_amcheck (pg_amcheck had not ended "
    assert said in blank_in_a_pass()
    stream = io.StringIO()
    summary(failed_drill(), stream)
    assert "Proof level L1: checked by a probe; documents L0, application L0\n" in stream.getvalue()
    assert "Not verified of documents: SHA-256 of 812 files\n" in stream.getvalue()


def test_a_change_of_primary_says_what_it_does_not_compare() -> None:
    said = limits(passed())
    (database,) = (each for each in said if "pg_amcheck" in each)
    assert database.startswith("Of a promoted database (patients) ")
    assert any("day's work" in each and "(application)" in each for each in said)
    drill = passed()
    drill.steps = {id_: replace(step, action="postgres.compare") for id_, step in drill.steps.items()}
    assert not any("pg_amcheck" in each or "day's work" in each for each in limits(drill))


@pytest.mark.parametrize("rehearses", [True, False])
def test_a_drill_whose_runbook_asks_for_no_days_work_says_that_none_was_tried(rehearses: bool) -> None:
    """What was never begun is in no list of what was not verified."""
    drill = failed_drill()
    step = next(iter(drill.steps.values()))
    for action in ("verify_copy", "rehearse") if rehearses else ("verify_copy",):
        id_ = f"application.{action}"
        drill.steps[id_] = replace(step, id=id_, workload="application", action=f"service.{action}")
    assert any("day's work" in each and "(application)" in each for each in limits(drill)) is not rehearses


@pytest.mark.parametrize(("facts", "said"), [({"network": None}, True), ({"network": {"pid": 1}}, False), ({}, False)])
def test_a_drill_in_the_hosts_network_says_what_may_have_outlived_it(facts: dict[str, object], said: bool) -> None:
    drill = failed_drill()
    step = next(iter(drill.steps.values()))
    drill.steps["isolate"] = replace(step, id="isolate", action="site.isolate", facts=facts)
    assert any("outlived the cleanup" in each for each in limits(drill)) is said
    assert any("survécu au nettoyage" in each for each in limits(drill, FRENCH)) is said
