"""What one try of a fault came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """``rta_s`` is None where no run measured one. ``codes`` are albus-dr's exit codes in order; -9 is a kill."""

    acknowledged: int = 0
    lost: int = 0
    accepted: int = 0
    """Of those lost, how many the operator had accepted beforehand."""
    two_writable: int = 0
    two_open: int = 0
    looked: int = 0
    rta_s: float | None = None
    codes: tuple[int, ...] = ()
    failure: str = ""
    """Why it did not come to a good end; empty when it did."""
    commit: str = ""
    """What was tried; empty where nobody wrote it down."""

    @property
    def is_good(self) -> bool:
        """It ended as it should, nothing was lost that was not accepted, and never were two sites writable."""
        return not self.failure and self.lost <= self.accepted and self.two_writable == 0

    def since(self, before: Outcome) -> Outcome:
        """Of what was counted from the beginning, what came after another one."""
        return replace(
            self, acknowledged=self.acknowledged - before.acknowledged, lost=self.lost - before.lost,
            two_writable=self.two_writable - before.two_writable, two_open=self.two_open - before.two_open,
            looked=self.looked - before.looked,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Outcome:
        """What to_json wrote. Raises TypeError when it is something else."""
        return Outcome(**{**data, "codes": tuple(data["codes"])})
