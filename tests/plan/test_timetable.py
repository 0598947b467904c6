"""How often replicate and drill run by themselves."""

# ruff: noqa: DTZ001 -- cron goes by local time, without a zone

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albus_dr.plan import timetable as module
from albus_dr.plan.timetable import Job, Rhythm, minute_of, timetable, was_missed
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


MINUTE = timedelta(minutes=minute_of("b"))
YEAR = datetime(2028, 1, 1)  # with a 29 February; local time, as cron reads it


def slots(words: str) -> Iterator[datetime]:
    """Every time in the year at which cron starts what has this rhythm, worked out without its five fields.

    Of what is started within the hour, those of the end of February.
    """
    days = [YEAR + timedelta(days=number) for number in range(366)]
    four = timedelta(hours=4) + MINUTE
    if words in ("every day", "every week"):
        yield from (day + four for day in days if words == "every day" or day.weekday() == 0)
    elif words in LONG:
        yield from (day + four for day in days if day.day == 1 and day.month in LONG[words])
    elif "hour" in words:
        count = int(words.split()[1]) if words[-1] == "s" else 1
        yield from (day + timedelta(hours=hour) + MINUTE for day in days for hour in range(0, 24, count))
    else:
        count = int(words.split()[1]) if words[-1] == "s" else 1
        yield from (day + timedelta(minutes=minute) for day in days[59:61] for minute in range(0, 1440, count))


LONG = {
    "every month": range(1, 13),
    "every three months": (1, 4, 7, 10),
    "every six months": (1, 7),
    "every year": (1,),
}
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("rhythm", module._RHYTHMS, ids=lambda rhythm: rhythm.words)
def test_over_a_year_one_is_missed_from_its_time_on_until_it_begins(rhythm: Rhythm) -> None:
    drills = runbook(2 * rhythm.gap_s)
    assert jobs(2 * rhythm.gap_s)["drill"].rhythm == rhythm
    times = list(slots(rhythm.words))
    times += [times[0].replace(year=2029)] if rhythm.words == "every year" else []
    assert len(times) > 1
    for earlier, slot in pairwise(times):
        assert not was_missed(drills, "drill", earlier, slot - SECOND)
        assert was_missed(drills, "drill", earlier, slot), (earlier, slot)
        assert not was_missed(drills, "drill", slot, slot + SECOND)
        assert was_missed(drills, "drill", earlier - SECOND - MINUTE, slot - SECOND)


def test_a_machine_that_was_off_at_the_time_of_its_drill_makes_up_for_it() -> None:
    """Every three months, 90 days from January to April and 92 at most: the longest gap says nothing of this one."""
    january = datetime(2026, 1, 1, 4) + MINUTE
    april = datetime(2026, 4, 1, 9)
    assert was_missed(runbook(365 * DAY_S), "drill", january, april)
    assert not was_missed(runbook(365 * DAY_S), "drill", january, april.replace(hour=3))
    assert not was_missed(runbook(365 * DAY_S), "drill", april, april + timedelta(days=60))


def test_what_systemd_began_at_the_full_hour_or_a_while_after_was_not_missed() -> None:
    noon = datetime(2026, 4, 1, 12)
    for began, missed in (("03:59:59", True), ("04:00:00", False), ("04:59:00", False)):
        last = datetime.fromisoformat(f"2026-04-01T{began}")
        assert was_missed(runbook(365 * DAY_S), "drill", last, noon) == missed


def test_one_that_never_began_was_missed_and_one_of_tomorrow_was_not() -> None:
    now = datetime(2026, 11, 29)
    assert was_missed(runbook(365 * DAY_S), "drill", None, now)
    assert not was_missed(runbook(365 * DAY_S), "drill", now + timedelta(days=1), now)
    assert not was_missed(runbook(365 * DAY_S), "switchover", None, now)


def test_of_what_has_no_rhythm_none_is_missed() -> None:
    assert not was_missed(runbook(365 * DAY_S, None), "replicate", None, datetime(2026, 11, 29))
