"""Breadth first through every state of a world. ``python -m tests.safety.search`` visits the large ones, too."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from albus_dr.safety import rule
from albus_dr.safety.record import Record, RunLease, WriteLease
from albus_dr.safety.rule import Decision, OldData, Proven
from albus_dr.tools.fence import Identity
from tests.safety.model import (
    BESIDE,
    KEPT_ON,
    LEASED_ON,
    OFF_PRIMARY,
    OFF_STANDBY,
    PRIMARY,
    SITES,
    STARTED,
    TOLD_ON,
    Bounds,
    State,
    World,
)

WINDOWS, LEASES, MIXED = (False, False), (True, True), (True, False)
SMALL = (
    Bounds(WINDOWS, planned=False), Bounds(LEASES, planned=False, operators=1), Bounds(WINDOWS, operators=1),
    Bounds(WINDOWS, planned=False, operators=1, anew=True), Bounds(WINDOWS, planned=False, witness_fails=True, operators=1),
)  # fmt: skip
LARGE = (
    *(Bounds(kept, planned=False, witness_fails=True, operators=1) for kept in (LEASES, MIXED, MIXED[::-1])),
    Bounds(WINDOWS), Bounds(LEASES, planned=False), Bounds(WINDOWS, planned=False, witness_fails=True), Bounds(MIXED, planned=False),
    Bounds(MIXED[::-1], planned=False), Bounds(LEASES), Bounds(LEASES, planned=False, witness_fails=True),
    *(Bounds(kept, witness_fails=True, operators=1) for kept in (WINDOWS, LEASES)),
    Bounds(LEASES, planned=False, operators=1, anew=True),
)  # fmt: skip
LONG_AFTER = 100
Came = dict[State, tuple[State, str] | None]


@dataclass(frozen=True)
class Found:
    """``trace``: what led to what may never be, one transition a line; empty when nothing did."""

    states: int
    wrong: str = ""
    trace: tuple[str, ...] = ()


def search(world: World, *, visit: Callable[[State], None] = lambda _: None) -> Found:
    """Every state that can be reached, once. Ends at the first that may never be."""
    first = world.first()
    came: Came = {first: None}
    frontier = [first]
    while frontier:
        following = []
        for state in frontier:
            visit(state)
            for label, after in world.moves(state):
                if after in came:
                    continue
                came[after] = (state, label)
                if wrong := world.wrong(state, label, after):
                    return Found(len(came), wrong, _trace(came, after))
                following.append(after)
        frontier = following
    return Found(len(came))


def _trace(came: Came, state: State) -> tuple[str, ...]:
    lines = []
    while (step := came[state]) is not None:
        state, label = step
        lines.append(label)
    return tuple(reversed(lines))


class WayForward:
    """What a person does when everybody else has stopped: wait until leases have lapsed, take the run lease, then start
    the primary that the witness names, or finish the change to it. And where that site is lost for good: fail over to the
    other one, whatever is left there. Both must be allowed in every state."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: set[tuple[int, int, int, int]] = set()

    def __call__(self, state: State) -> None:
        key = (state.record, state.sites[0].mode, state.sites[1].mode, state.held)
        if key not in self._known:
            self._known.add(key)
            self.walk(self._world.records.all[state.record], (key[1], key[2]), state.held)

    def walk(self, record: Record, modes: tuple[int, int], held: int) -> None:
        run = "the person's run"
        lease = RunLease(run, "a person", "the way forward", "elsewhere", 1, 0)
        record = _follow(rule.take_run(record, lease, LONG_AFTER, 1))
        if record.claim is not None:
            record = _follow(rule.release_claim(record, run))
        if held:
            record = _follow(rule.establish(
                record, "albus", SITES, SITES[2 - held], run=run, epoch_seen=0, identities={"db": "7"}, now=LONG_AFTER,
                margin_s=1, other_ended=True,
            ))  # fmt: skip
        at = SITES.index(record.primary)
        mode, other = modes[at], modes[1 - at]
        if other != PRIMARY:
            self._change(record, run, record.other(record.primary), was_primary=other == OFF_PRIMARY)
        if mode == PRIMARY:
            return
        if mode == OFF_PRIMARY:
            assert other != PRIMARY, "a primary that the witness doesn't know of"
            window = WriteLease(record.primary, "a guard", False, 1, 0)
            _follow(rule.start(record, window, LONG_AFTER, 0))
            return
        assert mode == OFF_STANDBY or mode < PRIMARY
        self._change(record, run, record.primary, was_primary=False)

    def _change(self, record: Record, run: str, target: str, *, was_primary: bool) -> None:
        """A power switch, or a person who has looked, proves that the other site is off; then the target is promoted."""
        if was_primary:
            old = OldData(target, "7", "nothing", None)
            _follow(rule.serve_again(record, run, "db", old, accepted=True), nothing_to_write=True)
        record = _follow(rule.claim(record, run, target, LONG_AFTER))
        proof = Proven(record.other(target), run, "command")
        record = _follow(rule.commit(record, run, target, proof, LONG_AFTER, 1))
        _follow(rule.promote(record, run, target, LONG_AFTER))
        seen = Identity("7", 1, "now")
        _follow(rule.promotes(seen, seen, in_recovery=True, behind=False), nothing_to_write=True)


class Stuck(AssertionError):
    """A person can't go on: the rule refuses the way forward."""


def _follow(decision: Decision, *, nothing_to_write: bool = False) -> Record:
    if not decision.allowed:
        raise Stuck(decision.reason)
    return Record("", SITES, 0, "", "", 0) if nothing_to_write else _written(decision)


def _written(decision: Decision) -> Record:
    assert decision.record is not None
    return decision.record


def explore(bounds: Bounds) -> int:
    """Visit all of it, prove the way forward in each state; how many states. Raises AssertionError with a trace."""
    world = World(bounds)
    found = search(world, visit=WayForward(world))
    assert not found.wrong, "\n".join((found.wrong, *found.trace))
    return found.states


def describe(bounds: Bounds) -> str:
    """For people."""
    guards = ", ".join(
        f"{site} keeps {'a lease' if kept else 'none'}" for site, kept in zip(SITES, bounds.kept, strict=True)
    )
    switches = "failovers and switchovers" if bounds.planned else "failovers"
    witness = "; the witness comes and goes" if bounds.witness_fails else ""
    anew = "; a person writes the record anew" if bounds.anew else ""
    return f"{switches} by {bounds.operators} operator{'s' * (bounds.operators > 1)}; {guards}{witness}{anew}"


MUTATIONS = {
    "promote before commit": Bounds(WINDOWS, planned=False, operators=1),
    "prove before claim": Bounds(WINDOWS, planned=False, operators=1),
    "renewal not conditional": Bounds(LEASES, planned=False, operators=1),
    "start without looking at the claim": Bounds(WINDOWS, planned=False, operators=1),
    "promote without asserting the timeline": Bounds(WINDOWS, planned=False, operators=1),
    "promote asserting the timeline alone": Bounds(WINDOWS, planned=False, operators=1),
    STARTED: Bounds(WINDOWS, planned=False),
    LEASED_ON: Bounds(LEASES, planned=False, operators=1),
    TOLD_ON: Bounds(LEASES, planned=False, witness_fails=True, operators=1),
    BESIDE: Bounds(WINDOWS, planned=False, operators=1, anew=True),
    KEPT_ON: Bounds(MIXED, planned=False, witness_fails=True, operators=1),
    "no margin": Bounds(LEASES, planned=False, operators=1),
    "switchover without waiting": Bounds(WINDOWS, operators=1),
}


def broken(mutation: str) -> Found:
    """What the search finds in a world with this mistake."""
    return search(World(replace(MUTATIONS[mutation], mutation=mutation)))


if __name__ == "__main__":
    for each in (*SMALL, *LARGE):
        began = time.monotonic()
        states = explore(each)
        sys.stdout.write(f"{states:,} states visited in {time.monotonic() - began:.0f} s: {describe(each)}\n")
        sys.stdout.flush()
