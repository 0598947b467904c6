"""Evidence that a site can't write. Promotion takes one: without it the call does not type-check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Identity:
    """Of one server: what a promotion asserts. ``started``: when its process started, by its own clock, as text."""

    system_identifier: str
    timeline: int
    started: str


@dataclass(frozen=True)
class FenceProof:
    """``rests_on`` says, for people, what the proof rests on; ``at`` is RFC 3339 UTC. ``run``: under whose claim."""

    site: str
    method: Literal["command", "probe", "lease", "statement"]
    rests_on: str
    at: str
    run: str

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FenceProof:
        """What to_json wrote. Raises KeyError when it is not a proof."""
        return FenceProof(data["site"], data["method"], data["rests_on"], data["at"], data["run"])
