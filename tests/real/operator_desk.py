"""The operator of these tests: calls albus-dr as a user does, and looks at what it left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from albus_dr.bench.sites import Bench
from albus_dr.journal.state import NETWORK
from albus_dr.workloads.files.compare import CHANGING
from albus_dr.workloads.service.rehearsal import REACHES_OUT

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK, CONFIG = ROOT / "playbooks" / "albus.yaml", ROOT / "configs" / "demo.yaml"
CONFIG_APART = ROOT / "configs" / "demo-apart.yaml"
PATIENCE_S = 90.0
THREE_WORDS = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")
T = TypeVar("T")


@dataclass(frozen=True)
class Called:
    """One call that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return f"{self.out}\n{self.err}"

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document of ``--json``."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Desk:
    """A state directory, a playbook and a config, before a bench."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        self.state = folder / "state"
        self.config = CONFIG_APART if bench.network else CONFIG
        # A slow machine needs more than a minute from replicate to drill; whether it does is not what is tested.
        self.playbook = self.variant("albus.yaml", PLAYBOOK, ("    rpo: 1m ", "    rpo: 15m "))

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_DR_")}
        return {**inherited, **self.bench.environment(), "ALBUS_DR_STATE": str(self.state), **(more or {})}

    def begin(
        self, *arguments: str, environment: Mapping[str, str] | None = None, module: str = "albus_dr"
    ) -> subprocess.Popen[str]:  # fmt: skip
        """albus-dr with these arguments; the caller ends it. ``module``: another one that calls it."""
        return subprocess.Popen(
            self.bench.operator.command((sys.executable, "-m", module, *arguments)),
            env=self.environment(environment), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def call(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Called:
        """albus-dr with these arguments, to its end."""
        return ended(self.begin(*arguments, environment=environment))

    def operation(self, verb: str, *more: str, playbook: Path | None = None, config: Path | None = None) -> list[str]:
        """The arguments of an operation on this desk's runbook."""
        return [verb, str(playbook or self.playbook), "--config", str(config or self.config), "--yes", *more]

    def operate(
        self, verb: str, *more: str, playbook: Path | None = None, config: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Called:  # fmt: skip
        """An operation with --json, to its end."""
        arguments = self.operation(verb, "--json", *more, playbook=playbook, config=config)
        return self.call(*arguments, environment=environment)

    def run_python(self, module: str, *arguments: str) -> Called:
        """Another module of the project."""
        child = subprocess.Popen(
            (sys.executable, "-m", module, *arguments), env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        return ended(child)

    # ------------------------------------------------------------------------------------------ what it left

    def runs(self) -> list[str]:
        """Every run's id; the order is that of the file system."""
        directory = self.state / "runs"
        return sorted(path.name for path in directory.iterdir()) if directory.exists() else []

    def events(self, run: str) -> list[dict[str, Any]]:
        """The lines of the run's journal.jsonl, but for one that is being written."""
        path = self.state / "runs" / run / "journal.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def new_run(self, known: list[str], child: subprocess.Popen[str]) -> str:
        """The run that the child has begun."""
        return wait_for(lambda: next((run for run in self.runs() if run not in known), None), child)

    def wait_for_event(self, run: str, kind: str, step: str, child: subprocess.Popen[str], *, count: int = 1) -> None:
        """Until the journal has this event ``count`` times."""
        wait_for(
            lambda: sum((event["kind"], event["step"]) == (kind, step) for event in self.events(run)) >= count or None,
            child,
        )

    def document(self, run: str) -> dict[str, Any]:
        """`runs show --json`."""
        return self.call("runs", "show", run, "--json").document

    # ---------------------------------------------------------------------------------------------- variants

    def variant(self, name: str, of: Path, *changes: tuple[str, str]) -> Path:
        """A copy of a file with these texts replaced, each of which must be there."""
        text = of.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text)
        return path

    def with_step(self, name: str, step: str) -> Path:
        """The playbook with a step of its own, given as YAML."""
        return self.variant(name, self.playbook, ("\nworkloads:\n", f"\nsteps:\n{step}\nworkloads:\n"))

    # ------------------------------------------------------------------------------------------ repositories

    def restic(self, site: str, *arguments: str, stdin: str | None = None, cwd: Path | None = None) -> str:
        """What restic prints about the site's repository."""
        secrets = self.bench.directory / "secrets"
        store = self.bench.sites[site].store
        environment = {
            **os.environ,
            "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{store.port}/albus/backups",
            "RESTIC_PASSWORD_FILE": str(secrets / "restic"),
            "AWS_ACCESS_KEY_ID": (secrets / f"{site}-access-key").read_text(),
            "AWS_SECRET_ACCESS_KEY": (secrets / f"{site}-secret-key").read_text(),
        }
        done = subprocess.run(
            ("restic", *arguments), env=environment, input=stdin, cwd=cwd, check=True, capture_output=True, text=True,
            timeout=PATIENCE_S,
        )  # fmt: skip
        return done.stdout

    def points(self, site: str) -> list[str]:
        """The site's recovery points, ``workload/point``, oldest first: data with a manifest."""
        parts: dict[str, set[str]] = {}
        for snapshot in json.loads(self.restic(site, "snapshots", "--json")):
            tags = dict(tag.partition("=")[::2] for tag in snapshot["tags"])
            parts.setdefault(f"{tags['workload']}/{tags['point']}", set()).add(tags["part"])
        complete = [point for point, found in parts.items() if found == {"data", "manifest"}]
        return sorted(complete, key=lambda point: point.split("/")[::-1])  # a point's id begins with its time

    # ------------------------------------------------------------------------------------------------- sites

    def sync_state(self, primary: str, standby: str) -> str | None:
        """``sync`` when commits at the primary wait for the standby; None when it does not follow."""
        with self.bench.sites[primary].server.connect() as connection:
            row = connection.execute(
                "SELECT sync_state FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'",
                (standby,),
            ).fetchone()
        return str(row[0]) if row else None

    def is_standby(self, site: str) -> bool:
        with self.bench.sites[site].server.connect() as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        assert row is not None
        return bool(row[0])

    def promotions(self, site: str) -> int:
        """How often the site's data were promoted: each promotion leaves one history file."""
        return len(list((self.bench.sites[site].server.data / "pg_wal").glob("*.history")))

    def primaries(self) -> list[str]:
        """The sites whose PostgreSQL runs and takes writes."""
        found = []
        for name, site in self.bench.sites.items():
            try:
                with site.server.connect():
                    pass
            except psycopg.OperationalError:
                continue
            if not self.is_standby(name):
                found.append(name)
        return found

    def scratch(self, site: str = "bordeaux") -> list[str]:
        """What lies where drills restore to."""
        return sorted(path.name for path in (self.bench.sites[site].directory / "scratch").iterdir())

    def processes_in_scratch(self, site: str = "bordeaux") -> list[int]:
        """Processes that run in a drill's directory or were marked as a drill's."""
        scratch = str(self.bench.sites[site].directory / "scratch")
        return processes_with(f"ALBUS_DR_DRILL={scratch}", f"{scratch}/")


def first_line(called: Called) -> str:
    """The first of the closing lines of a run that failed."""
    found = [line for line in called.err.splitlines() if line.startswith("✗ Failed. ")]
    assert len(found) == 1, called.said
    return found[0]


def verdicts(document: Mapping[str, Any]) -> set[str]:
    """Of what a drill could verify on this host: one that forbids network namespaces has the drill say so, and the copy that
    has its host's network is asked for no day's work. Users may have written a document just while it was backed up."""
    found = [each for each in document["verifications"] if each["kind"] != CHANGING]
    if all(each["verdict"] == "passed" for each in found if each["kind"] == NETWORK):
        return {each["verdict"] for each in found}
    assert "not verified: that nothing leaves" in json.dumps(document["notes"])
    return {each["verdict"] for each in found if each["kind"] != NETWORK and not each["actual"].startswith(REACHES_OUT)}


def left_in_english(desk: Desk) -> set[str]:
    """What stands in the English and in the French report of the same run: sentences of three words and more."""
    found: set[str] = set()
    for run in desk.runs():
        reports = [desk.call("report", run, "--format", "md", "--lang", language) for language in ("en", "fr")]
        assert [report.code for report in reports] == [0, 0], [report.said for report in reports]
        english, french = ({part.strip() for part in re.split(r"[|\n]", report.out)} for report in reports)
        assert english - french, f"{run}: the two reports are the same"
        found |= {part for part in english & french if THREE_WORDS.search(part)}
    return found


def assert_no_secret_in(directory: Path, desk: Desk, *texts: str) -> None:
    """None of the bench's secrets is in a file below the directory or in one of the texts."""
    secrets = [path.read_bytes() for path in sorted((desk.bench.directory / "secrets").iterdir())]
    assert len(secrets) == 6
    assert all(len(secret) == 40 for secret in secrets)
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
    for text in texts:
        assert not [secret for secret in secrets if secret.decode() in text]


def ended(child: subprocess.Popen[str], patience_s: float = PATIENCE_S) -> Called:
    """The child's end; one that takes too long is killed, and the test fails. Interrupted, it is killed, too."""
    try:
        out, err = child.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"it did not end within {patience_s:g} s\n{out}\n{err}") from None
    except BaseException:  # whoever waits was interrupted: nobody else ends it
        child.kill()
        child.wait()
        raise
    return Called(child.returncode, out, err)


def kill(child: subprocess.Popen[str]) -> None:
    """kill -9, and its end."""
    child.send_signal(signal.SIGKILL)
    assert ended(child).code == -signal.SIGKILL


@contextmanager
def running(child: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Nothing of it is left when the block is left."""
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def wait_for(
    look: Callable[[], T | None], child: subprocess.Popen[str] | None = None, patience_s: float = PATIENCE_S
) -> T:
    """What ``look`` finds, as soon as it finds something; fails when the child ended before, or after a long time."""
    deadline = time.monotonic() + patience_s
    while True:
        over = child is not None and child.poll() is not None
        found = look()
        if found is not None:
            return found
        if over:
            assert child is not None
            raise AssertionError(f"it ended with {child.returncode} before that\n{ended(child).said}")
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def processes_with(*marks: str) -> list[int]:
    """Processes with one of the marks in their arguments, their environment or their working directory."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit() or int(place.name) == os.getpid():
            continue
        try:
            text = (place / "cmdline").read_bytes() + b"\0" + (place / "environ").read_bytes()
            text += b"\0" + str((place / "cwd").readlink()).encode() + b"/"
        except OSError:
            continue
        if any(mark.encode() in text for mark in marks):
            found.append(int(place.name))
    return found
