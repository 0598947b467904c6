"""With a sample, too, every file is compared by its name and size; with real restic repositories."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albus_dr.tools.host import LocalHost
from albus_dr.tools.told import anonymous
from albus_dr.workloads.files import by_name, compare, recovery, switchover, trees
from albus_dr.workloads.step import StepContext, Verdict
from tests.workloads.test_links import at, with_repositories
from tests.workloads.test_small_pieces import A, B, tree

KIND = "names and sizes"
FILES = {b"%d" % number: b"content %d" % number for number in range(12)}


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepContext:
    """Twelve files at the source, of whose content one is compared."""
    tree(tmp_path, A, FILES)
    return with_repositories(tmp_path, monkeypatch, share="5%")


def not_sampled(ctx: StepContext) -> str:
    (drawn,), _ = compare.sample_of(ctx, [name.decode() for name in FILES])
    return next(name for name in map(bytes.decode, FILES) if name != drawn)


def truncate(path: Path) -> str:
    """A file of the same name and time, and shorter."""
    was = path.stat()
    path.write_bytes(b"cont")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    return path.name


def exchange(path: Path) -> str:
    """One file less and one more: their number is the same."""
    path.rename(path.with_name("another"))
    return path.name


def told(ctx: StepContext, facts: Any) -> dict[str, tuple[Verdict, str]]:
    return {found.kind: (found.verdict, found.actual) for found in compare.verify_compared(ctx, facts)}


def wrong(found: dict[str, tuple[Verdict, str]]) -> dict[str, str]:
    return {kind: actual for kind, (verdict, actual) in found.items() if verdict is not Verdict.PASSED}


@pytest.mark.parametrize(("damage", "count"), [(truncate, 1), (exchange, 2)])
def test_a_restored_file_that_no_sample_holds_is_missed(
    ctx: StepContext, tmp_path: Path, damage: Callable[[Path], str], count: int
) -> None:
    switchover.bring_forward(ctx)
    root = at(tmp_path, B)
    before = told(ctx, compare.compared(ctx, LocalHost(), str(root)))
    assert before[KIND] == (Verdict.PASSED, "12 equal")
    assert wrong(before) == {}

    first = damage(root / not_sampled(ctx))

    found = wrong(told(ctx, compare.compared(ctx, LocalHost(), str(root))))
    assert found == {KIND: f"{count} differ, the first: {anonymous(first)}"}


@pytest.mark.parametrize(("damage", "count"), [(truncate, 1), (exchange, 2)])
def test_a_switchover_misses_it_too(
    ctx: StepContext, tmp_path: Path, damage: Callable[[Path], str], count: int
) -> None:
    switchover.carry_over(ctx)
    assert wrong(told(ctx, switchover.compare_trees(ctx))) == {}

    first = damage(at(tmp_path, B) / not_sampled(ctx))

    found = wrong(told(ctx, switchover.compare_trees(ctx)))
    assert found == {KIND: f"{count} differ, the first: {anonymous(first)}"}


def test_what_changed_during_the_backup_may_be_there_as_the_snapshot_holds_it(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_files, changed = by_name.hash_files, not_sampled(ctx)

    def meanwhile(*arguments: Any) -> dict[str, str]:
        (at(tmp_path, A) / changed).write_bytes(b"longer than it was when it was backed up")
        return hash_files(*arguments)

    monkeypatch.setattr(recovery, "hash_files", meanwhile)
    switchover.bring_forward(ctx)
    root = at(tmp_path, B)
    found = told(ctx, compare.compared(ctx, LocalHost(), str(root)))
    assert found[KIND] == (Verdict.PASSED, "11 equal"), "one is claimed by nobody"
    assert found[compare.CHANGING][0] is Verdict.NOT_EVALUATED
    assert wrong(found) == {compare.CHANGING: "their SHA-256 is not known"}

    truncate(root / changed)

    assert KIND in wrong(told(ctx, compare.compared(ctx, LocalHost(), str(root))))


def test_a_manifest_that_does_not_name_every_file_calls_none_a_stranger(tmp_path: Path) -> None:
    root = tree(tmp_path, A, {b"claimed": b"1", b"changed during the backup": b"22"})
    found = trees.look(LocalHost(), str(root), timeout_s=30)
    manifest: dict[str, Any] = {"count": 2, "files": {"claimed": {"size": 1}}}
    assert compare.compared_sizes(manifest, found.files)["wrong_sizes"] == 0
    assert compare.compared_sizes(manifest | {"count": 1}, found.files)["wrong_sizes"] == 1


def test_where_no_file_is_expected_nothing_is_said_of_sizes(ctx: StepContext, tmp_path: Path) -> None:
    for name in FILES:
        (at(tmp_path, A) / name.decode()).unlink()
    switchover.carry_over(ctx)
    assert KIND not in told(ctx, switchover.compare_trees(ctx))
