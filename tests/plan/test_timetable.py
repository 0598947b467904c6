"""How often replicate and drill run by themselves."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albus_dr.plan import timetable as module
from albus_dr.plan.timetable import Job, timetable, was_missed
from albus_dr.runbook.model import Objectives, Runbook, SitePair, WorkloadModel
from albus_dr.workloads.registry import kinds

DAY_S = 86400.0


def jobs(drill_every_s: float, *every_s: float | None) -> dict[str, Job]:
    """The jobs of ``runbook`` by operation."""
    return {job.operation: job for job in timetable(runbook(drill_every_s, *every_s))}


def runbook(drill_every_s: float, *every_s: float | None) -> Runbook:
    """One whose file workloads are replicated that often."""
    model = kinds()["files"].Model
    found = {
        f"w{number}": model.model_validate(
            {
                "kind": "files",
                "path": "p",
                "recovery_points": {"restic": "r", **({"every": f"{each}s"} if each else {})},
            }
        )
        for number, each in enumerate(every_s)
    }
    objectives = Objectives.model_construct(rto=1.0, rpo=1.0, drill_every=drill_every_s)
    workloads = {"app": WorkloadModel.model_construct(kind="service"), **found}
    return Runbook.model_construct(
        version=1, runbook="b", sites=SitePair(primary="a", secondary="b"), objectives=objectives, workloads=workloads
    )


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (365, "every three months"), (368, "every six months"), (90, "every month"), (30, "every week"), (7, "every day"),
        (1, "every 12 hours"),
    ],
)  # fmt: skip
def test_drills_fit_twice_into_their_period(days: float, words: str) -> None:
    assert jobs(days * DAY_S)["drill"].rhythm.words == words


@given(st.floats(120, 20 * 365 * DAY_S))
def test_the_longest_gap_is_never_more_than_half_the_period(period_s: float) -> None:
    assert jobs(period_s)["drill"].rhythm.gap_s <= period_s / 2


def test_replication_is_as_often_as_the_most_demanding_workload_asks() -> None:
    job = jobs(DAY_S, 3600, 900, None)["replicate"]
    assert (job.rhythm.cron, job.reason) == ("*/15 * * * *", "workloads.w1.recovery_points.every")
    assert jobs(DAY_S, 840)["replicate"].rhythm.words == "every 12 minutes"  # 14 does not divide an hour
    assert jobs(DAY_S, 5)["replicate"].rhythm.words == "every minute"


def test_nothing_is_replicated_where_nobody_says_how_often() -> None:
    assert list(jobs(DAY_S, None)) == ["drill"]


def test_systemd_understands_every_rhythm() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    calendars = [rhythm.systemd for rhythm in module._RHYTHMS]
    done = subprocess.run((program, "calendar", *calendars), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Next elapse:") == len(calendars)


@pytest.mark.parametrize(
    ("operation", "days", "missed"),
    [("drill", 91, False), ("drill", 93, True), ("drill", None, True), ("drill", -1, False),
     ("replicate", 0.04, False), ("replicate", 0.05, True), ("switchover", None, False)],
)  # fmt: skip
def test_one_was_missed_when_none_began_within_the_longest_gap(
    operation: str, days: float | None, missed: bool
) -> None:
    """Drills every three months here, 92 days at most; replication every hour."""
    now = datetime(2026, 11, 29, tzinfo=UTC)
    last = None if days is None else now - timedelta(days=days)
    assert was_missed(runbook(365 * DAY_S, 3600), operation, last, now) == missed


def test_of_what_has_no_rhythm_none_is_missed() -> None:
    assert not was_missed(runbook(365 * DAY_S, None), "replicate", None, datetime(2026, 11, 29, tzinfo=UTC))
