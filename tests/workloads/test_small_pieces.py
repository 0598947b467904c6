"""What the kinds are made of: trees of files with any name, recovery points, right answers, an isolated target."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import NotReadyError, RefusedError, StepError
from albus_dr.runbook.config import Config, RepositoryConfig, SecretRef
from albus_dr.runbook.model import HttpCheck, Objectives, Runbook, SitePair
from albus_dr.tools.host import LocalHost
from albus_dr.tools.http import Answer
from albus_dr.tools.restic import Repository, Snapshot
from albus_dr.tools.told import anonymous
from albus_dr.workloads import files, http_checks, own, postgres, primary, recovery_points, site
from albus_dr.workloads.files import by_name, compare, keep, switchover, trees
from albus_dr.workloads.step import RunInfo, StepContext, StepSpec, Verdict

A, B = "strasbourg", "bordeaux"
NAMES = (b"plain", b"two words", b"two\nlines", b"-", b"-rf", b"--help", b"it's $HOME *", b"caf\xe9 not utf-8", b"\xff", b"\xfe",
         "é".encode(), b"dir/-", b"dir/deep er/x")  # fmt: skip


def context(tmp_path: Path, *, scratch: str = "", share: str = "100%", spec: StepSpec | None = None) -> StepContext:
    """Both sites are directories below tmp_path."""
    model = files.Model.model_validate(
        {"kind": "files", "path": "documents", "recovery_points": {"restic": "backups"}, "verify": {"sha256": share}}
    )
    objectives = Objectives.model_validate({"rto": "4h", "rpo": "15m", "drill_every": "1y"})
    runbook = Runbook.model_construct(
        version=1, runbook="albus", objectives=objectives, sites=SitePair(primary=A, secondary=B),
        workloads={"documents": model}, steps=(),
    )  # fmt: skip
    config = Config.model_validate({
        "version": 1,
        "sites": {
            name: {
                "location": {"latitude": 0, "longitude": 0}, "hosts": {"all": {}},
                "servers": {"database": {"host": "all", "data": f"{tmp_path}/{name}/postgres"}},
                "paths": {"documents": {"host": "all", "path": f"{tmp_path}/{name}/documents"}},
                "scratch": {"host": "all", "path": scratch or f"{tmp_path}/{name}/scratch"},
            }
            for name in (A, B)
        },
    })  # fmt: skip
    now = datetime.now(UTC)
    return StepContext(
        spec=spec or StepSpec("documents.carry_over", "documents", B, "files.carry_over", "Carry over"),
        run=RunInfo("20260101-abc123", "switchover", A, B, now, None, tmp_path, operator="a person"),
        runbook=runbook, config=config, base=tmp_path, config_base=tmp_path,
        facts_of=lambda step: {"closed_at": "2026-01-01T00:00:00+00:00"} if step == "documents.carry_over" else {},
        progress=lambda *_: None, announce=lambda *_: None, cancelled=threading.Event(), deadline=time.monotonic() + 120,
    )  # fmt: skip


def with_databases(runbook: Runbook, *servers: str) -> Runbook:
    """The runbook, and a database in each of these servers."""
    recovers = {"kind": "postgres", "database": "postgres", "recovery_points": {"dump": "backups"}}
    databases = {f"data-of-{name}": postgres.Model.model_validate({**recovers, "server": name}) for name in servers}
    return Runbook.model_construct(**{**dict(runbook), "workloads": {**runbook.workloads, **databases}})


def tree(tmp_path: Path, name: str, contents: dict[bytes, bytes]) -> Path:
    root = tmp_path / name / "documents"
    for relative, content in contents.items():
        path = root / os.fsdecode(relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def content_of(root: Path) -> dict[str, bytes]:
    """Regular files by content, links by where they point."""
    return {
        str(path.relative_to(root)): b"-> " + bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


# --- trees --------------------------------------------------------------------------------------------------------


def test_files_of_any_name_are_listed_and_hashed(tmp_path: Path) -> None:
    root = tree(tmp_path, A, {name: b"content of " + name for name in NAMES})
    (root / "link").symlink_to("plain")
    ctx, path = context(tmp_path), str(root)

    listed = trees.list_files(LocalHost(), path, timeout_s=30)
    hashed = by_name.hash_files(LocalHost(), path, listed, ctx)

    assert {os.fsencode(name) for name in listed} == set(NAMES)
    assert listed.keys() == hashed.keys()
    assert len(set(hashed.values())) == len(NAMES), "`-` is a file and not standard input"
    assert set(trees.list_files(LocalHost(), path, timeout_s=30, links=True)) == {*listed, "link"}
    for name in listed:
        assert anonymous(name).startswith("file with name's SHA-256 ")


def test_a_file_that_went_away_is_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path, A, {b"here": b"1"})

    assert set(by_name.hash_files(LocalHost(), str(root), ["here", "gone"], context(tmp_path))) == {"here"}
    assert by_name.hash_files(LocalHost(), str(root), [], context(tmp_path)) == {}


def test_what_changed_is_carried_over_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    same = {name: b"content of " + name for name in NAMES}
    mine = tree(
        tmp_path, A, {**same, b"was a file/now a directory": b"1", b"was a directory": b"2", b"changed": b"new"}
    )
    theirs = tree(
        tmp_path, B, {b"was a file": b"1", b"was a directory/with a file": b"2", b"changed": b"old", b"gone\n-": b"x"}
    )
    (mine / "link").symlink_to("plain")
    (theirs / "old link").symlink_to("elsewhere")
    (mine / "empty").mkdir(mode=0o750)
    (theirs / "old" / "empty").mkdir(parents=True)
    ctx = context(tmp_path)

    carried = switchover.carry_over(ctx)

    assert content_of(theirs) == content_of(mine)
    ours, other = (trees.look(LocalHost(), str(root), timeout_s=30) for root in (mine, theirs))
    assert ours == other, "directories, modes, owners and times came along"
    assert carried["removed"] == len(
        {"was a file", "was a directory/with a file", "was a directory", "gone", "old link", "old", "old/empty"}
    )
    assert carried["sent"] == len(ours.files) + len(ours.directories) + 1
    assert switchover.carry_over(ctx)["sent"] == 0
    compared = switchover.compare_trees(ctx)
    assert (compared["expected_files"], compared["found_files"], compared["wrong"]) == (len(NAMES) + 3,) * 2 + (0,)
    assert {check.verdict for check in compare.verify_compared(ctx, compared)} == {Verdict.PASSED}


def test_a_resumed_switchover_does_not_leave_behind_what_was_written_since_it_was_carried_over(tmp_path: Path) -> None:
    """Service was restored while the run lay there: a document came, and one went."""
    mine = tree(tmp_path, A, {b"one": b"1", b"two": b"2"})
    theirs = tree(tmp_path, B, {b"two": b"2"})
    ctx = context(tmp_path)
    switchover.carry_over(ctx)
    coarse = int((theirs / "one").stat().st_mtime)
    os.utime(theirs / "one", (coarse, coarse))  # as a file system that keeps whole seconds has it
    fence = replace(
        ctx, spec=StepSpec("fence", "", A, "site.fence", "Fence", params={"planned": True}), run=replace(ctx.run, resumed=True),
        runbook=with_databases(ctx.runbook, "database"),
    )  # fmt: skip
    assert primary._fence(fence)["fence"]["method"] == "probe"
    (mine / "three").write_text("3")
    (mine / "one").unlink()
    with pytest.raises(
        RefusedError, match=f"documents at {A} has changed since it was carried over: 1 written, 1 removed"
    ) as caught:
        primary._fence(fence)
    assert f"albus-dr abort {ctx.run.id}" in caught.value.hint


@pytest.mark.parametrize("name", ["kept", "kept/file"])
def test_a_mode_that_changed_alone_is_carried_over_and_compared(tmp_path: Path, name: str) -> None:
    mine, theirs = (tree(tmp_path, at, {b"kept/file": b"1"}) for at in (A, B))
    ctx = context(tmp_path)
    switchover.carry_over(ctx)
    (mine / name).chmod(0o700)
    told = {check.kind: check for check in compare.verify_compared(ctx, switchover.compare_trees(ctx))}
    assert told["modes, owners and times"].verdict is Verdict.FAILED
    assert "mode " in told["modes, owners and times"].actual
    assert switchover.carry_over(ctx)["sent"] == 1
    assert (theirs / name).stat().st_mode & 0o777 == 0o700
    assert {one.verdict for one in compare.verify_compared(ctx, switchover.compare_trees(ctx))} == {Verdict.PASSED}


def test_other_content_under_the_same_name_size_and_time_is_found(tmp_path: Path) -> None:
    for name, content in ((A, b"right"), (B, b"wrong")):
        root = tree(tmp_path, name, {b"-": content, b"fine": b"fine"})
        os.utime(root / "-", (0, 0))
    ctx = context(tmp_path)

    compared = switchover.compare_trees(ctx)

    assert compared["wrong"] == 1
    assert [check.verdict for check in compare.verify_compared(ctx, compared)] == [
        Verdict.PASSED,
        Verdict.PASSED,
        Verdict.FAILED,
        Verdict.PASSED,
    ]


def test_what_was_hashed_before_the_door_closed_counts_only_while_nothing_touched_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {
        b"same": b"same",
        b"touched": b"right",
        b"touched there": b"right",
        b"replaced": b"right",
        b"fresh": b"new",
    }
    mine, theirs = (tree(tmp_path, name, content) for name in (A, B))
    ctx = context(tmp_path)
    monkeypatch.setattr(trees, "SETTLED_S", -3600)  # everything stands still, and ...
    for at in (A, B):
        switchover._hash_ahead(ctx, at)
    assert switchover.compare_trees(ctx)["hashed_behind_the_door"] == 0
    time.sleep(0.05)  # more than a tick of the kernel's clock

    for path in (mine / "touched", theirs / "touched there"):  # other content, same size and modification time
        before = path.stat()
        path.write_bytes(b"wrong")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    other = tmp_path / "other"
    other.write_bytes(b"wrong")
    os.utime(other, ns=((mine / "replaced").stat().st_atime_ns, (mine / "replaced").stat().st_mtime_ns))
    other.rename(mine / "replaced")

    compared = switchover.compare_trees(ctx)
    assert (compared["wrong"], compared["hashed_behind_the_door"]) == (3, 2)


def test_a_file_that_has_just_changed_is_not_hashed_ahead(tmp_path: Path) -> None:
    root = tree(tmp_path, A, {b"young": b"1"})
    ctx = context(tmp_path)

    assert trees.list_stamps(LocalHost(), str(root), timeout_s=30, still_only=True) == {}
    assert set(trees.list_stamps(LocalHost(), str(root), timeout_s=30)) == {"young"}

    switchover._hash_ahead(ctx, A)
    tree(tmp_path, B, {b"young": b"1"})
    assert switchover.compare_trees(ctx)["hashed_behind_the_door"] == 1


def test_the_share_is_chosen_by_the_run_and_the_same_each_time(tmp_path: Path) -> None:
    ctx, names = context(tmp_path, share="10%"), [f"file {number}" for number in range(100)]
    first, seed = compare.sample_of(ctx, names)

    assert (len(first), len(set(first))) == (10, 10)
    assert compare.sample_of(ctx, reversed(names)) == (first, seed)
    assert compare.sample_of(replace(ctx, run=replace(ctx.run, id="20260101-other")), names)[0] != first
    assert len(compare.sample_of(ctx, ["only"])[0]) == 1
    assert compare.sample_of(ctx, [])[0] == []


def test_a_sample_is_told_with_its_seed(tmp_path: Path) -> None:
    for name in (A, B):
        tree(tmp_path, name, {b"file %d" % number: b"1" for number in range(20)})
    ctx = context(tmp_path, share="10%")
    facts = switchover.compare_trees(ctx)
    (told,) = (one for one in compare.verify_compared(ctx, facts) if one.kind.startswith("SHA-256"))
    assert (told.kind, told.verdict) == (f"SHA-256 of 2 of 20 files, drawn with seed {facts['seed']}", Verdict.PASSED)

    drawn = compare.sample_of(ctx, (f"file {number}" for number in range(20)))[0]
    (tmp_path / B / "documents" / drawn[0]).write_bytes(b"2")
    assert Verdict.FAILED in {one.verdict for one in compare.verify_compared(ctx, switchover.compare_trees(ctx))}


@pytest.mark.parametrize("place", ["{a}/documents", "{a}/documents/inner/", "{a}", "{link}"])
def test_both_sites_in_one_directory_are_refused(tmp_path: Path, place: str) -> None:
    """What is made equal to a recovery point would be, hold, or lie in the tree that users write to."""
    tree(tmp_path, A, {b"file": b"1"})
    (tmp_path / "link").symlink_to(tmp_path / A / "documents")
    ctx = context(tmp_path)
    theirs = ctx.config.sites[B].paths["documents"]
    mine = theirs.model_copy(update={"path": place.format(a=tmp_path / A, link=tmp_path / "link")})
    sites = {A: ctx.config.sites[A], B: ctx.config.sites[B].model_copy(update={"paths": {"documents": mine}})}
    with pytest.raises(
        RefusedError, match="at both sites is on the same machine, and one directory is or holds the other"
    ):
        switchover.carry_over(replace(ctx, config=ctx.config.model_copy(update={"sites": sites})))
    assert (tmp_path / A / "documents" / "file").exists()


# --- recovery points ----------------------------------------------------------------------------------------------


def snapshot(id_: str, point: str, part: str, *, minutes_ago: float = 10, original: str = "") -> Snapshot:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return Snapshot(id_, at, frozenset(recovery_points.tags("albus", "documents", point, part)), (), original)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    config = RepositoryConfig(restic=str(tmp_path), password=SecretRef(env="UNUSED"))
    return Repository("backups of bordeaux", config, LocalHost(), tmp_path)


def test_data_without_a_manifest_is_no_recovery_point(repository: Repository) -> None:
    found = recovery_points.complete(
        (
            snapshot("d2", "two", "data", minutes_ago=5), snapshot("m2", "two", "manifest", minutes_ago=5),
            snapshot("d3", "three", "data", minutes_ago=1), snapshot("m4", "four", "manifest"),
            snapshot("d1", "one", "data", minutes_ago=60), snapshot("m1", "one", "manifest", minutes_ago=60),
        ),
        repository,
    )  # fmt: skip

    assert [(point.id, point.data.id, point.manifest.id) for point in found] == [
        ("one", "d1", "m1"),
        ("two", "d2", "m2"),
    ]
    assert recovery_points.complete((), repository) == ()


def test_one_from_the_future_is_refused_and_a_clock_may_be_minutes_ahead(repository: Repository) -> None:
    ahead = (snapshot("d", "one", "data", minutes_ago=-59), snapshot("m", "one", "manifest", minutes_ago=-59))
    assert len(recovery_points.complete(ahead, repository)) == 1
    forged = (snapshot("d", "one", "data", minutes_ago=-61), snapshot("m", "one", "manifest", minutes_ago=-61))
    with pytest.raises(StepError, match="a recovery point from the future"):
        recovery_points.complete(forged, repository)


def test_what_the_other_site_lacks() -> None:
    mine = (snapshot("a", "one", "data"), snapshot("b", "one", "manifest"), snapshot("c", "two", "data", original="z"))

    assert recovery_points.missing(mine, ()) == ("a", "c", "b"), "manifests come last"
    assert recovery_points.missing(mine, (snapshot("x", "one", "data", original="a"),)) == ("c", "b")
    back = (snapshot("z", "two", "data"),)  # what came from there need not go back
    assert recovery_points.missing(mine, back) == ("a", "b")
    assert recovery_points.missing((), mine) == ()


def test_the_point_that_a_run_chose_is_found_again() -> None:
    point = recovery_points.RecoveryPoint("one", snapshot("d", "one", "data"), snapshot("m", "one", "manifest"))
    again = recovery_points.named(recovery_points.chosen(point))

    assert again is not None
    assert (again.id, again.data.id, again.data.time, again.manifest.id) == ("one", "d", point.data.time, "m")
    assert recovery_points.named({}) is None


def restic_that_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *, dump: str = "") -> None:
    """In restic's place: a program that prints this, and for a file of a snapshot ``dump``."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, printed in (("listing", text), ("dumped", dump)):
        (programs / name).write_text(printed)
    script = f'#!/bin/sh\ncase "$*" in *dump*) cat {programs}/dumped;; *) cat {programs}/listing;; esac\n'
    (programs / "restic").write_text(script)
    (programs / "restic").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("UNUSED", "password")


def row(part: str, point: str, at: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {"id": f"{part}-{point}", "time": at, "tags": list(recovery_points.tags("albus", "documents", point, part))}


@pytest.mark.parametrize(
    "text",
    ["{", "[1]", '["a"]', '{"a": 1}', "7", '[{"id": "x"}]', '[{"id": "x", "time": 5}]', '[{"id": "x", "time": "2026-01-01"}]'],
)  # fmt: skip
def test_a_list_of_snapshots_that_is_none(
    text: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restic_that_prints(tmp_path, monkeypatch, text)
    with pytest.raises(StepError, match="gave a list of snapshots that can't be read"):
        recovery_points.find_all(repository, "albus", "documents", timeout_s=10)


@pytest.mark.parametrize("manifest", ["[1]", "7", "null", '"text"', "{", "[" * 100_000])
def test_a_manifest_that_is_none(
    manifest: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = "20260101T000000Z-abcdef"
    listing = json.dumps([row("data", point), row("manifest", point)])
    restic_that_prints(tmp_path, monkeypatch, listing, dump=manifest)
    with pytest.raises(StepError, match=f"the manifest of {point} in .* can't be read"):
        recovery_points._open(repository, "albus", "documents", "", timeout_s=10)


def test_a_manifest_of_another_kind(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = "20260101T000000Z-abcdef"
    listing = json.dumps([row("data", point), row("manifest", point)])
    restic_that_prints(tmp_path, monkeypatch, listing, dump=json.dumps({"point": point}))
    opened = recovery_points._open(repository, "albus", "documents", "", timeout_s=10)
    with pytest.raises(StepError, match=f"the manifest of {point} says nothing of files"):
        opened.manifest["files"]


def test_a_point_whose_tag_is_no_id_is_chosen_by_its_snapshots_time() -> None:
    points = [
        recovery_points.RecoveryPoint(
            name, snapshot("d", name, "data", minutes_ago=age), snapshot("m", name, "manifest")
        )
        for name, age in (("../../etc", 60), ("20269999T000000Z-abcdef", 10))
    ]
    wanted = recovery_points.new_point_id(datetime.now(UTC) - timedelta(minutes=50))

    found = recovery_points.choose(points, wanted)
    assert found is not None
    assert found.id == "../../etc"


def test_times_that_no_calendar_has_are_listed_as_they_are() -> None:
    listed = keep._listed({"file": (1, "1262304000000.5000000000"), "other": (2, "-99999999999999.0")})

    assert listed.splitlines()[1:] == ["file,1,1262304000000.5000000000", "other,2,-99999999999999.0"]


def test_ids_sort_by_time() -> None:
    early, late = datetime(2026, 1, 1, 23, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    ids = [recovery_points.new_point_id(at) for at in (late, early, early)]

    assert len(set(ids)) == 3
    assert sorted(ids)[-1] == ids[0]


# --- right answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "answer", "wrong"),
    [
        ({}, Answer(200, b""), ""),
        ({}, Answer(204, b""), "status 204"),
        ({"status": 404}, Answer(404, b"no"), ""),
        ({"contains": "Agenda"}, Answer(200, b"\xff Agenda"), ""),
        ({"contains": "é"}, Answer(200, b"e"), "the body does not contain 'é'"),
        ({"json": "length(a) > `0`"}, Answer(200, b'{"a": [1]}'), ""),
        ({"json": "length(a) > `0`"}, Answer(200, b'{"a": []}'), "length(a) > `0` is not true"),
        ({"json": "a"}, Answer(200, b'{"a": 1}'), "a is not true"),
        ({"json": "missing"}, Answer(200, b'{"a": 1}'), "missing is null"),
        ({"json": "a"}, Answer(200, b"<html>"), "the body is not JSON"),
        ({"json": "a"}, Answer(200, b"\xff"), "the body is not JSON"),
        ({"json": "a"}, Answer(500, b'{"a": true}'), "status 500"),
        ({}, Answer(302, b""), "status 302 (redirects are not followed)"),
        ({"status": 302}, Answer(302, b""), ""),
    ],
)
def test_what_is_wrong_with_an_answer(expect: dict[str, Any], answer: Answer, wrong: str) -> None:
    check = HttpCheck.model_validate({"http": "/agenda", "expect": expect})

    assert http_checks.wrong(check.expect, answer) == wrong


NAMES_A_PATIENT = (
    b'{"note": "Zephyrine Canarienne", "patients": [{"age": 71}, {"age": "Canarienne"}], "endless": Infinity}'
)


@pytest.mark.parametrize(
    ("expression", "body", "said"),
    [
        ("length(missing)", b"{}", "length(): JMESPathTypeError"),
        ("sum(note)", NAMES_A_PATIENT, "sum(): JMESPathTypeError"),
        ("a == 'Zephyrine' ==", b"{}", "IncompleteExpressionError"),
        ("note ?Zephyrine", b"{}", "LexerError"),
        ("nofunction(a)", b"{}", "UnknownFunctionError"),
        ("length(a, b)", b"{}", "length(): ArityError"),
        ("max_by(patients, &age)", NAMES_A_PATIENT, "TypeError"),
        ("contains(note, `1`)", NAMES_A_PATIENT, "TypeError"),
        ("ceil(endless)", NAMES_A_PATIENT, "OverflowError"),
        ("patients[::0]", NAMES_A_PATIENT, "ValueError"),
        ("note", b"[" * 100_000, "the body is nested too deeply"),
    ],
)
def test_an_expression_that_can_not_be_applied_is_no_pass(expression: str, body: bytes, said: str) -> None:
    check = HttpCheck.model_validate({"http": "/", "expect": {"json": expression}})

    found = http_checks.wrong(check.expect, Answer(200, body))
    assert found == f"the expression can't be applied: {said}", "and names no patient"
    assert http_checks.look_up(expression, body) == (None, found)


# --- own steps, and the isolated target ---------------------------------------------------------------------------


def test_own_commands_know_where_they_are(tmp_path: Path) -> None:
    script = 'echo "$ALBUS_DR_RUN $ALBUS_DR_OPERATION $ALBUS_DR_RUNBOOK $ALBUS_DR_SOURCE $ALBUS_DR_TARGET $ALBUS_DR_SITE"; pwd'
    spec = StepSpec("own.tell", "", A, "own.run", "Tell", params={"run": ["sh", "-c", script]})
    ctx = context(tmp_path, spec=spec)
    said = f"20260101-abc123 switchover albus {A} {B} {A} · {tmp_path}"

    assert own.ACTIONS["own.run"].act(ctx) == {"output": said}
    as_text = replace(spec, params={"run": shlex.join(["sh", "-c", script])})
    assert own.ACTIONS["own.run"].act(replace(ctx, spec=as_text)) == {"output": said}
    with pytest.raises(StepError, match="Tell: sh ended with 3"):
        own.ACTIONS["own.run"].act(replace(ctx, spec=replace(spec, params={"run": ["sh", "-c", "exit 3"]})))
    with pytest.raises(NotReadyError, match="not-there is not installed"):
        own.ACTIONS["own.run"].act(replace(ctx, spec=replace(spec, params={"run": "not-there"})))


@pytest.mark.parametrize(
    "scratch", ["{at}/postgres", "{at}/postgres/scratch", "{at}", "/", "{at}/documents/", "{at}/x/../postgres", "{at}/./documents/a"]
)  # fmt: skip
@pytest.mark.parametrize("where", [A, B])
def test_a_drills_target_is_never_production(tmp_path: Path, scratch: str, where: str) -> None:
    ctx = context(tmp_path, scratch=scratch.format(at=f"{tmp_path}/{where}"))
    with pytest.raises(RefusedError, match="is not apart from sites"):
        site._refuse_production(ctx, site.scratch_of(ctx))


@pytest.mark.parametrize("link", ["scratch", "postgres"], ids=["the target is a link", "production is a link"])
def test_a_link_does_not_hide_that_it_is_production(tmp_path: Path, link: str) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / B).mkdir(exist_ok=True)
    ctx = context(tmp_path, scratch=f"{tmp_path}/{B}/scratch" if link == "scratch" else f"{tmp_path}/disk/scratch")
    (live,) = (server.data for server in ctx.config.sites[B].servers.values())
    there = Path(site.scratch_of(ctx).path if link == "scratch" else live)
    there.symlink_to(Path(live) if link == "scratch" else tmp_path / "disk", target_is_directory=True)
    with pytest.raises(RefusedError, match="is not apart from sites"):
        site._refuse_production(ctx, site.scratch_of(ctx))


def test_a_directory_beside_production_is_apart(tmp_path: Path) -> None:
    for scratch in ("scratch", "postgres-scratch", "postgres/../scratch"):
        ctx = context(tmp_path, scratch=f"{tmp_path}/{B}/{scratch}")
        site._refuse_production(ctx, site.scratch_of(ctx))


def test_only_a_drills_own_directory_is_emptied(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    assert site.drill_directory(ctx) == f"{tmp_path}/{B}/scratch/abc123"
    with pytest.raises(RefusedError, match="is not inside the drill's directory"):
        site.fresh_directory(ctx, f"{tmp_path}/{B}/documents")
    with pytest.raises(RefusedError, match="is not a drill's directory"):
        site._remove(ctx, LocalHost(), f"{tmp_path}/{B}/documents")
