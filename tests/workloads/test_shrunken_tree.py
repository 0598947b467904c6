"""A tree that lost most of what it had is looked at by a person before it replaces the copies of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import RefusedError, VerificationError
from albus_dr.tools.inventory import find_program
from albus_dr.tools.restic import Repository
from albus_dr.workloads.files import by_name, recovery, switchover
from albus_dr.workloads.files.access import repository_of
from albus_dr.workloads.recovery_points import find_all, read_manifest
from tests.cli.two_directories import DOCUMENTS, TwoDirectories
from tests.workloads.test_links import with_repositories
from tests.workloads.test_small_pieces import A, B, content_of, tree

pytestmark = pytest.mark.skipif(find_program("restic") is None, reason="restic is not installed")


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    made = TwoDirectories(tmp_path, DOCUMENTS)
    made.make_repositories()
    for number in range(6):
        (made.documents("strasbourg") / f"{number}.txt").write_text(f"document {number}")
    return made


def test_a_disk_that_is_not_mounted_does_not_empty_the_other_sites_copy(sites: TwoDirectories) -> None:
    assert sites.operate("replicate")["verdict"] == "passed"
    for file in sites.documents("strasbourg").iterdir():
        file.unlink()
    (sites.documents("strasbourg") / "not mounted").write_text("mount me")

    run = sites.operate("replicate")

    assert (run["verdict"], run["exit_code"]) == ("failed", 5)
    failed = next(step for step in run["steps"] if step["status"] == "failed")
    assert "has shrunk to 1 files" in failed["error"]
    assert len(list(sites.documents("bordeaux").iterdir())) == 6


def test_a_person_may_accept_it(sites: TwoDirectories) -> None:
    sites.operate("replicate")
    for number in range(5):
        (sites.documents("strasbourg") / f"{number}.txt").unlink()

    assert sites.operate("replicate", "--accept-shrunken")["verdict"] == "passed"
    assert [file.name for file in sites.documents("bordeaux").iterdir()] == ["5.txt"]


def test_a_tree_behind_a_symbolic_link_is_compared_file_by_file(sites: TwoDirectories) -> None:
    documents = sites.documents("strasbourg")
    shutil.move(documents, documents.with_name("elsewhere"))
    documents.symlink_to("elsewhere")

    sites.operate("replicate")
    run = sites.operate("drill")

    assert [(check["kind"], check["verdict"]) for check in run["verifications"]] == [
        ("number of files", "passed"), ("names and sizes", "passed"), ("SHA-256 of 6 files", "passed"),
        ("modes, owners and times", "passed"),
    ]  # fmt: skip


def test_a_disk_that_was_unmounted_behind_the_door_does_not_empty_the_other_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tree(tmp_path, A, {b"%d.txt" % number: b"document" for number in range(6)})
    ctx = with_repositories(tmp_path, monkeypatch)
    brought = switchover.bring_forward(ctx)
    ctx = replace(ctx, facts_of=lambda step: brought if step == "documents.bring_forward" else {})
    (mine / "0.txt").unlink()
    assert switchover.carry_over(ctx)["removed"] == 1
    before = content_of(tmp_path / B / "documents")
    shutil.move(mine, mine.with_name("the disk"))
    mine.mkdir()

    with pytest.raises(RefusedError, match="has shrunk to 0 files with 0 B") as refused:
        switchover.carry_over(ctx)

    assert content_of(tmp_path / B / "documents") == before
    assert "Mount it, then: albus-dr resume" in refused.value.hint
    mine.rmdir()
    shutil.move(mine.with_name("the disk"), mine)
    assert switchover.carry_over(ctx)["removed"] == 0


def test_a_disk_that_is_unmounted_during_the_backup_makes_no_recovery_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing stands still any more then: its manifest would claim nothing, and every drill of it would pass."""
    mine = tree(tmp_path, A, {b"%d.txt" % number: b"document" for number in range(6)})
    ctx = with_repositories(tmp_path, monkeypatch)
    hash_files = by_name.hash_files

    def unmounted_meanwhile(*arguments: Any) -> dict[str, str]:
        digests = hash_files(*arguments)
        shutil.move(mine, mine.with_name("the disk"))
        mine.mkdir()
        return digests

    monkeypatch.setattr(recovery, "hash_files", unmounted_meanwhile)
    with pytest.raises(VerificationError, match="is not the directory any more"):
        recovery.back_up(ctx)
    repository = repository_of(ctx, ctx.run.source)
    assert find_all(repository, ctx.runbook.runbook, "documents", timeout_s=30) == ()


def test_what_went_away_while_it_was_read_is_not_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was moved away and back again, as one that came back, has all its files: the snapshot has none of them."""
    tree(tmp_path, A, {b"a": b"one", b"moved/b": b"two", b"moved/deep/c": b"three", b"moved2/d": b"four"})
    ctx = with_repositories(tmp_path, monkeypatch)
    back_up = Repository.backup_directory

    def moved_meanwhile(*arguments: Any, **more: Any) -> dict[str, Any]:
        return {**back_up(*arguments, **more), "went_away": ["moved"]}

    monkeypatch.setattr(Repository, "backup_directory", moved_meanwhile)
    facts = recovery.back_up(ctx)
    repository = repository_of(ctx, ctx.run.source)
    (point,) = find_all(repository, ctx.runbook.runbook, "documents", timeout_s=30)
    manifest = read_manifest(repository, point, timeout_s=30)
    assert set(manifest["files"]) == {"a", "moved2/d"}
    assert set(manifest["directories"]) == {"moved2"}
    assert set(manifest["unclaimed"]) == {"moved/b", "moved/deep/c"}, "what the snapshot holds of them all the same"
    assert facts["went_away"] == 1
