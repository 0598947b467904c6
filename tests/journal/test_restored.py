"""Which recovery points a run restored."""

from __future__ import annotations

from datetime import UTC, datetime

from albus_dr.journal.restored import Restored, restored
from tests.report.run_states import passed

CHOSEN = {
    "point": "20260131T091003Z-0a1b2c3d", "point_at": "2026-01-31T09:10:03+00:00", "data_snapshot": "ab" * 32,
    "manifest_snapshot": "cd" * 32,
}  # fmt: skip
AT = datetime(2026, 1, 31, 9, 10, 3, tzinfo=UTC)


def test_it_is_the_one_that_was_chosen_and_that_a_step_then_restored() -> None:
    state = passed()
    state.steps["run.preflight"].action, state.steps["run.preflight"].workload = "files.ready_to_restore", "documents"
    state.steps["run.preflight"].facts = CHOSEN
    assert restored(state) == (Restored("documents", CHOSEN["point"], AT, "ab" * 32, "cd" * 32),)
    state.steps["documents.restore"].status = "failed"
    assert restored(state) == ()


def test_a_run_of_an_older_version_knows_no_snapshots_and_a_change_without_a_restore_none_at_all() -> None:
    state = passed()
    assert restored(state) == ()
    state.steps["documents.restore"].facts = {key: CHOSEN[key] for key in ("point", "point_at")}
    assert restored(state) == (Restored("documents", CHOSEN["point"], AT, "", ""),)
