"""How every workload stands at each site, asked of the world and not of the journal. Changes nothing.

Every site is asked at the same time and gets a limited time: one that is silent is `unreachable`, and holds up nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from albus_dr.errors import AlbusError, StepError
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.tools.postgres import Server, ServerDown
from albus_dr.tools.restic import Repository, Snapshot
from albus_dr.units import format_duration
from albus_dr.workloads import access, files, postgres, recovery_points, service, traffic

QUICK_S = 8.0  # of each question
PATIENCE_S = 20.0  # of everything that is asked of one site for one workload
MISSED = 2.0  # a recovery point older than this many times `every` means that one was missed


@dataclass(frozen=True)
class Setting:
    """Where names are looked up."""

    runbook: Runbook
    config: Config
    config_base: Path


@dataclass(frozen=True)
class Replication:
    """What the server at a site that takes writes says of its standby at the other one.

    ``synchronous``: commits wait for a standby (synchronous_standby_names is set), whether one is there or not.
    Lags are bytes of WAL, None while no standby of that name streams. ``confirmed_after_s``: how long the last commits waited,
    or would have, until the standby had them; None where nothing was written lately.
    """

    standby: str
    synchronous: bool
    sync_state: str
    received_lag_bytes: int | None
    replayed_lag_bytes: int | None
    confirmed_after_s: float | None

    @property
    def streams(self) -> bool:
        return self.replayed_lag_bytes is not None

    @property
    def writers(self) -> str:
        """What happens to whoever writes now, in a sentence."""
        if self.synchronous and self.streams:
            return f"a write is acknowledged once {self.standby} has it"
        if self.synchronous:
            return f"WRITERS WAIT until {self.standby} streams again: synchronous_standby_names is set"
        if self.streams:
            return f"writers don't wait; what {self.standby} does not have yet is lost with this site"
        return "writers don't wait; nothing that is written reaches another server"


@dataclass(frozen=True)
class Point:
    """The newest recovery point in a site's own repository."""

    id: str
    at: datetime


@dataclass(frozen=True)
class Standing:
    """One workload at one site.

    ``role``: primary, standby, stopped, unreachable (postgres); present, missing (files); running, stopped (service);
    open, closed, draining (traffic); empty for kinds that can't be looked at.
    """

    workload: str
    kind: str
    site: str
    role: str = ""
    reason: str = ""
    """Why it is unreachable."""
    replication: Replication | None = None
    point: Point | None = None
    point_reason: str = ""
    """Why the newest recovery point is not known."""
    future: tuple[Point, ...] = ()
    """Recovery points that are not believed: a wrong clock or a forger dated them later than now."""


def observe_all(setting: Setting) -> tuple[Standing, ...]:
    """Every workload at both sites, in the runbook's order, primary first. Takes PATIENCE_S and a little at most."""
    pair = (setting.runbook.sites.primary, setting.runbook.sites.secondary)
    asked = [(name, site) for name in setting.runbook.workloads for site in pair]
    roles: dict[tuple[str, str], Standing] = {}
    points: dict[tuple[str, str], Standing] = {}

    def ask(look: _Look, into: dict[tuple[str, str], Standing], key: tuple[str, str]) -> None:
        blank = _blank(setting, *key)
        try:
            into[key] = look(setting, blank)
        except AlbusError as error:
            into[key] = replace(blank, role="unreachable", reason=error.message, point_reason=error.message)

    # Threads that nobody waits for at the end: one that hangs in a name server must not hold up the program's exit.
    threads = [
        threading.Thread(target=ask, args=(look, into, key), daemon=True)
        for key in asked
        for look, into in ((_role, roles), (_newest_point, points))
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {format_duration(PATIENCE_S)}"
    together = []
    for key in asked:
        silent = replace(_blank(setting, *key), role="unreachable", reason=late, point_reason=late)
        role, point = roles.get(key, silent), points.get(key, silent)
        together.append(replace(role, point=point.point, point_reason=point.point_reason, future=point.future))
    return tuple(together)


_Look = Callable[[Setting, Standing], Standing]


def _blank(setting: Setting, workload: str, site: str) -> Standing:
    return Standing(workload, setting.runbook.workloads[workload].kind, site)


def _role(setting: Setting, standing: Standing) -> Standing:
    look = _ROLES.get(standing.kind)
    return look(setting, standing) if look else standing


def _other(setting: Setting, site: str) -> str:
    sites = setting.runbook.sites
    return sites.secondary if site == sites.primary else sites.primary


# --- roles --------------------------------------------------------------------------------------------------------


def _postgres(setting: Setting, standing: Standing) -> Standing:
    model = cast(postgres.Model, setting.runbook.workloads[standing.workload])
    server = access.server(setting, standing.site, model.server)
    try:
        ((recovery, names, commit),) = server.query(_SETTINGS, timeout_s=QUICK_S)
    except ServerDown as error:
        if server.is_running():
            raise StepError(f"it runs and does not answer: {error.message}") from None
        return replace(standing, role="stopped")
    if recovery == "t":
        return replace(standing, role="standby")
    waits = bool(names) and commit not in ("off", "local")
    return replace(
        standing, role="primary", replication=_replication(server, _other(setting, standing.site), synchronous=waits)
    )


_SETTINGS = (
    "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'), current_setting('synchronous_commit')"
)


def _replication(server: Server, standby: str, *, synchronous: bool) -> Replication:
    lag = server.lag_of(standby)
    if lag is None:
        return Replication(standby, synchronous, "", None, None, None)
    received, replayed = max(0, lag.received), max(0, lag.replayed)
    return Replication(standby, synchronous, lag.sync_state, received, replayed, lag.confirmed_after_s)


def _files(setting: Setting, standing: Standing) -> Standing:
    model = cast(files.Model, setting.runbook.workloads[standing.workload])
    path = setting.config.sites[standing.site].paths[model.path]
    there = access.host(setting, standing.site, path.host).run(("test", "-d", path.path), timeout_s=QUICK_S).code == 0
    return replace(standing, role="present" if there else "missing")


def _service(setting: Setting, standing: Standing) -> Standing:
    model = cast(service.Model, setting.runbook.workloads[standing.workload])
    config = setting.config.sites[standing.site].services[model.service]
    host = access.host(setting, standing.site, config.host)
    argv = ("systemctl", "is-active", "--quiet", config.systemd) if config.systemd else tuple(config.status or ())
    done = host.run(argv, timeout_s=QUICK_S)
    if done.code in (0, 3, 4):  # LSB and systemctl(1): 3 not running, 4 no such unit
        return replace(standing, role="running" if done.code == 0 else "stopped")
    raise StepError(f"{argv[0]} ended with {done.code}: {done.last_words}")


def _traffic(setting: Setting, standing: Standing) -> Standing:
    model = cast(traffic.Model, setting.runbook.workloads[standing.workload])
    config = setting.config.proxies[model.proxy]
    state = access.door(config).state(config.servers[standing.site])
    return replace(standing, role={"ready": "open", "maint": "closed", "drain": "draining"}[state])


_ROLES: Mapping[str, _Look] = {"postgres": _postgres, "files": _files, "service": _service, "traffic": _traffic}


# --- recovery points ----------------------------------------------------------------------------------------------


def _newest_point(setting: Setting, standing: Standing) -> Standing:
    """The newest in the site's own repository; of kinds that keep none, the standing as it is."""
    found = _listed(setting, standing.workload, standing.site, timeout_s=PATIENCE_S - QUICK_S / 2)
    if found is None:
        return standing
    repository, snapshots = found
    future = tuple(Point(late.id, late.data.time) for late in recovery_points.from_the_future(snapshots))
    standing = replace(standing, future=future)
    try:
        points = recovery_points.complete(snapshots, repository)
    except AlbusError as error:
        return replace(standing, point_reason=error.message)
    if not points:
        return replace(standing, point_reason="there is none")
    return replace(standing, point=Point(points[-1].id, points[-1].data.time))


def points_of(
    setting: Setting, workload: str, at: str, *, timeout_s: float
) -> tuple[recovery_points.RecoveryPoint, ...] | None:
    """The workload's recovery points in the site's own repository, oldest first; None for kinds that keep none."""
    found = _listed(setting, workload, at, timeout_s=timeout_s)
    return None if found is None else recovery_points.complete(found[1], found[0])


def _listed(
    setting: Setting, workload: str, at: str, *, timeout_s: float
) -> tuple[Repository, tuple[Snapshot, ...]] | None:
    model, site = setting.runbook.workloads[workload], setting.config.sites[at]
    if isinstance(model, postgres.Model):
        name, host = model.recovery_points.dump, site.servers[model.server].host
    elif isinstance(model, files.Model):
        name, host = model.recovery_points.restic, site.paths[model.path].host
    else:
        return None
    repository = access.repository(setting, at, name, host)
    with repository.probed():
        return repository, recovery_points.listing(repository, setting.runbook.runbook, workload, timeout_s=timeout_s)


# --- what is not as it should be ----------------------------------------------------------------------------------


def unprotected(standings: tuple[Standing, ...]) -> tuple[str, ...]:
    """Databases whose writes reach no other server now: with the site that serves, they would be lost."""
    databases = dict.fromkeys(each.workload for each in standings if each.kind == "postgres")
    streaming = {each.workload for each in standings if each.replication and each.replication.streams}
    return tuple(name for name in databases if name not in streaming)


def concerns(standings: tuple[Standing, ...], runbook: Runbook, primary: str, now: datetime) -> tuple[str, ...]:
    """Everything that is not as it should be while ``primary`` serves, one sentence each."""
    found: list[str] = []
    for name in runbook.workloads:
        both = [each for each in standings if each.workload == name]
        writable = [each.site for each in both if each.role == "primary"]
        if len(writable) > 1:
            found.append(f"{name}: TWO PRIMARIES: {writable[0]} and {writable[1]} both take writes; fence one at once")
        for each in both:
            found += _misplaced(each, runbook, primary)
            found += _unreplicated(each, runbook)
            found += _forged(each)
            found += _aged(each, runbook, streams=name not in unprotected(standings), now=now)
    return tuple(found)


def _misplaced(standing: Standing, runbook: Runbook, primary: str) -> list[str]:
    where = f"{standing.workload} at {standing.site}"
    if standing.role == "unreachable":
        return [f"{where}: unreachable: {standing.reason}"]
    model = runbook.workloads[standing.workload]
    kept_warm = isinstance(model, files.Model) and model.warm
    serving, waiting = {
        "postgres": ("primary", "standby"), "files": ("present", "present" if kept_warm else ""),
        "service": ("running", ""), "traffic": ("open", "closed"),
    }.get(standing.kind, ("", ""))  # fmt: skip
    expected = serving if standing.site == primary else waiting
    if expected in ("", standing.role):
        return []
    if standing.kind == "traffic":
        return [f"{where}: it is {standing.role}; it should be {expected}: albus-dr door sets it"]
    return [f"{where}: it is {standing.role}; it should be {expected}"]


def _unreplicated(standing: Standing, runbook: Runbook) -> list[str]:
    seen = standing.replication
    if seen is None:
        return []
    where = f"{standing.workload} at {standing.site}"
    found = [] if seen.streams else [f"{where}: no standby named {seen.standby} streams; {seen.writers}"]
    model = cast(postgres.Model, runbook.workloads[standing.workload])
    if model.replication == "synchronous" and not seen.synchronous:
        found.append(f"{where}: the runbook says synchronous, and commits don't wait for a standby")
    if (
        model.replication == "synchronous"
        and seen.synchronous
        and seen.streams
        and seen.sync_state not in ("sync", "quorum")
    ):
        found.append(f"{where}: {seen.standby} streams, and is {seen.sync_state or 'unknown'} where sync is promised")
    return found


def _forged(standing: Standing) -> list[str]:
    if not standing.future:
        return []
    newest = standing.future[-1]
    return [
        f"{standing.workload} at {standing.site}: recovery points dated in the future are LEFT OUT: {len(standing.future)}, the "
        f"newest {newest.id} of {newest.at}; a clock is wrong, or somebody forged them"
    ]


def limit_s(workload: str, runbook: Runbook, *, streams: bool) -> float | None:
    """How old the newest recovery point may be: the objective; or, where a standby keeps that, twice ``every``."""
    model = runbook.workloads[workload]
    if isinstance(model, postgres.Model) and streams:
        every_s = model.recovery_points.every
        return None if every_s is None else every_s * MISSED
    return model.rpo if model.rpo is not None else runbook.objectives.rpo


def _aged(standing: Standing, runbook: Runbook, *, streams: bool, now: datetime) -> list[str]:
    where = f"{standing.workload} at {standing.site}"
    if standing.role == "unreachable" and standing.point_reason == standing.reason:
        return []
    if standing.point_reason:
        return [f"{where}: no recovery point is known: {standing.point_reason}"]
    limit = limit_s(standing.workload, runbook, streams=streams)
    if standing.point is None or limit is None:
        return []
    age_s = (now - standing.point.at).total_seconds()
    if age_s <= limit:
        return []
    age = format_duration(age_s, beside=limit)
    return [f"{where}: the newest recovery point is {age} old; {format_duration(limit)} are allowed"]
