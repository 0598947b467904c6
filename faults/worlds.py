"""Every state of the model of the rule: two sites, operators, guards, the witness, and messages that are late or lost.

The suite visits the small worlds; this visits the large ones as well, and writes down how many states they have.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.safety import search
from tests.safety.model import Bounds

NAME = "every-state"
WORLDS = {f"{NAME}-{number:02}": bounds for number, bounds in enumerate((*search.SMALL, *search.LARGE), 1)}


@dataclass(frozen=True)
class Visited:
    """``wrong`` is what was found that may never be, with what led to it; empty when nothing was."""

    world: str
    states: int
    seconds: float
    wrong: str = ""
    commit: str = ""
    """Of the rule and its model; empty where nobody wrote it down."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def visit(bounds: Bounds) -> Visited:
    """The whole world."""
    began, world = time.monotonic(), search.describe(bounds)
    try:
        states, wrong = search.explore(bounds), ""
    except AssertionError as error:
        states, wrong = 0, str(error)
    found = Visited(world, states, round(time.monotonic() - began), wrong)
    print(f"   {found.states:,} states in {found.seconds:.0f} s: {world}", file=sys.stderr, flush=True)
    return found


def in_order(visited: Iterable[Visited]) -> list[Visited]:
    """As the worlds are numbered; what was found of one that is none any more is left out."""
    by_world = {one.world: one for one in visited}
    return [by_world[world] for world in described() if world in by_world]


def described() -> list[str]:
    """What the worlds are, in their order."""
    return [search.describe(bounds) for bounds in WORLDS.values()]


def lines(visited: Sequence[Visited]) -> list[str]:
    """For docs/faults.md."""
    total, earlier = sum(one.states for one in visited), sum(one.states for one in visited if not one.commit)
    of_old = f" (of those {earlier:,} with an earlier rule or model, as the last column says)" if earlier else ""
    bad = [one for one in visited if one.wrong]
    return [
        "## Every state",
        "",
        "The rule (`albus_dr/safety/rule.py`) is not only tried but searched: a model of two sites, their guards, the witness and",
        "the operators, in which anybody may crash, any message may be late or lost, and leases lapse by clocks that differ in",
        f"rate. {total:,} states were visited{of_old}, all that the worlds below have; what may never be was found in",
        f"{len(bad) or 'none'}.",
        'By `make faults ARGS="--only every-state"`, which takes hours.',
        "",
        "| world | states | time | commit |",
        "| --- | ---: | ---: | --- |",
        *(
            f"| {one.world} | {one.states:,} | {one.seconds:.0f} s | {f'`{one.commit}`' if one.commit else 'an earlier one'} |"
            for one in visited
        ),
        "",
        *(f"- {one.world}: {one.wrong}" for one in bad),
        *(f"- not visited yet: {world}" for world in described() if world not in {one.world for one in visited}),
        "",
    ]
