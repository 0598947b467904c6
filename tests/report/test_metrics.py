"""Metrics as Prometheus's own parser reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from albus_dr.journal.state import RunState
from albus_dr.report import metrics
from tests.report.run_states import after, bare, failed_drill, passed, unmeasured

parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed here")


def samples(state: RunState, last: datetime | None = None) -> dict[str, float]:
    found = {}
    for family in parser.text_string_to_metric_families(metrics.render(state, last)):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            labels = dict(sample.labels)
            stage = labels.pop("stage", "")
            assert labels == {"runbook": state.runbook, "operation": state.operation}
            found[sample.name.removeprefix("albus_dr_") + (f" {stage}" if stage else "")] = sample.value
    return found


def test_a_run_that_passed() -> None:
    found = samples(passed(), datetime(2026, 1, 31, tzinfo=UTC))
    assert found["rta_seconds"] == pytest.approx(2.3104)
    assert (found["rto_seconds"], found["run_passed"], found["run_exit_code"], found["lost_writes"]) == (14400, 1, 0, 0)
    assert found["run_ended_timestamp_seconds"] == pytest.approx(after(2.42).timestamp())
    assert found["last_passed_timestamp_seconds"] == datetime(2026, 1, 31, tzinfo=UTC).timestamp()


def test_every_stage_and_the_budgets_that_there_are() -> None:
    found = samples(replace(passed(), budgets={"fenced": 900.0, "approved": 60.0}))
    assert found["stage_seconds fenced"] == pytest.approx(0.57)
    assert found["stage_seconds clients_verified"] == pytest.approx(0.2904)
    assert {name for name in found if name.startswith("stage_budget")} == {"stage_budget_seconds fenced"}
    assert found["stage_budget_seconds fenced"] == 900
    assert not [name for name in samples(bare()) if name.startswith("stage")]


def test_one_that_failed_and_left_something() -> None:
    found = samples(failed_drill())
    assert (found["run_passed"], found["run_exit_code"], found["run_left_behind"]) == (0, 4, 1)
    assert "last_passed_timestamp_seconds" not in found


def test_what_was_not_measured_is_not_there() -> None:
    assert {"rta_seconds", "rpa_seconds", "lost_writes"}.isdisjoint(samples(unmeasured()))


def test_a_name_can_be_anything() -> None:
    state = passed()
    state.runbook = 'a"b\\c'
    assert samples(state)
