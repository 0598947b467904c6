"""Two operators on two machines, who don't know of one another, start a failover and a switchover in the same second."""

from __future__ import annotations

from collections.abc import Iterator

from faults.ground import Ground, Stuck, ground, tried
from faults.outcome import Outcome
from tests.real.operator_desk import Desk

ROUNDS = 100


def same_second(rounds: int) -> Iterator[Outcome]:
    """On one ground, round after round: whoever wins changes the primary, and the next round is from the other site.

    Ends with the first round that does not end well: what it left is not what the next one begins with.
    """
    with ground() as here:
        (here.desk.folder / "second").mkdir()
        second = Desk(here.bench, here.desk.folder / "second")  # knows no earlier run, as a machine not used before
        for _ in range(rounds):
            here.begin_again()
            found = tried(lambda: _round(here, second))
            yield found
            if not found.is_good:
                return


def _round(here: Ground, second: Desk) -> Outcome:
    """Both sites are well. At most one may pass; the other is refused, and nothing is lost."""
    children = [
        here.desk.begin(*here.arguments("switchover")),
        second.begin(*second.operation("failover", "--json")),
    ]
    switchover, failover = (here.finish(child) for child in children)
    if failover.code != 8:
        raise Stuck(f"a failover from a primary that lives ended with {failover.code}: {failover.said[-300:]}")
    if switchover.code not in (0, 8):
        raise Stuck(f"the switchover ended with {switchover.code}: {switchover.said[-300:]}")
    if len(serving := here.desk.primaries()) != 1:
        raise Stuck(f"primaries after it: {', '.join(serving) or 'none'}")
    return here.outcome(switchover if switchover.code == 0 else None)
