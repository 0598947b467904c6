"""Start programs: argument tuples, never a shell string; a timeout on every call; no secret in argv.

Every program gets a process group of its own, so that a timeout ends its children too, and dies with albus-dr
(PR_SET_PDEATHSIG through setpriv), so that nothing half-done goes on behind a resumed run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from albus_dr.errors import NotReadyError, StepError, TransientError
from albus_dr.tools.inventory import search_path

KILL_AFTER_S = 5.0
_redacted: set[str] = set()
_redacted_lock = threading.Lock()


def register_secret(value: str) -> None:
    """From now on this exact value is replaced wherever text is redacted."""
    if len(value) >= 4:
        with _redacted_lock:
            _redacted.add(value)


def redact(text: str) -> str:
    """The text without any registered secret."""
    with _redacted_lock:
        secrets = sorted(_redacted, key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return text


@dataclass(frozen=True)
class Completed:
    """A program that ended by itself."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    duration_s: float

    @property
    def last_words(self) -> str:
        """The end of what it said, on one line, redacted."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return redact(" · ".join(lines[-3:]))[-600:]

    def check(self, what: str, *, hint: str = "") -> Completed:
        """Itself when the code is 0. Raises StepError that says what failed and the program's last words."""
        if self.code != 0:
            raise StepError(f"{what}: {self.argv[0]} ended with {self.code}: {self.last_words}", hint=hint)
        return self


class TimeoutExpired(TransientError):
    """The program did not end in time; it and its children were killed."""


@cache
def _death_wish() -> tuple[str, ...]:
    program = shutil.which("setpriv")
    return (program, "--pdeathsig", "KILL", "--") if program else ()


@contextmanager
def start(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    cwd: str | os.PathLike[str] | None = None,
    dies_with_us: bool = True,
    own_group: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, which is gone when the block is left.

    ``environment`` is added to ours, and PATH reaches further (inventory.search_path). ``own_group=False`` is for a
    program that shares our terminal: Ctrl-C reaches it, and leaving the block kills it alone.
    Raises NotReadyError when there is no such program.
    """
    prefix = _death_wish() if dies_with_us else ()
    path = search_path()
    if os.sep not in argv[0] and shutil.which(argv[0], path=path) is None:
        raise NotReadyError(f"the program {argv[0]} is not installed here", hint="albus-dr doctor says how to get it")
    try:
        process = subprocess.Popen(
            (*prefix, *argv), stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd, start_new_session=own_group,
            env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **(environment or {})},
        )  # fmt: skip
    except OSError as error:
        raise NotReadyError(
            f"can't start {argv[0]}: {error.strerror}", hint="albus-dr doctor says how to get it"
        ) from None
    try:
        yield process
    finally:
        if process.poll() is None and own_group:
            end_group(process)
        elif process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Terminate, wait a little, kill: the program and its children."""
    for sign, patience_s in ((signal.SIGTERM, KILL_AFTER_S), (signal.SIGKILL, KILL_AFTER_S)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        if sign is signal.SIGTERM:
            _kill_rest(process.pid)
        break
    process.wait()


def _kill_rest(group: int) -> None:
    """Children that ignored the polite request while their parent heard it."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    on_line: Callable[[str], None] | None = None,
    cancelled: threading.Event | None = None,
) -> Completed:
    """Run a program to its end.

    ``on_line`` gets every line of stdout as it comes (they are not kept then). Raises TimeoutExpired after
    ``timeout_s`` seconds or as soon as ``cancelled`` is set, NotReadyError when there is no such program.
    """
    began = time.monotonic()
    out: list[bytes] = []
    err: list[bytes] = []
    with start(
        argv, environment=environment, cwd=cwd, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL
    ) as process:

        def read_out() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if on_line is None:
                    out.append(line)
                else:
                    on_line(line.decode(errors="replace"))

        def read_err() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                err.append(line)
                del err[:-200]

        def write_in() -> None:
            assert process.stdin is not None
            assert stdin is not None
            try:
                process.stdin.write(stdin.encode())
                process.stdin.close()
            except BrokenPipeError:
                return  # it ended without reading; its exit code says why

        jobs = [threading.Thread(target=job, daemon=True) for job in (read_out, read_err)]
        if stdin is not None:
            jobs.append(threading.Thread(target=write_in, daemon=True))
        for job in jobs:
            job.start()
        deadline = began + timeout_s
        while True:
            remaining = deadline - time.monotonic()
            try:
                process.wait(max(0.0, min(remaining, 0.25) if cancelled else remaining))
                break
            except subprocess.TimeoutExpired:
                stopped = cancelled is not None and cancelled.is_set()
                if stopped or time.monotonic() >= deadline:
                    end_group(process)
                    why = "was stopped" if stopped else f"did not end within {timeout_s:g} s"
                    raise TimeoutExpired(f"{argv[0]} {why}; it and its children were ended") from None
        for job in jobs:
            job.join(KILL_AFTER_S)  # a daemon that the program left behind may hold its pipes open
    return Completed(
        tuple(argv), process.returncode, b"".join(list(out)).decode(errors="replace"),
        b"".join(list(err)).decode(errors="replace"), time.monotonic() - began,
    )  # fmt: skip
