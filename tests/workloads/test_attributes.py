"""Directories, modes, owners and times come back, and what does not is named; with real restic repositories."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.runbook.config import Config
from albus_dr.tools.host import LocalHost
from albus_dr.workloads.files import access, attributes, by_name, compare, recovery, restore, switchover, trees
from albus_dr.workloads.step import State, StepContext, Verdict, Verification
from tests.workloads.test_links import with_repositories
from tests.workloads.test_small_pieces import A, B, tree

ROOT = os.geteuid() == 0
ALL = "modes, owners and times"


@dataclass(frozen=True)
class Replicated:
    """The context of a run that has chosen its recovery point, and the two trees: restic is not asked again."""

    ctx: StepContext
    source: Path
    target: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return access.newest(self.ctx)[2]

    def told(self) -> dict[str, Verification]:
        facts = compare.compared(self.ctx, LocalHost(), str(self.target))
        return {found.kind: found for found in compare.verify_compared(self.ctx, facts)}


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    """Two files and three directories, one of them empty, each with a mode, an owner and a time of its own."""
    base = tmp_path_factory.mktemp("attributes")
    root = tree(base, A, {b"scans/one": b"1", b"letters/two": b"22"})
    (root / "empty\n\xff").mkdir()
    for name, mode in (("scans", 0o2750), ("letters", 0o700), ("empty\n\xff", 0o755)):
        (root / name).chmod(mode)
    (root / "scans" / "one").chmod(0o640)
    os.utime(root / "scans" / "one", (1_500_000_000, 1_500_000_000))
    if ROOT:
        os.chown(root / "letters" / "two", 4711, 4712)
        os.chown(root / "empty\n\xff", 4711, 4712)
    with pytest.MonkeyPatch.context() as patch:
        ctx = with_repositories(base, patch)
        chosen = switchover.bring_forward(ctx)
        ctx = replace(ctx, facts_of=lambda step: chosen if step == "documents.ready_to_restore" else {})
        yield Replicated(ctx, root, base / B / "documents")


def test_all_of_it_comes_back(replicated: Replicated) -> None:
    found = replicated.told()
    assert {one.verdict for one in found.values()} == {Verdict.PASSED}
    assert (found["directories"].actual, found[ALL].actual) == ("3 there", "5 equal")
    assert restore.observe_taken_back(replicated.ctx).state is State.DONE


def remove_the_empty_one(root: Path) -> None:
    (root / "empty\n\xff").rmdir()


def let_all_read(root: Path) -> None:
    (root / "scans" / "one").chmod(0o644)


def close_a_directory(root: Path) -> None:
    (root / "scans").chmod(0o700)


def date_anew(root: Path) -> None:
    os.utime(root / "letters" / "two", (1_500_000_000, 1_500_000_000))


def take(root: Path) -> None:
    os.chown(root / "letters" / "two", 0, 0)


def take_a_directory(root: Path) -> None:
    os.chown(root / "empty\n\xff", 0, 0)


DAMAGES = [
    (remove_the_empty_one, "directories", "1 missing, the first: file with name's SHA-256 "),
    (let_all_read, ALL, ": mode 644, was 640"),
    (close_a_directory, ALL, ": mode 700, was 2750"),
    (date_anew, ALL, ": another time"),
    pytest.param(take, ALL, ": owner 0:0, was 4711:4712", marks=pytest.mark.skipif(not ROOT, reason="only root gives")),
    pytest.param(take_a_directory, ALL, ": owner 0:0, was 4711:4712", marks=pytest.mark.skipif(not ROOT, reason="only root gives")),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "kind", "said"), DAMAGES)
def test_what_differs_is_named_and_a_restore_mends_it(
    replicated: Replicated, damage: Callable[[Path], None], kind: str, said: str
) -> None:
    damage(replicated.target)

    found = replicated.told()
    assert [one.kind for one in found.values() if one.verdict is Verdict.FAILED] == [kind]
    assert said in found[kind].actual
    assert restore.observe_taken_back(replicated.ctx).state is State.NOT_DONE
    restore.take_back(replicated.ctx)
    assert {one.verdict for one in replicated.told().values()} == {Verdict.PASSED}


def test_owners_are_not_compared_where_they_can_not_be_restored(replicated: Replicated) -> None:
    manifest = copy.deepcopy(replicated.manifest)
    for entry in manifest["files"].values():
        entry["owner"] = "99:99"
    found = trees.look(LocalHost(), str(replicated.source), timeout_s=30)

    said = {one.kind: one for one in attributes.verify_attributes(
        "documents", attributes.compared_attributes(manifest, found, owners=False))}  # fmt: skip

    assert said["modes and times"].verdict is Verdict.PASSED
    assert said["owners"].verdict is Verdict.NOT_EVALUATED
    assert said["owners"].actual.startswith("2 have another: ")
    facts = attributes.compared_attributes(manifest, found, owners=True)
    assert (facts["wrong_attributes"], attributes.is_equal(facts)) == (2, False)


def test_an_owner_that_the_config_names_is_not_compared(replicated: Replicated) -> None:
    config: Any = replicated.ctx.config.model_dump(mode="json", exclude_none=True)
    config["sites"][B]["paths"]["documents"]["owner"] = "albus"
    ctx = replace(replicated.ctx, config=Config.model_validate(config))
    assert not attributes.may_give(ctx, LocalHost())
    drill = replace(ctx, run=replace(ctx.run, operation="drill"))
    assert attributes.may_give(drill, LocalHost()) is ROOT


def test_an_older_manifest_says_what_was_not_verified(replicated: Replicated) -> None:
    older: dict[str, Any] = {"files": {"scans/one": {"size": 1, "modified": "1.0", "sha256": ""}}, "links": {}}

    facts = attributes.compared_attributes(
        older, trees.look(LocalHost(), str(replicated.source), timeout_s=30), owners=True
    )

    assert attributes.is_equal(facts)
    assert [(one.kind, one.verdict) for one in attributes.verify_attributes("documents", facts)] == [
        ("directories", Verdict.NOT_EVALUATED), (ALL, Verdict.NOT_EVALUATED),
    ]  # fmt: skip


def test_what_changed_during_the_backup_is_not_claimed(replicated: Replicated, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose content is known from before, too. The last one: it changes the source."""
    hash_files = by_name.hash_files

    def meanwhile(*arguments: Any) -> dict[str, str]:
        remove_the_empty_one(replicated.source)
        let_all_read(replicated.source)
        return hash_files(*arguments)

    before = trees.look(LocalHost(), str(replicated.source), timeout_s=30)
    monkeypatch.setattr(recovery, "hash_files", meanwhile)
    found, changing = recovery._manifest_of(
        replicated.ctx, LocalHost(), str(replicated.source), before, replicated.manifest["files"], frozenset()
    )
    assert (set(found["files"]), set(found["directories"])) == ({"letters/two"}, {"scans", "letters"})
    assert changing == {"scans/one"}
