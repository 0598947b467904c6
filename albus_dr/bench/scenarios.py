"""What happens to the two sites, in order. The operations are albus-dr's own verbs, called as a user calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Act = Literal["replicate", "drill", "switchover", "failover", "burn"]


@dataclass(frozen=True)
class Scenario:
    """``acts`` are albus-dr's verbs, and ``burn``: the primary's processes and directories are gone."""

    name: str
    tells: str
    acts: tuple[Act, ...]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "building-burns",
            "Replicate, drill, then every process of the primary is killed and its directories are deleted, its own "
            "repository included; fail over.",
            ("replicate", "drill", "burn", "failover"),
        ),
        Scenario(
            "switchover", "Replicate, then change the primary as planned, under traffic.", ("replicate", "switchover")
        ),
        Scenario("drill", "Replicate, then restore into an isolated target and verify.", ("replicate", "drill")),
    )
}
