"""What a person watches: complete, inert, and never in the way of the run."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import pytest

from albus_dr.cli.live import PlainScreen, Screen, TerminalScreen, screen_for, summary
from albus_dr.cli.live.out import encodable
from albus_dr.journal.event import EVENT_KINDS, Event
from albus_dr.journal.state import RunState, StepState, VerificationState
from albus_dr.report.french import FRENCH
from albus_dr.report.words import ENGLISH, Words
from tests.report.run_states import failed_drill, over_budget, passed, too_late

ZERO = datetime(2026, 1, 31, 9, 14, 3, tzinfo=UTC)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
STEPS = ("patients.fence", "patients.promote", "documents.restore", "door.switch")


def event(kind: str, step: str = "", *, after_s: float = 0.0, **data: Any) -> Event:
    at = (ZERO + timedelta(seconds=after_s)).isoformat().replace("+00:00", "Z")
    return Event("failover-7f3a", 0, kind, step, at, 0.0, data, "", "")


def declared(count: int = 0) -> Event:
    names = [*STEPS, *(f"more.{number}" for number in range(count))]
    steps = [{"id": name, "title": f"Title of {name}", "needs": []} for name in names]
    return event(
        "RunDeclared", runbook="albus", operation="failover", source="strasbourg", target="bordeaux",
        plan={"steps": steps}, objectives={"rto_s": 14400.0, "rpo_s": 900.0, "clock": "disruption"},
    )  # fmt: skip


def story() -> list[Event]:
    """A failover in which everything happens that a screen has words for."""
    return [
        declared(),
        event("RunStarted", after_s=0.1),
        event("ClockRecorded", clock="disrupted_at", at="2026-01-31T09:14:01Z"),
        event("StepIntended", "patients.fence", after_s=1, attempt=1),
        event("StepSucceeded", "patients.fence", after_s=2, attempts=1, adopted=False, duration_s=1.0, facts={}),
        event("StepIntended", "patients.promote", after_s=2, attempt=1),
        event("StepAttemptFailed", "patients.promote", after_s=3, attempt=1, error="it said \x1b[31mno\x1b[0m\nagain"),
        event("StepIntended", "patients.promote", after_s=3, attempt=2),
        event("StepFailed", "patients.promote", after_s=4, error="it said no", hint="ask again", duration_s=2.0),
        event("ApprovalRequested", "documents.restore", after_s=4, expires_at="2026-01-31T09:44:03Z"),
        event("ApprovalGiven", "documents.restore", after_s=5, who="the director", why=""),
        event("StepUnknown", "documents.restore", after_s=6, reason="nobody answered"),
        event("StepSkipped", "door.switch", after_s=7, reason="something that it needs was not done"),
        event("RunEnded", after_s=8, verdict="failed", exit_code=4, reason="patients.promote failed"),
    ]  # fmt: skip


def told(screen: Callable[[TextIO], Screen], events: list[Event]) -> str:
    stream = io.StringIO()
    with screen(stream) as live:
        for each in events:
            live.on_event(each)
    return stream.getvalue()


def plain(stream: TextIO) -> Screen:
    return screen_for(stream)


def test_plain_lines_have_utc_time_elapsed_time_and_no_control_codes() -> None:
    lines = told(plain, story()).splitlines()
    assert all(re.match(r"2026-01-31T09:14:\d\dZ +\+[\d.]+ s  {1,3}\S", line) for line in lines), lines
    assert not CONTROL.search("".join(lines))
    said = "\n".join(line[34:] for line in lines)
    for words in (
        "patients.fence: begins: Title of patients.fence",
        "patients.fence: done in 1.0 s",
        "patients.promote: attempt 1 failed and is tried again: it said [31mno[0m again",
        "patients.promote: attempt 2",
        "patients.promote: FAILED after 2.0 s: it said no",
        "what to do: ask again",
        "albus-dr approve failover-7f3a documents.restore",
        "albus-dr resume failover-7f3a --decide documents.restore=done",
        "door.switch: skipped",
        "ended: failed (exit code 4): patients.promote failed",
    ):
        assert words in said


def test_how_a_run_ended_is_set_as_french_is() -> None:
    said = told(lambda stream: screen_for(stream, words=FRENCH), story()).splitlines()[-1]
    assert said.endswith("fin\N{NO-BREAK SPACE}: échec (code de sortie 4)\N{NO-BREAK SPACE}: patients.promote failed")


def test_a_drill_says_that_its_disruption_is_assumed() -> None:
    lost = event("ClockRecorded", clock="disrupted_at", at="2026-01-31T09:14:01Z")
    drill = event("RunDeclared", runbook="albus", operation="drill", plan={"steps": []})
    assert "clock: disrupted (assumed)\n" in told(plain, [drill, lost])
    assert "clock: disrupted\n" in told(plain, [declared(), lost])


def test_elapsed_time_counts_from_the_disruption() -> None:
    line = next(line for line in told(plain, story()).splitlines() if "patients.fence: done" in line)
    assert line.split()[1:3] == ["+4.0", "s"]


def test_quiet_success_says_nothing_and_quiet_trouble_does() -> None:
    good = [each for each in story() if each.kind not in ("StepFailed", "StepUnknown", "ApprovalRequested")]

    def quiet(stream: TextIO) -> Screen:
        return screen_for(stream, quiet=True)

    assert told(quiet, good) == ""
    trouble = told(quiet, story())
    assert "albus-dr approve failover-7f3a documents.restore" in trouble
    assert "patients.promote: FAILED" in trouble
    assert "begins" not in trouble


def test_verbose_tells_the_verifications() -> None:
    found = [{"workload": "patients", "kind": "count", "expected": "4", "actual": "3", "verdict": "failed"}]
    events = [declared(), event("StepFailed", "patients.promote", error="no", verifications=found)]
    assert "expected 4, found 3" in told(lambda stream: screen_for(stream, verbose=True), events)
    assert "expected 4, found 3" not in told(plain, events)


def test_progress_ends_a_step_with_its_amount_and_rate() -> None:
    moments = iter([ZERO, ZERO + timedelta(seconds=10), ZERO + timedelta(seconds=10)])
    stream = io.StringIO()
    with PlainScreen(stream, verbose=False, now=lambda: next(moments)) as screen:
        screen.on_event(declared())
        screen.on_event(event("StepIntended", "documents.restore", attempt=1))
        screen.on_progress("documents.restore", 0, 2**31, "B")
        screen.on_progress("documents.restore", 2**30, 2**31, "B")
        screen.on_event(event("StepSucceeded", "documents.restore", duration_s=10.0, attempts=1, adopted=False))
    assert "documents.restore: done in 10.0 s, 1.0 of 2.0 GiB, 102.4 MiB/s" in stream.getvalue()


class Watched(io.StringIO):
    """A stream that lets a test wait until words have been written."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        if self._words in text:
            self.seen.set()
        return super().write(text)


def test_a_long_step_is_told_of_now_and_then_and_not_all_the_time() -> None:
    stream = Watched("documents.restore: still running after 31.0 s, 5 of 9 files")
    moment = [ZERO + timedelta(seconds=29)]
    asked = threading.Event()

    def now() -> datetime:
        if threading.current_thread().name == "screen":
            asked.set()
        return moment[0]

    with PlainScreen(stream, verbose=False, heartbeat_s=30.0, now=now) as screen:
        screen.on_event(declared())
        screen.on_event(event("StepIntended", "documents.restore", attempt=1))
        screen.on_progress("documents.restore", 5, 9, "files")
        assert asked.wait(30), "the screen looks whether something runs for long"
        assert "still running" not in stream.getvalue()
        moment[0] = ZERO + timedelta(seconds=31)
        assert stream.seen.wait(30)
        asked.clear()
        assert asked.wait(30)
    assert stream.getvalue().count("still running") == 1


def test_events_from_many_threads_are_whole_lines() -> None:
    stream = io.StringIO()
    with screen_for(stream) as screen:
        screen.on_event(declared())

        def work(number: int) -> None:
            for attempt in range(50):
                screen.on_event(event("StepIntended", f"more.{number}", attempt=attempt + 1))
                screen.on_progress(f"more.{number}", attempt, 50, "B")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 8 * 50
    assert all(line.startswith("2026-01-31T09:14:03Z") for line in lines)


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


class Stuck(io.StringIO):
    """A terminal whose person pressed Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.go_on.wait(60)
        return super().write(text)


def test_a_closed_terminal_does_not_stop_the_run() -> None:
    told(lambda _: screen_for(Gone()), story())
    summary(run(), Gone())


def test_a_paused_terminal_does_not_hold_up_the_run() -> None:
    stream = Stuck()
    with screen_for(stream) as screen:
        for each in story():
            screen.on_event(each)  # returns although nothing can be written
        assert stream.getvalue() == ""
        stream.go_on.set()
    assert "ended: failed" in stream.getvalue()


GARBLED: tuple[Any, ...] = (None, {}, [], "words", 7, float("nan"), float("inf"), True, {"steps": [None, {"id": 3}, 4]})


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("kind", [*EVENT_KINDS, "FromTheFuture", "RunFromTheFuture"])
def test_missing_and_garbled_data_raise_nothing(kind: str, verbose: bool, terminal: Terminal) -> None:
    keys = (
        "plan", "objectives", "clock", "at", "attempt", "error", "duration_s", "verifications", "expires_at", "verdict",
        "exit_code", "adopted", "runbook", "who", "reason",
    )  # fmt: skip
    shapeless: tuple[Any, ...] = (None, [], "x")
    events = [replace(event(kind, step), data=data) for step in ("", "a.b") for data in shapeless]
    events += [event(kind, step, **dict.fromkeys(keys, value)) for step in ("", "a.b") for value in GARBLED]
    events += [replace(event(kind, "a.b"), at="yesterday")]
    with terminal.screen() as moving, screen_for(io.StringIO(), verbose=verbose) as lines:
        for screen in (moving, lines):
            for each in events:
                screen.on_event(each)
                for done, total in ((float("nan"), None), (1, 0), (1, float("inf")), (5, -3)):
                    screen.on_progress("a.b", done, total, "B\x1b")
    assert "Traceback" not in terminal.text()


class Terminal:
    """Both ends of a pseudo-terminal of 80 by 24; what came out of it can be read at the end."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._bytes = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65536):
                self._bytes += chunk
        except OSError:
            return

    @contextmanager
    def screen(self, **how: Any) -> Iterator[Screen]:
        with TerminalScreen(self.stream, **how) as screen:
            yield screen

    def raw(self) -> str:
        if not self.stream.closed:
            self.stream.close()
        self._reader.join(30)
        return self._bytes.decode()

    def text(self) -> str:
        return ESCAPES.sub("", self.raw())

    def close(self) -> None:
        self.raw()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)
    both = Terminal()
    yield both
    both.close()


def test_the_screen_fits_where_its_words_go(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(screen_for(terminal.stream), TerminalScreen)
    assert isinstance(screen_for(io.StringIO()), PlainScreen)
    assert isinstance(screen_for(terminal.stream, quiet=True), PlainScreen)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(screen_for(terminal.stream), PlainScreen)


def test_terminal_ends_with_every_step_and_its_outcome(terminal: Terminal) -> None:
    with terminal.screen(now=lambda: ZERO + timedelta(seconds=9)) as screen:
        for each in story():
            screen.on_event(each)
    last = terminal.text().rsplit("failover of albus", 1)[1]
    assert "strasbourg → bordeaux" in last
    assert "RTO 4 h: 3:59:50 left" in last
    assert "0:00:10 since the disruption" in last
    assert re.search(r"✓ Title of patients.fence +1.0 s", last)
    assert re.search(r"✗ Title of patients.promote +failed, ×2 +2.0 s", last)
    assert re.search(r"\? Title of documents.restore +unknown", last)
    assert re.search(r"↷ Title of door.switch +skipped", last)
    assert "it said no" not in last, "the closing lines tell it"


def test_terminal_says_what_to_type_while_it_waits(terminal: Terminal) -> None:
    with terminal.screen() as screen:
        for each in story()[:-4]:
            screen.on_event(each)
    assert "albus-dr approve failover-7f3a documents.restore" in terminal.text()


def test_terminal_counts_down_and_then_counts_what_was_missed(terminal: Terminal) -> None:
    with terminal.screen(now=lambda: ZERO + timedelta(hours=5)) as screen:
        screen.on_event(declared())
    assert "RTO 4 h: missed by 1:00:00" in terminal.text()


def test_terminal_obeys_none_of_the_codes_in_a_tools_words(terminal: Terminal) -> None:
    with terminal.screen() as screen:
        screen.on_event(declared())
        screen.on_event(event("StepFailed", "patients.promote", error="\x1b]0;owned\x07 [bold]x[/bold] \x9b2J"))
    raw = terminal.raw()
    assert "\x1b]0" not in raw
    assert "\x9b" not in raw
    assert "[bold]x[/bold]" in ESCAPES.sub("", raw)


def test_a_plan_longer_than_the_terminal_shows_where_the_work_is(terminal: Terminal) -> None:
    with terminal.screen() as screen:
        screen.on_event(declared(60))
        for number in range(30):
            screen.on_event(event("StepSucceeded", f"more.{number}", duration_s=1.0))
        for name in STEPS:
            screen.on_event(event("StepSucceeded", name, duration_s=1.0))
        assert isinstance(screen, TerminalScreen)
        drawn = render_text(screen)
    assert "Title of more.30" in drawn
    assert "↑ 32 earlier, 32 of them done" in drawn
    assert len(drawn.splitlines()) < 24
    assert terminal.text().count("Title of more.59") >= 1, "the last picture is whole"


def render_text(screen: TerminalScreen) -> str:
    """One picture of the screen, as text."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80, height=24)
    with console.capture() as captured:
        console.print(screen._draw())
    return captured.get()


# --- the closing lines -----------------------------------------------------------------------------------------------


def run(**changes: Any) -> RunState:
    state = RunState(
        run="failover-7f3a", runbook="albus", description="", operation="failover", scenario=None, plan_digest="9f",
        source="strasbourg", target="bordeaux", rto_s=14400.0, rpo_s=900.0, clock="disruption",
        steps={name: StepState(name, f"Title of {name}", "", "", "", (), "succeeded") for name in STEPS},
        verdict="passed", exit_code=0, rta_s=2.31, rpa_s=0.04, client_downtime_s=2.2, acknowledged_writes=1204,
        lost_writes=0, reason="recovered, verified and within the objectives",
        clocks=dict.fromkeys(
            ("data_recovered_at", "service_verified_at", "clients_verified_at"), datetime(2026, 3, 10, 3, 12, 2, tzinfo=UTC)
        ),
    )  # fmt: skip
    return replace(state, **changes)


def closing(state: RunState, **how: Any) -> str:
    stream = io.StringIO()
    summary(state, stream, **how)
    return stream.getvalue()


def test_summary_of_a_passed_run() -> None:
    said = closing(run())
    assert "✓ Passed. Service was back after 2.3 s. Nothing that users had been told was saved is lost." in said
    assert re.search(r"Recovery time +2.3 s +of 4 h promised, 3 h 59 min left", said)
    assert re.search(r"Lost writes +0 +of 1,204 acknowledged", said)
    assert "albus-dr report failover-7f3a" in said
    assert "resume" not in said
    assert not CONTROL.search(said.replace("\n", ""))


def test_summary_names_the_report_that_was_written(tmp_path: Path) -> None:
    assert "albus-dr report failover-7f3a" in closing(run(), directory=tmp_path)
    (tmp_path / "report.html").write_text("")
    assert f"Report  {tmp_path}/report.html" in closing(run(), directory=tmp_path)


def test_a_path_of_a_report_that_is_too_long_can_be_copied(terminal: Terminal, tmp_path: Path) -> None:
    directory = tmp_path / ("a-long-name-" * 7)
    directory.mkdir()
    (directory / "report.html").write_text("")
    summary(run(), terminal.stream, directory=directory)
    assert f"{directory}/report.html" in [line.strip() for line in terminal.text().splitlines()]


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
@pytest.mark.parametrize("width", [40, 60])
def test_the_closing_lines_are_as_wide_as_the_terminal_is(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, width: int, words: Words
) -> None:
    monkeypatch.delenv("COLUMNS")
    fcntl.ioctl(terminal.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    summary(run(rto_s=14399.0, rta_s=8041.5), terminal.stream, words=words)
    lines = [line.rstrip() for line in terminal.text().splitlines()]
    assert [line for line in lines if len(line) > width and len(line.split()) > 1] == []
    assert max(map(len, lines)) > width - 20, "the room that there is is used"
    assert " ".join(words.duration(14399.0).split()) in " ".join(terminal.text().split())


def test_what_was_not_verified_is_told_with_its_reason() -> None:
    blank = [
        VerificationState("patients.verify", "patients", kind, "the manifest", reason, "not_evaluated")
        for kind, reason in (
            ("SELECT count(*) FROM patient", "no recovery point has an answer to compare with"),
            ("SELECT count(*) FROM invoice", "no recovery point has an answer to compare with"),
            ("collations", "older than this comparison"),
            ("SELECT name FROM patient", "Jeanne Martin"),
        )
    ]
    said = " ".join(closing(run(verifications=blank)).split())
    assert (
        "Not verified of patients: SELECT count(*) FROM patient, SELECT count(*) FROM invoice "
        "(no recovery point has an answer to compare with); collations (older than this comparison)"
    ) in said
    assert "Jeanne" not in said


def test_terminal_cuts_no_title_in_what_stays(terminal: Terminal) -> None:
    long = "bordeaux has a recovery point of documents, and room for it, and for what comes after it"
    declared_ = declared()
    plan = {"steps": [{"id": "documents.ready", "title": long}]}
    with terminal.screen(now=lambda: ZERO) as screen:
        screen.on_event(replace(declared_, data={**declared_.data, "plan": plan}))
        screen.on_event(event("StepSucceeded", "documents.ready", after_s=1, duration_s=1.0, adopted=True))
        screen.on_event(event("RunEnded", after_s=8, verdict="passed", exit_code=0, reason=""))
    lines = terminal.text().rsplit("failover of albus", 1)[1].splitlines()
    assert "…" not in "".join(lines)
    told = " ".join(re.sub(r"✓|found done|1\.0 s", "", line).strip() for line in lines[3:])
    assert long in " ".join(told.split())


def test_the_cause_of_a_failure_is_told_once_below_the_verdict(terminal: Terminal) -> None:
    cause = "restic ended with code 12"
    reason = f"documents.restore failed: {cause}"
    with terminal.screen(now=lambda: ZERO + timedelta(seconds=9)) as screen:
        screen.on_event(declared())
        screen.on_event(
            event("StepFailed", "documents.restore", after_s=4, error=cause, hint="compare", duration_s=2.0)
        )
        screen.on_event(event("RunEnded", after_s=8, verdict="failed", exit_code=4, reason=reason))
    drawn = run(verdict="failed", exit_code=4, reason=reason)
    drawn.steps["documents.restore"] = replace(
        drawn.steps["documents.restore"], status="failed", error=cause, hint="compare"
    )
    summary(drawn, terminal.stream)
    last = terminal.text().rsplit("failover of albus", 1)[1]
    assert last.count(cause) == 1
    assert last.index("✗ Failed") < last.index(cause) < last.index("what to do: compare") < last.index("Recovery time")


def test_two_steps_that_failed_alike_are_both_named_and_what_to_do_is_told_once() -> None:
    state = run(verdict="failed", exit_code=3, reason="patients.fence failed: there is no repository")
    for name in ("patients.fence", "documents.restore", "door.switch"):
        error = "it said no" if name == "door.switch" else "there is no repository"
        state.steps[name] = replace(state.steps[name], status="failed", error=error, hint="create it with restic init")
    said = closing(state)
    assert said.count("what to do: create it with restic init") == 1
    assert said.count("there is no repository") == 1
    assert "✗ documents.restore failed: the same reason\n" in said
    assert "✗ door.switch failed: it said no\n" in said


@pytest.mark.parametrize("code", [3, 5])
def test_who_stops_half_way_is_told_how_to_go_on_and_who_only_looked_is_not(code: int) -> None:
    state = run(verdict="failed", exit_code=code, reason="door.switch failed: no key")
    state.steps["door.switch"] = replace(state.steps["door.switch"], status="failed", error="no key")
    assert "Next " not in closing(state)
    promoted = state.steps["patients.promote"]
    state.steps["patients.promote"] = replace(promoted, action="postgres.promote", attempts=1)
    assert "Next    albus-dr resume failover-7f3a" in closing(state)


def test_who_is_told_to_give_up_is_not_told_to_resume() -> None:
    state = run(verdict="failed", exit_code=4, reason="commit failed: no")
    hint = "This run can't commit any more: albus-dr abort failover-7f3a. Then begin anew"
    state.steps["door.switch"] = replace(state.steps["door.switch"], status="failed", error="no", hint=hint)
    assert "Next " not in closing(state)
    either = f"albus-dr resume failover-7f3a. If it is lost: {hint}"
    state.steps["door.switch"] = replace(state.steps["door.switch"], hint=either)
    assert "Next    albus-dr resume failover-7f3a" in closing(state)


def test_a_budget_that_was_exceeded_is_told_once_in_the_first_line() -> None:
    said = closing(over_budget())
    assert said.splitlines()[1].startswith(
        "✗ Failed. the stage approved took 25 min; its budget is 15 min; most of it: run."
    )
    assert "Approved came" not in said


def test_a_reason_that_is_no_steps_failure_is_told() -> None:
    assert "it was aborted" in closing(run(verdict="incomplete", exit_code=130, reason="it was aborted"))


def test_summary_of_a_failed_run_says_what_to_do() -> None:
    state = run(verdict="failed", exit_code=4, rta_s=None, rpa_s=None, lost_writes=None, residue=["bordeaux: /scratch"])
    state.steps["patients.promote"] = replace(
        state.steps["patients.promote"], status="failed", error="it said no\x1b[31m", hint="ask again"
    )
    said = closing(state)
    assert "patients.promote failed: it said no" in said
    assert "what to do: ask again" in said
    assert "Left behind: bordeaux: /scratch" in said
    assert "Next    albus-dr resume failover-7f3a" in said
    assert re.search(r"Recovery time +not measured", said)
    assert re.search(r"Lost writes +not measured", said)
    assert "Service was back" not in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("waiting", "albus-dr approve failover-7f3a door.switch"),
        ("unknown", "albus-dr resume failover-7f3a --decide door.switch=done (or =not_done)"),
    ],
)
def test_summary_of_a_run_that_waits_gives_the_command(status: str, command: str) -> None:
    state = run(verdict="incomplete", exit_code=None, waiting_for="door.switch")
    state.steps["door.switch"] = replace(state.steps["door.switch"], status=status)
    assert f"Next    {command}" in closing(state)


def test_summary_of_an_interrupted_run_says_resume() -> None:
    assert "Next    albus-dr resume failover-7f3a" in closing(run(verdict="incomplete", exit_code=None))


@pytest.mark.parametrize("colour", [True, False])
def test_summary_fits_eighty_columns(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, colour: bool) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    state = run(verdict="failed", exit_code=4, reason="because " * 40, notes=["a note " * 30], residue=["x " * 90])
    state.steps["door.switch"] = replace(state.steps["door.switch"], status="failed", error="no " * 70, hint="so " * 70)
    summary(state, terminal.stream)
    raw = terminal.raw()
    assert ("\x1b[" in raw) is colour
    assert max(len(line) for line in ESCAPES.sub("", raw).splitlines()) <= 80


@pytest.mark.parametrize("make", [passed, too_late, over_budget, failed_drill], ids=lambda make: make.__name__)
def test_summary_is_told_in_french_and_fits_too(terminal: Terminal, make: Any) -> None:
    summary(make(), terminal.stream, words=FRENCH)
    said = ESCAPES.sub("", terminal.raw())
    assert max(len(line) for line in said.splitlines()) <= 80
    assert "Durée de reprise" in said
    assert not re.search(r"Recovery|promised|acknowledged|Report|Proof", said)


def test_screens_are_told_in_french(terminal: Terminal) -> None:
    declared_ = declared()
    plan = {"steps": [{"id": "door.ready", "title": "The door answers", "action": "traffic.ready"},
                      {"id": "own.x", "title": "The door answers", "action": "own.run"}]}  # fmt: skip
    events = [replace(declared_, data={**declared_.data, "plan": plan}),
              event("StepSucceeded", "door.ready", after_s=1, duration_s=1.5, adopted=True)]  # fmt: skip
    stream = io.StringIO()
    with (
        terminal.screen(now=lambda: ZERO, words=FRENCH) as screen,
        PlainScreen(stream, verbose=False, now=lambda: ZERO, words=FRENCH) as plain,
    ):
        for each in events:
            screen.on_event(each)
            plain.on_event(each)
    last = terminal.text().rsplit("bascule d'urgence", 1)[1]
    assert last.count("L'accès des utilisateurs répond") == 1, "an own step's name is its author's"
    assert "déjà faite" in last
    assert "DMIA" in last
    assert "door.ready : déjà faite" in stream.getvalue().replace("\N{NO-BREAK SPACE}", " ")


def test_what_somebody_must_type_is_told_in_french() -> None:
    waits = [declared(), event("StepUnknown", "documents.restore", after_s=6, reason="nobody answered")]
    said = told(lambda stream: screen_for(stream, words=FRENCH), waits)
    assert "--decide documents.restore=done (ou =not_done)" in said


def test_letters_that_the_stream_has_not_are_replaced() -> None:
    assert encodable("✓ “été” → ok", "ascii") == '+ "?t?" -> ok'
    assert encodable(FRENCH.duration(90), "ascii") == "1 min 30 s"
    assert encodable("✓ “été” → ok", "utf-8") == "✓ “été” → ok"
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    summary(run(), stream)
    stream.flush()
    assert b"+ Passed. Service was back" in raw.getvalue()
