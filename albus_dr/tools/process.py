"""Start programs: argument tuples, never a shell string; a timeout on every call; no secret in argv.

Every program gets a process group of its own, so that a timeout ends its children too, and dies with albus-dr
(PR_SET_PDEATHSIG through setpriv), so that nothing half-done goes on behind a resumed run.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property

from albus_dr.errors import NotReadyError, StepError, TransientError
from albus_dr.tools.search import search_path
from albus_dr.units import format_duration

KILL_AFTER_S = 5.0
LINGER_S = 1.0  # how long pipes are read after the program itself has ended
TICK_S = 0.1
CHUNK = 65_536
ERR_LIMIT = 65_536  # the end of stderr is kept
WORDS_LIMIT = 1 << 20  # for programs whose last words are all that anybody wants
_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_redacted: set[str] = set()
_redacted_lock = threading.Lock()


def register_secret(value: str) -> None:
    """From now on this exact value is replaced wherever text is redacted."""
    if len(value) >= 4:
        with _redacted_lock:
            _redacted.add(value)


def redact(text: str) -> str:
    """The text without any registered secret, and without what would move a terminal's cursor or turn what is read around."""
    with _redacted_lock:
        secrets = sorted(_redacted, key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class Completed:
    """A program that ended by itself. ``out`` and ``err`` are what it printed, byte for byte."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes
    duration_s: float

    @cached_property
    def stdout(self) -> str:
        """As text; what is not UTF-8 is replaced."""
        return self.out.decode(errors="replace")

    @cached_property
    def stderr(self) -> str:
        """As text; what is not UTF-8 is replaced."""
        return self.err.decode(errors="replace")

    @property
    def last_words(self) -> str:
        """The end of what it said, on one line, redacted."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return redact(" · ".join(lines[-3:]))[-600:]

    def check(self, what: str, *, hint: str = "") -> Completed:
        """Itself when the code is 0. Raises StepError that says what failed and the program's last words."""
        if self.code != 0:
            raise StepError(f"{what}: {program_of(self.argv)} ended with {self.code}: {self.last_words}", hint=hint)
        return self


def program_of(argv: Sequence[str]) -> str:
    """The program itself, behind an ``env -u NAME …`` that takes variables away from it."""
    place = 1
    while argv[0] == "env" and argv[place] == "-u":
        place += 2
    return argv[place] if place > 1 else argv[0]


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

    ``environment`` is added to ours, and PATH reaches further (search.search_path). ``own_group=False`` is for a
    program that shares our terminal: Ctrl-C reaches it, and leaving the block kills it alone.
    Raises NotReadyError when there is no such program.
    """
    prefix = _death_wish() if dies_with_us else ()
    path = search_path()
    program = program_of(argv)
    if shutil.which(program, path=path) is None and (os.sep not in program or program != argv[0]):
        raise NotReadyError(f"the program {program} is not installed here", hint="albus-dr doctor says how to get it")
    try:
        process = subprocess.Popen(
            (*prefix, *argv), stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd, start_new_session=own_group,
            env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **(environment or {})},
        )  # fmt: skip
    except OSError as error:
        raise NotReadyError(
            f"can't start {program}: {error.strerror}", hint="albus-dr doctor says how to get it"
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
                with contextlib.suppress(BrokenPipeError):  # what it did not read is of no use now
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
    keep: int | None = None,
) -> Completed:
    """Run a program to its end.

    ``keep``: of a stdout that is longer, so many bytes at its end are kept, behind a line that says how many were left
    out; None keeps all of it. ``on_line`` gets every line of stdout as it comes (they are not kept then). Raises TimeoutExpired after
    ``timeout_s`` seconds or as soon as ``cancelled`` is set, NotReadyError when there is no such program.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    with (
        start(
            argv, environment=environment, cwd=cwd, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL
        ) as process,
        _Pipes(process, (stdin or "").encode(errors="surrogateescape"), on_line, keep) as pipes,
    ):
        ended_at: float | None = None
        while pipes.are_open or ended_at is None:
            now = time.monotonic()
            if process.poll() is not None:
                ended_at = ended_at or now
                if now >= ended_at + LINGER_S:
                    break  # a daemon that the program left behind holds its pipes open
            elif now >= deadline or (cancelled is not None and cancelled.is_set()):
                end_group(process)
                why = f"did not end within {format_duration(timeout_s)}" if now >= deadline else "was stopped"
                raise TimeoutExpired(f"{program_of(argv)} {why}; it and its children were ended")
            if pipes.are_open:
                pipes.move(TICK_S)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(TICK_S)
    return Completed(tuple(argv), process.returncode, pipes.kept, bytes(pipes.err), time.monotonic() - began)


class _Pipes:
    """Both ways at once, in one thread that never waits for longer than it is told to."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: bytes, on_line: Callable[[str], None] | None, keep: int | None
    ) -> None:
        self.out, self.err = bytearray(), bytearray()
        self._keep, self._left_out = keep, 0
        self._stdin = memoryview(stdin)
        self._on_line = on_line
        self._selector = selectors.DefaultSelector()
        for stream, move in (
            (process.stdin, self._write),
            (process.stdout, self._read_out),
            (process.stderr, self._read_err),
        ):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(
                    stream, selectors.EVENT_WRITE if stream is process.stdin else selectors.EVENT_READ, move
                )

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()

    @property
    def are_open(self) -> bool:
        return bool(self._selector.get_map())

    @property
    def kept(self) -> bytes:
        """Of stdout, with the line that says what is missing."""
        said = b"[%d bytes left out]\n" % self._left_out if self._left_out else b""
        return said + bytes(self.out)

    def move(self, timeout_s: float) -> None:
        """What can be moved now, or within ``timeout_s`` seconds."""
        for key, _ in self._selector.select(timeout_s):
            if not key.data(key.fd):
                self._selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]  # a stream of the process

    def _write(self, descriptor: int) -> bool:
        try:
            self._stdin = self._stdin[os.write(descriptor, self._stdin[:CHUNK]) :]
        except BrokenPipeError:
            return False  # it does not read; its exit code says why
        return bool(self._stdin)

    def _read_out(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, CHUNK)
        self.out += chunk
        if self._keep is not None and (more := len(self.out) - self._keep) > 0:
            del self.out[:more]
            self._left_out += more
        if self._on_line is not None:
            *lines, rest = self.out.split(b"\n")
            self.out = rest if chunk else bytearray()
            for line in (*lines, rest) if rest and not chunk else lines:  # the last one may lack its end
                self._on_line(line.decode(errors="replace"))
        return bool(chunk)

    def _read_err(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, CHUNK)
        self.err += chunk
        del self.err[:-ERR_LIMIT]
        return bool(chunk)
