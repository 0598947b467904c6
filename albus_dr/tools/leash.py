"""The process between a guard and its command: it ends the command in time even when the guard was stopped or killed.

Started by tools.guarded as a program of its own (``python -I leash.py …``), so it imports the standard library alone.
Linux only. Two ways:

``keep CONTROL STATUS UNTIL COMMAND…``: starts the command, unless the first moment of UNTIL has come, and is told, line
by line on CONTROL, until when it may run: ``INTERRUPT,QUIT,KILL`` (moments of CLOCK_BOOTTIME; UNTIL is the same),
``signal N``, ``end`` (quit now, kill soon after). The end of CONTROL is the end of the guard:
everything is killed. STATUS gets ``started PID`` or ``failed ERRNO``, ``lapsed`` (the first moment has come) and ``ended
CODE``. It is the subreaper of everything that the command starts, PostgreSQL's children in sessions of their own
included: nothing escapes by losing its parent.

``watch PID EXECUTED MOMENT``: kills PID at the moment unless EXECUTED, a pipe that a successful exec closes, ended first.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

QUIT_PATIENCE_S = 0.5
TICK_S = 1.0
POLL_S = 0.005
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def clock() -> float:
    """Seconds that can't be set and go on while the machine sleeps. The same clock in every process of the machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def adopt_orphans() -> None:
    """From now on every descendant that loses its parent becomes our child. Raises OSError where that can't be."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_everything() -> list[tuple[int, int]]:
    """Kill every descendant, and return when there is none; those that were our children, with their wait status.

    Only for a process that has adopted orphans: when it has no child left, nothing of them is left.
    """
    ended: list[tuple[int, int]] = []
    while True:
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended.append(found)
        except ChildProcessError:
            return ended
        select.select([], [], [], POLL_S)  # as time.sleep, which fails under libfaketime


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _parents() -> Iterator[tuple[int, int]]:
    """Process and parent, of everything that is alive."""
    for name in os.listdir("/proc"):  # noqa: PTH208 -- pathlib would double the start of this little program
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
                if fields[0] != b"Z":
                    yield int(name), int(fields[1])


def _descendants() -> list[int]:
    """The nearest first: a parent dies before it can see its children die."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found = list(children.get(os.getpid(), ()))
    for pid in found:  # it grows as it is read
        found += children.get(pid, ())
    return found


class _Keeper:
    def __init__(self, control: int, status: int) -> None:
        self.control, self.status = control, status
        self.main = 0
        self.code: int | None = None
        self.rest = b""
        self.moments: list[tuple[float, int]] = []
        """What is sent when, soonest first."""
        self.is_ending = False

    def run(self, until: str, command: list[str]) -> None:
        self.allow(until)
        if self.moments and clock() >= self.moments[0][0]:
            self.say(f"failed {errno.ETIME}")
            return
        if not self.start(command):
            return
        alive = os.pidfd_open(self.main)
        watched = [self.control, alive]
        while True:
            wait_s = max(0.0, min([TICK_S, *(moment - clock() for moment, _ in self.moments[:1])]))
            ready = select.select(watched, [], [], wait_s)[0]
            if alive in ready:
                watched.remove(alive)
            if self.control in ready and not self.hear():
                self.kill()
            if self.moments and clock() >= self.moments[0][0]:
                self.act(self.moments.pop(0)[1])
            if not self.reap():
                self.say(f"ended {self.code}")
                return

    def start(self, command: list[str]) -> bool:
        we = os.getpid()

        def before_it() -> None:
            for each in _PASSED_ON:
                signal.signal(each, signal.SIG_DFL)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != we:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            child = subprocess.Popen(command, preexec_fn=before_it)
        except OSError as error:
            self.say(f"failed {error.errno}")
            return False
        self.main = child.pid
        child.returncode = 0  # reap() waits, for everything
        self.say(f"started {self.main}")
        return True

    def hear(self) -> bool:
        """Everything that the guard has said; False when it is gone."""
        chunk = os.read(self.control, 65_536)
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in lines:
            word, *values = line.decode().split()
            if word == "signal":
                self.send(int(values[0]))
            elif word == "end":
                self.is_ending = True
                self.send(signal.SIGQUIT)
                self.moments = [(clock() + QUIT_PATIENCE_S, signal.SIGKILL)]
            elif not self.is_ending:  # what has begun to end is not called back
                self.allow(word)
        return bool(chunk)

    def allow(self, until: str) -> None:
        signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
        self.moments = list(zip(map(float, until.split(",")), signals, strict=True))

    def act(self, number: int) -> None:
        if not self.is_ending:
            self.is_ending = True
            self.say("lapsed")
        if number == signal.SIGKILL:
            self.kill()
        else:
            self.send(number)

    def send(self, number: int) -> None:
        """To the command, and to what it left to us: a daemon's parent may be gone."""
        for pid in [pid for pid, parent in _parents() if parent == os.getpid()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)  # a stopped process hears nothing

    def kill(self) -> None:
        self.moments = []
        for found in kill_everything():
            self.remember(*found)

    def reap(self) -> bool:
        """True while something of the command is left."""
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self.remember(*found)
        except ChildProcessError:
            return False
        return True

    def remember(self, pid: int, status: int) -> None:
        if pid == self.main:
            code = os.waitstatus_to_exitcode(status)
            self.code = code if code >= 0 else 128 - code

    def say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a guard that is gone hears nothing
            os.write(self.status, line.encode() + b"\n")


def _keep(control: str, status: str, until: str, *command: str) -> None:
    os.setsid()  # a signal to the guard's group, Ctrl-Z too, must not stop both
    for each in _PASSED_ON:
        signal.signal(each, signal.SIG_IGN)  # they come from the guard
    adopt_orphans()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 -- the guard's lock among them: ours, not the command's
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the listing's own, closed by now
                os.set_inheritable(int(name), False)
    _Keeper(int(control), int(status)).run(until, list(command))


def _watch(pid: str, executed: str, moment: str) -> None:
    target = os.pidfd_open(int(pid))
    if os.fork():  # the command that comes must not find a child that it did not start
        return
    os.setsid()
    os.write(1, b"watching\n")
    os.close(1)
    if not select.select([int(executed)], [], [], max(0.0, float(moment) - clock()))[0]:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(target, signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[1] == "keep":
        _keep(*sys.argv[2:])
    else:
        _watch(*sys.argv[2:])
