"""Drills that nobody came back to: the ledger that each one has, its keeper, and what the next drill finds of them.

The keeper waits beside the drill. When its time is over it removes everything, and writes when it was gone beside the
directory (``DIRECTORY.destroyed``), for whoever comes next to put on record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from albus_dr.journal.fold import parse_time
from albus_dr.tools.host import Host, write_file
from albus_dr.workloads.drill_processes import END, processes_in
from albus_dr.workloads.step import StepContext

LEDGER = "albus-dr-drill.json"
QUICK_S = 15.0
FORGOTTEN_S = 24 * 3600.0  # and some recovery times more: then nobody comes back to a drill
_DESTROYED = ".destroyed"

# Constant text; its arguments are the directory, seconds, and what follows then, as a program whose environment is not
# marked. It keeps the drill's network, and ends when somebody has removed the directory.
_KEEPER = r"""
left=$2
while [ "$left" -gt 0 ] && [ -d "$1" ]; do sleep 5; left=$((left - 5)); done
cd / && exec env -u ALBUS_DR_DRILL sh -c "$3" sh "$1"
"""
# Constant text; the directory is its argument. Nobody came back: it does what cleanup does and writes that down, first the
# ledger; once all is gone the time, in a line of its own. Restored data must not lie about for ever.
_EXPIRE = rf"""{END}
umask 077
cp -- "$1/{LEDGER}" "$1{_DESTROYED}" 2>/dev/null && written=yes
left=$(end "$1")
rm -rf --one-file-system -- "$1"
if [ -n "$written" ] && [ ! -e "$1" ] && [ -z "$left$(processes "$1")" ]; then
  date -u +'%n%Y-%m-%dT%H:%M:%SZ' >>"$1{_DESTROYED}"
fi
"""


@dataclass(frozen=True)
class Expired:
    """A drill that its keeper removed, and when; ``at`` is None where something was still there, or it was stopped."""

    ledger: Mapping[str, Any]
    at: str | None


def keeper(ctx: StepContext, directory: str) -> tuple[str, ...]:
    """The command of this drill's keeper."""
    return "sh", "-c", _KEEPER, "sh", directory, f"{FORGOTTEN_S + 4 * ctx.runbook.objectives.rto:.0f}", _EXPIRE


def write_ledger(ctx: StepContext, where: Host, directory: str, at: str) -> None:
    """Whose the directory is. Raises StepError."""
    text = json.dumps({"run": ctx.run.id, **_lock_of(ctx), "made_at": at})
    write_file(where, f"{directory}/{LEDGER}", text, timeout_s=QUICK_S)


def drills_in(where: Host, path: str) -> dict[str, Mapping[str, Any]]:
    """The directories of drills, with their ledgers: an empty one where it was cut short."""
    found = where.run(("find", "-H", path, "-mindepth", "2", "-maxdepth", "2", "-name", LEDGER), timeout_s=QUICK_S)
    return {line.rsplit("/", 1)[0]: _read(_said(where, line)) for line in found.stdout.splitlines()}


def expired_in(where: Host, path: str) -> dict[str, Expired]:
    """The directories of drills that their keepers removed, or began to. Only what we wrote counts: others may write there."""
    script = 'find -H "$1" -mindepth 1 -maxdepth 1 -type f -user "$(id -u)" -name "*$2"'
    found = where.run(("sh", "-c", script, "sh", path, _DESTROYED), timeout_s=QUICK_S).stdout.splitlines()
    names = (line.removesuffix(_DESTROYED) for line in found)
    return {name: known for name in names if (known := expired(where, name)) and _names(known, name)}


def _names(known: Expired, directory: str) -> bool:
    """Is it the ledger of the drill that had this directory?"""
    return str(known.ledger.get("run", "")).rpartition("-")[2] == PurePosixPath(directory).name


def expired(where: Host, directory: str) -> Expired | None:
    """What the drill's keeper wrote; None where it did not come to that."""
    ledger, _, at = _said(where, f"{directory}{_DESTROYED}").partition("\n")
    return Expired(_read(ledger), _moment(at.strip())) if ledger else None


def forget(where: Host, directory: str) -> None:
    """Remove what a keeper wrote, once it is on record."""
    where.run(("rm", "-f", "--", f"{directory}{_DESTROYED}"), timeout_s=QUICK_S)


def may_run(ctx: StepContext, where: Host, directory: str, ledger: Mapping[str, Any]) -> bool:
    """Another runbook's drill, or another machine's, as long as a process of it lives: its keeper, at least. One that has
    just begun may not have started that yet."""
    mine = _lock_of(ctx)
    if all(ledger.get(key) == value for key, value in mine.items()):
        return False  # this run has that lock
    just_begun = where.run(("find", f"{directory}/{LEDGER}", "-mmin", "-1"), timeout_s=QUICK_S).stdout
    return bool(just_begun or processes_in(where, directory))


def _lock_of(ctx: StepContext) -> dict[str, str]:
    """What tells drills apart that can't run at the same time: they take one lock, of a runbook in one place."""
    return {"runbook": ctx.runbook.runbook, "place": ctx.run.lock_place}


def _said(where: Host, path: str) -> str:
    return where.run(("cat", "--", path), timeout_s=QUICK_S).stdout


def _read(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}  # it was cut short
    return found if isinstance(found, dict) else {}


def _moment(text: str) -> str | None:
    try:
        parse_time(text)
    except ValueError:
        return None
    return text
