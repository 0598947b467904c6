"""What happens to the two sites, in order. The operations are albus-dr's own verbs, called as a user calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LINE_FAILS_FIRST_S = 1.0
SPLIT_S = 43.0
Act = Literal[
    "replicate", "drill", "switchover", "failover", "reprotect", "failback", "burn", "power cut", "power back", "split",
    "failover is refused", "heal",
]  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """``acts`` are albus-dr's verbs, and what happens to the sites:

    - ``burn``: the line fails, then the primary's processes and directories are gone. The second in between is what
      asynchronous replication loses; synchronous replication lets writers wait instead.
    - ``power cut``: the same, but the primary's disks stay. ``power back``: its servers start as they were, PostgreSQL as
      a second primary.
    - ``split``: nobody reaches the primary any more but the users who stand there. ``heal``, 43 seconds later: all do.
    - ``failover is refused``: albus-dr must end with 8, because nothing proves that the primary can't write.
    """

    name: str
    tells: str
    acts: tuple[Act, ...]
    apart: bool = False
    """Each site has an address of its own, which takes root."""


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
        Scenario(
            "43-seconds",
            "Replicate, then the network splits for 43 seconds: the primary lives on one side, everybody else is on the other, "
            "and both sides have users. A failover is refused, because nothing proves that the primary can't write. It heals; "
            "what was acknowledged on either side is counted.",
            ("replicate", "split", "failover is refused", "heal"),
            apart=True,
        ),
        Scenario(
            "failback",
            "Replicate, then the line between the sites fails, and a second later the primary loses its power; fail over. The "
            "power comes back, and the old primary with it, as a second one: reprotect keeps and lists what it has alone and "
            "makes it the standby; fail back.",
            ("replicate", "power cut", "failover", "power back", "reprotect", "failback"),
        ),
        Scenario("drill", "Replicate, then restore into an isolated target and verify.", ("replicate", "drill")),
    )
}
