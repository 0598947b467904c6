"""What a person watches while a run goes on, and the closing lines.

Three screens: a table that moves (terminals), plain lines (pipes, cron, CI), and almost nothing (-q).
Events and progress come from several threads, and from inside the journal's lock: a screen takes them in at once and
writes from a thread of its own, so that a terminal that is paused or gone never holds up a recovery. What is garbled
or missing in an event is left out; a screen never raises because of it.
"""

from __future__ import annotations

import math
import os
from typing import TextIO

from albus_dr.cli.live.closing import summary
from albus_dr.cli.live.plain import PlainScreen
from albus_dr.cli.live.screen import Screen
from albus_dr.cli.live.terminal import TerminalScreen
from albus_dr.report.words import ENGLISH, Words

__all__ = ["PlainScreen", "Screen", "TerminalScreen", "screen_for", "summary"]

_NEEDS_A_PERSON = frozenset({"StepFailed", "StepUnknown", "ApprovalRequested"})


def screen_for(stream: TextIO, *, quiet: bool = False, verbose: bool = False, words: Words = ENGLISH) -> Screen:
    """The screen that fits where its words go: the table on a terminal, plain lines elsewhere."""
    if quiet:
        return PlainScreen(stream, verbose=False, only=_NEEDS_A_PERSON, heartbeat_s=math.inf, words=words)
    if stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        return TerminalScreen(stream, verbose=verbose, words=words)
    return PlainScreen(stream, verbose=verbose, words=words)
