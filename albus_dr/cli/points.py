"""Which recovery points a drill restores: the newest, one that is named, one by chance, or several by chance."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from albus_dr.cli.charge import standpoint
from albus_dr.cli.common import journal, load_runbook, with_zone
from albus_dr.cli.operation import Call
from albus_dr.errors import NotReadyError, UsageError
from albus_dr.workloads.recovery_points import RecoveryPoint, distinct, is_point_id
from albus_dr.workloads.standing import Setting, points_of

LIST_S = 60.0
SEEDS = 1_000_000  # few enough digits to be read out on the telephone
SHOWN = 5


def fresh_seed() -> int:
    """One that nobody has chosen."""
    return secrets.randbelow(SEEDS)


def by_chance(points: Iterable[str], seed: int, count: int) -> tuple[str, ...]:
    """``count`` of the points, oldest first. What is added later does not change the order of those that were there."""
    lots = sorted(points, key=lambda point: hashlib.sha256(f"{seed}/{point}".encode()).digest())
    return tuple(sorted(lots[:count]))


def parse(text: str, call: Call) -> str:
    """A point's id, or a time in RFC 3339; nothing for ``latest``. Raises UsageError, also where there is no such point."""
    if text == "latest":
        return ""
    if is_point_id(text):
        return _known(text, call)
    try:
        found = with_zone("--point", text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--point {text} is neither latest, random, the id of a recovery point nor a time",
            hint="for example --point 2026-03-10T00:47:00+01:00; albus-dr status shows the newest ids",
        ) from None
    if found > datetime.now(UTC):
        raise UsageError(f"--point {text} is in the future", hint="give the zone: 2026-03-10T00:47:00+01:00")
    return found.isoformat()


def history(call: Call) -> tuple[str, ...]:
    """Ids of recovery points at the drill's site, the newest last: one for each moment that any workload has.

    Raises NotReadyError where a workload has none: no drill could restore it.
    """
    found = dict(_all_points(call))
    for workload, points in found.items():
        if not points:
            raise NotReadyError(f"{workload}: there is no recovery point", hint="albus-dr replicate makes one")
    if not found:
        raise UsageError(
            "no workload of this runbook keeps recovery points", hint="--point latest drills what there is"
        )
    return distinct(list(found.values()))


def _known(point: str, call: Call) -> str:
    found: list[str] = []
    for _, points in _all_points(call):
        ids = [each.id for each in points]
        if point in ids:
            return point
        found += ids
    newest = ", ".join(sorted(found)[-SHOWN:]) or "none"
    raise UsageError(f"--point {point}: no workload has this recovery point", hint=f"the newest ids: {newest}")


def _all_points(call: Call) -> Iterator[tuple[str, tuple[RecoveryPoint, ...]]]:
    """Workload by workload, in the runbook's order, those that keep recovery points."""
    loaded = load_runbook(call.runbook, call.config)
    with journal(call.manner.engine) as store:
        target = standpoint(store, loaded, "drill", {}, "").target
    setting = Setting(loaded.runbook, loaded.config, loaded.config_path.parent)
    for workload in loaded.runbook.workloads:
        points = points_of(setting, workload, target, timeout_s=LIST_S)
        if points is not None:
            yield workload, points
