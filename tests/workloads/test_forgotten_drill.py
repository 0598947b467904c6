"""A drill that nobody came back to removes itself, or the next one removes it; one that may run is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import CleanupError, NotReadyError, StepError
from albus_dr.tools import namespace
from albus_dr.tools.host import LocalHost
from albus_dr.workloads import forgotten, site
from tests.real.operator_desk import wait_for
from tests.workloads.test_small_pieces import B, context


@pytest.mark.parametrize("apart", [True, False], ids=["in a network of its own", "without one"])
def test_its_processes_and_its_directory_go_when_the_time_is_over(tmp_path: Path, apart: bool) -> None:
    directory, other = tmp_path / "5c4a", tmp_path / "other"
    for path in (directory, other):
        path.mkdir()
        (path / "restored").write_text("patients")
        (path / forgotten.LEDGER).write_text('{"run": "drill-5c4a"}')
    marks = {"ALBUS_DR_DRILL": str(directory)}
    asleep = (sys.executable, "-c", "import time; time.sleep(600)")
    keeper = ("sh", "-c", forgotten._KEEPER, "sh", str(directory), "1", forgotten._EXPIRE)
    with (
        subprocess.Popen(asleep, cwd=directory) as inside,
        subprocess.Popen(asleep, env=marks) as marked,
        subprocess.Popen(asleep, cwd=other) as stranger,
    ):
        try:
            if apart:
                try:
                    namespace.make(LocalHost(), str(directory), keeper, environment=marks)
                except NotReadyError as error:
                    pytest.skip(error.message)
            else:
                subprocess.Popen(keeper, cwd=directory, env={"PATH": "/usr/bin:/bin", **marks}).wait(60)
            wait_for(lambda: None if directory.exists() else True)
            assert inside.wait(30) == marked.wait(30) == -9
            assert stranger.poll() is None
            assert (other / "restored").exists()
            found = wait_for(lambda: gone(directory))
            assert found.ledger == {"run": "drill-5c4a"}
            assert set(forgotten.expired_in(LocalHost(), str(tmp_path))) == {str(directory)}
        finally:
            for child in (inside, marked, stranger):
                child.kill()


@pytest.mark.parametrize(
    ("changed", "lives", "age_s", "stays"),
    [
        ({}, True, 0, False), ({"runbook": "another"}, True, 600, True), ({"place": "another machine"}, True, 600, True),
        ({"place": "another machine"}, False, 600, False), ({"place": "another machine"}, False, 0, True),
        (None, False, 600, False), (None, True, 600, True),
    ],
    ids=["this one's lock", "another runbook", "another machine", "its host was restarted", "just begun", "cut short",
         "cut short, and runs"],
)  # fmt: skip
def test_another_drill_is_removed_only_where_it_can_not_be_running(
    tmp_path: Path, changed: dict[str, str] | None, lives: bool, age_s: float, stays: bool
) -> None:
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", directory=tmp_path / "runs" / ctx.run.id))
    other = tmp_path / B / "scratch" / "5c4a"
    other.mkdir(parents=True)
    ledger = "{" if changed is None else json.dumps({"run": "drill-5c4a", **forgotten._lock_of(ctx), **changed})
    (other / forgotten.LEDGER).write_text(ledger)
    os.utime(other / forgotten.LEDGER, (time.time() - age_s, time.time() - age_s))
    asleep = (sys.executable, "-c", "import time; time.sleep(600)")
    with subprocess.Popen(asleep, cwd=other if lives else tmp_path) as process:
        try:
            facts = site._isolate(ctx)
            assert (other.exists(), process.poll() is None) == (stays, stays or not lives)
            assert [each["path"] for each in facts["cleared"]] == ([] if stays else [str(other)])
            assert any(f"left alone: {other}" in note for note in facts["notes"]) is stays
        finally:
            process.kill()
            site._cleanup(ctx)


def test_what_removed_itself_is_put_on_record_by_whoever_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own run, resumed or aborted; else the next drill. Each as often as it is killed before that is on record."""
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", id="drill-0-5c4a", directory=tmp_path / "runs" / "0"))
    scratch = tmp_path / B / "scratch"
    monkeypatch.setattr(forgotten, "FORGOTTEN_S", 1.0 - 4 * ctx.runbook.objectives.rto)
    directory = Path(site._isolate(ctx)["directory"])
    (directory / "patients").mkdir()
    written = scratch / "5c4a.destroyed"
    at = wait_for(lambda: gone(directory)).at
    assert list(scratch.iterdir()) == [written]
    assert written.stat().st_mode & 0o777 == 0o600

    facts = site._cleanup(ctx)
    assert (facts["removed_at"], facts["removed_by"]) == (at, "expiry")
    assert site._cleanup(ctx) == facts, "killed before that was on record"
    with pytest.raises(StepError, match="is gone: a drill that nobody comes back to removes itself"):
        site.fresh_directory(ctx, f"{directory}/patients")
    directory.mkdir()  # whatever made it again, its own removal is told, not the keeper's
    assert "removed_by" not in site._cleanup(ctx)

    monkeypatch.undo()
    later: dict[str, Any] = {}
    after = replace(ctx, run=replace(ctx.run, id="drill-1-77aa"), facts_of=lambda id_: later)
    later |= (again := site._isolate(after))
    assert again["cleared"] == [
        {"run": "drill-0-5c4a", "host": again["cleared"][0]["host"], "path": str(directory), "at": at, "by": "expiry"}
    ]
    assert again["notes"][0] == f"an earlier drill that nobody came back to had removed itself: {directory}"
    assert site._isolate(after)["cleared"] == again["cleared"], "killed before that was on record"
    assert "removed_by" not in site._cleanup(after)
    assert list(scratch.iterdir()) == []


def test_what_is_made_is_on_record_before_it_is_made(tmp_path: Path) -> None:
    announced: list[str] = []

    def announce(_: str, path: str) -> None:
        assert not Path(path).exists(), f"{path} was made before it was announced"
        announced.append(path)

    ctx = replace(context(tmp_path), announce=announce)
    directory = site._isolate(ctx)["directory"]
    site.fresh_directory(ctx, f"{directory}/patients")
    assert announced == [directory, f"{directory}/patients"]
    assert all(Path(path).is_dir() for path in announced)
    site._cleanup(ctx)
    assert not Path(directory).exists()


def gone(directory: Path) -> forgotten.Expired | None:
    """What the keeper wrote, once it has written when."""
    found = forgotten.expired(LocalHost(), str(directory))
    return found if found and found.at else None


@pytest.mark.parametrize("text", ["x", "{}", '{"run": "drill-77aa"}', '["5c4a"]'])
def test_what_somebody_else_wrote_there_has_nothing_removed(tmp_path: Path, text: str) -> None:
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", id="drill-1-0bad", directory=tmp_path / "runs" / "1"))
    theirs = tmp_path / B / "scratch" / "5c4a"
    theirs.mkdir(parents=True)
    for name in ("5c4a.destroyed", ".destroyed"):
        (theirs.parent / name).write_text(text)
    facts = site._isolate(ctx)
    assert facts["cleared"] == []
    assert theirs.is_dir()
    site._cleanup(replace(ctx, facts_of=lambda _: facts))
    assert theirs.is_dir()


def test_what_a_keeper_could_not_remove_the_next_drill_does(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", directory=tmp_path / "runs" / ctx.run.id))
    half = tmp_path / B / "scratch" / "5c4a"
    half.mkdir(parents=True)
    (half.parent / "5c4a.destroyed").write_text(json.dumps({"run": "drill-5c4a", **forgotten._lock_of(ctx)}) + "\nnon")
    facts = site._isolate(ctx)
    assert not half.exists()
    (only,) = facts["cleared"]
    assert (only["run"], only["path"], "by" in only) == ("drill-5c4a", str(half), False)
    site._cleanup(replace(ctx, facts_of=lambda _: facts))
    assert list(half.parent.iterdir()) == []


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Something is mounted in it, so it can't be removed."""
    place = directory / "patients" / "held"
    place.mkdir(parents=True)
    mounted = subprocess.run(
        ("mount", "-t", "tmpfs", "tmpfs", str(place)), capture_output=True, text=True, timeout=10, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        (place / "chart").write_text("a patient's")
        yield
    finally:
        subprocess.run(("umount", str(place)), check=True, timeout=10)


def test_what_can_not_be_removed_keeps_its_ledger_and_is_not_said_to_be_gone(tmp_path: Path) -> None:
    """Neither by its own drill nor by the next one, whose cleanup says that it is there, until it has gone."""
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", id="drill-0-5c4a", directory=tmp_path / "runs" / "0"))
    later: dict[str, Any] = {}
    after = replace(ctx, run=replace(ctx.run, id="drill-1-77aa"), facts_of=lambda id_: later)
    directory = Path(site._isolate(ctx)["directory"])
    with held(directory):
        with pytest.raises(CleanupError, match="the drill left something behind") as own:
            site._cleanup(ctx)
        assert own.value.residue == (str(directory),)
        assert (directory / "patients" / "held" / "chart").exists(), "another file system is never entered"
        assert str(directory) in forgotten.drills_in(LocalHost(), str(directory.parent))

        later |= site._isolate(after)
        assert (later["cleared"], later["remaining"]) == ([], [{"run": "drill-0-5c4a", "path": str(directory)}])
        assert f"could not remove what an earlier drill left: {directory}" in later["notes"]
        with pytest.raises(
            CleanupError, match="what drill-0-5c4a left could not be removed; data may be in it: "
        ) as next_:
            site._cleanup(after)
        assert next_.value.residue == (str(directory),)
        assert not Path(later["directory"]).exists()
    facts = site._cleanup(after)
    assert [(each["run"], each["path"]) for each in facts["cleared"]] == [("drill-0-5c4a", str(directory))]
    assert not directory.exists()


def test_a_removal_that_takes_too_long_leaves_what_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", directory=tmp_path / "runs" / ctx.run.id))
    directory = site._isolate(ctx)["directory"]
    with monkeypatch.context() as slow:
        slow.setattr(site, "_REMOVE", "sleep 600")
        slow.setattr(site, "QUICK_S", 1.0)
        with pytest.raises(CleanupError, match="left something behind") as left:
            site._cleanup(replace(ctx, deadline=time.monotonic() - 1))
    assert left.value.residue == (directory,)
    assert directory in forgotten.drills_in(LocalHost(), str(Path(directory).parent))
    assert site._cleanup(ctx)["residue"] == []


def test_nothing_is_restored_into_a_directory_that_can_not_be_emptied(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    ctx = replace(ctx, run=replace(ctx.run, operation="drill", directory=tmp_path / "runs" / ctx.run.id))
    directory = Path(site._isolate(ctx)["directory"])
    with held(directory), pytest.raises(StepError, match="is not empty, and could not be emptied"):
        site.fresh_directory(ctx, f"{directory}/patients")
    site._cleanup(ctx)
