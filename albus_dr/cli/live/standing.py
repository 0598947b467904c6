"""Where every workload stands, for people: the text of `albus-dr status`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from albus_dr.cli.folding import folded, table
from albus_dr.cli.live.closing import how_it_ended
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.witness import lines as of_the_witness
from albus_dr.report.words import Words
from albus_dr.workloads.standing import Standing

if TYPE_CHECKING:
    from albus_dr.cli.status import Status

ALARM = "bold red"


def text(status: Status, words: Words, width: int) -> str:
    """Plain lines, what needs attention last."""
    return "\n".join(line for _, line in lines(status, words, width))


def lines(status: Status, words: Words, width: int, *, urgent_first: bool = False) -> Iterator[tuple[str, str]]:
    """Each line with its style. ``urgent_first``: what needs attention is not where a low screen ends."""

    def say(key: str, **values: object) -> str:
        return words.say(PHRASES[f"status.{key}"], **values)

    history = status.history
    now = words.second(status.at)
    title = say("title", runbook=status.runbook, primary=history.primary, other=history.secondary, at=now)
    yield from (("bold", line) for line in folded(title, width, rest="  "))
    facts = [*of_the_witness(status.witness, words), *_facts(status, words)]
    body = [("", line) for line in (*table(list(_standings(status, words)), width), "", *table(facts, width))]
    urgent = [("green", say("well"))] if not status.concerns else [(ALARM, say("not_well"))]
    for concern in status.concerns:
        urgent += [(ALARM, line) for line in folded(words.retold(concern), width, first="  - ", rest="    ")]
    for part in (urgent, body) if urgent_first else (body, urgent):
        yield "", ""
        yield from part


def _standings(status: Status, words: Words) -> Iterator[tuple[str, str, str, str]]:
    before = ""
    for each in status.standings:
        role = words.retold(each.role) if each.role else words.say(PHRASES["status.not_looked_at"])
        yield each.workload if each.workload != before else "", each.site, role, _point(each, status, words)
        before = each.workload
        if said := _replication(each, words):
            yield "", "", "", said


def _point(each: Standing, status: Status, words: Words) -> str:
    if each.point is None:
        return words.say(PHRASES["status.no_point"]) if each.point_reason else ""
    age_s = max(0.0, (status.at - each.point.at).total_seconds())
    limit_s = status.limits_s[each.workload]
    if limit_s is None:
        return words.say(PHRASES["status.point"], age=words.duration(age_s))
    return words.say(PHRASES["status.point_allowed"], age=words.duration(age_s), limit=words.duration(limit_s))


def _replication(each: Standing, words: Words) -> str:
    seen = each.replication
    if seen is None:
        return ""
    said = words.say(
        PHRASES["status.synchronous" if seen.synchronous else "status.asynchronous"], writers=words.retold(seen.writers)
    )
    if seen.received_lag_bytes is None or seen.replayed_lag_bytes is None:
        return said
    received, replayed = words.size(seen.received_lag_bytes), words.size(seen.replayed_lag_bytes)
    said = f"{said}{words.also}{words.say(PHRASES['status.lag'], received=received, replayed=replayed)}"
    if seen.sync_state not in ("sync", "quorum") or seen.confirmed_after_s is None:
        return said
    waited = words.duration(max(seen.confirmed_after_s, 0.001))  # "0 ms" would say that it costs nothing
    return f"{said}{words.also}{words.say(PHRASES['status.commit'], time=waited)}"


def _facts(status: Status, words: Words) -> Iterator[tuple[str, str]]:
    def say(key: str, **values: object) -> str:
        return words.say(PHRASES[f"status.{key}"], **values)

    history, rto_s = status.history, status.objectives.rto
    drill, ended_at = history.drill, history.drill.clocks["ended_at"] if history.drill else None
    if drill is None or ended_at is None:
        yield say("drill"), say("none")
    else:
        verdict = words.retold(drill.verdict)
        due = say("due", at=words.second(history.due_at)) if history.due_at else ""
        yield say("drill"), say("ended", verdict=verdict, at=words.second(ended_at)) + due
    if (measured := history.measured) and measured.rta_s is not None:
        time, rto, left = map(words.duration, (measured.rta_s, rto_s, rto_s - measured.rta_s))
        yield say("time"), say("margin", time=time, rto=rto, left=left, run=measured.run)
    else:
        yield say("time"), say("unmeasured")
    for number, run in enumerate(history.runs):
        yield say("runs") if number == 0 else "", f"{how_it_ended(run, words):11} {run.run}"
