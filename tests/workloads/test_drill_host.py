"""A site whose database and files lie on different hosts: what a drill restores comes to scratch.host, by a restic there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import NotReadyError, StepError
from albus_dr.runbook.config import Config
from albus_dr.tools.host import LocalHost
from albus_dr.tools.postgres import Server
from albus_dr.tools.process import Completed
from albus_dr.tools.restic import Repository
from albus_dr.workloads import access, recovery_points, site
from albus_dr.workloads.files import access as files_access
from albus_dr.workloads.files import compare, recovery, restore
from albus_dr.workloads.files.trees import look
from albus_dr.workloads.postgres import drill
from albus_dr.workloads.step import RunInfo, StepContext, StepSpec, Verdict
from tests.workloads.test_links import with_repositories
from tests.workloads.test_postgres_contents import postgres_context
from tests.workloads.test_small_pieces import A, B, context, tree

SCRATCH = "/no-such-directory-here/scratch"  # as each host sees it, in a world of its own
SNAPSHOT_OF = {"data": "d" * 64, "manifest": "e" * 64}
POINT = "20260101T000000Z-abc123"


@dataclass(frozen=True)
class World:
    """A host that has a scratch directory of its own. With ``saved``, its restic is one that knows these trees by snapshot."""

    name: str
    root: Path = field(hash=False)
    ran: list[tuple[str, tuple[str, ...]]] = field(hash=False, compare=False)
    saved: Mapping[str, Path] | None = field(default=None, hash=False, compare=False)

    def run(self, argv: Sequence[str], **how: Any) -> Completed:
        self.ran.append((self.name, (*argv, how.get("cwd") or "")))
        here = tuple(part.replace(SCRATCH, str(self.root)) for part in argv)
        if how.get("cwd"):
            how["cwd"] = how["cwd"].replace(SCRATCH, str(self.root))
        if argv[0] == "restic" and self.saved is not None:
            return Completed(tuple(argv), 0, self._restic(here, how.get("on_line")).encode(), b"", 0.0)
        return LocalHost(self.name).run(here, **how)

    def command(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str], str]:
        raise AssertionError("nothing is piped in a drill's restore")

    def _restic(self, argv: tuple[str, ...], on_line: Callable[[str], None] | None) -> str:
        assert self.saved is not None
        if "version" in argv:
            return "restic 0.18.0 compiled with go"
        if "snapshots" in argv:
            tags = argv[argv.index("--tag") + 1].split(",")
            rows = [{"id": id_, "time": "2026-01-01T00:00:00Z", "tags": [*tags, f"point={POINT}", f"part={part}"]}
                    for part, id_ in SNAPSHOT_OF.items()]  # fmt: skip
            return json.dumps(rows)
        if "dump" in argv:
            return self.saved["manifest"].read_text()
        assert "restore" in argv, argv
        shutil.copytree(self.saved["data"], argv[argv.index("--target") + 1], dirs_exist_ok=True)
        assert on_line is not None
        on_line('{"message_type": "summary", "bytes_restored": 7}')
        return ""


@dataclass
class Two:
    """The hosts `db` and `app` of the second site, and what ran where."""

    worlds: dict[str, World]
    ran: list[tuple[str, tuple[str, ...]]]

    def touched(self, directory: str) -> set[str]:
        """The hosts at which a command named something below the directory."""
        return {name for name, argv in self.ran if any(directory in part for part in argv)}

    def lies_at(self, name: str) -> list[str]:
        root = self.worlds[name].root
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[dict[str, Path]]:
    (tmp_path / "password").write_text("a-password-that-nobody-guesses")
    (tmp_path / "password").chmod(0o600)
    yield {"data": tmp_path / "saved", "manifest": tmp_path / "manifest.json"}
    recovery_points._manifests.clear()  # every test's snapshots have the same ids


def two_hosts(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Mapping[str, Path] | None
) -> Two:
    ran: list[tuple[str, tuple[str, ...]]] = []
    worlds = {name: World(name, tmp_path / "worlds" / name, ran, saved) for name in ("db", "app")}
    for world in worlds.values():
        world.root.mkdir(parents=True)
    (worlds[site.scratch_of(ctx).host].root / Path(site.drill_directory(ctx)).name).mkdir(mode=0o711)
    monkeypatch.setattr(access, "connect", lambda name, _: worlds[name])
    return Two(worlds, ran)


def split(ctx: StepContext, *, data: str, scratch: str, restic: str, restic_host: str | None = None) -> StepContext:
    """A drill at a second site with the hosts `db` and `app`: its data at the one, its scratch directory at the other."""
    config: Any = ctx.config.model_dump(mode="json", exclude_none=True)
    there = config["sites"][B]
    there["hosts"] = {"db": {"ssh": "root@db.example.org"}, "app": {"ssh": "root@app.example.org"}}
    there["paths"]["documents"]["host"] = there["servers"]["database"]["host"] = data
    there["scratch"] = {"host": scratch, "path": SCRATCH, "bin": "/usr/bin"}
    there["repositories"] = {"backups": {"restic": restic, "password": {"file": "password"}}}
    if restic_host:
        there["repositories"]["backups"]["host"] = restic_host
    return replace(
        ctx, config=Config.model_validate(config), spec=replace(ctx.spec, site=B),
        run=RunInfo("drill-20260101-ab12", "drill", A, B, datetime.now(UTC), None, ctx.base, operator="a person"),
    )  # fmt: skip


def files_context(tmp_path: Path) -> StepContext:
    return context(tmp_path, spec=StepSpec("documents.restore", "documents", B, "files.restore", ""))


def save(saved: Mapping[str, Path]) -> None:
    """A recovery point of two files."""
    (saved["data"] / "dir").mkdir(parents=True)
    (saved["data"] / "one").write_text("one")
    (saved["data"] / "dir" / "two").write_text("more")
    seen = look(LocalHost(), str(saved["data"]), timeout_s=30)
    digests = {"one": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
               "dir/two": "187897ce0afcf20b50ba2b37dca84a951b7046f29ed5ab94f010619f69d6e189"}  # fmt: skip
    files = {name: {**vars_of(file), "sha256": digests[name]} for name, file in seen.files.items()}
    directories = {name: vars_of(one) for name, one in seen.directories.items()}
    manifest = {
        "point": POINT,
        "files": files,
        "directories": directories,
        "links": {},
        "unclaimed": {},
        "bytes": 7,
        "count": 2,
    }
    saved["manifest"].write_text(json.dumps(manifest))


def vars_of(entry: Any) -> dict[str, Any]:
    return dict(entry._asdict())


@pytest.mark.parametrize("restic_host", [None, "app", "db"])
def test_files_are_restored_where_the_drill_looks_for_them_and_removes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: dict[str, Path], restic_host: str | None
) -> None:
    save(saved)
    remote = "sftp:backups.example.org:/albus"
    ctx = split(files_context(tmp_path), data="app", scratch="db", restic=remote, restic_host=restic_host)
    two = two_hosts(ctx, tmp_path, monkeypatch, saved)
    facts: dict[str, Any] = {}
    ctx = replace(ctx, facts_of=lambda step: facts.get(step, {}))

    restore.look_ahead(ctx)
    facts["documents.ready_to_restore"] = restore.ready_to_restore(ctx)
    facts["documents.restore"] = restore.restore(ctx)

    assert two.touched(SCRATCH) == {"db"}
    assert {name for name, argv in two.ran if argv[0] == "restic"} == {"db"}
    assert [path.partition("/")[2] for path in two.lies_at("db")] == ["documents/dir/two", "documents/one"]
    found = restore.compare(ctx)
    assert {check.verdict for check in compare.verify_compared(ctx, found)} == {Verdict.PASSED}
    assert site._cleanup(ctx)["residue"] == []
    assert two.lies_at("db") == two.lies_at("app") == []
    assert two.touched(SCRATCH) == {"db"}


def test_a_manifest_that_says_nothing_of_tables_is_told_before_anything_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: dict[str, Path]
) -> None:
    saved["manifest"].write_text(json.dumps({"point": POINT, "bytes": 7}))
    made, _ = postgres_context(tmp_path, 5432)
    ctx = split(made, data="db", scratch="app", restic="rest:https://backups.example.org/albus")
    two_hosts(ctx, tmp_path, monkeypatch, saved)
    with pytest.raises(StepError, match=f"the manifest of {POINT} says nothing of tables"):
        drill.ready_to_restore(ctx)


@pytest.mark.parametrize(("data", "scratch"), [("db", "app"), ("app", "db")])
def test_a_dump_is_restored_beside_the_drills_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: dict[str, Path], data: str, scratch: str
) -> None:
    saved["data"].mkdir()
    (saved["data"] / "patients.dump").write_text("a dump")
    saved["manifest"].write_text(json.dumps({"point": POINT, "bytes": 7, "tables": {}}))
    made, facts = postgres_context(tmp_path, 5432)
    ctx = split(made, data=data, scratch=scratch, restic="rest:https://backups.example.org/albus")
    ctx = replace(ctx, facts_of=lambda step: facts.get(step, {}))
    two = two_hosts(ctx, tmp_path, monkeypatch, saved)
    served: list[tuple[str, bool]] = []

    def restored(server: Server, dump: str, *_: object, **__: object) -> None:
        served.append((server.host.name, server.host.run(("test", "-f", dump), timeout_s=10).code == 0))

    for done_elsewhere in ("create", "start", "create_database"):
        monkeypatch.setattr(Server, done_elsewhere, lambda *_, **__: None)
    monkeypatch.setattr(Server, "restore_dump", restored)

    drill.look_ahead(ctx)
    facts["patients.ready_to_restore"] = drill.ready_to_restore(ctx)
    facts["patients.restore"] = drill.restore(ctx)

    assert served == [(scratch, True)]
    assert two.touched(SCRATCH) == {scratch}
    assert {name for name, argv in two.ran if argv[0] == "restic"} == {scratch}


@pytest.mark.parametrize("kind", ["files", "postgres"])
def test_a_directory_of_another_host_is_refused_before_anything_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = files_context(tmp_path) if kind == "files" else postgres_context(tmp_path, 5432)[0]
    ctx = split(made, data="app", scratch="db", restic="/srv/backups")
    two = two_hosts(ctx, tmp_path, monkeypatch, None)
    with pytest.raises(NotReadyError, match="is a directory at app, and a drill at bordeaux restores at db") as caught:
        (restore if kind == "files" else drill).ready_to_restore(ctx)
    assert "or give sites.bordeaux.scratch host: app" in caught.value.hint
    assert two.ran == []


def test_a_directory_of_the_same_machine_is_read_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another name, or because the config says where restic runs."""
    ctx = split(files_context(tmp_path), data="app", scratch="db", restic="local:/srv/backups", restic_host="db")
    assert files_access.restored_from(ctx).host.name == "db"

    config: Any = split(files_context(tmp_path), data="app", scratch="db", restic="/srv/backups").config.model_dump(
        mode="json", exclude_none=True
    )
    config["sites"][B]["hosts"]["app"] = config["sites"][B]["hosts"]["db"]
    one = replace(ctx, config=Config.model_validate(config))
    assert files_access.restored_from(one).host.name == "db"


def test_a_failover_restores_at_the_host_of_the_tree(tmp_path: Path) -> None:
    ctx = split(files_context(tmp_path), data="app", scratch="db", restic="/srv/backups")
    failover = replace(ctx, run=replace(ctx.run, operation="failover"))
    assert files_access.restored_from(failover).host.name == "app"


def test_the_same_with_a_real_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory stands for one that both hosts reach."""
    made = with_repositories(tmp_path, monkeypatch)
    tree(tmp_path, A, {b"one": b"one", b"dir/two": b"more"})
    recovery.back_up(made)
    recovery.copy(made)
    ctx = split(made, data="app", scratch="db", restic=f"{tmp_path}/{B}/repository")
    facts: dict[str, Any] = {}
    ctx = replace(ctx, facts_of=lambda step: facts.get(step, {}))
    two = two_hosts(ctx, tmp_path, monkeypatch, None)
    monkeypatch.setattr(Repository, "is_directory", False)

    facts["documents.ready_to_restore"] = restore.ready_to_restore(ctx)
    facts["documents.restore"] = restore.restore(ctx)
    found = restore.compare(ctx)

    assert {check.verdict for check in compare.verify_compared(ctx, found)} == {Verdict.PASSED}
    assert two.touched(SCRATCH) == {"db"}
    assert site._cleanup(ctx)["residue"] == []
    assert two.lies_at("db") == two.lies_at("app") == []
