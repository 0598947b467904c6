"""Recovery points in restic: a data snapshot and its manifest, tied by tags that survive a copy.

A data snapshot without a manifest is no recovery point: nobody has looked at it.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from albus_dr.errors import AlbusError, NotReadyError, StepError
from albus_dr.tools.restic import Repository, Snapshot

MANIFEST = "/manifest.json"
CLOCK_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class RecoveryPoint:
    """A located, timestamped copy with what was counted when it was made."""

    id: str
    data: Snapshot
    manifest: Snapshot


def new_point_id(at: datetime) -> str:
    """Sortable by time, unique."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def tags(runbook: str, workload: str, point: str, part: str) -> tuple[str, ...]:
    """What ties the two snapshots of a recovery point together, in every repository."""
    return ("albus-dr", f"runbook={runbook}", f"workload={workload}", f"point={point}", f"part={part}")


def listing(repository: Repository, runbook: str, workload: str, *, timeout_s: float) -> tuple[Snapshot, ...]:
    """The workload's snapshots, oldest first."""
    return repository.snapshots(("albus-dr", f"runbook={runbook}", f"workload={workload}"), timeout_s=timeout_s)


def find_all(repository: Repository, runbook: str, workload: str, *, timeout_s: float) -> tuple[RecoveryPoint, ...]:
    """Every complete recovery point, oldest first. Raises StepError when one is dated in the future."""
    return complete(listing(repository, runbook, workload, timeout_s=timeout_s), repository)


def complete(snapshots: tuple[Snapshot, ...], repository: Repository) -> tuple[RecoveryPoint, ...]:
    """The recovery points among the snapshots, oldest first. One from the future is refused, not believed."""
    parts = {(snapshot.tag("point"), snapshot.tag("part")): snapshot for snapshot in snapshots}
    points = [
        RecoveryPoint(point, snapshot, parts[point, "manifest"])
        for (point, part), snapshot in parts.items()
        if part == "data" and (point, "manifest") in parts
    ]
    limit = datetime.now(UTC) + CLOCK_MARGIN
    for point in points:
        if point.data.time > limit:
            raise StepError(
                f"the repository {repository} holds a recovery point from the future ({point.id}, {point.data.time})",
                hint="a clock is wrong, or somebody forged it: look at it before you restore anything",
            )
    return tuple(sorted(points, key=lambda point: point.data.time))


def newest(repository: Repository, runbook: str, workload: str, *, timeout_s: float) -> RecoveryPoint:
    """Raises NotReadyError when there is none."""
    points = find_all(repository, runbook, workload, timeout_s=timeout_s)
    if not points:
        raise NotReadyError(
            f"{workload}: the repository {repository} holds no recovery point", hint="albus-dr replicate makes one"
        )
    return points[-1]


def newest_with_manifest(
    repository: Repository, runbook: str, workload: str, *, timeout_s: float
) -> tuple[RecoveryPoint, dict[str, Any]]:
    """The newest recovery point and its manifest, asked for side by side: each restic spends half a second on its key.

    Raises NotReadyError when there is none.
    """
    wanted = ("albus-dr", f"runbook={runbook}", f"workload={workload}", "part=manifest")
    with ThreadPoolExecutor(1) as pool:
        guess = pool.submit(repository.read_latest_text, wanted, MANIFEST, timeout_s=timeout_s)
        point = newest(repository, runbook, workload, timeout_s=timeout_s)
        try:
            manifest: dict[str, Any] = json.loads(guess.result())
        except (AlbusError, ValueError):
            manifest = {}
    if manifest.get("point") != point.id:  # the newest manifest belongs to a point that is not complete
        manifest = read_manifest(repository, point, timeout_s=timeout_s)
    _manifests[repository.config.restic, point.manifest.id] = manifest
    return point, manifest


def open_newest(
    repository: Repository, runbook: str, workload: str, *, timeout_s: float
) -> tuple[RecoveryPoint, dict[str, Any]]:
    """``newest_with_manifest`` of a repository that is opened for the first time: NotReadyError says what is wrong with it.

    What ``look_ahead`` began is waited for, once.
    """
    begun = _begun.pop((repository.config.restic, runbook, workload), None)
    if begun is not None:
        return begun.result()
    with repository.probed():
        return newest_with_manifest(repository, runbook, workload, timeout_s=timeout_s)


def look_ahead(repository: Repository, runbook: str, workload: str, *, timeout_s: float) -> None:
    """Begin ``open_newest`` in the background. It ends with the process at the latest."""
    found: Future[tuple[RecoveryPoint, dict[str, Any]]] = Future()

    def work() -> None:
        try:
            found.set_result(open_newest(repository, runbook, workload, timeout_s=timeout_s))
        except BaseException as error:  # noqa: BLE001 -- carried to whoever asks for the result
            found.set_exception(error)

    threading.Thread(target=work, name=f"look ahead for {workload}", daemon=True).start()
    _begun[repository.config.restic, runbook, workload] = found


_begun: dict[tuple[str, str, str], Future[tuple[RecoveryPoint, dict[str, Any]]]] = {}


def named(facts: Mapping[str, Any]) -> RecoveryPoint | None:
    """The recovery point that an earlier step of the run chose (see ``chosen``)."""
    if "data_snapshot" not in facts:
        return None
    at = datetime.fromisoformat(facts["point_at"])
    data = Snapshot(facts["data_snapshot"], at, frozenset(), (), "")
    return RecoveryPoint(facts["point"], data, Snapshot(facts["manifest_snapshot"], at, frozenset(), (), ""))


def chosen(point: RecoveryPoint) -> dict[str, Any]:
    """Facts from which ``named`` finds the point again: every step of a run takes the same one."""
    return {
        "point": point.id, "point_at": point.data.time.isoformat(), "data_snapshot": point.data.id,
        "manifest_snapshot": point.manifest.id,
    }  # fmt: skip


def write_manifest(
    repository: Repository, runbook: str, workload: str, point: str, made_at: datetime, manifest: Mapping[str, Any], *,
    timeout_s: float,
) -> None:  # fmt: skip
    """Store the manifest beside the data; from now on it is a recovery point."""
    text = json.dumps({"workload": workload, "point": point, **manifest}, sort_keys=True)
    repository.backup_text(
        text, MANIFEST.lstrip("/"), tags(runbook, workload, point, "manifest"), made_at, timeout_s=timeout_s
    )


def read_manifest(repository: Repository, point: RecoveryPoint, *, timeout_s: float) -> dict[str, Any]:
    """What was counted when the recovery point was made. Raises StepError when it can't be read."""
    # A snapshot's id is the hash of what it holds, so this process needs to read it once.
    key = (repository.config.restic, point.manifest.id)
    if key not in _manifests:
        try:
            _manifests[key] = json.loads(repository.read_text(point.manifest.id, MANIFEST, timeout_s=timeout_s))
        except ValueError as error:
            raise StepError(f"the manifest of {point.id} in {repository} can't be read: {error}") from None
    return _manifests[key]


_manifests: dict[tuple[str, str], dict[str, Any]] = {}


def missing(source: tuple[Snapshot, ...], target: tuple[Snapshot, ...]) -> tuple[str, ...]:
    """Ids of the source's snapshots that the target lacks, compared by where they were copied from."""
    there = {snapshot.original or snapshot.id for snapshot in target}
    return tuple(s.id for s in source if s.id not in there and (s.original or s.id) not in there)
