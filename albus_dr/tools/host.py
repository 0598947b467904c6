"""A machine that steps run on: this one, or one reached by the system's OpenSSH client."""

from __future__ import annotations

import contextlib
import pwd
import random
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Protocol

from albus_dr.errors import NotReadyError, StepError, TransientError
from albus_dr.runbook.config import HostConfig
from albus_dr.tools import process
from albus_dr.tools.process import Completed, TimeoutExpired
from albus_dr.tools.told import reasons
from albus_dr.units import format_duration

SSH_FAILED = 255  # ssh(1): "exits with the exit status of the remote command or with 255 if an error occurred"
_TIMED_OUT = (124, 137)  # timeout(1): it sent TERM, and then KILL
# Secrets travel on standard input, before the program's own: argv is public on both machines.
# Before that a line of our own: what stands ahead of it is said by the login shell's start-up files.
_BEGINS = b"albus-dr begins here\n"
# What the programs say is read, so it must be English, as on this machine: sshd need not take our LC_ALL.
_ENGLISH = "LC_ALL=C.UTF-8\n"
_PRELUDE = (
    f"echo '{_BEGINS.decode().strip()}'; "
    + 'while IFS= read -r line && [ -n "$line" ]; do export "$line"; done; exec "$@"'
)


class Host(Protocol):
    """Runs programs somewhere."""

    @property
    def name(self) -> str: ...

    def __hash__(self) -> int: ...

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
        run_as: str | None = None,
        on_line: Callable[[str], None] | None = None,
        cancelled: threading.Event | None = None,
        keep: int | None = None,
    ) -> Completed:
        """As process.run; ``run_as`` is another system user (albus-dr must be root there)."""
        ...

    def command(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str], str]:
        """For process.start: the arguments, the environment, and what must come first on standard input. Of what it prints
        ``skip_greeting`` reads what is not the program's."""
        ...


@dataclass(frozen=True)
class LocalHost:
    """This machine."""

    name: str = "localhost"
    inside: tuple[str, ...] = ()
    """Set in front of every program: what puts it into a network of its own (``within``)."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
        run_as: str | None = None,
        on_line: Callable[[str], None] | None = None,
        cancelled: threading.Event | None = None,
        keep: int | None = None,
    ) -> Completed:
        if run_as:
            try:
                group = str(pwd.getpwnam(run_as).pw_gid)  # its name need not be the user's
            except KeyError:
                raise NotReadyError(
                    f"there is no user {run_as} at {self.name}", hint="correct `run_as:` in the config"
                ) from None
            # Once more --pdeathsig: the kernel forgets it when a process changes its user.
            argv = (
                "setpriv",
                "--reuid",
                run_as,
                "--regid",
                group,
                "--init-groups",
                "--pdeathsig",
                "KILL",
                "--",
                *argv,
            )
            cwd = cwd or "/"  # ours may be one that the other user can't enter
        return process.run(
            (*self.inside, *argv),
            timeout_s=timeout_s,
            stdin=stdin,
            environment=environment,
            cwd=cwd,
            on_line=on_line,
            cancelled=cancelled,
            keep=keep,
        )

    def command(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str], str]:
        return (*self.inside, *argv), dict(environment), ""


@dataclass(frozen=True)
class SshHost:
    """A machine behind ssh. Nobody is asked for a password; the host key must be known."""

    name: str
    destination: str
    port: int | None = None
    options: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    """As LocalHost's."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
        run_as: str | None = None,
        on_line: Callable[[str], None] | None = None,
        cancelled: threading.Event | None = None,
        keep: int | None = None,
    ) -> Completed:
        """As process.run. Raises TransientError when the machine itself can't be reached."""
        local, _, prelude = self.command(self._remote(argv, timeout_s, cwd, run_as), environment or {})
        done = process.run(
            local, timeout_s=timeout_s + process.KILL_AFTER_S, stdin=prelude + (stdin or ""),
            on_line=on_line and _after_greeting(on_line), cancelled=cancelled, keep=keep,
        )  # fmt: skip
        if done.code == SSH_FAILED:
            raise TransientError(
                f"{self.name} ({self.destination}) can't be reached by ssh: {done.last_words}",
                hint=f"try: ssh {self.destination} true",
            )
        if done.code in _TIMED_OUT and done.duration_s >= timeout_s:
            raise TimeoutExpired(
                f"{process.program_of(argv)} at {self.name} did not end within {format_duration(timeout_s)}; it was ended there"
            )
        _, begun, out = done.out.partition(_BEGINS)
        return replace(done, argv=tuple(argv), out=out if begun else done.out)

    def command(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str], str]:
        for key, value in environment.items():
            if "\n" in value:
                raise StepError(f"the value of {key} has a line break: it can't be sent to {self.name}")
        prelude = _ENGLISH + "".join(f"{key}={value}\n" for key, value in environment.items()) + "\n"
        return (*self._ssh(), shlex.join(("sh", "-c", _PRELUDE, "sh", *self.inside, *argv))), {}, prelude

    def _ssh(self) -> tuple[str, ...]:
        port = ("-p", str(self.port)) if self.port else ()
        more = tuple(part for option in self.options for part in ("-o", option))
        return ("ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", *port, *more,
                "--", self.destination)  # fmt: skip

    @staticmethod
    def _remote(argv: Sequence[str], timeout_s: float, cwd: str | None, run_as: str | None) -> tuple[str, ...]:
        limit = (
            "timeout",
            "-k",
            f"{process.KILL_AFTER_S:g}",
            f"{timeout_s:g}",
        )  # the far end ends it too when the connection is lost
        where = ("env", "-C", cwd or "/") if cwd or run_as else ()
        user = ("runuser", "-u", run_as, "--") if run_as else ()
        return (*limit, *where, *user, *argv)


def connect(name: str, config: HostConfig) -> Host:
    """The host that the config describes. Opens nothing yet."""
    if config.ssh is None:
        return LocalHost(name)
    return SshHost(name, config.ssh, config.port, config.options)


def _after_greeting(on_line: Callable[[str], None]) -> Callable[[str], None]:
    begun = False

    def told(line: str) -> None:
        nonlocal begun
        if begun:
            on_line(line)
        begun = begun or line.endswith(_BEGINS.decode().strip())

    return told


def skip_greeting(host: Host, stream: IO[bytes]) -> None:
    """Read what the host's login shell printed before the program that ``command`` started."""
    if isinstance(host, SshHost):
        while (line := stream.readline()) and not line.endswith(_BEGINS):
            pass


def within(host: Host, inside: tuple[str, ...]) -> Host:
    """The same machine, with ``inside`` set in front of every program."""
    assert isinstance(host, LocalHost | SshHost)
    return replace(host, inside=inside)


def write_file(host: Host, path: str, text: str, *, timeout_s: float, run_as: str | None = None) -> None:
    """A private file with this text, whole or not at all. Raises StepError when it can't be written."""
    script = 'umask 077 && cat >"$1.new" && mv -- "$1.new" "$1"'
    done = host.run(("sh", "-c", script, "sh", path), stdin=text, timeout_s=timeout_s, run_as=run_as)
    done.check(f"{path} at {host.name} can't be written")


def pipe(
    source: tuple[Host, Sequence[str], str],
    target: tuple[Host, Sequence[str]],
    *,
    timeout_s: float,
    cancelled: threading.Event | None = None,
) -> None:
    """Run ``source`` (host, arguments, standard input) and feed what it prints to ``target`` (host, arguments).

    Raises StepError that names the side that failed and its reasons, TransientError when it can't be reached, after
    ``timeout_s`` seconds, or as soon as ``cancelled`` is set.
    """
    (from_host, from_argv, text), (to_host, to_argv) = source, target
    out_argv, _, out_prelude = from_host.command(from_argv, {})
    in_argv, _, in_prelude = to_host.command(to_argv, {})
    ended = threading.Event()
    given_up: list[str] = []
    deadline = time.monotonic() + timeout_s
    with (
        tempfile.TemporaryFile() as from_words,
        tempfile.TemporaryFile() as to_words,
        process.start(out_argv, stdin=subprocess.PIPE, stderr=from_words.fileno()) as sender,
        process.start(in_argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=to_words.fileno()) as receiver,
    ):
        assert sender.stdin is not None
        assert sender.stdout is not None
        assert receiver.stdin is not None

        def watch() -> None:
            while not ended.wait(process.TICK_S):
                late = time.monotonic() >= deadline
                if late or (cancelled is not None and cancelled.is_set()):
                    given_up.append(f"took over {timeout_s:g} s" if late else "was stopped")
                    for side in (receiver, sender):
                        process.end_group(side)
                    return

        watchdog = threading.Thread(target=watch, name="watches a pipe")
        watchdog.start()
        threading.Thread(target=_feed, args=(sender.stdin, out_prelude + text), daemon=True).start()
        refused = False
        try:
            try:
                receiver.stdin.write(in_prelude.encode())
                skip_greeting(from_host, sender.stdout)
                shutil.copyfileobj(sender.stdout, receiver.stdin, 1 << 20)
                receiver.stdin.close()
            except BrokenPipeError:
                refused = True  # the receiver's exit code says why; how the sender ends now says nothing
            sender.stdout.close()
            codes = (sender.wait(), receiver.wait())
        finally:
            ended.set()
            watchdog.join()
        said = [_words(file) for file in (from_words, to_words)]
    what = f"copying from {from_host.name} to {to_host.name}"
    if given_up:
        raise TransientError(f"{what} {given_up[0]}")
    codes = (0 if refused and codes[1] else codes[0], codes[1])
    sides = zip((from_host, to_host), (from_argv, to_argv), codes, said, strict=True)
    failed = [
        (host, f"{argv[0]} at {host.name} ended with {code}: {words}", code)
        for host, argv, code, words in sides
        if code
    ]
    if failed:
        lost = any(isinstance(host, SshHost) and code == SSH_FAILED for host, _, code in failed)
        raise (TransientError if lost else StepError)(f"{what}: " + "; ".join(text for _, text, _ in failed))


def _words(file: IO[bytes]) -> str:
    file.seek(0)
    return reasons(file.read().decode(errors="replace"))


def _feed(stream: IO[bytes], text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        stream.write(text.encode(errors="surrogateescape"))
        stream.close()


def free_port(host: Host) -> int:
    """A port that nothing listens on there; elsewhere it is only likely, and the program that is started will say."""
    if isinstance(host, LocalHost) and not host.inside:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    return random.randint(20000, 29999)  # noqa: S311 -- nobody gains by guessing it
