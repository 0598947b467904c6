"""Opening a repository ahead of time: once, and with the same answer, good or bad."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from albus_dr.bench.files import write_private
from albus_dr.errors import NotReadyError, StepError
from albus_dr.runbook.config import RepositoryConfig, SecretRef
from albus_dr.tools.host import LocalHost
from albus_dr.tools.process import run
from albus_dr.tools.restic import Repository, Snapshot
from albus_dr.workloads import recovery_points
from albus_dr.workloads.recovery_points import RecoveryPoint

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
    point, manifest, *_ = recovery_points.open_point(repository, "clinic", "scans", timeout_s=LONG_S)

    assert (point.id, manifest["point"], len(asked)) == (first, first, 1)

    second = replicate(repository, tree)
    point, *_ = recovery_points.open_point(repository, "clinic", "scans", timeout_s=LONG_S)
    assert (point.id, len(asked)) == (second, 2)  # a retry of the step looks again


def test_what_goes_wrong_ahead_is_told_to_the_step(repository: Repository, tmp_path: Path) -> None:
    write_private(tmp_path / "password", "another-password")
    recovery_points.look_ahead(repository, "clinic", "scans", timeout_s=LONG_S)
    with pytest.raises(NotReadyError, match="the password is wrong"):
        recovery_points.open_point(repository, "clinic", "scans", timeout_s=LONG_S)


def test_one_from_the_future_is_left_out_and_told_and_what_is_left_is_restored(
    repository: Repository, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "scan").write_text("a scan")
    point = replicate(repository, tree)
    late = "20990101T000000Z-abcdef"
    for part in ("data", "manifest"):
        forged = ("backup", "--time", "2099-01-01 00:00:00", str(tree))
        tagged = [word for tag in recovery_points.tags("clinic", "scans", late, part) for word in ("--tag", tag)]
        repository.run((*forged, *tagged), what="can't be forged", timeout_s=LONG_S)

    opened = recovery_points.open_point(repository, "clinic", "scans", timeout_s=LONG_S)

    assert (opened.point.id, [each.id for each in opened.future]) == (point, [late])
    (note,) = recovery_points.notes_on(opened.future, "scans", repository)
    assert f"dated in the future: 1, the newest {late} of 2099-01-01" in note
    with pytest.raises(StepError, match="a recovery point from the future"):
        recovery_points.open_point(repository, "clinic", "scans", late, timeout_s=LONG_S)


# --- which one ----------------------------------------------------------------------------------------------------


def snapshot(point: str, part: str, at: datetime) -> Snapshot:
    return Snapshot(f"{point}-{part}", at, frozenset({f"point={point}", f"part={part}"}), (), "")


def point_at(hour: int, token: str, *, minute: int = 0) -> RecoveryPoint:
    at = datetime(2026, 3, 10, hour, minute, tzinfo=UTC)
    id_ = f"{at:%Y%m%dT%H%M%SZ}-{token}"
    return RecoveryPoint(id_, snapshot(id_, "data", at), snapshot(id_, "manifest", at))


MINE = (point_at(1, "aaaaaa"), point_at(5, "bbbbbb"), point_at(9, "cccccc"))


@pytest.mark.parametrize(
    ("wanted", "token"),
    [
        pytest.param("", "cccccc", id="the newest"),
        pytest.param(MINE[1].id, "bbbbbb", id="its own"),
        pytest.param(point_at(4, "ffffff", minute=59).id, "bbbbbb", id="made beside another workload's"),
        pytest.param(point_at(23, "ffffff").id, "cccccc", id="nearest, from the other side"),
        pytest.param("2026-03-10T08:59:59+00:00", "bbbbbb", id="the newest by then"),
        pytest.param("2026-03-10T06:00:00+01:00", "bbbbbb", id="at that very moment, in another zone"),
        pytest.param("2026-03-10T00:59:59+00:00", None, id="all are too young"),
    ],
)
def test_the_point_that_is_wanted(wanted: str, token: str | None) -> None:
    found = recovery_points.choose(MINE, wanted)
    assert (found.id.rpartition("-")[2] if found else None) == token


def test_its_own_point_goes_before_a_nearer_one_of_the_same_second() -> None:
    twins = (point_at(1, "aaaaaa"), point_at(1, "bbbbbb"))
    assert recovery_points.choose(twins, twins[1].id) is twins[1]


def test_a_new_points_id_is_known_as_one_and_tells_its_moment() -> None:
    at = datetime(2026, 3, 10, 0, 47, 12, tzinfo=UTC)
    id_ = recovery_points.new_point_id(at)
    assert recovery_points.is_point_id(id_)
    assert recovery_points.moment_of(id_) == at
    assert not recovery_points.is_point_id("2026-03-10T00:47:12Z")


def test_a_manifest_without_data_is_a_deleted_snapshot_and_data_without_a_manifest_is_none() -> None:
    at = datetime(2026, 3, 10, tzinfo=UTC)
    whole = (snapshot("whole", "data", at), snapshot("whole", "manifest", at))
    assert recovery_points.robbed((*whole, snapshot("begun", "data", at))) == ()
    assert recovery_points.robbed((*whole, snapshot("robbed", "manifest", at))) == ("robbed",)


def test_manifests_are_copied_after_all_data() -> None:
    at = datetime(2026, 3, 10, tzinfo=UTC)
    source = (
        snapshot("a", "manifest", at),
        snapshot("a", "data", at),
        snapshot("b", "manifest", at),
        snapshot("b", "data", at),
    )
    assert recovery_points.missing(source, ()) == ("a-data", "b-data", "a-manifest", "b-manifest")


def test_a_repository_of_another_runbook_is_told_as_that(repository: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "scan").write_text("a scan")
    replicate(repository, tree)
    with pytest.raises(
        NotReadyError, match=r"scans: .* holds no recovery point of the runbook albus; it holds some of: clinic"
    ):
        recovery_points.open_point(repository, "albus", "scans", timeout_s=LONG_S)
