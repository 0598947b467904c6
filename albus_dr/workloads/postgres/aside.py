"""The folder beside a data directory in which a rebuild keeps what was there, and writes down how far it has come.

    DATA.albus-dr-RUN/
      state.json    how far: keeping, kept, rebuilding, rebuilt, ready
      data/         the kept copy; whole from `kept` on
      rows/         what was written there alone, for people; of a second database of the server in rows/WORKLOAD/
      conf/         the configuration files as they were
      new/          what is to take the directory's place, while pg_rewind or pg_basebackup works on it
      s/            socket and settings of the server that shows the kept copy

What is half rebuilt lies in new/, and never in the directory's place: there lies what was kept, or nothing, or what is
whole. Whoever comes next, another run included, goes by the folder. Not for ever: a person may have filled the directory
by hand since, or a server may have started in it. What it has now lies in no folder then; `standing` tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from albus_dr.errors import StepError
from albus_dr.journal.event import now
from albus_dr.tools.host import write_file
from albus_dr.tools.postgres import QUICK_S, Server
from albus_dr.tools.postgres_rebuild import control_digest, look_at_directory

SCHEMA = "albus-dr/kept/1"
SUFFIX = ".albus-dr-"
Stage = Literal["keeping", "kept", "rebuilding", "rebuilt", "ready"]
How = Literal["copied", "moved", "nothing"]
BEGUN: tuple[Stage, ...] = ("rebuilding", "rebuilt")
MARK = "albus-dr-rebuilt"  # in what a rebuild put in place; it names the folder
Standing = Literal["absent", "as kept", "put in place", "another", "not known"]


@dataclass(frozen=True)
class Kept:
    """state.json. ``how``: the copy was made, or is the directory itself moved here, or there was nothing to keep."""

    run: str
    stage: Stage
    how: How
    system_identifier: str
    timeline: int
    rewind: bool
    """pg_rewind may be tried; else a new base backup it is."""
    at: str = field(default_factory=now)
    summary: Mapping[str, Any] = field(default_factory=dict)
    """What the journal says of it: counts and paths, no rows."""
    control: str = ""
    """Stands for pg_control of what was copied, as it was then. Empty where nothing was copied, and in earlier versions."""

    @property
    def is_whole(self) -> bool:
        """What was there lies in data/ complete."""
        return self.stage != "keeping" and self.how != "nothing"


@dataclass(frozen=True)
class Folder:
    """One folder, on the host of a server, beside its data directory."""

    server: Server
    path: str
    rows_of: str = ""
    """A workload whose list lies beside the first one's: another database of the same server."""

    @property
    def data(self) -> str:
        return f"{self.path}/data"

    @property
    def rows(self) -> str:
        return f"{self.path}/rows" + (f"/{self.rows_of}" if self.rows_of else "")

    @property
    def configuration(self) -> str:
        return f"{self.path}/conf"

    @property
    def new(self) -> str:
        return f"{self.path}/new"

    @property
    def socket(self) -> str:
        return f"{self.path}/s"

    @property
    def lock(self) -> str:
        return f"{self.path}/lock"

    @property
    def passfile(self) -> str:
        return f"{self.path}/pgpass"

    def make(self) -> None:
        """The folder itself, private, its owner the server's. Raises StepError."""
        self.make_directory(self.path)

    def make_directory(self, path: str) -> None:
        """A private directory of the server's owner; one that is there stays as it is."""
        whose = ("-o", self.server.run_as) if self.server.run_as else ()
        done = self.server.host.run(("install", "-d", "-m", "700", *whose, "--", path), timeout_s=QUICK_S)
        done.check(f"{path} can't be made", hint="the directory above it must be writable for whom albus-dr acts as")

    def read(self) -> Kept | None:
        """How far it has come; None where nothing was begun. Raises StepError when it can't be read."""
        done = self.server.host.run(("cat", "--", f"{self.path}/state.json"), timeout_s=QUICK_S)
        if done.code != 0:
            there = self.server.host.run(("test", "-e", f"{self.path}/state.json"), timeout_s=QUICK_S).code == 0
            if there:
                done.check(f"{self.path}/state.json can't be read")
            return None
        return _parsed(done.stdout, self.path)

    def write(self, kept: Kept) -> Kept:
        """Whole or not at all, and on the disk before this returns."""
        text = json.dumps({"schema": SCHEMA, **asdict(kept)}, indent=2)
        write_file(self.server.host, f"{self.path}/state.json", text, timeout_s=QUICK_S, run_as=self.server.run_as)
        self.server.host.run(("sync", "--", f"{self.path}/state.json", self.path), timeout_s=120).check("sync")
        return kept

    def advance(self, kept: Kept, stage: Stage) -> Kept:
        """The same at its next stage."""
        return self.write(replace(kept, stage=stage))

    def remove(self, path: str, *, timeout_s: float) -> None:
        """Remove a directory that lies in the folder."""
        if not path.startswith(f"{self.path}/"):
            raise StepError(f"{path} is not in {self.path}")
        done = self.server.host.run(("rm", "-rf", "--one-file-system", "--", path), timeout_s=timeout_s)
        done.check(f"{path} can't be removed")


def folder_of(server: Server, data: str, run: str) -> Folder:
    """The folder of a run. ``data`` is the data directory's real path."""
    return Folder(server, f"{data}{SUFFIX}{run.partition('-')[2] or run}")


def standing(folder: Folder, kept: Kept) -> Standing:
    """What lies in the data directory now. ``as kept``: what was copied, and no server was started in it since. ``put in
    place``: what a rebuild by that folder made, and no server was started in it since. Nothing of these is lost with it.

    ``another``: it may have what no folder has. ``not known``: an earlier version did not write down what it copied.
    """
    server = folder.server
    kind, _ = look_at_directory(server)
    if kind == "absent":
        return "absent"
    script = 'grep -qsxF -- "$2" "$1/$3" && [ -f "$1/backup_label" ]'  # the first start takes backup_label away
    argv = ("sh", "-c", script, "sh", server.data, folder.path, MARK)
    if server.host.run(argv, timeout_s=QUICK_S, run_as=server.run_as).code == 0:
        return "put in place"
    if kept.how == "copied" and not kept.control:
        return "not known"
    return "as kept" if kept.control and control_digest(server, server.data) == kept.control else "another"


def find_begun(server: Server, data: str) -> Folder | None:
    """The folder of a rebuild that was begun and not finished, by whatever run, of what the directory still is; the
    newest, if there are several."""
    here = replace(server, data=data)
    return _newest(here, data, lambda folder, kept: kept.stage in BEGUN and standing(folder, kept) != "another")


def retire_begun(server: Server, data: str) -> None:
    """No folder speaks against the directory any more. For one whose server follows."""
    for folder, kept in _all(server, data):
        if kept.stage in BEGUN or _was_moved(kept):
            folder.advance(kept, "ready")


def find_moved(server: Server, data: str) -> Folder | None:
    """The newest folder that the data directory was moved into and lies in, by a rebuild that was not finished. It may have
    been cut off as soon as that was done: before it listed anything."""
    here = replace(server, data=data)
    return _newest(here, data, lambda folder, kept: _was_moved(kept) and bool(control_digest(here, folder.data)))


def _was_moved(kept: Kept) -> bool:
    return kept.how == "moved" and kept.stage != "ready"


def _newest(server: Server, data: str, wanted: Callable[[Folder, Kept], bool]) -> Folder | None:
    found = [(kept.at, folder) for folder, kept in _all(server, data) if wanted(folder, kept)]
    return max(found, key=lambda one: one[0])[1] if found else None


def _all(server: Server, data: str) -> list[tuple[Folder, Kept]]:
    script = 'for f in "$1"*/state.json; do [ -f "$f" ] && printf "%s\\n" "$f"; done; exit 0'
    done = server.host.run(("sh", "-c", script, "sh", f"{data}{SUFFIX}"), timeout_s=QUICK_S)
    lines = done.check(f"what lies beside {data} can't be listed").stdout.splitlines()
    folders = [Folder(server, line.rpartition("/")[0]) for line in lines]
    return [(folder, kept) for folder in folders if (kept := folder.read())]


def _parsed(text: str, path: str) -> Kept:
    try:
        data = json.loads(text)
        if data.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        data.pop("rebuilt_to", None)  # of an earlier version
        return Kept(**data)
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path}/state.json can't be understood: {error}", hint="don't remove the folder: it may hold a kept copy"
        ) from None
