"""What an evidence file says, and what it must not hold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from albus_dr.cli.schema import SCHEMAS
from albus_dr.evidence.predicate import _change_of_primary, _deviations, canonical_sha256, predicate
from albus_dr.evidence.profiles import PROFILES, TITLES, answered
from albus_dr.journal.fold import fold
from albus_dr.journal.state import StepState
from albus_dr.journal.store import JournalStore
from albus_dr.journal.texts import WITHHELD, is_plain
from albus_dr.report import FORMATS
from tests.evidence.recorded import AROUND, DIRECTORY, FOUND, FREE, PATIENT, POINT, RUN, SECRET, events, recorded
from tests.report.run_states import lost_promised


def test_it_has_the_shape_of_its_schema(tmp_path: Path) -> None:
    Draft202012Validator(SCHEMAS["evidence"](), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        recorded(tmp_path, *PROFILES)
    )


def test_the_commit_is_the_one_that_was_written_down_when_it_was_declared(tmp_path: Path) -> None:
    declared, *later = events(tmp_path)
    assert predicate((declared, *later), AROUND)["repository"]["commit"] == "4f" * 20
    older = replace(declared, data={key: said for key, said in declared.data.items() if key != "repository"})
    found = predicate((older, *later), AROUND)
    Draft202012Validator(SCHEMAS["evidence"]()).validate(found)
    assert found["repository"] == {
        "commit": None, "runbook_is_committed": None, "reason": "the journal does not say which commit it was planned from",
    }  # fmt: skip


def test_the_versions_that_worked_in_the_run_stand_with_their_hosts(tmp_path: Path) -> None:
    """Whoever resumed it at another version is told, and what two steps met stands once."""
    told = [(each["name"], each["version"], each["host"], each["step"]) for each in recorded(tmp_path)["programs"]]
    assert sorted(told, key=str) == sorted([
        ("albus-dr", "0.1.0", "ops1", None), ("albus-dr", "0.2.0", "ops1", None),
        ("restic", "0.18.0", "db2", "patients.ready_to_restore"),
        ("PostgreSQL", "15.18 (Debian 15.18-0+deb12u1)", "db2", "patients.compare"),
    ], key=str)  # fmt: skip


def test_what_no_single_run_can_meet_is_promised_there_too(tmp_path: Path) -> None:
    assert recorded(tmp_path)["promised"] == {"drill_every_s": 31536000.0, "distance_km": 500.0}


def test_of_a_run_of_an_older_version_no_versions_are_known(tmp_path: Path) -> None:
    declared, *_ = events(tmp_path)
    older = replace(declared, data={key: said for key, said in declared.data.items() if key != "version"})
    assert predicate((older,), AROUND)["programs"] == []


def test_no_patient_and_no_secret_is_in_it(tmp_path: Path) -> None:
    text = json.dumps(recorded(tmp_path, *PROFILES), ensure_ascii=False)
    mirror = (tmp_path / "runs" / RUN / "journal.jsonl").read_text()
    for canary in (PATIENT, SECRET, "Quarkmarten", "kumquat", "0612345678"):
        assert json.dumps(canary)[1:-1] in mirror, "the journal must hold it, or this shows nothing"
        assert canary not in text


def test_no_hash_of_what_a_program_printed_is_in_it(tmp_path: Path) -> None:
    """Nine digits after a zero are tried within seconds."""
    events(tmp_path)
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    for step, facts in (
        ("isolate", {"output": "0612345678"}),
        ("patients.compare", {"output": "0612345678", "rows": 4000}),
    ):
        store.append(RUN, "StepSucceeded", {"facts": facts, "adopted": False, "duration_s": 1.0}, step=step)
    steps = {step["id"]: step["output_sha256"] for step in predicate(store.events(RUN), AROUND)["steps"]}
    store.close()
    assert (steps["isolate"], steps["patients.compare"]) == (None, canonical_sha256({"rows": 4000}))


def test_what_a_comparison_found_has_its_digest_where_it_failed_too(tmp_path: Path) -> None:
    """Of the run's red step, and of no file's name: that may be a patient's, and is guessed from its hash."""
    events(tmp_path)
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    tables = {"tables": {"patient": {"rows": 3999, "checksum": "0a1b2c3d"}}}
    for step, facts in (
        ("patients.compare", tables),
        ("documents.compare", {"wrong": 1, "first_wrong": f"file {PATIENT}"}),
        ("isolate", {"output": "0612345678"}),
        ("application.verify_copy", {}),
    ):
        store.append(RUN, "StepFailed", {"error": FREE, "exit_code": 5, "facts": facts}, step=step)
    store.append(RUN, "StepFailed", {"error": FREE}, step="cleanup")
    found = predicate(store.events(RUN), AROUND)["steps"]
    store.close()
    steps = {step["id"]: step["output_sha256"] for step in found if step["status"] == "failed"}
    assert steps == {
        "patients.compare": canonical_sha256(tables), "documents.compare": canonical_sha256({"wrong": 1}), "isolate": None,
        "application.verify_copy": None, "cleanup": None,
    }  # fmt: skip


def test_plain_texts_stand_in_it_and_others_do_not(tmp_path: Path) -> None:
    compared = {each["kind"]: (each["expected"], each["actual"]) for each in recorded(tmp_path)["verifications"]}
    rows = "4000 rows, checksum 0a1b2c3d"
    assert compared == {
        "rows and checksum of patient": (rows, rows),
        "SELECT count(*) FROM patient": ("4000", "4000"),
        "SELECT name FROM patient LIMIT 1": (WITHHELD, WITHHELD),
        "SELECT phone FROM patient LIMIT 1": (WITHHELD, WITHHELD),
        "SELECT count(*) FROM invoice": ("the manifest", "no recovery point has an answer to compare with"),
        "GET /agenda/today": ("status 200, length(appointments) > `0`",) * 2,
        "GET /patients/1": ("status 200", WITHHELD),
    }


@pytest.mark.parametrize(
    "text",
    ["", "12", "1,204", "-3", "10.5%", "true", "2026-03-01", "2026-03-01 04:00:00.123+01", "812 equal", "f" * 64],
)
def test_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text", ["Ana", "12 Ana", "Ana 12", "0612345678", "1 84 12 76 451 089 46 x", "true\nAna", "fa11de", "équal", " 12"]
)
def test_not_plain(text: str) -> None:
    assert not is_plain(text)


def test_who_did_what_is_in_it(tmp_path: Path) -> None:
    people = [(each["role"], each["who"], each["step"], each["what"]) for each in recorded(tmp_path)["people"]]
    assert people == [
        ("ordered", "ana@ops1", None, "drill"),
        ("stated", "ana@ops1", None, "point: latest"),
        ("decided", "ben@ops1", "documents.compare", "done"),
        ("resumed", "ben@ops1", None, None),
        ("approved", "eva@ops2", "application.start_copy", None),
    ]


def stated(tmp_path: Path, options: dict[str, Any], **more: Any) -> tuple[list[str], dict[str, Any]]:
    """What the operator is said to have stated, and what the file says of the run, when it was declared with this."""
    declared, *later = events(tmp_path)
    found = predicate((replace(declared, data={**declared.data, "options": options, **more}), *later), AROUND)
    Draft202012Validator(SCHEMAS["evidence"]()).validate(found)
    people = found["people"]
    assert {each["who"] for each in people if each["role"] == "stated"} <= {"ana@ops1"}
    return [each["what"] for each in people if each["role"] == "stated"], found["run"]


def test_what_was_said_with_an_option_is_stated(tmp_path: Path) -> None:
    said, run = stated(
        tmp_path,
        {
            "accept_data_loss": True,
            "accept_shrunken": False,
            "fenced_by": "Eva, by hand",
            "without_witness": None,
            **FOUND,
        },
        disrupted_at="2026-03-01T03:58:00+00:00",
        clocks={"disrupted_at": "2026-03-01T03:58:00+00:00", "detected_at": "2026-03-01T03:59:00+00:00"},
    )
    assert said == [
        "accept_data_loss", "detected_at: 2026-03-01T03:59:00+00:00", "disrupted_at: 2026-03-01T03:58:00+00:00",
        "fenced_by: Eva, by hand",
    ]  # fmt: skip
    assert (run["point"], run["seed"]) == (None, None)


def test_what_the_clock_or_chance_gave_is_stated_by_nobody(tmp_path: Path) -> None:
    point = "20260201T040000Z-0badcafe"
    said, run = stated(
        tmp_path, {"point": point, "seed": 0}, disrupted_at=None, clocks={"disrupted_at": "2026-03-01T04:00:00+00:00"}
    )
    assert said == []
    assert (run["point"], run["seed"]) == (point, 0)


def test_a_statement_that_was_made_at_the_resume_is_in_it(tmp_path: Path) -> None:
    events(tmp_path)
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    store.append(RUN, "RunResumed", {"operator": "eva@ops2", "without_witness": "Eva Roth, its data centre burns"})
    *_, resumed, stated = predicate(store.events(RUN), AROUND)["people"]
    store.close()
    assert (resumed["role"], resumed["who"]) == ("resumed", "eva@ops2")
    assert (stated["role"], stated["who"], stated["at"]) == ("stated", "eva@ops2", resumed["at"])
    assert stated["what"] == "without_witness: Eva Roth, its data centre burns"


def test_deviations_and_what_was_not_verified_are_named(tmp_path: Path) -> None:
    found = recorded(tmp_path)
    deviations = {(each["kind"], each["what"]) for each in found["deviations"]}
    assert {
        ("step_found_done", "isolate"), ("step_tried_again", "documents.compare: 2 attempts"), ("resumed", "1 times"),
        ("verification_failed", "application: GET /patients/1"),
    } <= deviations  # fmt: skip
    assert found["not_verified"] == ["documents", "patients: SELECT count(*) FROM invoice"]


def test_the_recovery_points_that_were_restored_are_named(tmp_path: Path) -> None:
    """Whoever has the repository finds the snapshots by them, and draws the same sample of files again."""
    point = {**POINT, "point_at": "2026-03-01T03:50:00.120Z"}
    assert recorded(tmp_path)["restored"] == [
        {"workload": "patients", **point},
        {"workload": "documents", **point},
    ]
    (tmp_path / "again").mkdir()
    state = fold(events(tmp_path / "again"))
    for form in ("html", "markdown", "json"):
        assert POINT["point"] in FORMATS[form](state), form


def test_a_clock_that_was_set_while_it_ran_is_a_deviation(tmp_path: Path) -> None:
    state = fold(events(tmp_path))
    assert [each for each in _deviations(state, ()) if "clock" in each["kind"]] == []
    state.set_back_s, state.clock_moved_s = 20.0, 70.0
    told = {(each["kind"], each["what"]) for each in _deviations(state, ()) if "clock" in each["kind"]}
    assert told == {("clock_set_back", "20.0 s"), ("clock_went_forward", "1 min 30 s")}


def test_recovery_points_that_were_left_out_are_a_deviation(tmp_path: Path) -> None:
    state = fold(events(tmp_path))
    step = next(step for step in state.steps.values() if step.workload == "documents")
    for facts, told in (({"left_out": 0}, []), ({"left_out": 2}, ["documents: 2 dated in the future"])):
        step.facts = facts
        found = _deviations(state, ())
        assert [each["what"] for each in found if each["kind"] == "recovery_points_left_out"] == told


def test_an_approval_that_nobody_gave_is_a_deviation(tmp_path: Path) -> None:
    """The runbook may say that the run goes on without; whoever reads the evidence sees that it did."""
    state = fold(events(tmp_path))
    for approved_by, told in (("eva@ops2", []), ("", ["ask"])):
        state.steps["ask"] = StepState(
            "ask", "Ask", "", "", "own.approve", (), status="succeeded", facts={"approved_by": approved_by}
        )
        assert [each["what"] for each in _deviations(state, ()) if each["kind"] == "not_approved"] == told


def test_lost_writes_that_were_promised_are_a_deviation_and_no_missed_recovery_point() -> None:
    assert [(each["kind"], each["what"]) for each in _deviations(lost_promised(), ())][:1] == [
        ("promised_writes_lost", "3")
    ]


def test_what_was_not_measured_is_null_and_said(tmp_path: Path) -> None:
    found = recorded(tmp_path)
    assert found["actuals"]["lost_writes"] is None
    assert found["clocks"]["clients_verified_at"] is None
    assert any("Lost writes" in each for each in found["does_not_show"])
    assert any("auditor" in each for each in found["does_not_show"])


def test_the_destruction_is_recorded(tmp_path: Path) -> None:
    found = recorded(tmp_path)["destruction"]
    assert (found["applies"], found["removed"], found["left_behind"]) == (True, DIRECTORY, [])
    assert found["at"] == "2026-03-01T04:10:00.000Z"
    assert "not overwritten" in found["how"]


def test_a_drill_changes_no_primary(tmp_path: Path) -> None:
    assert recorded(tmp_path)["change_of_primary"] == {"applies": False, "fence": None, "epoch": None}


@pytest.mark.parametrize(("facts", "epoch"), [({"epoch": 7}, 7), ({"epoch": 7, "is_witnessed": False}, None)])
def test_an_epoch_that_the_witness_does_not_know_is_none(facts: dict[str, Any], epoch: int | None) -> None:
    proof = {
        "site": "lyon",
        "method": "statement",
        "rests_on": "ana stated: off",
        "at": "2026-03-01T04:00:00Z",
        "run": "r",
    }
    steps = {
        id_: StepState(
            id=id_, title="", workload="", site="", action=f"site.{id_}", needs=(), status="succeeded", facts=told
        )
        for id_, told in (("fence", {"fence": proof}), ("commit", facts))
    }
    state: Any = SimpleNamespace(steps=steps)
    found = _change_of_primary(state)
    assert (found["applies"], found["epoch"], found["fence"]["method"]) == (True, epoch, "statement")


def test_its_digests_are_those_of_the_plan_and_of_the_mirror(tmp_path: Path) -> None:
    found = recorded(tmp_path)
    assert canonical_sha256(found["plan"]) == found["plan_digest"]
    mirror = tmp_path / "runs" / RUN / "journal.jsonl"
    assert hashlib.sha256(mirror.read_bytes()).hexdigest() == found["journal"]["mirror_sha256"]
    assert json.loads(mirror.read_text().splitlines()[-1])["hash"] == found["journal"]["head"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_says_what_is_missing_and_never_that_it_suffices(tmp_path: Path, name: str) -> None:
    found = recorded(tmp_path, name)
    (profile,) = found["profiles"]
    assert profile["title"] == TITLES[name]
    assert {answer["status"] for answer in profile["answers"]} == {"recorded", "missing"}
    assert all(answer["missing"] for answer in profile["answers"] if answer["status"] == "missing")
    assert not any(answer["missing"] for answer in profile["answers"] if answer["status"] == "recorded")
    text = json.dumps(found).lower()
    assert [word for word in ("compliant", "conform", "certified", "satisfies the") if word in text] == []


@pytest.mark.parametrize("name", sorted(PROFILES.keys() - {"gdpr", "iso22301"}))
def test_a_look_at_the_network_is_no_comparison_of_data(tmp_path: Path, name: str) -> None:
    found = recorded(tmp_path)
    assert found["compared"] == ["application", "patients"]
    answers = answered(name, {**found, "compared": []})["answers"]
    (asked,) = (each for each in answers if "verifications" in each["stands_in"])
    assert (asked["status"], "compared" in asked["missing"]) == ("missing", True)


def test_a_certificate_that_one_site_lacks_is_missing(tmp_path: Path) -> None:
    (profile,) = recorded(tmp_path, "hds")["profiles"]
    hosts = profile["answers"][0]
    assert (hosts["status"], hosts["missing"]) == ("missing", ["sites.*.certificate"])
