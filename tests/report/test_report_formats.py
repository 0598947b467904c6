"""JSON for scripts, JUnit for CI, Markdown for tickets."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import albus_dr.journal
from albus_dr.cli.live import summary
from albus_dr.journal.stages import stages
from albus_dr.journal.state import RunState
from albus_dr.report import FORMATS
from albus_dr.report import json as report_json
from albus_dr.report.findings import budget_sentence, headline, loss, printable
from albus_dr.report.findings import unmeasured as gaps
from albus_dr.report.french import FRENCH
from albus_dr.report.words import ENGLISH, Words
from tests.report.run_states import (
    ALL,
    bare,
    failed_drill,
    in_progress,
    lost_promised,
    over_budget,
    passed,
    too_late,
    unmeasured,
)

SCHEMA = Path(albus_dr.journal.__file__).with_name("run.schema.json")
KEYS = {
    "schema", "run", "runbook", "operation", "scenario", "plan_digest", "verdict", "exit_code", "proof_level",
    "objectives", "actuals", "clocks", "steps", "verifications", "residue", "resumed",
}  # fmt: skip
ACTUALS = {"rta_s", "rpa_s", "client_downtime_s", "acknowledged_writes", "lost_writes"}
CLOCKS = {
    "disrupted_at", "detected_at", "declared_at", "started_at", "approved_at", "fenced_at", "data_recovered_at", "service_verified_at",
    "clients_verified_at", "ended_at",
}  # fmt: skip
STEP = {
    "id", "workload", "site", "action", "status", "started_at", "ended_at", "duration_s", "attempts", "error",
}  # fmt: skip


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_json_holds_what_scripts_rely_on(make: Any) -> None:
    document = json.loads(report_json.render(make()))
    assert set(document) >= KEYS
    assert document["schema"] == "albus-dr/run/1"
    assert set(document["actuals"]) >= ACTUALS
    assert set(document["clocks"]) == CLOCKS
    assert {"rto_s", "rpo_s"} <= set(document["objectives"])
    assert all(set(step) >= STEP for step in document["steps"])
    assert all({"workload", "kind", "expected", "actual", "verdict"} <= set(f) for f in document["verifications"])


@pytest.mark.skipif(not SCHEMA.exists(), reason="the schema of a run is not in the package")
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_json_meets_its_published_schema(make: Any) -> None:
    jsonschema.validate(report_json.run_document(make()), json.loads(SCHEMA.read_text()))


def test_json_leaves_the_unmeasured_null() -> None:
    document = report_json.run_document(unmeasured())
    assert {document["actuals"][key] for key in ACTUALS} == {None}
    assert set(document["clocks"].values()) == {None}
    assert report_json.run_document(in_progress())["exit_code"] is None


def test_json_times_are_utc_and_seconds_are_rounded_to_milliseconds() -> None:
    document = report_json.run_document(passed())
    assert document["clocks"]["clients_verified_at"] == "2026-01-31T09:14:05.430Z"
    assert document["actuals"]["rta_s"] == 2.31
    assert document["actuals"]["rpa_s"] == 0.042
    paris = datetime(2026, 1, 31, 10, 14, 3, tzinfo=timezone(timedelta(hours=1)))
    state = passed()
    state.clocks["declared_at"] = paris
    assert report_json.run_document(state)["clocks"]["declared_at"] == "2026-01-31T09:14:03.000Z"


def suite(state: RunState) -> ET.Element:
    root = ET.fromstring(FORMATS["junit"](state))
    found = root.find("testsuite")
    assert found is not None
    return found


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_junit_counts_what_it_holds(make: Any) -> None:
    state = make()
    found = suite(state)
    cases = found.findall("testcase")
    budgets = sum(stage.budget_s is not None for stage in stages(state))
    assert len(cases) == len(state.steps) + len(state.verifications) + 2 + budgets + 1
    assert found.get("tests") == str(len(cases))
    for outcome, total in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert found.get(total) == str(len(found.findall(f"testcase/{outcome}")))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(names) == len(set(names))


def test_junit_of_a_passed_run_is_green() -> None:
    found = suite(passed())
    assert (found.get("failures"), found.get("errors"), found.get("skipped")) == ("0", "0", "0")


def test_junit_tells_errors_failures_and_skips_apart() -> None:
    found = suite(failed_drill())
    outcome = {case.get("name"): [child.tag for child in case] for case in found.findall("testcase")}
    assert outcome["documents.restore"] == ["error"]
    assert outcome["patients.verify"] == ["error"]
    assert outcome["application.start"] == ["skipped"]
    assert outcome["1 patients SELECT count(*) FROM patient"] == ["failure"]
    assert outcome["2 documents SHA-256 of 812 files"] == ["skipped"]
    assert outcome["RTO"] == ["skipped"]
    assert outcome["verdict"] == ["failure"]


def test_junit_is_red_when_steps_were_skipped_and_nothing_failed() -> None:
    state = replace(passed(), verdict="incomplete", exit_code=4)
    state.steps["door.switch"].status = "skipped"
    assert suite(state).get("failures") == "1"


def test_junit_marks_a_missed_objective() -> None:
    case = suite(too_late()).find("testcase[@name='RTO']/failure")
    assert case is not None
    assert case.get("message") == "promised within 4 h, measured 5 h 10 min"


def test_a_budget_that_was_exceeded_is_said_everywhere() -> None:
    state = over_budget()
    said = (
        "Approved came 25 min after the clock before it; its budget is 15 min. Most of it: The director agrees, 25 min."
    )
    assert headline(state).startswith(f"Failover is over a budget. {said}")
    assert said in FORMATS["html"](state)
    assert said in FORMATS["markdown"](state)
    case = suite(state).find("testcase[@name='approved']/failure")
    assert case is not None
    assert case.get("message") == said
    document = report_json.run_document(state)
    assert document["waited_s"] == 1500.0
    assert {"clock": "approved_at", "after": "started_at", "took_s": 1500.01, "budget_s": 900.0} in document["stages"]


def test_lost_writes_that_were_promised_are_said_everywhere_and_are_no_missed_recovery_point() -> None:
    state = lost_promised()
    assert headline(state).startswith("Failover lost writes that synchronous replication was to keep. ")
    assert "des écritures que la réplication synchrone devait garder sont perdues" in headline(state, FRENCH)
    for form in ("html", "markdown", "github"):
        assert "Failover lost writes" in FORMATS[form](state), form
    assert "workload missed" not in FORMATS["html"](state)
    cases = suite(state)
    assert cases.find("testcase[@name='RPO']/failure") is None
    assert cases.find("testcase[@name='verdict']/failure") is not None
    assert "RPO missed" not in FORMATS["github"](state)


def test_an_annotation_says_why_where_no_step_does() -> None:
    state = passed()
    state.verdict, state.exit_code, state.reason = (
        "incomplete",
        4,
        "patients: the age of its newest write was not measured",
    )
    assert "::error title=Why::patients: the age of its newest write was not measured\n" in FORMATS["github"](state)
    assert "title=Why" not in FORMATS["github"](failed_drill())
    assert "title=Why" not in FORMATS["github"](over_budget())


def test_a_budget_is_no_missed_recovery_point() -> None:
    assert "workload missed" not in FORMATS["html"](over_budget())


def test_markdown_tables_keep_their_columns_whatever_the_cells_hold() -> None:
    state = passed()
    state.verifications[2].expected = "a | b\n| c"
    lines = [line for line in FORMATS["markdown"](state).splitlines() if line.startswith("|")]
    assert any(r"a \| b \| c" in line for line in lines)
    row = next(line for line in lines if r"a \| b" in line)
    assert len([1 for before, mark in pairwise(row) if mark == "|" and before != "\\"]) == 5


def test_annotations_name_each_cause_and_nothing_in_a_text_is_a_command() -> None:
    state = failed_drill()
    state.steps["documents.restore"].error = "100% wrong\n::error::forged\r::add-mask::x"
    lines = FORMATS["github"](state).splitlines()
    assert lines[0].startswith("::error title=Drill of albus%3A failed::Drill failed at “Restore documents")
    assert (
        "::error title=documents.restore failed::100%25 wrong%0A::error::forged::add-mask::x%0AWhat to do: "
        in lines[2] + lines[1]
    )
    assert all(line.startswith(("::error title=", "::warning title=")) for line in lines)
    assert next(line for line in lines if "patients%3A SELECT count(*) FROM patient" in line).endswith(
        "::expected 4000, found 3871"
    )
    assert any(line.startswith("::error title=Left behind::bordeaux: /var") for line in lines)
    assert FORMATS["github"](passed()).startswith("::notice title=Failover of albus%3A passed::Service was back")


def test_markdown_says_what_to_do() -> None:
    text = FORMATS["markdown"](failed_drill())
    assert "# ✗ Failed: Drill failed at" in text
    assert "Next: compare the file" in text
    assert text.count("not measured") > 5


@pytest.mark.parametrize(
    ("acknowledged", "lost", "said"),
    [
        (None, None, "What users lost was not measured."),
        (None, 0, "What users lost was not measured."),
        (0, 0, "Users saved nothing while this was watched, so loss was not put to the test."),
        (10, 0, "Nothing that users had been told was saved is lost."),
        (1204, 3, "3 of the 1,204 writes that users had been told were saved are lost."),
        (None, 3, "3 writes that users had been told were saved are lost."),
    ],
)
def test_loss_is_nothing_only_where_writes_were_counted(acknowledged: int | None, lost: int | None, said: str) -> None:
    assert loss(replace(passed(), acknowledged_writes=acknowledged, lost_writes=lost)) == said


def test_what_came_back_from_a_recovery_point_is_named_beside_what_was_counted() -> None:
    state = passed()
    state.steps["documents.restore"].facts = {"point_at": "2026-01-31T09:13:03.120000+00:00"}
    said = (
        "Nothing that users had been told was saved is lost. documents came back as of 2026-01-31 09:13:03.120 UTC, 1 min "
        "before the disruption: what was newer, and only there, is not back."
    )
    assert loss(state) == said
    assert headline(state).endswith(said)
    assert said in FORMATS["markdown"](state)
    html = FORMATS["html"](state)
    title, _, after_it = html.partition("</h1>")
    assert "came back as of" not in title.rpartition("<h1>")[2]
    assert "documents came back as of" in after_it.partition("</header>")[0]
    assert "documents" not in loss(replace(state, operation="switchover"))  # that carries over what is newer
    undated = replace(state, clocks={**state.clocks, "disrupted_at": None})
    assert "documents came back as of 2026-01-31 09:13:03.120 UTC: what was newer" in loss(undated)


def test_headline_of_a_passed_run_without_a_measured_time_does_not_claim_one() -> None:
    said = headline(replace(passed(), rta_s=None))
    assert "not measured" in said
    assert "back" not in said


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("drill", "The drill passed: the restored data were verified after "),
        ("failover", "The data were verified at bordeaux after "),
    ],
)
def test_headline_of_a_runbook_without_an_application_claims_no_service(operation: str, said: str) -> None:
    state = replace(passed(), operation=operation)
    state.clocks |= {"service_verified_at": None, "clients_verified_at": None}
    assert headline(state).startswith(said)
    assert "back" not in headline(state)


def test_headline_of_a_failed_failover_says_that_service_is_missing() -> None:
    state = replace(bare(), verdict="failed", exit_code=4)
    state.steps["patients.promote"].status = "failed"
    assert (
        headline(state) == "Failover failed at “Promote patients at bordeaux”. Service was not seen working for users."
    )


def test_skipped_steps_are_counted_in_an_incomplete_run() -> None:
    state = replace(passed(), verdict="incomplete", exit_code=4)
    state.steps["door.switch"].status = "skipped"
    assert headline(state) == "Failover is incomplete: 1 of 9 steps was not done."
    assert any("door.switch" in gap for gap in gaps(state))


def test_printable_keeps_letters_and_drops_what_terminals_obey() -> None:
    assert printable("é\u202e\x1b[2Jx\x9b1m\t\ud800\ufffe\n") == "é[2Jx1m\t\n"


@pytest.mark.parametrize("form", ["html", "markdown"])
def test_a_drill_says_that_its_disruption_is_assumed(form: str) -> None:
    drill = failed_drill()
    drill.clocks["disrupted_at"] = drill.clocks["started_at"]
    said = FORMATS[form](drill).replace("\\", "")
    assert "Disruption (assumed)" in said
    assert "Nothing was disrupted" in said
    assert "assumed" not in FORMATS[form](passed())


def just_too_late() -> RunState:
    """In two units it took the 4 hours that were promised."""
    state = too_late()
    state.rta_s, state.reason = 14_459.0, "recovered after 4 h 0 min 59 s; the objective is 4 h"
    return state


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
@pytest.mark.parametrize("form", ["summary", *(form for form in FORMATS if form != "json")])
def test_what_took_longer_than_promised_does_not_read_as_what_was_promised(form: str, words: Words) -> None:
    stream = io.StringIO()
    summary(just_too_late(), stream, words=words)
    told = stream.getvalue() if form == "summary" else FORMATS[form](just_too_late(), words)
    told = re.sub(r"\s+", " ", told.replace("&nbsp;", " "))
    figure = {"html": r'class="[^"]*">4 h 0 min 59 s<', "github": "::4 h 0 min 59 s, where 4 h were promised"}
    assert re.search(figure.get(form, "4 h 0 min 59 s.* 4 h"), told)
    assert not re.search(r"(took|a pris) 4 h[ :;.](?!0)", told), "the headline"


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_a_stage_that_took_a_little_more_than_its_budget_says_how_much(words: Words) -> None:
    state = over_budget()
    (over,) = (stage for stage in stages(state) if stage.is_over)
    budget_s = over.took_s - 0.001
    assert words.duration(over.took_s) == words.duration(budget_s)
    told = budget_sentence(replace(over, budget_s=budget_s), words)
    assert words.duration(over.took_s, beside=budget_s) in told
    assert words.duration(over.took_s, beside=budget_s) != words.duration(over.took_s)
