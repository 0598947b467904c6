"""When replicate and drill run by themselves, from what the runbook promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
    """Has none begun within the longest time from one to the next? Of what is not scheduled, none is missed."""
    gaps_s = [job.rhythm.gap_s for job in timetable(runbook) if job.operation == operation]
    return bool(gaps_s) and (last_began is None or (at - last_began).total_seconds() > gaps_s[0])


def _longest_within(seconds: float) -> Rhythm:
    return max((each for each in _RHYTHMS if each.gap_s <= seconds), key=lambda each: each.gap_s, default=_RHYTHMS[0])


def _delay_s(rhythm: Rhythm) -> int:
    """A tenth of the rhythm, an hour at most."""
    return int(min(rhythm.gap_s / 10, _HOUR_S))
