"""Opening a repository ahead of time: once, and with the same answer, good or bad."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from albus_dr.bench.files import write_private
from albus_dr.errors import NotReadyError
from albus_dr.runbook.config import RepositoryConfig, SecretRef
from albus_dr.tools.host import LocalHost
from albus_dr.tools.process import run
from albus_dr.tools.restic import Repository, Snapshot
from albus_dr.workloads import recovery_points

LONG_S = 60.0


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """On disk, empty, with a password of its own."""
    write_private(tmp_path / "password", "a-password-of-the-test")
    config = RepositoryConfig(restic=str(tmp_path / "repository"), password=SecretRef(file=str(tmp_path / "password")))
    made = Repository("backups of lyon", config, LocalHost(), tmp_path)
    run(("restic", "init"), timeout_s=LONG_S, environment=made.environment()).check("no repository")
    return made


def replicate(repository: Repository, tree: Path) -> str:
    at = datetime.now(UTC)
    point = recovery_points.new_point_id(at)
    repository.backup_directory(
        str(tree), recovery_points.tags("clinic", "scans", point, "data"), timeout_s=LONG_S, progress=lambda *_: None,
        cancelled=threading.Event(),
    )  # fmt: skip
    recovery_points.write_manifest(repository, "clinic", "scans", point, at, {"count": 1}, timeout_s=LONG_S)
    return point


def test_what_was_begun_ahead_is_asked_for_once(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "scan").write_text("a scan")
    first = replicate(repository, tree)
    asked = []
    listing = recovery_points.listing

    def counted(*arguments: Any, **more: Any) -> tuple[Snapshot, ...]:
        asked.append(arguments)
        return listing(*arguments, **more)

    monkeypatch.setattr(recovery_points, "listing", counted)

    recovery_points.look_ahead(repository, "clinic", "scans", timeout_s=LONG_S)
    point, manifest = recovery_points.open_newest(repository, "clinic", "scans", timeout_s=LONG_S)

    assert (point.id, manifest["point"], len(asked)) == (first, first, 1)

    second = replicate(repository, tree)
    point, _ = recovery_points.open_newest(repository, "clinic", "scans", timeout_s=LONG_S)
    assert (point.id, len(asked)) == (second, 2)  # a retry of the step looks again


def test_what_goes_wrong_ahead_is_told_to_the_step(repository: Repository, tmp_path: Path) -> None:
    write_private(tmp_path / "password", "another-password")
    recovery_points.look_ahead(repository, "clinic", "scans", timeout_s=LONG_S)
    with pytest.raises(NotReadyError, match="the password is wrong"):
        recovery_points.open_newest(repository, "clinic", "scans", timeout_s=LONG_S)
