"""What both schedulers are given: a command, its rhythm, and the files that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from albus_dr.errors import UsageError

Condition = Literal["installed", "changed", "absent"]


@dataclass(frozen=True)
class Entry:
    """One thing to start again and again."""

    runbook: str
    operation: str
    words: str
    """The rhythm for people."""
    on_calendar: str
    """As systemd says it."""
    five_fields: str
    """As cron says it."""
    delay_s: int
    command: tuple[str, ...]
    """Absolute, and without a secret: anybody on the machine can read it."""
    catch_up: tuple[str, ...]
    """The same where one was missed; for a scheduler that makes up for nothing itself."""
    state: Path
    environment_file: str
    """Lines of NAME=value that the command needs; it may be missing."""

    def __post_init__(self) -> None:
        for word in (*self.command, *self.catch_up, str(self.state)):
            if not word.isprintable():
                raise UsageError(f"{word!r} can't stand in a schedule", hint="rename the file")


@dataclass(frozen=True)
class Finding:
    """How an entry stands with one scheduler."""

    entry: Entry
    condition: Condition
    where: str
    """Files, or whose crontab."""
    text: str
    """What stands there, or would."""
    next_at: str = ""
    """When it starts next, as the scheduler says; empty when it does not say."""
