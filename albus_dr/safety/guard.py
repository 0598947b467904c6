"""In front of what makes a site writable: it starts there only while the witness says that the site is the primary.

Decisions are the rule's; this asks the witness, keeps the time by this machine's own clock, and says why not.
"""

from __future__ import annotations

import os
import platform
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from albus_dr.errors import AlbusError, RefusedError
from albus_dr.runbook.config import SiteConfig
from albus_dr.safety import rule
from albus_dr.safety.record import Record, WriteLease
from albus_dr.safety.rule import Decision
from albus_dr.safety.witness import Attempt, compare_and_set
from albus_dr.tools import guarded
from albus_dr.tools.guarded import Moments, clock
from albus_dr.tools.register import Register, Unreachable, WriteUnknown

START_WINDOW_S = 5.0
SHOWS_WITHIN_S = 30.0  # a started server has its postmaster.pid or its port by then: a probe finds nothing else
TRIES = 10
STANDBY_EVERY_S = 1.0
_ALLOWED_STILL = "what runs goes on; start it once the witness answers, or without the guard if you are sure that no other site writes"
_WHO = "albus-dr status shows both sites; a claim ends with its run: albus-dr runs list"


@dataclass(frozen=True)
class Told:
    """What the witness said, and when it was asked by this machine's own clock."""

    decision: Decision
    record: Record
    asked_at: float


@dataclass
class Guard:
    """Of one site of a runbook, on the machine whose servers it starts."""

    register: Register
    runbook: str
    sites: tuple[str, str]
    site: str
    servers: SiteConfig
    memory: Path
    """A directory of this machine that remembers the highest epoch."""
    ttl_s: float
    say: Callable[[str], None]
    holder: str = field(
        default_factory=lambda: f"guard on {platform.node()}, process {os.getpid()}, {uuid.uuid4().hex[:8]}"
    )

    def replace_us(self, command: Sequence[str]) -> NoReturn:
        """Become the command where it may start. Raises RefusedError, or what the register raises."""
        if self.is_standby():
            self.say(f"starts as a standby: {', '.join(self._data())} has standby.signal")
            guarded.replace_us(command, until=clock() + START_WINDOW_S)
        with guarded.one_guard(self._lock, keeps=False):  # until it becomes the command, or ends
            asked_at = self._asked_to_start(self.lease(START_WINDOW_S + SHOWS_WITHIN_S, kept=False))
            guarded.replace_us(command, until=asked_at + START_WINDOW_S)

    def keep(self, command: Sequence[str]) -> int:
        """Run the command for as long as the lease is renewed; its exit code, 128 and a signal's number included.

        Raises RefusedError when it may not start, and when it was ended because it may not run any longer.
        """
        with guarded.one_guard(self._lock, keeps=True) as lock:
            self._must_be_alone()
            has_lease, asked_at = False, clock()
            if self.is_standby():
                self.say(
                    f"starts as a standby: {', '.join(self._data())} has standby.signal; takes a lease when promoted"
                )
            else:
                has_lease, asked_at = True, self._asked_to_start(self.lease(self.ttl_s))
            with guarded.start(command, self.until(asked_at), lock=lock) as running:
                return _Keeping(self, running, has_lease).run()

    @property
    def _lock(self) -> Path:
        return self.memory / f"{self.runbook}.{self.site}.lock"

    def until(self, asked_at: float) -> Moments:
        """What a time to live from this moment on means."""
        return Moments(asked_at + self.ttl_s, self.ttl_s)

    # --- the witness ------------------------------------------------------------------------------------------------

    def asked(self, judge: Callable[[Record, float], Decision]) -> Told:
        """The judge's decision on what the witness holds now, written where it changes that."""
        told: Told

        def attempt() -> Attempt:
            nonlocal told
            asked_at = clock()
            held = self.register.read()
            record = self._believed(held.text)
            told = Told(judge(record, held.now), record, asked_at)
            return Attempt(held.version, told.decision.record if told.decision.allowed else None)

        compare_and_set(self.register, attempt, tries=TRIES, settle_s=self.ttl_s / 3)
        return told

    def _believed(self, text: str | None) -> Record:
        if text is None:
            raise RefusedError(
                f"the witness ({self.register.name}) holds nothing about {self.runbook}: nobody has said who is primary",
                hint=f"look at both sites, then: albus-dr witness set RUNBOOK --primary SITE; {_ALLOWED_STILL}",
            )
        record = Record.from_text(text)
        seen = self.epoch()
        believed = rule.accept(record, self.runbook, self.sites, seen)
        if not believed.allowed:
            anew = (
                "look at both sites, then: albus-dr witness set RUNBOOK --primary SITE, as often as it takes for the epoch "
                f"to be above {seen}: each one adds 1"
            )
            raise RefusedError(
                f"the witness ({self.register.name}) is not believed: {believed.reason}",
                hint=anew if record.epoch < seen else _WHO,
            )
        self._remember(record.epoch)
        return record

    def _asked_to_start(self, lease: WriteLease) -> float:
        """When the witness was asked, by this machine's clock. Raises RefusedError, and what says that it is not there."""
        try:
            self.register.read()  # a place is tried out before its first use: that takes none of the time to start in
            told = self.asked(lambda record, now: rule.start(record, lease, now, self.epoch()))
        except (Unreachable, WriteUnknown) as error:
            raise type(error)(f"not started: {error.message}", hint=_ALLOWED_STILL) from None
        if not told.decision.allowed:
            began = f"{datetime.fromtimestamp(told.record.changed_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
            raise RefusedError(
                f"not started: {told.decision.reason}; epoch {told.record.epoch} began at {began} with "
                f"{told.record.changed_by}",
                hint=_WHO,
            )
        return told.asked_at

    def lease(self, ttl_s: float, *, kept: bool = True) -> WriteLease:
        return WriteLease(self.site, self.holder, kept, ttl_s, renewed_at=0.0)  # the rule fills in the time

    def epoch(self) -> int:
        try:
            return int(self._epoch_file.read_text())
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise RefusedError(
                f"{self._epoch_file} does not say which epoch was seen here: {type(error).__name__}",
                hint="write the number that albus-dr status shows into it",
            ) from None

    def _remember(self, epoch: int) -> None:
        if epoch > self.epoch():
            self._epoch_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = self._epoch_file.with_suffix(".new")
            aside.write_text(str(epoch))
            aside.rename(self._epoch_file)

    @property
    def _epoch_file(self) -> Path:
        return self.memory / f"{self.runbook}.{self.site}.epoch"

    # --- this machine -----------------------------------------------------------------------------------------------

    def _data(self) -> list[str]:
        """The data directories of the site's servers on this machine."""
        return [server.data for server in self.servers.servers.values() if Path(server.data).is_dir()]

    def is_standby(self) -> bool:
        """Everything that would start here follows a primary, and is not writable."""
        standbys = self._standbys()
        return bool(standbys) and len(standbys) == len(self._data())

    def has_standby(self) -> bool:
        """Something that would start here follows a primary."""
        return bool(self._standbys())

    def _standbys(self) -> list[str]:
        return [each for each in self._data() if Path(each, "standby.signal").exists()]

    def _must_be_alone(self) -> None:
        """A lease is a promise for the whole site: a server that runs without us would not end with it."""
        for data in self._data():
            try:
                pid = int(Path(data, "postmaster.pid").read_text().split("\n", 1)[0])
            except (FileNotFoundError, ValueError):
                continue
            if os.path.realpath(f"/proc/{pid}/cwd") == os.path.realpath(data):
                raise RefusedError(
                    f"PostgreSQL (process {pid}) runs in {data} already, without this guard", hint="stop it first"
                )


@dataclass
class _Keeping:
    """While the command runs: a thread renews, the leash ends."""

    guard: Guard
    running: guarded.Guarded
    has_lease: bool
    _reason: str = field(default="", init=False)
    _is_refused: bool = field(default=False, init=False)
    _over: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self) -> int:
        """Raises RefusedError when the command was ended by us."""
        renewing = threading.Thread(target=self._renew_on, name="lease", daemon=True)
        renewing.start()
        code = self.running.wait()
        self._over.set()
        if self._is_refused or self.running.is_lapsed:
            what = "" if self._is_refused else f"the lease of {self.guard.ttl_s:g} s could not be renewed: "
            raise RefusedError(
                f"ended what it guarded: {what}{self._reason or f'{self.guard.register.name} did not answer in time'}",
                hint=_WHO,
            )
        renewing.join(self.guard.ttl_s)
        self._give_back()
        return code

    def _renew_on(self) -> None:
        while not self._over.wait(self._pause_s()):
            try:
                if not self.has_lease and self.guard.is_standby():
                    self.running.extend(self.guard.until(clock()))
                else:
                    self._renew()
            except AlbusError as error:
                self._reason = error.message
            except Exception as error:  # noqa: BLE001 -- whatever it is, nothing is renewed, and the leash knows when
                self._reason = f"{type(error).__name__}: {error}"

    def _pause_s(self) -> float:
        if self._reason:
            return self.guard.ttl_s / 30
        return self.guard.ttl_s / 3 if self.has_lease else min(STANDBY_EVERY_S, self.guard.ttl_s / 3)

    def _renew(self) -> None:
        """Also for a standby that was promoted: it writes without a lease while the witness names its site, at most for
        a time to live without hearing so. A first write whose answer was lost is a promise: what finds it, renews it."""
        told = self.guard.asked(self._judge)
        self.has_lease |= told.decision.allowed
        if told.decision.allowed or (not self.has_lease and rule.write(told.record, self.guard.site).allowed):
            self._reason = "" if told.decision.allowed else told.decision.reason
            self.running.extend(self.guard.until(told.asked_at))
            return
        self._reason, self._is_refused = told.decision.reason, True
        self._over.set()
        self.running.end()

    def _judge(self, record: Record, now: float) -> Decision:
        guard = self.guard
        is_ours = record.write_lease is not None and record.write_lease.holder == guard.holder
        if self.has_lease or is_ours:
            return rule.renew(record, guard.site, guard.holder, now)
        lapses = record.write_lease is not None and record.write_lease.kept  # that it is over would prove something
        if guard.has_standby() and not lapses:
            # Its promotion would end a lease, and with that the servers that were promoted before it.
            return Decision(False, "a lease is taken once every server here was promoted")
        return rule.start(record, guard.lease(guard.ttl_s), now, guard.epoch())

    def _give_back(self) -> None:
        """So that nobody has to wait for its lapse. It lapses by itself where this does not arrive."""
        if self.has_lease:
            try:
                self.guard.asked(lambda record, _: rule.release_write(record, self.guard.site, self.guard.holder))
            except AlbusError as error:
                self.guard.say(f"the lease was not given back and lapses by itself: {error.message}")
