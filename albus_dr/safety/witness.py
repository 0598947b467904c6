"""The witness: the register of one runbook, changed only by what the rule decides."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from albus_dr.errors import AlbusError, RefusedError
from albus_dr.safety import rule
from albus_dr.safety.record import Record, RunLease
from albus_dr.safety.rule import Decision
from albus_dr.tools.register import Conflict, Register, Unreachable, write_surely

RUN_LEASE_S = 30.0
RENEWALS = 4  # in the life of a lease: some may be lost
SETTLE_S = 20.0
CONFLICTS = 50  # two operators, two guards: more in a row is nobody's normal day
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """What one read found. ``now``: the witness's clock; ``read_at``: this machine's monotonic clock before the read."""

    record: Record | None
    version: str | None
    now: float
    read_at: float


@dataclass(frozen=True)
class Attempt:
    """What was read, by its version, and what to write in its place; None: it stays as it is."""

    version: str | None
    record: Record | None


def compare_and_set(register: Register, attempt: Callable[[], Attempt], *, tries: int, settle_s: float) -> None:
    """Read, decide and write, all of it again when somebody else was faster; the last attempt is the one that stands.

    Raises what the register raises, and Unreachable when it is changed by others every time.
    """
    for _ in range(tries):
        tried = attempt()
        if tried.record is None:
            return
        try:
            write_surely(register, tried.record.to_text(uuid.uuid4().hex), tried.version, timeout_s=settle_s)
        except Conflict:
            continue
        return
    raise Unreachable(
        f"{register.name} was changed by others {tries} times while it was asked",
        hint="albus-dr witness show RUNBOOK shows who does",
    )


def boot_time() -> float:
    """Seconds since this machine started, those included that it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Witness:
    """One runbook's record. Every call ends within some seconds, and raises what the register raises when it can't
    be reached (Unreachable, NotReadyError, WriteUnknown); RefusedError when the rule says no."""

    def __init__(self, register: Register, runbook: str, sites: tuple[str, str], margin_s: float) -> None:
        self._register = register
        self._runbook = runbook
        self._sites = sites
        self.margin_s = margin_s
        self.lease_until = 0.0
        """By ``boot_time``, counted from before the run lease was last asked for and given."""

    @property
    def name(self) -> str:
        """What and where it is, for people."""
        return self._register.name

    def read(self, epoch_seen: int = 0) -> Seen:
        """The record as it is; ``record`` is None where nothing was ever written. Raises RefusedError for one that
        speaks of something else, or whose epoch went backwards."""
        read_at = time.monotonic()
        held = self._register.read()
        record = Record.from_text(held.text) if held.text is not None else None
        if record is not None:
            accepted = rule.accept(record, self._runbook, self._sites, epoch_seen)
            if not accepted.allowed:
                raise RefusedError(accepted.reason, hint=self._show_hint())
        return Seen(record, held.version, round(held.now, 6), read_at)  # as exact as its text

    def change(self, decide: Callable[[Record, float], Decision], *, hint: str = "") -> Record:
        """Ask the rule about the record as it is and write what follows, again when somebody else was faster.

        Returns the record as it is then. Raises RefusedError with the rule's reason.
        """
        return self._change(lambda record, now: decide(self._present(record), now), hint)

    def in_charge_for_s(self) -> float:
        """How much longer, at least, nobody else can have taken the run lease, whether the witness answers or not; 0 without
        one. This machine's sleep counts."""
        return max(0.0, self.lease_until - boot_time())

    def establish(
        self, primary: str, *, run: str, epoch_seen: int, identities: Mapping[str, str], other_ended: bool = False,
    ) -> Record:  # fmt: skip
        """Write the record anew (rule.establish): what was there may be lost, or older than what was seen."""

        def decide(record: Record | None, now: float) -> Decision:
            return rule.establish(
                record, self._runbook, self._sites, primary, run=run, epoch_seen=epoch_seen, identities=identities,
                now=now, margin_s=self.margin_s, other_ended=other_ended,
            )  # fmt: skip

        return self._change(decide, "")

    def begin(self, primary: str, *, run: str) -> Record:
        """The record; the first one of this runbook when there is none."""

        def decide(record: Record | None, now: float) -> Decision:
            if record is not None:
                return Decision(True, "it has one")
            return rule.establish(
                None,
                self._runbook,
                self._sites,
                primary,
                run=run,
                epoch_seen=0,
                identities={},
                now=now,
                margin_s=self.margin_s,
            )

        return self._change(decide, "")

    def _change(self, decide: Callable[[Record | None, float], Decision], hint: str) -> Record:
        stands: Record | None = None

        def attempt() -> Attempt:
            nonlocal stands
            seen = self.read()
            decision = decide(seen.record, seen.now)
            if not decision.allowed:
                raise RefusedError(decision.reason, hint=hint or self._show_hint())
            changed = decision.record if decision.record != seen.record else None
            stands = changed or seen.record
            return Attempt(seen.version, changed)

        compare_and_set(self._register, attempt, tries=CONFLICTS, settle_s=SETTLE_S)
        return self._present(stands)

    def _present(self, record: Record | None) -> Record:
        if record is None:
            raise RefusedError(
                f"{self.name} holds nothing about {self._runbook}: it was lost, or is another place",
                hint="look at both sites, then: albus-dr witness set RUNBOOK --primary SITE",
            )
        return record

    def _show_hint(self) -> str:
        return "albus-dr witness show RUNBOOK shows it; albus-dr witness set RUNBOOK --primary SITE writes it anew"


@contextmanager
def run_lease(
    witness: Witness, lease: RunLease, lost: Callable[[str], None], promoted: Callable[[], bool]
) -> Iterator[None]:
    """Hold the run lease, kept alive by a thread; given back at the end, whatever happened.

    Raises RefusedError naming who holds it. ``lost`` is called, once, when somebody else has it. ``promoted`` is asked
    at the end: has the change that this run committed been seen through?
    """
    asked_at = boot_time()
    witness.change(
        lambda record, now: rule.take_run(record, lease, now, witness.margin_s),
        hint="wait for it, or for its lease to lapse; albus-dr witness show RUNBOOK shows who holds what",
    )
    witness.lease_until = asked_at + lease.ttl_s
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(witness, lease, lost, over), name="run-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        witness.lease_until = 0.0
        try:
            witness.change(lambda record, _: rule.release_run(record, lease.run, promoted=promoted()))
        except AlbusError as error:  # it lapses by itself
            log.warning("the run lease was not given back: %s", error.message)


def _keep(witness: Witness, lease: RunLease, lost: Callable[[str], None], over: threading.Event) -> None:
    while not over.wait(lease.ttl_s / RENEWALS):
        asked_at = boot_time()
        try:
            witness.change(lambda record, now: rule.renew_run(record, lease.run, now))
            witness.lease_until = asked_at + lease.ttl_s
        except RefusedError as error:
            witness.lease_until = 0.0
            lost(error.message)
            return
        except AlbusError as error:  # the place does not answer; until somebody takes the lease it is this run's
            log.warning("the run lease was not renewed: %s", error.message)
