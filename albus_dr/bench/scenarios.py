"""What happens to the two sites, in order. The operations are albus-dr's own verbs, called as a user calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LINE_FAILS_FIRST_S = 1.0
SPLIT_S = 43.0
SECOND_STRIKE_S = 5.0  # after the failover: users have written at the new primary
Act = Literal[
    "replicate", "drill", "switchover", "failover", "reprotect", "failback", "burn", "power cut", "power back", "split",
    "guard", "zombie", "heal", "second strike", "refused failover",
]  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """``acts`` are albus-dr's verbs, and what happens to the sites:

    - ``burn``: the line fails, then the primary's processes and directories are gone. The second in between is what
      asynchronous replication loses; synchronous replication lets writers wait instead.
    - ``power cut``: the same, but the primary's disks stay. ``power back``: its servers start as they were, PostgreSQL as
      a second primary.
    - ``zombie``: the same, but PostgreSQL starts with the guard in front of it, which must end with 8.
    - ``second strike``: the other site, which serves by now, burns too. ``refused failover``: a failover that must end with
      8, naming what would be lost; the next one accepts that.
    - ``guard``: the primary's PostgreSQL runs under `albus-dr guard --keep-lease` from now on.
    - ``split``: nobody reaches the primary any more but the users who stand there. ``heal``, 43 seconds later: all do.
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
            "zombie-primary",
            "Replicate, then the primary loses its power; fail over. The power comes back, and its PostgreSQL is started again "
            "as it was, under the guard: it must stay down, because the epoch has moved.",
            ("replicate", "power cut", "failover", "zombie"),
        ),
        Scenario(
            "43-seconds",
            "Replicate, then the network splits for 43 seconds: the primary lives on one side, everybody else is on the other, "
            "and both sides have users. The primary's guard can't renew its lease and ends it; a failover waits until the lease "
            "has lapsed, and needs nobody's word. It heals; what was acknowledged on either side is counted.",
            ("replicate", "guard", "split", "failover", "heal"),
            apart=True,
        ),
        Scenario(
            "failback",
            "Replicate, then the line between the sites fails, and a second later the primary loses its power; fail over. The "
            "power comes back, and the old primary with it, as a second one: reprotect keeps and lists what it has alone and "
            "makes it the standby; fail back.",
            ("replicate", "power cut", "failover", "power back", "reprotect", "failback"),
        ),
        Scenario(
            "second-strike",
            "Replicate, then the primary loses its power; fail over. The power comes back, and the old primary is kept down by "
            "its guard. Then the new primary burns, before anything follows it and before its first backup: a failover back names "
            "what is lost, and goes on once that is accepted.",
            ("replicate", "power cut", "failover", "zombie", "second strike", "refused failover", "failover"),
        ),
        Scenario("drill", "Replicate, then restore into an isolated target and verify.", ("replicate", "drill")),
    )
}
