"""Two operators on two machines, who don't know of one another, start a failover and a switchover in the same second."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from functools import partial

from faults.ground import Ground, Stuck, cause, ground, tried
from faults.outcome import Outcome
from tests.real.operator_desk import Desk

ROUNDS = 100
APART_S = (-0.8, -0.3, 0.0, 0.3, 0.8)
AT_MOST_APART_S = 0.9


def same_second(rounds: int) -> Iterator[Outcome]:
    """On one ground, round after round: whoever wins changes the primary, and the next round is from the other site.

    Ends with the first round that does not end well: what it left is not what the next one begins with.
    """
    with ground() as here:
        (here.desk.folder / "second").mkdir()
        second = Desk(here.bench, here.desk.folder / "second")  # knows no earlier run, as a machine not used before
        for number in range(rounds):
            here.begin_again()
            ahead_s = random.Random(number).uniform(-AT_MOST_APART_S, AT_MOST_APART_S)
            found = tried(partial(_round, here, second, ahead_s))
            yield found
            if not found.is_good:
                return


def both_fail_over(ahead_s: float) -> Outcome:
    """The primary's site is lost, and two people act at once. One failover passes, the other is refused.

    The first desk begins ``ahead_s`` seconds before the second; below zero, after it.
    """
    with ground() as here:
        (here.desk.folder / "second").mkdir(exist_ok=True)
        second = Desk(here.bench, here.desk.folder / "second")
        here.lose_power()
        assert here.disrupted_at is not None
        more = ("--json", "--disrupted-at", here.disrupted_at.isoformat())
        one, other = (here.desk, second) if ahead_s >= 0 else (second, here.desk)
        first = one.begin(*one.operation("failover", *more))
        time.sleep(abs(ahead_s))  # what is tried is who comes first, not a condition
        then = other.begin(*other.operation("failover", *more))
        ended = here.finish(first), here.finish(then)
        passed = [one for one in ended if one.code == 0]
        if sorted(here.codes) != [0, 8]:
            raise Stuck(f"of two failovers ended {here.codes}: {' | '.join(cause(one.said) for one in ended)}")
        if (serving := here.desk.primaries()) != [here.target]:
            raise Stuck(f"primaries after it: {', '.join(serving) or 'none'}")
        return here.outcome(passed[0])


def _round(here: Ground, second: Desk, ahead_s: float) -> Outcome:
    """Both sites are well. At most one may pass; the other is refused, and nothing is lost.

    The switchover begins ``ahead_s`` seconds before the failover; below zero, after it.
    """
    begin = {
        "switchover": lambda: here.desk.begin(*here.arguments("switchover")),
        "failover": lambda: second.begin(*second.operation("failover", "--json")),
    }
    first, then = ("switchover", "failover") if ahead_s >= 0 else ("failover", "switchover")
    children = {first: begin[first]()}
    time.sleep(abs(ahead_s))  # what is tried is who comes first, not a condition
    children[then] = begin[then]()
    switchover, failover = here.finish(children["switchover"]), here.finish(children["failover"])
    print(f"   {ahead_s:+.1f} s: switchover {switchover.code}, failover {failover.code}", file=sys.stderr, flush=True)
    if failover.code != 8:
        raise Stuck(f"a failover from a primary that lives ended with {failover.code}: {cause(failover.said)}")
    if switchover.code not in (0, 8):
        raise Stuck(f"the switchover ended with {switchover.code}: {cause(switchover.said)}")
    if len(serving := here.desk.primaries()) != 1:
        raise Stuck(f"primaries after it: {', '.join(serving) or 'none'}")
    return here.outcome(switchover if switchover.code == 0 else None)
