"""Symbolic links are carried over and compared by where they point, with real restic repositories in directories."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.runbook.config import Config
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import find_program
from albus_dr.workloads.files import access, by_name, compare, recovery, restore, switchover, trees
from albus_dr.workloads.step import State, StepContext, Verdict
from tests.workloads.test_small_pieces import A, B, context, tree

PLAIN = {b"plain": b"content", b"dir/deep": b"more"}
LINKS = {
    b"link": b"plain",
    b"dir/up": b"../plain",
    b"gone": b"/nowhere/at all",
    b"two\nlines": b"caf\xe9 not utf-8",
    b"-rf": b"-",
}


def link(root: Path, links: dict[bytes, bytes]) -> None:
    for name, to in links.items():
        os.symlink(to, os.path.join(os.fsencode(root), name))  # noqa: PTH118, PTH211 -- names that are not UTF-8


def with_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, share: str = "100%") -> StepContext:
    """``context`` with a new repository at both sites, and an empty tree at the target."""
    if find_program("restic") is None:
        pytest.skip("restic is not installed")
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / B / "documents").mkdir(parents=True)
    password = tmp_path / "password"
    password.write_text("a-password-that-nobody-guesses")
    password.chmod(0o600)
    made = context(tmp_path, share=share)
    config: Any = made.config.model_dump(mode="json", exclude_none=True)
    for site in (A, B):
        config["sites"][site]["repositories"] = {
            "backups": {"restic": f"{tmp_path}/{site}/repository", "password": {"file": "password"}}
        }
    made = replace(made, config=Config.model_validate(config))
    for site in (A, B):
        repository = access.repository_of(made, site)
        assert repository.run(("init",), what="init", timeout_s=60).code == 0
    return made


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepContext:
    """A tree with links at the source, an empty one at the target, a new repository at both."""
    link(tree(tmp_path, A, PLAIN), LINKS)
    return with_repositories(tmp_path, monkeypatch)


def at(tmp_path: Path, site: str) -> Path:
    return tmp_path / site / "documents"


def verdicts(ctx: StepContext, facts: Any) -> dict[str, Verdict]:
    return {found.kind: found.verdict for found in compare.verify_compared(ctx, facts)}


def point_elsewhere(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("dir/deep")


def lose(root: Path) -> None:
    (root / "dir" / "up").unlink()


def make_a_copy(root: Path) -> None:
    """What ``cp -L`` makes of a link."""
    (root / "link").unlink()
    (root / "link").write_bytes(b"content")


def test_links_of_any_name_are_listed_with_where_they_point(ctx: StepContext, tmp_path: Path) -> None:
    found = trees.list_links(LocalHost(), str(at(tmp_path, A)), timeout_s=30)
    assert {os.fsencode(name): os.fsencode(to) for name, to in found.items()} == LINKS


@pytest.mark.parametrize("damage", [point_elsewhere, lose, make_a_copy])
def test_a_restored_link_is_compared_with_the_manifest(
    ctx: StepContext, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    switchover.bring_forward(ctx)
    root, host = at(tmp_path, B), LocalHost()
    facts = compare.compared(ctx, host, str(root))
    assert (facts["links"], facts["wrong_links"]) == (len(LINKS), 0)
    kinds = (
        "number of files",
        "names and sizes",
        f"SHA-256 of {len(PLAIN)} files",
        "symbolic links",
        "directories",
        "modes, owners and times",
    )
    assert verdicts(ctx, facts) == dict.fromkeys(kinds, Verdict.PASSED)
    assert restore.observe_taken_back(ctx).state is State.DONE

    damage(root)

    facts = compare.compared(ctx, host, str(root))
    assert facts["wrong_links"] == 1
    (told,) = (check for check in compare.verify_compared(ctx, facts) if check.kind == "symbolic links")
    assert told.verdict is Verdict.FAILED
    assert told.actual.startswith("1 differ, the first: file with name's SHA-256 ")
    assert restore.observe_taken_back(ctx).state is State.NOT_DONE
    restore.take_back(ctx)
    assert compare.compared(ctx, host, str(root))["wrong_links"] == 0


def test_a_link_that_changed_during_the_backup_is_not_claimed(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_files = by_name.hash_files

    def meanwhile(*arguments: Any) -> dict[str, str]:
        point_elsewhere(at(tmp_path, A))
        return hash_files(*arguments)

    monkeypatch.setattr(recovery, "hash_files", meanwhile)
    recovery.back_up(ctx)
    recovery.copy(ctx)
    _, _, manifest = access.newest(ctx)
    assert {os.fsencode(name) for name in manifest["links"]} == LINKS.keys() - {b"link"}


@pytest.mark.parametrize("damage", [point_elsewhere, lose, make_a_copy])
def test_a_switchover_compares_every_link_at_both_sites(
    ctx: StepContext, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    switchover.carry_over(ctx)
    facts = switchover.compare_trees(ctx)
    assert (facts["links"], facts["wrong_links"]) == (len(LINKS), 0)
    assert set(verdicts(ctx, facts).values()) == {Verdict.PASSED}

    damage(at(tmp_path, B))

    assert verdicts(ctx, switchover.compare_trees(ctx))["symbolic links"] is Verdict.FAILED


def test_a_switchover_finds_a_link_that_is_only_at_the_target(ctx: StepContext, tmp_path: Path) -> None:
    switchover.carry_over(ctx)
    (at(tmp_path, B) / "more").symlink_to("plain")
    facts = switchover.compare_trees(ctx)
    assert (facts["links"], facts["wrong_links"]) == (len(LINKS), 1)


def test_without_any_link_nothing_is_said_of_them(tmp_path: Path) -> None:
    for site in (A, B):
        tree(tmp_path, site, PLAIN)
    ctx = context(tmp_path)
    assert "symbolic links" not in verdicts(ctx, switchover.compare_trees(ctx))


def test_a_manifest_that_knows_of_no_links_is_said_to_be_older(ctx: StepContext) -> None:
    files = {
        "expected_files": 1,
        "found_files": 1,
        "sample": 1,
        "of": 1,
        "wrong": 0,
        "sizes": 0,
        "wrong_sizes": 0,
        "directories": None,
    }
    facts = {**files, **compare.compared_links(None, {"link": "plain"})}
    assert verdicts(ctx, facts)["symbolic links"] is Verdict.NOT_EVALUATED
