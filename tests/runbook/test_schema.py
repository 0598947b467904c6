"""The schemas describe what is accepted and what is printed; the reference is generated from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from albus_dr.cli import reference
from albus_dr.cli.schema import SCHEMAS, command
from albus_dr.errors import UsageError
from tests.runbook.runbook_files import CONFIG, RUNBOOK

TOP = Path(__file__).resolve().parents[2]


def errors(name: str, document: Any) -> list[ValidationError]:
    return list(Draft202012Validator(SCHEMAS[name]()).iter_errors(document))


@pytest.mark.parametrize("name", SCHEMAS)
def test_is_a_json_schema(name: str) -> None:
    schema = SCHEMAS[name]()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("runbook", "playbooks/albus.yaml"), ("config", "configs/demo.yaml"), ("config", "configs/production.example.yaml"),
    ],
)  # fmt: skip
def test_what_ships_fits_its_schema(name: str, path: str) -> None:
    assert errors(name, yaml.safe_load((TOP / path).read_text("utf-8"))) == []


def test_the_test_files_fit_their_schemas() -> None:
    assert errors("runbook", yaml.safe_load(RUNBOOK)) == []
    assert errors("config", yaml.safe_load(CONFIG)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rto: 4h", "rto: 4"), ("rto: 4h", "rto: 4 hours"), ("kind: postgres", "kind: mysql"), ("rpo: 15m", "rpoo: 15m"),
        ("  door:", "  Door:"), ("    after: door\n", ""), ("    after: door\n", "    after: door\n    before: door\n"),
        ("    proxy: front\n", ""), ("    server: database\n", "    server: database\n    proxy: front\n"),
    ],
)  # fmt: skip
def test_the_runbooks_schema_refuses(old: str, new: str) -> None:
    assert RUNBOOK.count(old) == 1
    assert errors("runbook", yaml.safe_load(RUNBOOK.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("password: {file: key}", "password: hunter2"), ("password: {file: key}", "password: {file: key, env: KEY}"),
        ('port: "${PORT}"', "port: many"), ("path: /scratch", "path: scratch"), ("latitude: 48.5734", "latitude: 148"),
    ],
)  # fmt: skip
def test_the_configs_schema_refuses(old: str, new: str) -> None:
    assert errors("config", yaml.safe_load(CONFIG.replace(old, new, 1)))


RUN: dict[str, Any] = {
    "schema": "albus-dr/run/1", "run": "r", "runbook": "albus", "operation": "failover", "scenario": None,
    "plan_digest": "0", "verdict": "passed", "exit_code": 0, "proof_level": "L4",
    "objectives": {"rto_s": 14400, "rpo_s": 60},
    "actuals": {"rta_s": 2.5, "rpa_s": None, "client_downtime_s": None, "acknowledged_writes": 10, "lost_writes": 0},
    "clocks": dict.fromkeys(
        ("disrupted_at", "declared_at", "started_at", "fenced_at", "data_recovered_at", "service_verified_at",
         "clients_verified_at"), None) | {"ended_at": "2025-01-31T12:00:00.000Z"},
    "steps": [{"id": "fence", "workload": "", "site": "strasbourg", "action": "site.fence", "status": "succeeded",
               "started_at": None, "ended_at": None, "duration_s": None, "attempts": 1, "error": None}],
    "verifications": [{"workload": "patients", "kind": "sql", "expected": "1", "actual": "1", "verdict": "passed"}],
    "residue": [], "resumed": 0,
}  # fmt: skip


def test_a_run_fits_its_schema_with_what_is_unmeasured_and_with_more_keys() -> None:
    assert errors("run", RUN) == []
    assert errors("run", {**RUN, "more": 1}) == []
    assert errors("demo", {"schema": "albus-dr/demo/1", "runs": [RUN]}) == []


@pytest.mark.parametrize("key", RUN)
def test_a_run_without_a_promised_key_does_not_fit(key: str) -> None:
    shorter = {other: value for other, value in RUN.items() if other != key}

    assert errors("run", shorter)
    assert errors("demo", {"schema": "albus-dr/demo/1", "runs": [shorter]})


def test_an_unmeasured_objective_or_another_verdict_does_not_fit() -> None:
    assert errors("run", {**RUN, "objectives": {"rto_s": None, "rpo_s": 60}})
    assert errors("run", {**RUN, "verdict": True})


def test_a_check_result_fits_its_schema() -> None:
    result: dict[str, Any] = {
        "code": "ADR001", "slug": "s", "severity": "high", "result": "n/a", "message": "m", "evidence": None,
        "expires_at": None, "file": None, "line": None, "incidents": [],
    }  # fmt: skip
    document = {"schema": "albus-dr/check/1", "runbook": "albus", "grade": "A", "results": [result]}

    assert errors("check", document) == []
    assert errors("check", {**document, "results": [{**result, "result": True}]})


def test_another_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        command("runbok")

    assert caught.value.hint == "one of: runbook, config, run, check, demo, evidence, comparison, compliance"


@pytest.mark.parametrize("name", ["runbook", "config"])
def test_the_reference_is_up_to_date(name: str) -> None:
    """Otherwise: python -m albus_dr.cli.reference docs/reference"""
    assert (TOP / "docs" / "reference" / f"{name}.md").read_text("utf-8") == reference.page(name)


@pytest.mark.parametrize("name", ["runbook", "config"])
def test_the_reference_says_what_every_key_means(name: str) -> None:
    rows = [line.split(" | ") for line in reference.page(name).splitlines() if line.startswith("| `")]
    operations = {"| `replicate`", "| `drill`", "| `switchover`", "| `failover`", "| `reprotect`"}

    assert len(rows) > 30
    assert [row[0] for row in rows if not row[3].strip() and row[0] not in operations] == []
