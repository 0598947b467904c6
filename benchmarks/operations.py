"""Failover and switchover as users see them, beside scripts that do the same and nothing more."""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench
from albus_dr.bench.traffic import RECORD
from albus_dr.journal.event import Event
from albus_dr.journal.store import JournalStore
from albus_dr.tools.inventory import postgres_program
from benchmarks.harness import Result, Series, Settings, at_most, python, seconds_of

PLAYBOOK, CONFIG = "playbooks/albus.yaml", "configs/demo.yaml"
FAILOVER_S, SWITCHOVER_TIMES = 3.0, 1.5
AGREED_S = 30.0


@contextmanager
def sites(settings: Settings, name: str, size: Any = "small") -> Iterator[Bench]:
    """A bench of its own; stopped and removed afterwards."""
    with Bench.create(settings.directory / name, size, seed=1) as bench:
        try:
            bench.start()
            yield bench
        finally:
            bench.stop()
    bench.remove()


def albus_dr(bench: Bench, state: Path, verb: str, *options: str, codes: tuple[int, ...] = (0,)) -> float:
    """Seconds that the command takes. Raises RuntimeError unless it ends with one of the codes."""
    argv = python("-m", "albus_dr", *verb.split(), PLAYBOOK, "--config", CONFIG, "-q", "--yes", *options)
    return seconds_of(argv, environment={**bench.environment(), "ALBUS_DR_STATE": str(state)}, codes=codes)


def by_hand(bench: Bench, script: str, *arguments: str) -> float:
    """Seconds that the script takes."""
    programs = {"POSTGRES_BIN": str(postgres_program("psql").parent)}
    return seconds_of(
        python("-m", f"benchmarks.by_hand.{script}", *arguments), environment={**bench.environment(), **programs}
    )


def acknowledged(bench: Bench) -> list[float]:
    """Monotonic seconds of every acknowledged write, in order."""
    lines = (bench.directory / "traffic" / RECORD).read_text().splitlines(keepends=True)
    whole = [json.loads(line) for line in lines if line.endswith("\n") and line.strip()]
    return sorted(line["monotonic_s"] for line in whole if line["kind"] != "start")


def acknowledged_after(bench: Bench, moment_s: float) -> float:
    """When the first write after the moment was acknowledged, waiting for it. Raises TimeoutError."""
    deadline = time.monotonic() + AGREED_S
    while time.monotonic() < deadline:
        for at in acknowledged(bench):
            if at > moment_s:
                return at
        time.sleep(0.05)
    raise TimeoutError(f"no write was acknowledged within {AGREED_S:g} s")


def events_of_last_run(state: Path) -> tuple[Event, ...]:
    """The journal of the newest run in a state directory."""
    store = JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state)
    try:
        return store.events(store.runs()[-1])
    finally:
        store.close()


def parts(events: tuple[Event, ...], began_s: float, last_step: str, ended_s: float) -> dict[str, float]:
    """Where the time went until ``ended_s``: seconds by part, along the chain of steps that ended last.

    ``began_s`` and ``ended_s`` are on the machine's monotonic clock, as the journal's events are.
    """
    declared = events[0]
    needs = {step["id"]: step["needs"] for step in declared.data["plan"]["steps"]}
    ends = {event.step: event.monotonic_s for event in events if event.kind == "StepSucceeded"}
    chain = [last_step]
    while needs[chain[-1]]:
        chain.append(max(needs[chain[-1]], key=lambda step: ends[step]))
    first_s = next(event.monotonic_s for event in events if event.kind == "StepIntended")
    found = {"the program starts": declared.monotonic_s - began_s, "the engine starts": first_s - declared.monotonic_s}
    before_s = first_s
    for step in reversed(chain):
        found[step] = ends[step] - before_s
        before_s = ends[step]
    return {**found, "the first write": ended_s - before_s}


def durations(events: tuple[Event, ...]) -> dict[str, float]:
    """Seconds by step, in the order in which they began."""
    began = {event.step: event.monotonic_s for event in reversed(events) if event.kind == "StepIntended"}
    ended = {event.step: event.monotonic_s for event in events if event.kind == "StepSucceeded"}
    return {step: ended[step] - began[step] for step in reversed(began) if step in ended}


def told(runs: list[dict[str, float]]) -> str:
    """Medians of the parts, in their order; parts that not every run had are of those that had them."""
    names = list(dict.fromkeys(name for run in runs for name in run))
    medians = {name: statistics.median(run[name] for run in runs if name in run) for name in names}
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in medians.items())


def failover(settings: Settings) -> tuple[Result, ...]:
    """A new pair of sites for every sample: the primary is killed and deleted, then somebody types the command."""
    ours: list[float] = []
    theirs: list[float] = []
    where: list[dict[str, float]] = []
    for number in range(settings.repetitions):
        for way in ("albus-dr", "script"):
            with sites(settings, f"{way[0]}{number}") as bench:
                state = settings.directory / f"state-{way[0]}{number}"
                albus_dr(bench, state, "replicate")
                bench.start_traffic()
                albus_dr(bench, state, "replicate")
                bench.destroy_site(PRIMARY)
                lost_at = datetime.now(UTC).isoformat()
                began_s = time.monotonic()
                if way == "script":
                    by_hand(bench, "failover")
                    theirs.append(acknowledged_after(bench, began_s) - began_s)
                    settings.say(f"failover by hand: {theirs[-1]:.2f} s")
                    continue
                albus_dr(bench, state, "failover", "--disrupted-at", lost_at)
                at = acknowledged_after(bench, began_s)
                ours.append(at - began_s)
                where.append(parts(events_of_last_run(state), began_s, "door.open", at))
                settings.say(f"failover: {ours[-1]:.2f} s: {told(where[-1:])}")
    series = (
        Series("albus-dr failover", tuple(ours)),
        Series("promote, start the application, move the door", tuple(theirs)),
    )
    note = "albus-dr verifies the data before it opens the door. Medians along the critical path: " + told(where) + "."
    return (Result("failover", series, f"{series[0].median:.2f} s", series[0].median <= FAILOVER_S, (note,)),)


def switchover(settings: Settings) -> tuple[Result, ...]:
    """There by albus-dr, back by hand, under traffic all the while; the longest time without an acknowledged write."""
    ours: list[float] = []
    theirs: list[float] = []
    where: list[dict[str, float]] = []
    with sites(settings, "switch") as bench:
        first = settings.directory / "state-first"
        bench.start_traffic()
        albus_dr(bench, first, "replicate")
        for number in range(settings.repetitions):
            state = settings.directory / f"state-switch{number}"  # a new one: the journal does not know of the script
            ours.append(_gap_during(bench, lambda state=state: albus_dr(bench, state, "switchover")))  # type: ignore[misc]
            theirs.append(_gap_during(bench, lambda: by_hand(bench, "switchover", SECONDARY, PRIMARY)))
            where.append(behind_the_door(events_of_last_run(state)))
            _tell_the_witness(bench, state)
            settings.say(
                f"switchover: {ours[-1]:.2f} s without a write; by hand: {theirs[-1]:.2f} s; {told(where[-1:])}"
            )
            shutil.rmtree(state)
    series = Series("albus-dr switchover", tuple(ours)), Series("a script", tuple(theirs))
    note = (
        "Both compare every document's SHA-256 at both sites and ask the application before the door opens; what has "
        "not changed since was hashed before the door closed. albus-dr also proves the fence and asks the database. "
        "albus-dr goes one way, the script the other. Medians along the critical path while the door was closed: "
        f"{told(where)}."
    )
    return (Result("switchover", series, *at_most(series[0], series[1], SWITCHOVER_TIMES), (note,)),)


def _tell_the_witness(bench: Bench, state: Path) -> None:
    """The script told it nothing. It is refused for as long as a promotion may still be on its way."""
    for patience in reversed(range(30)):
        try:
            albus_dr(bench, state, "witness set", "--primary", PRIMARY)
            return
        except RuntimeError:
            if not patience:
                raise
            time.sleep(1)


def behind_the_door(events: tuple[Event, ...]) -> dict[str, float]:
    """Seconds by step along the critical path, of those after the door was closed."""
    found = parts(events, events[0].monotonic_s, "door.open", events[-1].monotonic_s)
    names = list(found)
    return {name: found[name] for name in names[names.index("door.close") : names.index("door.open") + 1]}


def _gap_during(bench: Bench, change: Callable[[], float]) -> float:
    began_s = time.monotonic()
    change()
    acknowledged_after(bench, time.monotonic())
    return longest_gap(acknowledged(bench), began_s)


def longest_gap(moments: list[float], began_s: float) -> float:
    """Seconds between two consecutive writes, of those that ended after ``began_s``."""
    pairs = itertools.pairwise(moments)
    return max(after - before for before, after in pairs if after > began_s)
