"""What happens to the two sites, in order. The operations are albus-dr's own verbs, called as a user calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LINE_FAILS_FIRST_S = 1.0
Act = Literal["replicate", "drill", "switchover", "failover", "burn"]


@dataclass(frozen=True)
class Scenario:
    """``acts`` are albus-dr's verbs, and ``burn``: the line fails, then the primary's processes and directories are gone.

    The second in between is what asynchronous replication loses; synchronous replication lets writers wait instead.
    """

    name: str
    tells: str
    acts: tuple[Act, ...]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "building-burns",
            "Replicate, drill, then the line between the sites fails, and a second later every process of the primary is "
            "killed and its directories are deleted, its own repository included; fail over.",
            ("replicate", "drill", "burn", "failover"),
        ),
        Scenario(
            "switchover", "Replicate, then change the primary as planned, under traffic.", ("replicate", "switchover")
        ),
        Scenario("drill", "Replicate, then restore into an isolated target and verify.", ("replicate", "drill")),
    )
}
