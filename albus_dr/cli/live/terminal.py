"""The screen of a terminal: a table that moves."""

from __future__ import annotations

import threading
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from albus_dr.cli.live.out import Out
from albus_dr.cli.live.phrases import PHRASES, STYLES
from albus_dr.cli.live.screen import Now, Screen, utc_now
from albus_dr.cli.live.view import Step, View
from albus_dr.journal.event import Event
from albus_dr.report.discreet import Discretion
from albus_dr.report.findings import one_line, step_mark
from albus_dr.report.words import ENGLISH, Words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text


class TerminalScreen:
    """A table of the steps that moves while they run. ``verbose``: the steps' ids instead of their titles."""

    def __init__(self, stream: TextIO, *, verbose: bool = False, now: Now = utc_now, words: Words = ENGLISH) -> None:
        from rich.console import Console
        from rich.live import Live

        self._verbose = verbose
        self._words = words
        self._now = now
        self._view = View()
        self._discretion = Discretion()
        self._lock = threading.Lock()
        self._whole = False
        out: Any = Out(stream)  # a TextIO as far as rich uses one
        self._console: Console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, get_renderable=self._draw, refresh_per_second=8, vertical_overflow="crop",
            redirect_stdout=False,
        )  # fmt: skip

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._whole = True
        self._live.vertical_overflow = "visible"
        self._live.stop()

    def on_event(self, event: Event) -> None:
        with self._lock:
            event = self._discretion.of(event)
            self._view.apply(event)

    def on_progress(self, step_id: str, done: float, total: float | None, unit: str) -> None:
        with self._lock:
            self._view.progress(step_id, done, total, unit, self._now())

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            at = self._view.ended or self._now()
            foot = self._asked()
            # Three lines of heading, one line between, one line that the cursor stands on.
            room = max(3, self._console.height - 6 - len(foot))
            return Group(*self._heading(at), Text(), self._table(at, room), *foot)

    def _heading(self, at: datetime) -> list[Text]:
        from rich.text import Text

        view = self._view
        first = Text(no_wrap=True, overflow="ellipsis")
        first.append(self._heading_of(view) if view.runbook else view.run, "bold")
        if view.source and view.target:
            first.append(f"   {view.source} → {view.target}")
        lines = [first, Text(view.run, "dim", no_wrap=True, overflow="ellipsis"), Text(no_wrap=True)]
        if (zero := view.zero()) is None:
            return lines
        passed_s = max(0.0, (at - zero).total_seconds())
        if view.rto_s is not None and view.operation not in ("replicate", "reprotect"):
            left_s = view.rto_s - passed_s
            key, style = ("left", "bold") if left_s >= 0 else ("over", "bold red")
            rto = self._words.duration(view.rto_s)
            lines[2].append(self._words.say(PHRASES[key], rto=rto, time=_digits(abs(left_s))), style)
            lines[2].append("   ")
        # A drill's clocks start as if something had been lost; nothing was.
        known = view.operation != "drill" and (view.clock == "declaration" or view.disrupted is not None)
        key = "begun" if not known else "since.declaration" if view.clock == "declaration" else "since.disruption"
        lines[2].append(self._words.say(PHRASES[key], time=_digits(passed_s)), "dim")
        return lines

    def _heading_of(self, view: View) -> str:
        return self._words.say(PHRASES["heading"], operation=self._words.retold(view.operation), runbook=view.runbook)

    def _table(self, at: datetime, room: int) -> Table:
        from rich.table import Table

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1, no_wrap=True)
        # A title takes a second line where there is room for it, so that none is cut in what stays on the screen.
        steps = list(self._view.steps.values())
        room_for_titles = self._whole or len(steps) + self._long(steps) <= room
        table.add_column(ratio=1, no_wrap=not room_for_titles, overflow="fold" if room_for_titles else "ellipsis")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True, min_width=8)
        if not steps:
            table.add_row("", self._words.say(PHRASES["no_steps"]), "", "")
        shown, above, below = (steps, [], []) if self._whole else _around_the_work(steps, room)
        if above:
            done = sum(step.status == "succeeded" for step in above)
            table.add_row("↑", self._words.say(PHRASES["above"], count=len(above), done=done), "", "", style="dim")
        for step in shown:
            self._row(table, step, at)
        if below:
            table.add_row("↓", self._words.say(PHRASES["below"], count=len(below)), "", "", style="dim")
        return table

    def _long(self, steps: list[Step]) -> int:
        """How many titles may not fit beside the widest of what stands right of them."""
        beside = 6 + 8 + max((len(", ".join(self._notes(step, self._now()))) for step in steps), default=0)
        return sum(len(step.called(self._words)) > self._console.width - beside for step in steps)

    def _notes(self, step: Step, at: datetime) -> list[str]:
        notes = []
        if step.status not in ("succeeded", "pending", "running") or step.adopted:
            notes.append(step_mark(step.status, step.adopted, self._words).word)
        if step.attempts > 1:
            notes.append(f"×{step.attempts}")
        if step.meter and step.status == "running":
            notes.append(step.meter.say(at, self._words))
        return notes

    def _row(self, table: Table, step: Step, at: datetime) -> None:
        from rich.text import Text

        mark = step_mark(step.status, step.adopted, self._words)
        style = "dim" if step.status == "pending" else STYLES[mark.tone]
        time = ""
        if step.duration_s is not None:
            time = self._words.duration(step.duration_s)
        elif step.status in ("running", "waiting"):
            time = _digits(step.running_s(at))
        title = Text(step.id if self._verbose else step.called(self._words), "" if step.status != "pending" else "dim")
        table.add_row(Text(mark.symbol, style), title, Text(", ".join(self._notes(step, at)), style), Text(time, style))

    def _asked(self) -> list[Text]:
        """The lines below the table: what went wrong so far, and what somebody must type. The closing lines say how it ended."""
        from rich.text import Text

        lines: list[Text] = []
        for step in self._view.steps.values():
            if self._view.ended is not None:
                break
            if step.status == "failed" or (step.status == "running" and step.error):
                lines.append(Text(f"{step.id}: {one_line(step.error, 300)}", STYLES["bad"], overflow="fold"))
            if step.status in ("waiting", "unknown"):
                lines.append(Text(self._words.say(PHRASES["type"]), "bold yellow"))
                lines.append(Text(f"  {step.command(self._view.run, self._words)}", "bold"))
        return [Text(), *lines] if lines else []


def _digits(seconds: float) -> str:
    """``3:59:52``."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _around_the_work(steps: list[Step], room: int) -> tuple[list[Step], list[Step], list[Step]]:
    """The steps that fit into ``room`` lines, around the first that is not done; and those above and below."""
    if len(steps) <= room:
        return steps, [], []
    size = max(1, room - 2)
    first = next((index for index, step in enumerate(steps) if step.status != "succeeded"), len(steps))
    begin = max(0, min(first - 2, len(steps) - size))
    return steps[begin : begin + size], steps[:begin], steps[begin + size :]
