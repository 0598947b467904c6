"""What a returned server may become, from two timelines and nothing else. Pure.

Every promotion begins a timeline. Its history file says which timelines it came from, and at which position each was
left. Two servers of one cluster share everything up to the position where one of them left the other's timeline: what
was written after it at the returned site exists there alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from albus_dr.tools.postgres import position

Way = Literal["follows", "follow", "rewind", "reseed"]


@dataclass(frozen=True)
class Lineage:
    """``left`` are the timelines before ``timeline``, oldest first, with the position (bytes) that each was left at."""

    timeline: int
    left: tuple[tuple[int, int], ...] = ()

    def left_at(self, timeline: int) -> int | None:
        """Where the timeline was left; None where it was not: it is the present one, or none of ours."""
        return next((at for tli, at in self.left if tli == timeline), None)


@dataclass(frozen=True)
class Fork:
    """The last position (bytes) that two servers have in common, and its timeline."""

    timeline: int
    at: int


@dataclass(frozen=True)
class Returned:
    """A server that came back, as its files tell.

    ``was_primary``: it took writes on its last timeline. ``ends_at``: the position (bytes) of the last that it wrote or
    replayed, None where only a start would tell (it runs, or it crashed).
    """

    lineage: Lineage
    was_primary: bool
    ends_at: int | None
    can_rewind: bool


@dataclass(frozen=True)
class Decision:
    """``follow``: it has nothing of its own. ``rewind`` and ``reseed``: it has, and is rebuilt once that was kept.

    ``fork``: where what it has alone begins, on its own timeline.
    """

    way: Way
    fork: Fork | None
    reason: str


def parse_history(timeline: int, text: str) -> Lineage:
    """A history file: lines of timeline, position and reason. Raises ValueError when it is none."""
    left = []
    for line in text.splitlines():
        fields = line.split()
        if fields and not fields[0].startswith("#"):
            if len(fields) < 2 or "/" not in fields[1]:
                raise ValueError(f"the history of timeline {timeline} has a line that is none")
            left.append((int(fields[0]), position(fields[1])))
    return Lineage(timeline, tuple(left))


def fork_of(one: Lineage, other: Lineage) -> Fork | None:
    """Where they part; None where they are the same timeline by the same way, or have nothing in common."""
    mine, theirs = [*one.left, (one.timeline, None)], [*other.left, (other.timeline, None)]
    fork: Fork | None = None
    for (tli, end), (other_tli, other_end) in zip(mine, theirs, strict=False):
        if tli != other_tli:
            break
        ends = [at for at in (end, other_end) if at is not None]
        if not ends:
            return None
        fork = Fork(tli, min(ends))
        if end != other_end:
            break
    return fork


def decide(serving: Lineage, returned: Returned) -> Decision:
    """What must be done with the returned server so that it can follow the one that serves.

    Not for one whose timeline is higher: which of the two is right is for a person to say.
    """
    mine = returned.lineage
    if mine.timeline > serving.timeline:
        raise ValueError("a higher timeline is refused before this is asked")
    fork = fork_of(serving, mine)
    if fork is None:
        if mine != serving:
            return Decision("reseed", None, "the two have no timeline in common")
        if returned.was_primary:
            return Decision("reseed", None, "it took writes on the timeline of the server that serves")
        return Decision("follow", None, "it is a standby on the timeline of the server that serves")
    if fork.timeline == mine.timeline and _ended_before(returned, fork):
        return Decision("follow", fork, "it stopped before the timelines part")
    if mine.left and mine.left[-1] == (fork.timeline, fork.at):  # whatever it has alone is on its last timeline
        fork = Fork(mine.timeline, fork.at)
    if mine.timeline == serving.timeline:
        return Decision("reseed", fork, "both took the same timeline number on different ways")
    if not returned.can_rewind:
        return Decision("reseed", fork, "it has neither data checksums nor wal_log_hints")
    return Decision("rewind", fork, "it wrote after the timelines part")


def _ended_before(returned: Returned, fork: Fork) -> bool:
    """A primary's last record begins at its end, and must lie before the fork; a standby replayed up to its end."""
    if returned.ends_at is None:
        return False
    return returned.ends_at < fork.at or (returned.ends_at == fork.at and not returned.was_primary)


def text_of(at: int) -> str:
    """A position as PostgreSQL writes it."""
    return f"{at >> 32:X}/{at & 0xFFFFFFFF:08X}"
