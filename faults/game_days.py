"""Game days: a building burns, a network splits while both sides have users, an old primary comes back under its guard.

A guard is tried hardest where replication is asynchronous: a primary that is cut off acknowledges what users at its side
write, until its guard ends it. With synchronous replication it acknowledges nothing alone, guarded or not.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from albus_dr.bench.scenarios import LINE_FAILS_FIRST_S, SPLIT_S
from albus_dr.bench.sites import Replication
from albus_dr.bench.traffic import RECORD, REQUEST_TIMEOUT_S, count_elsewhere
from faults.apart import network_of
from faults.ground import Ground, Stuck, cause, fresh, ground
from faults.outcome import Outcome
from tests.real.operator_desk import wait_for

USERS_THERE = 20.0  # requests a second of those who stand at the primary's side
REFUSED = 8
WRITTEN_TO = {"visit": "patients", "document": "documents"}  # workloads, by the kind of a write
ROUNDED_S = 0.001  # a recovery point in the journal is in whole milliseconds


@dataclass(frozen=True)
class Hurt:
    """A part of the primary's guarded server, and what hits it while the site is cut off."""

    part: Literal["guard", "leash", "postmaster"]
    sign: signal.Signals


HURTS = (
    Hurt("guard", signal.SIGKILL), Hurt("guard", signal.SIGSTOP), Hurt("leash", signal.SIGKILL),
    Hurt("leash", signal.SIGSTOP), Hurt("postmaster", signal.SIGSTOP),
)  # fmt: skip


def building_burns() -> Outcome:
    """The line fails, and a second later everything at the primary's site is gone, its disks and repository included."""
    with ground(prepare=fresh) as here:
        here.disrupted_at = datetime.now(UTC)  # users' writes wait for the standby from here on
        here.bench.cut_line()
        time.sleep(LINE_FAILS_FIRST_S)
        here.bench.destroy_site(here.source)
        run, last = here.run("failover")
        return here.outcome(here.go_on(run, last))


def hung_primary() -> Outcome:
    """It answers nobody, and may go on at any moment: that is no proof that it can't write. Power is one."""
    with ground() as here:
        here.hit("PostgreSQL", here.source, signal.SIGSTOP)
        run, refused = here.run("failover")
        if refused.code != REFUSED or "is alive" not in refused.err:
            raise Stuck(f"a failover beside a primary that hangs ended with {refused.code}: {cause(refused.said)}")
        here.lose_power()
        return here.outcome(here.go_on(run, refused))


def zombie_primary(*keep_lease: str) -> Outcome:
    """After a failover the old primary's PostgreSQL is started as it was, under its guard: it must stay down."""
    with ground(prepare=fresh) as here:
        here.lose_power()
        run, last = here.run("failover")
        last = here.go_on(run, last)
        here.bench.start_store(here.source)
        _stays_down(here, *keep_lease)
        return here.outcome(last)


def split(replication: Replication, hurt: Hurt | None = None) -> Outcome:
    """Nobody reaches the primary for 43 seconds but the users at its side; nobody's word is given for the failover.

    With synchronous replication nothing may be lost on either side. With asynchronous replication what is accepted is what
    the primary acknowledged since the recovery point that the run names: all else was at the other site.
    """
    with ground(apart=True, prepare=fresh, replication=replication) as here:
        _put_guard(here, here.source)
        here.bench.start_traffic(USERS_THERE, at=here.source)
        cut_at, cut_s = datetime.now(UTC), time.monotonic()
        network_of(here).isolate(here.source)
        if hurt:
            _hit(here, hurt)
        run, last = here.run("failover", "--disrupted-at", cut_at.isoformat())
        last = here.go_on(run, last)
        time.sleep(max(0.0, cut_s + SPLIT_S - time.monotonic()))
        network_of(here).heal()
        if hurt == Hurt("guard", signal.SIGSTOP):
            here.hit("guard", here.source, signal.SIGCONT)
        wait_for(lambda: not here.pids("guard", here.source) or None)
        _stays_down(here, "--keep-lease")
        found = here.outcome(last)
        there = here.bench.traffic_of(here.source)
        acknowledged, lost = here.bench.users.inside(lambda: count_elsewhere(there, here.bench.url))
        accepted = 0
        if replication == "asynchronous":
            points = last.document["actuals"]["rpa_by_workload"]
            accepted = _acknowledged_after(points, there, cut_s) + _acknowledged_after(
                points, here.bench.traffic_of(), cut_s, until_s=cut_s + REQUEST_TIMEOUT_S
            )
        both = replace(found, acknowledged=found.acknowledged + acknowledged, lost=found.lost + lost, accepted=accepted)
        return _one_at_a_time(both)


def switchover_between_guards() -> Outcome:
    """Both sites have a guard that keeps a lease: the old primary's lets it end, the new one's takes a lease once promoted."""
    with ground(apart=True, prepare=fresh) as here:
        _put_guard(here, here.source)
        _put_guard(here, here.target)
        run, last = here.run("switchover")
        last = here.go_on(run, last)
        wait_for(lambda: (_witness(here).get("write_lease") or {}).get("site") == here.target or None)
        return _one_at_a_time(here.outcome(last))


def _one_at_a_time(found: Outcome) -> Outcome:
    """With a guard in front of it no server may even be open beside another, whether or not it acknowledges anything."""
    if found.two_open and not found.failure:
        return replace(found, failure=f"both servers were open in {found.two_open} looks, though a guard kept them")
    return found


# --- the guard ----------------------------------------------------------------------------------------------------


def _put_guard(here: Ground, site: str) -> None:
    """As it is done once: the witness is told who is primary, and the site's PostgreSQL is started under the guard."""
    if _witness(here) == {}:
        told = here.desk.call("witness", "set", *_where(here), "--primary", here.source, "--yes")
        if told.code != 0:
            raise Stuck(f"albus-dr witness set ended with {told.code}: {told.said[-300:]}")
    here.bench.guard(site, (*_guard(here, site), "--keep-lease"), here.desk.environment())


def _witness(here: Ground) -> dict[str, Any]:
    """The record as people's scripts see it; empty where there is none."""
    shown = here.desk.call("witness", "show", *_where(here), "--json")
    if shown.code != 0:
        raise Stuck(f"albus-dr witness show ended with {shown.code}: {shown.said[-300:]}")
    record: dict[str, Any] | None = json.loads(shown.out)["record"]
    return record or {}


def _where(here: Ground) -> tuple[str, ...]:
    return (str(here.desk.playbook), "--config", str(here.desk.config))


def _guard(here: Ground, site: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "albus_dr", "guard", *_where(here), "--site", site)


def _stays_down(here: Ground, *keep_lease: str) -> None:
    """What starts servers at the old primary's site starts PostgreSQL. Raises Stuck unless the guard refuses by name."""
    site = here.bench.sites[here.source]
    server = site.server.command("postgres", "-D", str(site.server.data))
    done = subprocess.run(
        site.place.command((*_guard(here, here.source), *keep_lease, "--", *server)), env=here.desk.environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode != REFUSED or f"{here.target} is the primary" not in done.stderr or site.server.running():
        raise Stuck(f"the old primary's guard ended with {done.returncode}: {done.stderr.strip()[-300:]}")


def _hit(here: Ground, hurt: Hurt) -> None:
    """Raises Stuck where the part does not run."""
    if hurt.part == "guard":
        here.hit("guard", here.source, hurt.sign)
        return
    if hurt.part == "leash":
        pids: Sequence[int] = _leashes(here.pids("guard", here.source))
    else:
        pids = [one.pid for one in here.bench.sites[here.source].server.postmasters()]
    if not pids:
        raise Stuck(f"there is no {hurt.part} at this moment")
    for pid in pids:
        os.kill(pid, hurt.sign)


def _leashes(guards: Sequence[int]) -> list[int]:
    """The processes that count for these guards."""
    children = [
        int(pid) for guard in guards for pid in Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
    ]
    return [pid for pid in children if b"leash.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _acknowledged_after(rpa_s: Mapping[str, float], folder: Path, cut_s: float, until_s: float = math.inf) -> int:
    """How many writes of these users were acknowledged after the recovery point of what they wrote to, which lay ``rpa_s``
    before the cut; all by the machine's monotonic clock."""
    found = 0
    for line in (folder / RECORD).read_text().splitlines():
        write = json.loads(line or "{}")
        if workload := WRITTEN_TO.get(write.get("kind", "")):
            found += cut_s - rpa_s.get(workload, 0.0) - ROUNDED_S <= write["monotonic_s"] <= until_s
    return found
