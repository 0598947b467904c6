"""restic: repositories, snapshots, backup, copy, restore. Its exit codes are the truth (restic's doc/075_scripting)."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import floor
from pathlib import Path
from typing import Any

from albus_dr.errors import AlbusError, ExitCode, NotReadyError, StepError, TransientError
from albus_dr.runbook.config import RepositoryConfig
from albus_dr.tools import s3
from albus_dr.tools.bucket_watch import WentAway, has_answered, watched
from albus_dr.tools.host import Host, LocalHost
from albus_dr.tools.process import Completed, TimeoutExpired, redact
from albus_dr.tools.secrets import reveal
from albus_dr.tools.told import restic_messages, restic_words

MINIMUM_VERSION = (0, 17, 1)  # the first with exit codes 10, 11 and 12
CONNECTIONS = 8
LOCK_PATIENCE, READ_PATIENCE = "2m", "5s"  # how long restic waits for another's lock; --remove-all is never used
_READS = ("cat", "dump", "ls", "restore", "snapshots")
# What an address begins with that is no directory of the host that restic runs on (restic's doc/030_preparing_a_new_repo).
_REMOTE = ("azure:", "b2:", "gs:", "rclone:", "rest:", "s3:", "sftp:", "swift:")
QUICK_S = 15.0
OPENS_WITHIN_S = 2.0  # a restic whose keys are right has its repository open by then: most of it goes into the password
_versions: dict[Host, str] = {}  # of hosts where it is new enough
_OK, _INCOMPLETE, _NO_REPOSITORY, _LOCKED, _WRONG_PASSWORD, _INTERRUPTED = 0, 3, 10, 11, 12, 130
# A lost connection is none: restic names the file then as well, and says why it could not be had.
_DAMAGE = (
    "does not match|hash mismatch|ciphertext verification|not found in|invalid data|unexpected EOF|nonce is invalid|"
    "decrypting blob|is too short|(?:[Ll]oad|ReadFull)\\([^\\n]*(?:no such file|does not exist)"
)
# restic prefers these to what the config says; empty is as good as unset, for it and for its S3 client.
_NOT_THE_SHELLS = dict.fromkeys(
    (
        *(f"RESTIC_{which}{what}" for which in ("", "FROM_") for what in ("REPOSITORY_FILE", "PASSWORD_FILE", "PASSWORD_COMMAND")),
        "AWS_SESSION_TOKEN",
    ),
    "",
)  # fmt: skip
Progress = Callable[[float, float | None, str], None]


class CorruptRepository(StepError):
    """What is in the repository is not what was saved."""

    exit_code = ExitCode.VERIFICATION_FAILED


@dataclass(frozen=True)
class Snapshot:
    """One of a repository's snapshots. ``original`` is the id at the repository that it was copied from."""

    id: str
    time: datetime
    tags: frozenset[str]
    paths: tuple[str, ...]
    original: str

    def tag(self, key: str) -> str:
        """The value of the tag ``key=value``, or an empty string."""
        return next((tag[len(key) + 1 :] for tag in self.tags if tag.startswith(f"{key}=")), "")


class Repository:
    """A repository, and the host that restic runs on. Secrets travel in the environment of restic alone."""

    def __init__(self, name: str, config: RepositoryConfig, host: Host, base: Path) -> None:
        self.name = name
        self.config = config
        self.host = host
        self._base = base
        self._refused = threading.Event()

    def __str__(self) -> str:
        return f"{self.name} ({redact(self.config.restic)})"

    @property
    def is_directory(self) -> bool:
        """It lies on the host that restic runs on: from another one it can't be read."""
        return not self.config.restic.startswith(_REMOTE)

    def read_at(self, host: Host) -> Repository:
        """The same repository, by a restic on another host."""
        return Repository(self.name, self.config, host, self._base)

    @property
    def location(self) -> s3.Bucket | None:
        """The bucket, when the repository is in one."""
        if not self.config.restic.startswith("s3:"):
            return None
        key = reveal(self.config.access_key, self._base) if self.config.access_key else ""
        secret = reveal(self.config.secret_key, self._base) if self.config.secret_key else ""
        return s3.Bucket.parse(self.config.restic.removeprefix("s3:"), key, secret)

    def probe(self, *, timeout_s: float) -> None:
        """Raises NotReadyError within seconds when restic, bucket, keys, repository or password are wrong."""
        with self.probed():
            self.run(("cat", "config"), what="can't be opened", timeout_s=timeout_s)

    @contextmanager
    def probed(self) -> Iterator[None]:
        """While restic works in the block, its version and the bucket are asked beside it; a no ends the block.

        With a wrong key restic itself would try for a quarter of an hour. The bucket is asked once restic takes long or
        has failed: one that opened the repository has answered for it. Raises NotReadyError.
        """
        refusals: list[NotReadyError] = []
        bucket = self.location
        version_known, ended, opened = threading.Event(), threading.Event(), threading.Event()

        def ask() -> None:
            try:
                try:
                    self._require_version()
                finally:
                    version_known.set()
                ended.wait(OPENS_WITHIN_S)
                if bucket and not opened.is_set():
                    s3.probe(bucket, what=str(self))
            except NotReadyError as refusal:
                refusals.append(refusal)
                self._refused.set()
            except AlbusError:
                return  # the host is away: restic itself, or what was to start it there, says so

        asking = threading.Thread(target=ask, name="ask beside restic", daemon=True)
        asking.start()
        try:
            yield
            opened.set()
        except AlbusError:
            ended.set()
            asking.join(s3.PATIENCE_S)  # it knows the reason better than restic does
            if refusals:
                raise refusals[0] from None
            raise
        finally:
            ended.set()
        version_known.wait(QUICK_S)
        if refusals and self.host not in _versions:
            raise refusals[0]

    @property
    def version(self) -> str:
        """Of the restic that works at the host, as ``probed`` was told it; empty before."""
        return _versions.get(self.host, "")

    def _require_version(self) -> None:
        if self.host in _versions:
            return
        done = self.host.run(("restic", "version"), timeout_s=QUICK_S)
        words = done.stdout.split()
        number = words[1] if done.code == 0 and len(words) > 1 else ""
        parts = tuple(int(part) for part in number.split("-")[0].split(".") if part.isdigit())
        if parts < MINIMUM_VERSION:
            wanted = ".".join(map(str, MINIMUM_VERSION))
            raise NotReadyError(
                f"restic at {self.host.name} is {number or 'not there'}; {wanted} or newer is needed",
                hint="albus-dr doctor says how to get it",
            )
        _versions[self.host] = number

    def environment(self) -> dict[str, str]:
        """What restic needs to open the repository."""
        variables = {
            **_NOT_THE_SHELLS,
            "RESTIC_REPOSITORY": self.config.restic,
            "RESTIC_PASSWORD": reveal(self.config.password, self._base),
        }
        if bucket := self.location:
            variables |= {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
        return variables | {"RESTIC_PROGRESS_FPS": "2"}

    def run(
        self,
        arguments: Sequence[str],
        *,
        what: str,
        timeout_s: float,
        stdin: str | None = None,
        cwd: str | None = None,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        cancelled: threading.Event | None = None,
        reads: Repository | None = None,
        accepts: Callable[[Completed], bool] = lambda _: False,
    ) -> Completed:
        """Run restic. Raises by its exit code, unless the caller ``accepts`` what it did: an unknown one is a failure;
        StepError when the bucket, or that of the repository which it ``reads``, went away meanwhile.

        What only reads does not wait for a lock that excludes it: a check may hold one for hours, and a machine that burned
        holds it for ever. It reads without then. Where a prune removes what is read, that fails, and says so.
        """
        deadline = time.monotonic() + timeout_s
        buckets = {str(one): one.location for one in (self, reads) if one and one.location}
        stopped = cancelled or self._refused
        variables = self.environment() | dict(environment or {})

        def call(*how: str) -> Completed:
            with watched(buckets, stopped) as stop:
                return self.host.run(
                    ("restic", *how, *self._options(), *arguments), timeout_s=deadline - time.monotonic(), stdin=stdin,
                    cwd=cwd, on_line=on_line, cancelled=stop, environment=variables,
                )  # fmt: skip

        only_reads = arguments[0] in _READS
        try:
            done = call("--retry-lock", READ_PATIENCE if only_reads else LOCK_PATIENCE)
            if done.code == _LOCKED and only_reads:
                done = call("--no-lock")
                self._require_undisturbed(done, what)
        except WentAway as error:
            raise StepError(
                f"the repository {self} {what}; restic was ended: {error}", hint="once it answers: albus-dr resume"
            ) from None
        except TimeoutExpired as error:
            if not stopped.is_set() and isinstance(self.host, LocalHost):
                _tell_the_silent(buckets, error)
            raise
        if done.code != _OK and not accepts(done):
            raise self._error(done, what)
        if isinstance(self.host, LocalHost):
            has_answered(buckets.values())
        return done

    def _require_undisturbed(self, done: Completed, what: str) -> None:
        if done.code != _OK and isinstance(error := self._error(done, what), CorruptRepository):
            raise TransientError(
                f"{error.message}; another restic holds the lock, and may have removed what was read (a prune)",
                hint="try again when that one has ended; restic list locks shows it, restic unlock removes stale locks",
            )

    def _options(self) -> tuple[str, ...]:
        return ("-o", f"s3.connections={CONNECTIONS}") if self.location else ()

    def _error(self, done: Completed, what: str) -> AlbusError:
        said = restic_words(done)
        message = f"the repository {self} {what}"
        if done.code == _NO_REPOSITORY:
            return NotReadyError(
                f"{message}: there is no repository",
                hint="create it with restic init, as docs/how-to/set-up-repositories.md says",
            )
        if done.code == _WRONG_PASSWORD:
            return NotReadyError(
                f"{message}: the password is wrong", hint="compare the secret that the config refers to"
            )
        if done.code == _LOCKED:
            return TransientError(f"{message}: another restic holds its lock", hint="restic unlock removes stale locks")
        if done.code == _INCOMPLETE:
            return StepError(f"{message}: some files could not be read, so it is no recovery point: {said}")
        if done.code == _INTERRUPTED:
            return TransientError(f"{message}: restic was interrupted")
        if re.search(_DAMAGE, done.stderr or done.stdout):
            return CorruptRepository(
                f"{message}: its data is damaged: {said}", hint="restore from the other site's copy"
            )
        return StepError(f"{message}: restic ended with {done.code}: {said}")

    def snapshots(self, tags: Iterable[str], *, timeout_s: float) -> tuple[Snapshot, ...]:
        """Those that carry all the tags, oldest first."""
        arguments = ("snapshots", "--json", "--tag", ",".join(tags))
        done = self.run(arguments, what="can't list its snapshots", timeout_s=timeout_s)
        try:
            rows = json.loads(done.stdout) or []
            found = [_snapshot(row) for row in rows]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StepError(f"the repository {self} gave a list of snapshots that can't be read: {error}") from None
        return tuple(sorted(found, key=lambda snapshot: snapshot.time))

    def backup_directory(
        self, path: str, tags: Sequence[str], *, timeout_s: float, progress: Progress, cancelled: threading.Event
    ) -> dict[str, Any]:
        """Back up what is in the directory, without its own path; restic's summary, and the names of what went away while
        it was read (``went_away``): that may be missing in the snapshot, and nothing else is."""
        went_away: list[str] = []

        def is_whole(done: Completed) -> bool:
            went_away.extend(_went_away(done, path))
            return bool(went_away)

        arguments = ("backup", "--json", *_tagged(tags), ".")
        what = "could not be backed up to"
        summary = self._summarised(arguments, what, timeout_s, progress, cancelled, cwd=path, accepts=is_whole)
        return {**summary, "went_away": went_away}

    def backup_command(
        self,
        command: Sequence[str],
        filename: str,
        tags: Sequence[str],
        *,
        timeout_s: float,
        progress: Progress,
        cancelled: threading.Event,
        environment: Mapping[str, str],
    ) -> dict[str, Any]:
        """Back up what the command prints; it fails when the command fails. restic's summary."""
        arguments = (
            "backup",
            "--json",
            *_tagged(tags),
            "--stdin-filename",
            filename,
            "--stdin-from-command",
            "--",
            *command,
        )
        return self._summarised(
            arguments, "could not be dumped to", timeout_s, progress, cancelled, environment=environment
        )

    def backup_text(self, text: str, filename: str, tags: Sequence[str], time: datetime, *, timeout_s: float) -> None:
        """Store a text as a snapshot of one file."""
        stamp = time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        arguments = ("backup", "--json", *_tagged(tags), "--time", stamp, "--stdin", "--stdin-filename", filename)
        self.run(arguments, what="could not take the manifest", timeout_s=timeout_s, stdin=text)

    def read_text(self, snapshot: str, filename: str, *, timeout_s: float) -> str:
        """The text of one file of a snapshot."""
        return self.run(("dump", snapshot, filename), what=f"can't give {filename}", timeout_s=timeout_s).stdout

    def read_latest_text(self, tags: Iterable[str], filename: str, *, timeout_s: float) -> str:
        """The text of one file of the newest snapshot that carries all the tags."""
        arguments = ("dump", "--tag", ",".join(tags), "latest", filename)
        return self.run(arguments, what=f"can't give {filename}", timeout_s=timeout_s).stdout

    def restore(
        self,
        snapshot: str,
        target: str,
        *,
        timeout_s: float,
        progress: Progress,
        cancelled: threading.Event,
        replace: bool = False,
    ) -> dict[str, Any]:
        """Restore into a directory. ``replace``: make it equal to the snapshot, reading only what differs."""
        how = ("--overwrite", "if-changed", "--delete") if replace else ()
        arguments = ("restore", snapshot, "--json", "--target", target, *how)
        return self._summarised(arguments, f"could not be restored to {target}", timeout_s, progress, cancelled)

    def entries(
        self, snapshot: str, names: Container[str], *, timeout_s: float, cancelled: threading.Event
    ) -> dict[str, tuple[int, str]]:
        """Those of the names that the snapshot holds as files or links: bytes (of a link 0) and the second of the
        modification, since 1970."""
        found: dict[str, tuple[int, str]] = {}

        def on_line(line: str) -> None:
            try:
                node = json.loads(line)
                name = str(node.get("path", "")).removeprefix("/")
                if node.get("type") in ("file", "symlink") and name in names:
                    modified = datetime.fromisoformat(node["mtime"])
                    found[name] = (int(node.get("size", 0)), str(floor(modified.timestamp())))
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                return  # what can't be read is not known to be held

        what = "can't list a snapshot"
        self.run(("ls", "--json", snapshot), what=what, timeout_s=timeout_s, on_line=on_line, cancelled=cancelled)
        return found

    def check(self, *, timeout_s: float, cancelled: threading.Event) -> None:
        """restic's own structural check."""
        self.run(("check",), what="failed restic's check", timeout_s=timeout_s, cancelled=cancelled)

    def copy_from(
        self, source: Repository, snapshots: Sequence[str], *, timeout_s: float, cancelled: threading.Event
    ) -> None:
        """Copy snapshots here. Two S3 with different keys: the source is read through an rclone remote."""
        variables, options = source.as_source(self)
        self.run(
            (*options, "copy", *snapshots), what=f"could not be copied to from {source.name}", timeout_s=timeout_s,
            environment=variables, cancelled=cancelled, reads=source,
        )  # fmt: skip

    def as_source(self, destination: Repository) -> tuple[dict[str, str], tuple[str, ...]]:
        """Variables and options with which ``destination`` can read this repository."""
        variables = {
            "RESTIC_FROM_REPOSITORY": self.config.restic,
            "RESTIC_FROM_PASSWORD": reveal(self.config.password, self._base),
        }
        mine, theirs = self.location, destination.location
        if (
            mine is None
            or theirs is None
            or (mine.access_key, mine.secret_key) == (theirs.access_key, theirs.secret_key)
        ):
            if mine is not None and theirs is None:
                variables |= {"AWS_ACCESS_KEY_ID": mine.access_key, "AWS_SECRET_ACCESS_KEY": mine.secret_key}
            return variables, ()
        remote = "RCLONE_CONFIG_ALBUSSOURCE_"
        variables |= {
            "RESTIC_FROM_REPOSITORY": f"rclone:albussource:{mine.name}/{mine.prefix}".rstrip("/"),
            f"{remote}TYPE": "s3", f"{remote}PROVIDER": "Other", f"{remote}ENDPOINT": mine.endpoint,
            f"{remote}ACCESS_KEY_ID": mine.access_key, f"{remote}SECRET_ACCESS_KEY": mine.secret_key,
            "RCLONE_CONFIG": "/dev/null",
        }  # fmt: skip
        from albus_dr.tools.inventory import rclone_program

        program = str(rclone_program()) if isinstance(destination.host, LocalHost) else "rclone"
        return variables, ("-o", f"rclone.program={program}")

    def _summarised(
        self, arguments: Sequence[str], what: str, timeout_s: float, progress: Progress, cancelled: threading.Event, *,
        cwd: str | None = None, environment: Mapping[str, str] | None = None,
        accepts: Callable[[Completed], bool] = lambda _: False,
    ) -> dict[str, Any]:  # fmt: skip
        summary: dict[str, Any] = {}

        def on_line(line: str) -> None:
            if not line.startswith("{"):
                return
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                return  # not every line that restic prints is JSON; its exit code decides
            if message.get("message_type") == "status":
                done = message.get("bytes_done", message.get("bytes_restored", 0))
                progress(float(done), message.get("total_bytes") or None, "B")
            elif message.get("message_type") == "summary":
                summary.update(message)
                done = message.get("bytes_restored", message.get("total_bytes_processed", 0))
                progress(float(done), float(done), "B")

        self.run(
            arguments,
            what=what,
            timeout_s=timeout_s,
            cwd=cwd,
            environment=environment,
            on_line=on_line,
            cancelled=cancelled or self._refused,
            accepts=accepts,
        )
        if not summary:
            raise StepError(f"the repository {self} {what}: restic ended well but printed no summary")
        return summary


def _went_away(done: Completed, path: str) -> list[str]:
    """The names, below the directory, of what was removed between restic's seeing it and its reading it, where that is all
    that it complains of; else nothing. (What is gone before it was seen restic leaves out in silence.)"""
    if done.code != _INCOMPLETE:
        return []
    names = []
    for message in restic_messages(done):
        if not message:
            return []  # it said something that is none of its messages: who knows what
        if message.get("message_type") == "error" and message.get("during") != "scan":
            error, item = message.get("error"), str(message.get("item", ""))
            reason = str(error.get("message", "")) if isinstance(error, dict) else ""
            name = item.removeprefix(f"{path}/")
            if not reason.endswith(": no such file or directory") or name in ("", ".") or name.startswith("/"):
                return []
            names.append(name)
    return names


def _tell_the_silent(buckets: Mapping[str, s3.Bucket], error: TimeoutExpired) -> None:
    """Raises TransientError that names a bucket which does not answer: why restic did not end in time."""
    for name, bucket in buckets.items():
        try:
            s3.probe(bucket, what=name)
        except s3.NoAnswer as silent:
            raise TransientError(f"{error.message}: {silent.message}", hint=silent.hint) from None
        except NotReadyError:
            continue


def _tagged(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for tag in tags for part in ("--tag", tag))


def _snapshot(row: Mapping[str, Any]) -> Snapshot:
    # restic writes nanoseconds; Python reads microseconds and ignores the digits that follow
    time = datetime.fromisoformat(row["time"])
    if time.tzinfo is None:
        raise ValueError("a snapshot's time has no zone")
    return Snapshot(
        id=row["id"], time=time, tags=frozenset(row.get("tags") or ()),
        paths=tuple(row.get("paths") or ()), original=row.get("original", ""),
    )  # fmt: skip
