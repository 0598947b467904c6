"""albus-dr is killed at many moments of one failover. What was done is not done again; nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.real.operator_desk import Desk, kill, running

pytestmark = pytest.mark.real

MOMENTS = (
    ("StepIntended", "patients.ready_to_promote"),
    ("StepSucceeded", "documents.ready_to_restore"),
    ("StepIntended", "fence"),
    ("StepSucceeded", "fence"),
    ("StepIntended", "patients.promote"),
    ("StepSucceeded", "patients.promote"),
    ("StepIntended", "application.start"),
    ("StepSucceeded", "application.verify"),
    ("StepIntended", "door.open"),
    ("StepIntended", "door.count"),
)


def test_a_failover_that_is_killed_at_ten_moments_ends_well(desk: Desk) -> None:
    disrupted_at = datetime.now(UTC).isoformat()
    desk.bench.destroy_site("strasbourg")
    known = desk.runs()
    with running(desk.begin(*desk.operation("failover", "--disrupted-at", disrupted_at))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, *MOMENTS[0], child)
        kill(child)
    killed = 1
    for kind, step in MOMENTS[1:]:
        with running(desk.begin("resume", run)) as child:
            desk.wait_for_event(run, kind, step, child)
            kill(child)
        killed += 1
    last = desk.call("resume", run, "--json")
    assert last.code == 0, last.said
    document = last.document
    assert document["verdict"] == "passed"
    assert document["resumed"] == killed
    assert document["actuals"]["lost_writes"] == 0
    assert document["actuals"]["acknowledged_writes"] > 0
    assert desk.promotions("bordeaux") == 1
    assert desk.primaries() == ["bordeaux"]
    ends = [event for event in desk.events(run) if event["kind"] == "RunEnded"]
    assert len(ends) == 1
    succeeded = [event["step"] for event in desk.events(run) if event["kind"] == "StepSucceeded"]
    assert sorted(succeeded) == sorted(set(succeeded)), "a step that was done was done again"
