"""What every screen is to the run that it shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol

from albus_dr.journal.event import Event

Now = Callable[[], datetime]


class Screen(Protocol):
    """Takes events and progress from any thread, without waiting for whoever reads. Entering starts it."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def on_event(self, event: Event) -> None:
        """One fact of the run, in the journal's order."""

    def on_progress(self, step_id: str, done: float, total: float | None, unit: str) -> None:
        """How far a step is: ``done`` of ``total`` (None: unknown); unit ``B`` for bytes."""


def utc_now() -> datetime:
    return datetime.now(UTC)
