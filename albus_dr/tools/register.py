"""A register: one text that is changed by compare-and-set, at a place that the sites share. The witness is one.

What every kind promises, and what the canary tries before one is trusted: a write that names a version which is no
longer the present one changes nothing; a read gives the last text that was written, never an older one.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from albus_dr.errors import AlbusError, ExitCode, NotReadyError, RefusedError

SETTLE_EVERY_S = 0.2


class Conflict(AlbusError):
    """Nothing was written: somebody else has changed the register since it was read. Read it again, decide again."""

    exit_code = ExitCode.REFUSED
    permanent = False


class Unreachable(AlbusError):
    """The place gave no answer in time, and nothing was written."""

    exit_code = ExitCode.NOT_READY
    permanent = False


class WriteUnknown(AlbusError):
    """The answer to a write was lost: it may have happened, and it may still happen. Read again and compare."""

    exit_code = ExitCode.NOT_READY
    permanent = False


@dataclass(frozen=True)
class Held:
    """What a read found. Nothing was ever written: ``text`` and ``version`` are None."""

    text: str | None
    version: str | None
    """Opaque: no two writes of a register have the same one, not even with the same text."""
    now: float
    """The place's own clock at some moment of the read, in seconds since 1970; up to 1 s early where it tells whole ones."""


class Register(Protocol):
    """What the witness needs. Every call ends within some seconds."""

    @property
    def name(self) -> str:
        """What and where it is, for people. No secret is in it."""
        ...

    def read(self) -> Held:
        """The last text that was written. Raises Unreachable, or NotReadyError where trying again can't help."""
        ...

    def write(self, text: str, expected: str | None) -> str:
        """Replace the version ``expected`` (None: nothing was written yet) and return the new version.

        Raises Conflict or Unreachable (nothing was written), WriteUnknown (it may have been), NotReadyError.
        """
        ...


class Place(Protocol):
    """A kind of place: it holds many registers, each under a key of small letters, digits, ``-``, ``_`` and ``.``."""

    @property
    def name(self) -> str:
        """As Register.name."""
        ...

    def read(self, key: str) -> Held:
        """As Register.read."""
        ...

    def write(self, key: str, text: str, expected: str | None) -> str:
        """As Register.write."""
        ...

    def remove(self, key: str) -> None:
        """Make it as if nothing had ever been written. For the canary's key, which nobody else has."""
        ...


def not_albus_drs(place: Place, key: str, error: Exception) -> RefusedError:
    """What a read found can't have been written by albus-dr."""
    return RefusedError(
        f"what {place.name} holds under {key} is not albus-dr's ({type(error).__name__})",
        hint="is it the right place? If so, look at both sites, remove that there, then: albus-dr witness set RUNBOOK --primary SITE",
    )


@dataclass
class TrustedRegister:
    """A register of a place that has shown, once in this process and before its first use, that it can be one."""

    place: Place
    key: str
    _proven: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def name(self) -> str:
        """As Register.name."""
        return self.place.name

    def read(self) -> Held:
        """As Register.read. Raises NotReadyError, too, when the place can't be a witness."""
        self._trust()
        return self.place.read(self.key)

    def write(self, text: str, expected: str | None) -> str:
        """As Register.write. Raises NotReadyError, too, when the place can't be a witness."""
        self._trust()
        return self.place.write(self.key, text, expected)

    def _trust(self) -> None:
        with self._lock:
            if not self._proven:
                probe(self.place, f"{self.key}.canary-{uuid.uuid4().hex}")
                self._proven = True


def probe(place: Place, key: str) -> None:
    """Try on a key that nobody uses whether the place keeps its promises; the key is removed afterwards.

    Raises NotReadyError by name when it accepts what it must refuse, or gives back what was not written.
    Raises Unreachable when it could not be tried to the end.
    """
    try:
        _try_out(place, key)
    except AlbusError as error:
        with suppress(AlbusError):  # the first error says more, and nobody reads this key again
            place.remove(key)
        if isinstance(error, WriteUnknown):
            raise Unreachable(error.message, hint=error.hint) from None
        raise
    place.remove(key)


def _try_out(place: Place, key: str) -> None:
    if place.read(key).version is not None:
        raise _unfit(place, "gives a text under a key that nobody has written")
    first = place.write(key, "canary 1", None)
    _must_refuse(place, key, None, "accepts a second conditional write")
    _must_hold(place, key, "canary 1", first)
    second = place.write(key, "canary 2", first)
    if second == first:
        raise _unfit(place, "gives two writes the same version")
    _must_refuse(place, key, first, "accepts a write on a version that is gone")
    _must_hold(place, key, "canary 2", second)


def _must_refuse(place: Place, key: str, expected: str | None, fault: str) -> None:
    try:
        place.write(key, "canary that must be refused", expected)
    except Conflict:
        return
    raise _unfit(place, fault)


def _must_hold(place: Place, key: str, text: str, version: str) -> None:
    held = place.read(key)
    if (held.text, held.version) != (text, version):
        raise _unfit(place, "does not give back what was written last")


def _unfit(place: Place, fault: str) -> NotReadyError:
    return NotReadyError(
        f"{place.name} {fault}: it can't be a witness",
        hint="use a place that keeps conditional writes: PostgreSQL, etcd, or an S3 service that documents them",
    )


def write_surely(register: Register, text: str, expected: str | None, *, timeout_s: float) -> str:
    """Write, and find out what happened when the answer was lost; the new version.

    ``text`` must be one that nobody else writes and that was never written before: it holds a nonce. Raises Conflict
    when it was not written, or was written and then replaced by somebody else: read again, decide again.
    Raises WriteUnknown when ``timeout_s`` seconds were not enough to find out, and what Register.write raises.
    """
    deadline = time.monotonic() + timeout_s
    lost: WriteUnknown | None = None
    while True:
        try:
            if lost is not None and (version := _arrived(register, text, expected)) is not None:
                return version
            return register.write(text, expected)
        except WriteUnknown as error:
            lost = error
        except (Conflict, Unreachable, NotReadyError) as error:
            if lost is None or isinstance(error, _Replaced):
                raise
        if time.monotonic() >= deadline:
            raise lost
        time.sleep(SETTLE_EVERY_S)


class _Replaced(Conflict):
    """The register holds somebody else's text, so that a write on the old version can't happen any more."""


def _arrived(register: Register, text: str, expected: str | None) -> str | None:
    """The version of a write whose answer was lost; None while it may still arrive. Raises _Replaced."""
    held = register.read()
    if held.version == expected:
        return None
    if held.text == text:
        return held.version
    raise _Replaced(f"{register.name} was changed by somebody else")
