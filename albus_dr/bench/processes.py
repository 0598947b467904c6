"""Programs that outlive the command that started them, found again later and never mistaken for another.

A process is known by its id and the moment it started (field 22 of /proc/PID/stat), because ids are used again.
Linux only, as the bench is.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from albus_dr.errors import NotReadyError

POLL_S = 0.02


class Running(NamedTuple):
    """A process that was running when it was looked at."""

    pid: int
    started: int
    """Clock ticks after boot."""


def look(pid: int) -> Running | None:
    """The process that has this id now; None when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if fields[0] in "ZX" else Running(pid, int(fields[19]))


def is_alive(process: Running) -> bool:
    """It still runs, and it is the same one."""
    _reap(process.pid)
    return look(process.pid) == process


def send(process: Running, sign: signal.Signals) -> None:
    """Signal it, unless it has gone."""
    if is_alive(process):
        try:
            os.kill(process.pid, sign)
        except ProcessLookupError:
            return


def wait_until_gone(processes: Sequence[Running], patience_s: float) -> list[Running]:
    """Those that still run after ``patience_s`` seconds; returns early when none is left."""
    deadline = time.monotonic() + patience_s
    while (left := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return left


def end(
    processes: Sequence[Running], *, polite: signal.Signals = signal.SIGTERM, patience_s: float = 8
) -> list[Running]:
    """Ask, wait, kill. Returns those that could not be stopped at all."""
    for process in processes:
        send(process, polite)
    left = wait_until_gone(processes, patience_s)
    for process in left:
        send(process, signal.SIGKILL)
    return wait_until_gone(left, 5)


def spawn(argv: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str] | None = None) -> Running:
    """Start a server in a session of its own, so that it goes on after us. It writes to ``log`` (private, appended).

    It gets none of our open files: whoever waits for one of them to be closed would wait for the server.
    Not through tools.process: what is started there ends with its caller. A program that can't be run says so in its
    log and ends with 127: ``wait_until_ready`` sees both.
    """
    private_append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawnp(
        "env", ("env", "-C", str(cwd), *argv), {**os.environ, **(environment or {})}, setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), private_append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, number) for number in _inherited()),
        ],
    )  # fmt: skip
    return look(pid) or Running(pid, 0)


def _inherited() -> list[int]:
    """Open files beyond the standard ones that a program started by us would have, too."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        try:
            if number > 2 and os.get_inheritable(number):
                found.append(number)
        except OSError:  # the one that the directory was read by
            continue
    return found


def wait_until_ready(
    what: str, process: Running, is_ready: Callable[[], bool], *, log: Path, timeout_s: float = 15
) -> None:
    """Until ``is_ready()``. Raises NotReadyError with the end of its log when it ends or takes too long."""
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if not is_alive(process):
            raise NotReadyError(f"{what} ended: {last_lines(log)}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} did not answer within {timeout_s:g} s: {last_lines(log)}")
        time.sleep(POLL_S)


def working_in(directory: Path, program: str) -> list[Running]:
    """Processes of ``program`` whose working directory is ``directory`` or below it, however they were started.

    PostgreSQL works in its data directory, so this finds servers that a run started, in a drill's scratch too.
    The program's name keeps a person's shell that happens to stand there out of it.
    """
    found = []
    root = directory.resolve()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            inside = (entry / "cwd").readlink().is_relative_to(root)
            named = (entry / "exe").readlink().name.removesuffix(" (deleted)") == program
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if inside and named and (running := look(int(entry.name))):
            found.append(running)
    return found


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log on one line, for an error."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "it wrote no log"
    return " · ".join(line.strip() for line in lines[-count:] if line.strip()) or "its log is empty"


def _reap(pid: int) -> None:
    """Collect a child of ours that has ended, or it stays a zombie for as long as we live."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
