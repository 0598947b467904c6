"""Recovery points in restic: a data snapshot and its manifest, tied by tags that survive a copy.

A data snapshot without a manifest is no recovery point: nobody has looked at it.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from albus_dr.errors import AlbusError, NotReadyError, StepError, VerificationError
from albus_dr.tools.restic import Repository, Snapshot

MANIFEST = "/manifest.json"
# Clocks of two sites, or of an operator's machine on the worst day, are minutes apart. Whoever forges a time to outlive
# what forgets old points puts it days ahead.
CLOCK_MARGIN = timedelta(hours=1)


@dataclass(frozen=True)
class RecoveryPoint:
    """A located, timestamped copy with what was counted when it was made."""

    id: str
    data: Snapshot
    manifest: Snapshot


class Opened(NamedTuple):
    """What was found in a repository that was opened."""

    point: RecoveryPoint
    manifest: dict[str, Any]
    robbed: tuple[str, ...]
    """Recovery points with a manifest and without the data: somebody deleted a snapshot."""
    future: tuple[RecoveryPoint, ...] = ()
    """Those that were left out, see ``from_the_future``."""


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
    """Every complete recovery point, oldest first. Raises StepError when all are dated in the future."""
    return complete(listing(repository, runbook, workload, timeout_s=timeout_s), repository)


def complete(snapshots: tuple[Snapshot, ...], repository: Repository) -> tuple[RecoveryPoint, ...]:
    """The recovery points among the snapshots, oldest first. Those from the future are left out, not believed.

    Raises StepError where nothing else is left.
    """
    points, future = _paired(snapshots), from_the_future(snapshots)
    if future and len(future) == len(points):
        raise _not_believed(future[-1], repository)
    return points[: len(points) - len(future)]


def _paired(snapshots: tuple[Snapshot, ...]) -> tuple[RecoveryPoint, ...]:
    parts = {(snapshot.tag("point"), snapshot.tag("part")): snapshot for snapshot in snapshots}
    points = [
        RecoveryPoint(point, snapshot, parts[point, "manifest"])
        for (point, part), snapshot in parts.items()
        if part == "data" and (point, "manifest") in parts
    ]
    return tuple(sorted(points, key=lambda point: point.data.time))


def from_the_future(snapshots: tuple[Snapshot, ...]) -> tuple[RecoveryPoint, ...]:
    """The recovery points that a wrong clock or a forger dated later than now, oldest first."""
    limit = datetime.now(UTC) + CLOCK_MARGIN
    return tuple(point for point in _paired(snapshots) if point.data.time > limit)


def _not_believed(point: RecoveryPoint, repository: Repository) -> StepError:
    return StepError(
        f"the repository {repository} holds a recovery point from the future ({point.id}, {point.data.time})",
        hint="a clock is wrong, or somebody forged it: look at it before you restore anything",
    )


def notes_on(future: tuple[RecoveryPoint, ...], workload: str, repository: Repository) -> list[str]:
    """What a run tells of recovery points that were left out."""
    if not future:
        return []
    return [
        f"{workload}: LEFT OUT in {repository}: recovery points dated in the future: {len(future)}, the newest "
        f"{future[-1].id} of {future[-1].data.time}. A clock is wrong, or somebody forged them"
    ]


def robbed(snapshots: tuple[Snapshot, ...]) -> tuple[str, ...]:
    """Ids of the points that have a manifest and no data. The manifest is always the second of the two to arrive."""
    parts = {(snapshot.tag("point"), snapshot.tag("part")) for snapshot in snapshots}
    return tuple(sorted(point for point, part in parts if part == "manifest" and (point, "data") not in parts))


def require_whole(opened: Opened, workload: str, repository: Repository) -> None:
    """Raises VerificationError when a recovery point of the workload has lost its data."""
    if opened.robbed:
        count, newest_ = len(opened.robbed), opened.robbed[-1]
        points = "1 recovery point has" if count == 1 else f"{count} recovery points have"
        raise VerificationError(
            f"{workload}: {points} a manifest and no data in {repository}, the newest: {newest_}. A snapshot was deleted",
            hint="albus-dr replicate copies it again where the other site still has it; find out who deleted it",
        )


def newest(repository: Repository, runbook: str, workload: str, *, timeout_s: float) -> RecoveryPoint:
    """Raises NotReadyError when there is none."""
    points = find_all(repository, runbook, workload, timeout_s=timeout_s)
    return _chosen_from(points, "", repository, runbook, workload, timeout_s)


def _chosen_from(
    points: tuple[RecoveryPoint, ...], wanted: str, repository: Repository, runbook: str, workload: str, timeout_s: float
) -> RecoveryPoint:  # fmt: skip
    if not points:
        others = _runbooks_in(repository, timeout_s=timeout_s) - {runbook}
        whose = f" of the runbook {runbook}; it holds some of: {', '.join(sorted(others))}" if others else ""
        raise NotReadyError(
            f"{workload}: the repository {repository} holds no recovery point{whose}",
            hint="is it this runbook's repository?" if others else "albus-dr replicate makes one",
        )
    found = choose(points, wanted)
    if found is None:
        raise NotReadyError(
            f"{workload}: no recovery point in {repository} is as old as {wanted}; the oldest: {points[0].id}",
            hint="name a later time",
        )
    return found


def _runbooks_in(repository: Repository, *, timeout_s: float) -> set[str]:
    found = (snapshot.tag("runbook") for snapshot in repository.snapshots(("albus-dr",), timeout_s=timeout_s))
    return {name for name in found if name}


def choose(points: Sequence[RecoveryPoint], wanted: str) -> RecoveryPoint | None:
    """The recovery point that is wanted, from those of one workload, oldest first; None when all are too young.

    ``wanted`` is empty for the newest; the id of a point, of this workload or of another, for that one or the one that
    was made nearest to it; or a time (RFC 3339), for the newest that was there by then.
    """
    if not wanted:
        return points[-1]
    if is_point_id(wanted):
        at = moment_of(wanted)
        return min(points, key=lambda point: (point.id != wanted, abs(_begun_at(point) - at)))
    at = datetime.fromisoformat(wanted)
    return next((point for point in reversed(points) if point.data.time <= at), None)


def distinct(histories: Sequence[Sequence[RecoveryPoint]]) -> tuple[str, ...]:
    """Ids of the points that ``choose`` can be asked for, the newest last, one of those that restore the same of every
    workload: what was replicated together has an id for each. No history is empty."""
    begun = [sorted((_begun_at(point), point.id) for point in points) for points in histories]
    found: dict[tuple[tuple[datetime, str], ...], str] = {}
    for mine in begun:
        for at, id_ in mine:
            if is_point_id(id_):
                restored = tuple((at, id_) if points is mine else _nearest(points, at) for points in begun)
                found.setdefault(restored, id_)
    return tuple(id_ for _, id_ in sorted(found.items()))


def _nearest(points: Sequence[tuple[datetime, str]], at: datetime) -> tuple[datetime, str]:
    after = bisect_left(points, (at, ""))
    return min(points[max(0, after - 1) : after + 1], key=lambda point: abs(point[0] - at))


def wanted(options: Mapping[str, Any]) -> str:
    """What the operator of a run asked for, as ``choose`` takes it."""
    return str(options.get("point") or "")


def is_point_id(text: str) -> bool:
    """It has the form of what ``new_point_id`` makes."""
    if not re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", text):
        return False
    try:
        moment_of(text)
    except ValueError:
        return False
    return True


def _begun_at(point: RecoveryPoint) -> datetime:
    """Its tags are what somebody wrote into the repository."""
    return moment_of(point.id) if is_point_id(point.id) else point.data.time


def moment_of(point: str) -> datetime:
    """When the point with this id was begun."""
    return datetime.strptime(point.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _open(repository: Repository, runbook: str, workload: str, wanted: str, *, timeout_s: float) -> Opened:
    """The list and the newest manifest are asked for side by side: each restic spends half a second on its key."""
    newest_manifest = ("albus-dr", f"runbook={runbook}", f"workload={workload}", "part=manifest")
    with ThreadPoolExecutor(1) as pool:
        guess = pool.submit(repository.read_latest_text, newest_manifest, MANIFEST, timeout_s=timeout_s)
        snapshots = listing(repository, runbook, workload, timeout_s=timeout_s)
        points, future = complete(snapshots, repository), from_the_future(snapshots)
        for late in future:
            if late.id == wanted:
                raise _not_believed(late, repository)
        point = _chosen_from(points, wanted, repository, runbook, workload, timeout_s)
        try:
            manifest = _parsed(guess.result())
        except (AlbusError, ValueError):
            manifest = {}
    if manifest.get("point") != point.id:  # an older point, or the newest manifest belongs to one that is not complete
        manifest = read_manifest(repository, point, timeout_s=timeout_s)
    _manifests[repository.config.restic, point.manifest.id] = manifest
    return Opened(point, manifest, robbed(snapshots), future)


def open_point(
    repository: Repository, runbook: str, workload: str, wanted: str = "", *, timeout_s: float
) -> Opened:  # fmt: skip
    """The wanted recovery point (see ``choose``) of a repository that is opened for the first time.

    Raises NotReadyError that says what is wrong with it, or that there is no such point. What ``look_ahead`` began is
    waited for, once.
    """
    begun = _begun.pop((repository.config.restic, runbook, workload), None)
    if begun is not None:
        return begun.result()
    with repository.probed():
        return _open(repository, runbook, workload, wanted, timeout_s=timeout_s)


def look_ahead(repository: Repository, runbook: str, workload: str, wanted: str = "", *, timeout_s: float) -> None:
    """Begin ``open_point`` in the background. It ends with the process at the latest."""
    found: Future[Opened] = Future()

    def work() -> None:
        try:
            with repository.probed():
                found.set_result(_open(repository, runbook, workload, wanted, timeout_s=timeout_s))
        except BaseException as error:  # noqa: BLE001 -- carried to whoever asks for the result
            found.set_exception(error)

    _begun[repository.config.restic, runbook, workload] = found
    threading.Thread(target=work, name=f"look ahead for {workload}", daemon=True).start()


_begun: dict[tuple[str, str, str], Future[Opened]] = {}


def without(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The manifest but for one part; it says what it lacks, as ``read_manifest``'s does."""
    return _Manifest({name: value for name, value in manifest.items() if name != key})


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
            _manifests[key] = _parsed(repository.read_text(point.manifest.id, MANIFEST, timeout_s=timeout_s))
        except ValueError as error:
            raise StepError(f"the manifest of {point.id} in {repository} can't be read: {error}") from None
    return _manifests[key]


def _parsed(text: str) -> dict[str, Any]:
    """Raises ValueError where it is not a manifest."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is JSON and no manifest")
    return _Manifest(found)


class _Manifest(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        raise StepError(
            f"the manifest of {self.get('point')} says nothing of {key}",
            hint="was it written for another kind of workload, or by another program?",
        )


_manifests: dict[tuple[str, str], dict[str, Any]] = {}


def missing(source: tuple[Snapshot, ...], target: tuple[Snapshot, ...]) -> tuple[str, ...]:
    """Ids of the source's snapshots that the target lacks, compared by where they were copied from.

    Manifests come last: a copy that is broken off leaves data without a manifest, which is no recovery point yet.
    """
    there = {snapshot.original or snapshot.id for snapshot in target}
    lacking = [s for s in source if s.id not in there and (s.original or s.id) not in there]
    return tuple(s.id for s in sorted(lacking, key=lambda snapshot: snapshot.tag("part") == "manifest"))
