"""When replicate and drill run by themselves, from what the runbook promises. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

from albus_dr.runbook.model import Runbook

Scheduled = Literal["replicate", "drill"]
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Rhythm:
    """A rhythm of the calendar: both schedulers can say it, and it does not drift."""

    gap_s: float
    """The longest time from one to the next."""
    words: str
    systemd: str
    cron: str
    """With ``M`` for a minute of the runbook's own, so that not everybody's drills begin at the same moment."""

    def five_fields(self, minute: int) -> str:
        """As it stands in a crontab."""
        return self.cron.replace("M", str(minute))


@dataclass(frozen=True)
class Job:
    """One operation and its rhythm."""

    operation: Scheduled
    rhythm: Rhythm
    delay_s: int
    """A random delay of at most this long spares what many share."""
    reason: str
    """Where the rhythm comes from, for people."""


def _minutes(count: int) -> Rhythm:
    words = "every minute" if count == 1 else f"every {count} minutes"
    return Rhythm(count * _MINUTE_S, words, f"*-*-* *:00/{count}:00", f"*/{count} * * * *")


def _hours(count: int) -> Rhythm:
    words = "every hour" if count == 1 else f"every {count} hours"
    return Rhythm(count * _HOUR_S, words, f"*-*-* 00/{count}:00:00", f"M */{count} * * *")


_RHYTHMS = (
    *(_minutes(count) for count in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(_hours(count) for count in (1, 2, 3, 4, 6, 8, 12)),
    Rhythm(_DAY_S, "every day", "*-*-* 04:00:00", "M 4 * * *"),
    Rhythm(7 * _DAY_S, "every week", "Mon *-*-* 04:00:00", "M 4 * * 1"),
    Rhythm(31 * _DAY_S, "every month", "*-*-01 04:00:00", "M 4 1 * *"),
    Rhythm(92 * _DAY_S, "every three months", "*-01,04,07,10-01 04:00:00", "M 4 1 1,4,7,10 *"),
    Rhythm(184 * _DAY_S, "every six months", "*-01,07-01 04:00:00", "M 4 1 1,7 *"),
    Rhythm(366 * _DAY_S, "every year", "*-01-01 04:00:00", "M 4 1 1 *"),
)


def timetable(runbook: Runbook) -> tuple[Job, ...]:
    """The jobs, replicate first; without it where no workload says how often (``recovery_points.every``).

    Replication has the smallest ``every``. Drills have a rhythm that fits twice into ``drill_every``: one may fail, be
    repaired and repeated before the promise is broken.
    """
    jobs = []
    every = {
        name: every_s
        for name, model in runbook.workloads.items()
        if (every_s := getattr(getattr(model, "recovery_points", None), "every", None)) is not None
    }
    if every:
        name = min(every, key=lambda each: every[each])
        rhythm = _longest_within(every[name])
        jobs.append(Job("replicate", rhythm, _delay_s(rhythm), f"workloads.{name}.recovery_points.every"))
    rhythm = _longest_within(runbook.objectives.drill_every / 2)
    jobs.append(Job("drill", rhythm, _delay_s(rhythm), "objectives.drill_every, in which it fits twice"))
    return tuple(jobs)


def was_missed(runbook: Runbook, operation: str, last_began: datetime | None, at: datetime) -> bool:
    """Has none begun since its newest time in the calendar? Of what is not scheduled, none is missed.

    Both moments are local time without a zone, which is what cron goes by. A daylight saving that skips a time, or has
    it twice, can start one too many.
    """
    rhythm = next((job.rhythm for job in timetable(runbook) if job.operation == operation), None)
    if rhythm is None or last_began is None:
        return rhythm is not None
    slot = _newest_slot(rhythm.five_fields(minute_of(runbook.runbook)), at)
    if "M" in rhythm.cron:
        slot = slot.replace(minute=0)  # systemd begins at the full hour, or a while after
    return last_began < slot


def minute_of(runbook: str) -> int:
    """The minute of the hour at which cron starts what this runbook schedules."""
    return int.from_bytes(hashlib.sha256(runbook.encode()).digest()[:2], "big") % 60


def _newest_slot(five_fields: str, at: datetime) -> datetime:
    """The newest moment, ``at`` included, that the fields name: those of ``_RHYTHMS``, which never ask for a day of the
    month and a day of the week."""
    fields = zip(five_fields.split(), ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6)), strict=True)
    minutes, hours, days, months, weekdays = (_values(field, low, high) for field, (low, high) in fields)
    for back in range(367):
        day = (at - timedelta(days=back)).date()
        if day.day not in days or day.month not in months or day.isoweekday() % 7 not in weekdays:
            continue
        for hour in reversed(hours):
            for minute in reversed(minutes):
                if (slot := datetime.combine(day, time(hour, minute))) <= at:
                    return slot
    raise AssertionError(f"{five_fields} names no moment of a year")


def _values(field: str, low: int, high: int) -> Sequence[int]:
    """What a field of crontab(5) stands for, in order: ``*``, ``*/4``, ``1``, ``1,7``."""
    if field.startswith("*"):
        return range(low, high + 1, int(field.partition("/")[2] or 1))
    return [int(value) for value in field.split(",")]


def _longest_within(seconds: float) -> Rhythm:
    return max((each for each in _RHYTHMS if each.gap_s <= seconds), key=lambda each: each.gap_s, default=_RHYTHMS[0])


def _delay_s(rhythm: Rhythm) -> int:
    """A tenth of the rhythm, an hour at most."""
    return int(min(rhythm.gap_s / 10, _HOUR_S))
