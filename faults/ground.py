"""The ground: two sites under traffic, an observer who tries to write at both, and an operator who calls albus-dr."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from albus_dr.bench.observer import Observer
from albus_dr.bench.processes import look, send
from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench, Replication
from albus_dr.bench.traffic import CanNotCount, count
from albus_dr.errors import AlbusError
from faults.outcome import Outcome
from tests.real.operator_desk import Called, Desk, ended, wait_for

Part = Literal["albus-dr", "PostgreSQL", "application", "s3", "door", "witness", "guard"]
Operation = Literal["switchover", "failover", "failback"]
Verb = Operation | Literal["reprotect"]
RUN_S = 900.0  # one step after another may wait five minutes for a bucket that is gone
ATTEMPTS = 4


def cause(said: str) -> str:
    """Of what a run said at its end: from the line with its verdict on, where the reason stands; else the last of it."""
    verdict = said.rfind("✗")
    return said[verdict : verdict + 400] if verdict >= 0 else said.strip()[-400:]


class Stuck(Exception):
    """There was no way on, or it was not the one that was promised. Says what was seen."""


@dataclass
class Ground:
    """One try's. ``codes`` collects how albus-dr's processes ended."""

    bench: Bench
    desk: Desk
    observer: Observer
    source: str = PRIMARY
    target: str = SECONDARY
    codes: list[int] = field(default_factory=list)
    disrupted_at: datetime | None = None
    counted: Outcome = field(default_factory=Outcome)
    """Everything up to the end of the last try on it."""
    ended_well: bool = False

    # ------------------------------------------------------------------------------------------------ albus-dr

    def arguments(self, operation: Verb, *more: str) -> list[str]:
        """Of an operation, with --json. A failover from a site without power names the moment of the disruption, and,
        where nobody can look at it, who cut it."""
        if operation == "failover" and self.disrupted_at:
            more = ("--disrupted-at", self.disrupted_at.isoformat(), *more)
            if self.bench.network:
                more = ("--fenced-by", "the operator, who cut its power", *more)
        return self.desk.operation(operation, "--json", *more)

    def finish(self, child: subprocess.Popen[str]) -> Called:
        """Its end, whatever it is; the exit code is kept."""
        called = ended(child, RUN_S)
        self.codes.append(called.code)
        return called

    def new_run(self, child: subprocess.Popen[str], known: list[str]) -> str:
        """The run that the child begins."""
        return self.desk.new_run(known, child)

    def run(self, operation: Verb, *more: str, environment: Mapping[str, str] | None = None) -> tuple[str, Called]:
        """The operation to its end, whatever that is: the run's id, and what was said. Raises Stuck when no run began."""
        known = self.desk.runs()
        called = self.finish(self.desk.begin(*self.arguments(operation, *more), environment=environment))
        begun = [run for run in self.desk.runs() if run not in known]
        if not begun:
            raise Stuck(f"no run began: it ended with {called.code}: {cause(called.said)}")
        return begun[0], called

    def keys(self, run: str) -> list[tuple[str, str]]:
        """Kind and step of every event of its journal."""
        return [(event["kind"], event["step"]) for event in self.desk.events(run)]

    def wait_until(self, run: str, moment: tuple[str, str], child: subprocess.Popen[str]) -> None:
        """Until the journal has the event. Raises AssertionError when the child ends before."""
        wait_for(lambda: moment in self.keys(run) or None, child, RUN_S)

    def go_on(self, run: str, last: Called, environment: Mapping[str, str] | None = None) -> Called:
        """Resume until it has passed, as a person does. Raises Stuck with what albus-dr said last."""
        for _ in range(ATTEMPTS):
            if last.code == 0:
                return last
            if last.code == 1:
                raise Stuck(f"a bug in albus-dr: {last.said.strip()[:1200]}")
            last = self.finish(self.desk.begin("resume", run, "--json", environment=environment))
        if last.code == 0:
            return last
        raise Stuck(f"it still ends with {last.code}: {cause(last.said)}")

    # ---------------------------------------------------------------------------------------------- what is hit

    def pids(self, part: Part, site: str) -> list[int]:
        """The processes of a part: ``door`` has no site."""
        name = part if part in ("door", "witness") else f"{part} at {site}"
        return [pid for what, pid in self.bench.processes() if what == name]

    def hit(self, part: Part, site: str, sign: signal.Signals) -> None:
        """Every process of the part at once. Raises Stuck when there is none: nothing would be tried."""
        pids = self.pids(part, site)
        if not pids:
            raise Stuck(f"{part} does not run{f' at {site}' if site else ''} at this moment")
        for pid in pids:
            if running := look(pid):
                send(running, sign)

    def bring_back(self, part: Part, site: str) -> None:
        """Start a killed part again, as whatever starts servers does after a crash. What runs is left alone."""
        if self.pids(part, site):
            return
        if part == "PostgreSQL":
            self.bench.sites[site].server.start()
        elif part == "s3":
            self.bench.start_store(site)
        elif part == "application":
            self.bench.start_application(site)
        elif part == "door":
            self.bench.start_door()
            self.set_door()
        elif part == "witness":
            assert self.bench.witness is not None
            self.bench.witness.start()

    def set_door(self) -> None:
        """HAProxy remembers nothing: whatever starts it tells it who serves. Raises Stuck."""
        called = self.desk.call("door", str(self.desk.playbook), "--config", str(self.desk.config))
        if called.code != 0:
            raise Stuck(f"albus-dr door ended with {called.code}: {cause(called.said)}")

    def before(self, operation: Operation) -> None:
        """What must have happened for the operation to make sense. Raises Stuck."""
        if operation == "switchover":
            return
        self.lose_power()
        if operation == "failback":
            _, called = self.run("failover")
            if called.code != 0:
                raise Stuck(f"the failover before it ended with {called.code}: {cause(called.said)}")
            self.codes.clear()
            self.bench.start_site(self.source)  # as it was: a second primary
            self.source, self.target = self.target, self.source

    def lose_power(self) -> None:
        """The primary's site goes dark; its disks stay."""
        self.disrupted_at = datetime.now(UTC)
        self.bench.cut_power(self.source)

    # ---------------------------------------------------------------------------------------------- how it ended

    def outcome(self, last: Called | None) -> Outcome:
        """Count what users were promised and what is there. Raises Stuck when nobody is served."""
        try:
            found = self.bench.users.inside(lambda: count(self.bench.directory / "traffic"))
        except CanNotCount as error:
            raise Stuck(f"users are not served: {error}") from None
        verdict, before = self.observer.verdict(), self.counted
        rta_s = last.document["actuals"]["rta_s"] if last and last.out.strip() else None
        self.counted = Outcome(
            acknowledged=found["acknowledged_writes"], lost=found["lost_writes"], two_writable=verdict.two_writable,
            two_open=verdict.two_open, looked=verdict.looked, rta_s=rta_s, codes=tuple(self.codes),
        )  # fmt: skip
        tried_now = self.counted.since(before)
        self.ended_well = tried_now.is_good
        return tried_now

    # ------------------------------------------------------------------------------------------ the next try

    def is_whole(self) -> bool:
        """The last try on it ended well, and everything is as it should be at both sites: one as good as fresh."""
        where = (str(self.desk.playbook), "--config", str(self.desk.config))
        return self.ended_well and self.desk.call("status", *where).code == 0

    def begin_again(self) -> None:
        """For the next try, from whichever site serves now."""
        (self.source,) = self.desk.primaries()
        (self.target,) = (name for name in self.bench.sites if name != self.source)
        self.codes.clear()
        self.disrupted_at, self.ended_well = None, False


Prepare = Callable[[Bench], Callable[[], None]]
_whole: dict[bool, tuple[ExitStack, Ground]] | None = None  # by apart: what a try left whole, while reusing()


@contextmanager
def reusing() -> Iterator[None]:
    """While the block lasts, a ground that a try left whole is the next one's. A fresh one takes half a minute."""
    global _whole
    _whole = {}
    try:
        yield
    finally:
        left, _whole = _whole, None
        with ExitStack() as both:
            for stack, _ in left.values():
                both.push(stack)


@contextmanager
def ground(
    *, apart: bool = False, prepare: Prepare | None = None, replication: Replication = "synchronous"
) -> Iterator[Ground]:
    """Replicated once, users at work. Nothing of it is left afterwards, but what ``reusing`` keeps.

    ``prepare`` changes a fresh bench before it starts and returns what undoes that after everything was stopped.
    """
    if _whole is None or prepare or replication != "synchronous":
        with _fresh(apart, prepare, replication) as here:
            yield here
        return
    stack, here = _whole.pop(apart) if apart in _whole else _entered(apart)
    is_whole = False
    try:
        here.begin_again()
        yield here
        is_whole = here.is_whole()
    finally:
        if is_whole:
            _whole[apart] = stack, here
        else:
            stack.close()


def fresh(_: Bench) -> Callable[[], None]:
    """A ``prepare`` for a try that leaves traces: its ground is nobody else's."""
    return lambda: None


def _entered(apart: bool) -> tuple[ExitStack, Ground]:
    with ExitStack() as stack:
        here = stack.enter_context(_fresh(apart, None, "synchronous"))
        return stack.pop_all(), here


@contextmanager
def _fresh(apart: bool, prepare: Prepare | None, replication: Replication) -> Iterator[Ground]:
    place = Path(tempfile.mkdtemp(prefix="af-"))  # short: sockets lie in it
    place.chmod(0o711)  # PostgreSQL's user passes through
    undo: Callable[[], None] | None = None
    try:
        bench = Bench.create(place / "s", "small", seed=17, replication=replication, apart=apart)
        try:
            if prepare:
                undo = prepare(bench)
            bench.start()
            observer = Observer({name: site.server for name, site in bench.sites.items()})
            observer.prepare(PRIMARY)
            (place / "desk").mkdir()
            desk = Desk(bench, place / "desk")
            if replication == "asynchronous":
                desk.playbook = desk.variant(
                    "asynchronous.yaml", desk.playbook, ("replication: synchronous ", "replication: asynchronous ")
                )
            first = ended(desk.begin(*desk.operation("replicate", "--json")), RUN_S)
            if first.code != 0:
                raise Stuck(f"replicate ended with {first.code}: {cause(first.said)}")
            bench.start_traffic()
            with observer:
                yield Ground(bench, desk, observer)
        finally:
            for _, pid in bench.processes():  # what was stopped can't end
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            if left := bench.stop():
                raise Stuck("left behind: " + ", ".join(left))
    finally:
        if undo:
            undo()
        shutil.rmtree(place, ignore_errors=True)


def tried(work: Callable[[], Outcome]) -> Outcome:
    """Its outcome; a failure of any kind is one, too, with its reason."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # the next tries tell something, too
        return _failed(error)


def caught(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The same, with a failure between two of them as the last one."""
    try:
        yield from outcomes
    except Exception as error:  # noqa: BLE001
        yield _failed(error)


def _failed(error: Exception) -> Outcome:
    message = error.message if isinstance(error, AlbusError) else str(error)
    print(f"   {type(error).__name__}: {message}", file=sys.stderr)
    return Outcome(failure=f"{type(error).__name__}: {' '.join(message.split())}"[:400])
