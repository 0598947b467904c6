"""A command under guard: replaced by it while a window is open, or kept as a child that ends with its lease."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.tools import leash
from albus_dr.tools.leash import clock

__all__ = ["Guarded", "Moments", "clock", "one_guard", "replace_us", "start"]

_LEASH = (sys.executable, "-I", leash.__file__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_START_S = 10.0
_TOO_LATE = "the time in which the command may start was over before it could be started"
_AGAIN = "try again; is this machine short of something?"


@dataclass(frozen=True)
class Moments:
    """When a command that may run until ``end`` is told to end. All by ``clock``."""

    end: float
    ttl_s: float

    @property
    def interrupt(self) -> float:
        """SIGINT: PostgreSQL's fast shutdown, which has a sixth of the time to live."""
        return self.end - self.ttl_s / 3

    @property
    def quit(self) -> float:
        """SIGQUIT: PostgreSQL's immediate shutdown."""
        return self.end - self.ttl_s / 6

    @property
    def kill(self) -> float:
        """SIGKILL, to everything that is left."""
        return self.end - self.ttl_s / 12


@contextmanager
def one_guard(lock: Path, *, keeps: bool) -> Iterator[int]:
    """One guard of a site at a time on this machine; the descriptor that holds the lock. Those that keep no lease go beside
    each other, and beside none that does: they would take its lease from it.

    Raises RefusedError while another one, or what it started, is not gone.
    """
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if keeps else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RefusedError(
            f"another guard of this site runs on this machine: it holds {lock}", hint="fuser names its process"
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def replace_us(command: Sequence[str], *, until: float) -> NoReturn:
    """Become the command, if that happens before ``until``; a process that watches kills us when it doesn't.

    Raises RefusedError when it is too late, NotReadyError when there is no such program.
    """
    program = _found(command)
    executed, executing = os.pipe()
    with subprocess.Popen(
        (*_LEASH, "watch", str(os.getpid()), str(executed), repr(until)), pass_fds=(executed,),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    ) as watcher:  # fmt: skip
        assert watcher.stdout is not None
        is_watched = bool(select.select([watcher.stdout], [], [], max(0.0, until - clock()))[0])
        if not (is_watched and watcher.stdout.readline() == b"watching\n"):
            raise RefusedError(_TOO_LATE, hint=_AGAIN)
    os.close(executed)
    sys.stdout.flush()
    sys.stderr.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    if clock() >= until:
        raise RefusedError(_TOO_LATE, hint=_AGAIN)
    try:
        os.execv(program, list(command))  # noqa: S606 -- this is what a guard is for; `executing` closes with it
    except OSError as error:
        os.close(executing)
        raise NotReadyError(f"{program} can't be started: {error.strerror}") from None


def _until(moments: Moments) -> str:
    return f"{moments.interrupt!r},{moments.quit!r},{moments.kill!r}"


def _found(command: Sequence[str]) -> str:
    program = shutil.which(command[0])
    if program is None:
        raise NotReadyError(f"there is no program {command[0]} here", hint="write its whole path")
    return program


@dataclass
class Guarded:
    """A command that runs, and the leash that ends it."""

    pid: int
    """The command's."""
    _control: int
    _status: int
    _leash: subprocess.Popen[bytes]
    _moments: Moments
    _is_lapsed: bool = field(default=False, init=False)
    _rest: bytes = field(default=b"", init=False)

    @property
    def is_lapsed(self) -> bool:
        """It was told to end because its lease was not renewed in time."""
        return self._is_lapsed

    def extend(self, moments: Moments) -> None:
        """It may run until then. What is ending already ends."""
        self._moments = moments
        self._say(_until(moments))

    def end(self) -> None:
        """Quit at once, and kill soon after."""
        self._moments = Moments(clock() + leash.QUIT_PATIENCE_S, 0.0)
        self._say("end")

    def wait(self) -> int:
        """Until nothing of it is left: its exit code, or 128 and the signal that ended it.

        Kills everything itself when the leash does not do it in time, or is gone.
        """
        while True:
            left_s = self._moments.kill - clock()
            if left_s <= 0:
                return self._kill()
            if not select.select([self._status], [], [], min(leash.TICK_S, left_s))[0]:
                continue
            chunk = os.read(self._status, 65_536)
            if not chunk:
                return self._kill()
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                word, _, value = line.decode().partition(" ")
                self._is_lapsed |= word == "lapsed"
                if word == "ended":
                    return int(value)

    def _kill(self) -> int:
        self._is_lapsed = True
        leash.kill_everything()
        return 128 + signal.SIGKILL

    def _say(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the leash is gone: wait() sees it
            os.write(self._control, line.encode() + b"\n")

    def pass_on(self, number: int, _: FrameType | None = None) -> None:
        """A signal that we got, to the command."""
        self._say(f"signal {number}")


@contextmanager
def start(command: Sequence[str], moments: Moments, *, lock: int) -> Iterator[Guarded]:
    """The command, which ends at these moments unless they are extended, and with us, however we end.

    Signals to us are passed on to it. ``lock`` stays held until nothing of the command is left.
    Raises NotReadyError when it can't be started.
    """
    program = _found(command)
    leash.adopt_orphans()
    told, control = os.pipe()
    status, says = os.pipe()
    process = subprocess.Popen(
        (*_LEASH, "keep", str(told), str(says), _until(moments), program, *command[1:]), pass_fds=(told, says, lock)
    )
    os.close(told)
    os.close(says)
    guarded = Guarded(0, control, status, process, moments)
    before = {number: signal.signal(number, guarded.pass_on) for number in _SIGNALS}
    try:
        _await_start(guarded, program)
        yield guarded
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        leash.kill_everything()
        process.returncode = 0  # it was waited for, and its code says nothing
        os.close(control)
        os.close(status)


def _await_start(guarded: Guarded, program: str) -> None:
    deadline = time.monotonic() + _START_S
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([guarded._status], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise NotReadyError(f"{program} was not started within {_START_S:g} s")
        byte = os.read(guarded._status, 1)
        if not byte:
            raise NotReadyError(f"{program} was not started: what keeps it on its lease died")
        line += byte
    word, value = line.decode().split()
    if word != "started":
        if int(value) == errno.ETIME:
            raise RefusedError(_TOO_LATE, hint=_AGAIN)
        raise NotReadyError(f"{program} can't be started: {os.strerror(int(value))}")
    guarded.pid = int(value)
