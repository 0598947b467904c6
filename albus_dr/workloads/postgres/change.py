"""switchover and failover: the primary stops, its standby is promoted, and the old one follows."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

from albus_dr.errors import NotReadyError, RefusedError, StepError, TransientError
from albus_dr.tools import postgres
from albus_dr.tools.fence import Identity
from albus_dr.tools.postgres import Server, ServerDown
from albus_dr.tools.postgres_contents import CollationVersion, collations_of
from albus_dr.tools.secrets import reveal
from albus_dr.units import format_duration
from albus_dr.workloads import primary
from albus_dr.workloads.postgres import old_primary
from albus_dr.workloads.postgres.access import model_of, name_of, require_primary, require_standby, server_of
from albus_dr.workloads.postgres.contents import mend, outdated, verify_collations
from albus_dr.workloads.postgres.questions import ask
from albus_dr.workloads.programs import programs
from albus_dr.workloads.step import Facts, Observation, State, StepContext, Verdict, Verification

ARRIVE_S = 60.0  # for what was written last to arrive at the standby; users wait
_SAME_MOMENT_S = 2.0  # clocks of two hosts, and a person's


def ready_to_switch(ctx: StepContext) -> Facts:
    serving = require_primary(ctx, ctx.run.source)
    standby = require_standby(ctx)
    seen = standby.identity()
    primary.require_known(ctx, name_of(ctx), seen.system_identifier)
    if serving.system_identifier() != seen.system_identifier:
        raise RefusedError(
            f"{name_of(ctx)}: the server at {ctx.run.target} is not a standby of the one at {ctx.run.source}"
        )
    lag = serving.lag_of(ctx.run.target)
    if lag is None:
        raise NotReadyError(
            f"{name_of(ctx)}: no standby named {ctx.run.target} is streaming from {ctx.run.source}",
            hint=f"its primary_conninfo must say application_name={ctx.run.target}; look at its log",
        )
    return {"lag_bytes": lag.replayed, "sync_state": lag.sync_state, "identity": asdict(seen)}


def ready_to_promote(ctx: StepContext) -> Facts:
    """What the standby has, and what would be lost. More than the objective needs a person's word."""
    try:
        server = require_standby(ctx)
    except (NotReadyError, RefusedError):
        if (old := old_primary.ready(ctx)) is None:
            raise
        return old
    model = model_of(ctx)
    seen = server.identity()
    primary.require_known(ctx, name_of(ctx), seen.system_identifier)
    newest, unknown = _newest_write(ctx, server)
    disrupted = ctx.run.disrupted_at or ctx.run.declared_at
    if newest is None:
        if model.marker is not None and not ctx.run.options.get("accept_data_loss"):
            raise RefusedError(
                unknown,
                hint="is it the right database, and the right question (marker)? If so, and whatever was lost is accepted: "
                "--accept-data-loss",
            )
        return {"identity": asdict(seen), "notes": [unknown]}
    behind_s = max(0.0, (disrupted - newest).total_seconds())
    rpo_s = model.rpo if model.rpo is not None else ctx.runbook.objectives.rpo
    facts: dict[str, Any] = {
        "identity": asdict(seen), "newest_write_at": newest.isoformat(), "behind_s": round(behind_s, 3),
    }  # fmt: skip
    if ctx.run.disrupted_at and (ahead_s := (newest - ctx.run.disrupted_at).total_seconds()) > _SAME_MOMENT_S:
        facts["notes"] = [
            f"{name_of(ctx)}: the newest write at {ctx.run.target} is {format_duration(ahead_s)} younger than the disruption that "
            "was given: users were still served then, or the time is wrong; all times count from it"
        ]
    if behind_s > rpo_s:
        loss = (
            f"{name_of(ctx)}: the newest write at {ctx.run.target} is {format_duration(behind_s, beside=rpo_s)} older than the disruption "
            f"(objective {format_duration(rpo_s)}); what was written in between is lost"
        )
        if not ctx.run.options.get("accept_data_loss"):
            raise RefusedError(loss, hint="if nothing was written then, or the loss is accepted: --accept-data-loss")
        facts["notes"] = [f"{loss}. {ctx.run.operator} accepted it (--accept-data-loss)"]
    return facts


def _newest_write(ctx: StepContext, server: Server) -> tuple[datetime | None, str]:
    """By the workload's marker; where there is none, why not. Raises TransientError where the server does not answer."""
    name, model, site = name_of(ctx), model_of(ctx), ctx.spec.site
    if model.marker is None:
        return None, f"{name} has no marker: the age of its newest write can't be measured"
    try:
        newest = server.newest_write(model.marker, model.database)
    except StepError as error:
        if not error.permanent:
            raise
        return None, f"{name}: the marker gives no time at {site}, so nobody knows how much was lost: {error.message}"
    return newest, "" if newest else f"{name}: the marker finds no write at {site}, so nobody knows how much was lost"


def observe_stopped(ctx: StepContext) -> Observation:
    """Done once the target has everything, too: a run that is resumed must not go on to the commit without that."""
    server = server_of(ctx)
    if server.is_running():
        return Observation(State.NOT_DONE, "it runs")
    stopped = _stopped_at(ctx, server)
    try:
        arrived = _has_all(server_of(ctx, ctx.run.target), stopped)
    except (TransientError, NotReadyError) as error:
        return Observation(State.NOT_DONE, f"it is stopped; has {ctx.run.target} received everything? {error.message}")
    if not arrived:
        return Observation(State.NOT_DONE, f"it is stopped; {ctx.run.target} has not received everything")
    return Observation(State.DONE, f"it is stopped, and {ctx.run.target} has received everything", stopped)


def stop(ctx: StepContext) -> Facts:
    """Stopped cleanly, and all of it has arrived. Where it has not, nothing is committed yet: the old primary may start."""
    server = server_of(ctx)
    server.stop(timeout_s=max(1.0, ctx.remaining_s - ARRIVE_S))
    stopped = _stopped_at(ctx, server)
    _wait_until_replayed(ctx, server_of(ctx, ctx.run.target), stopped, hint=_start_again(ctx, server))
    return stopped


def _stopped_at(ctx: StepContext, server: Server) -> Facts:
    control = server.control()
    if control.get("Database cluster state") != "shut down":
        raise StepError(
            f"PostgreSQL in {server.data} did not stop cleanly: {control.get('Database cluster state')}",
            hint=_start_again(ctx, server),
        )
    return {
        "shutdown_position": control["Latest checkpoint location"],
        "system_identifier": control["Database system identifier"],
    }


def _start_again(ctx: StepContext, server: Server) -> str:
    """Before the commit the run's claim ends with it, so that a guard lets the old primary start."""
    command = f"systemctl start {server.systemd}" if server.systemd else f"{server.bin}/pg_ctl start -D {server.data}"
    whose = f" as {server.run_as}" if server.run_as and not server.systemd else ""
    run = ctx.run
    return (
        f"{run.source} is still the primary, and nothing is lost. Start its PostgreSQL ({command}{whose}). Then mend what keeps "
        f"{run.target} from following, and once albus-dr status shows that it follows: albus-dr resume {run.id}. Or stay at "
        f"{run.source}: albus-dr abort {run.id}, start the application there, then albus-dr door"
    )


def _old_primary(ctx: StepContext) -> Facts | None:
    """What the run's ready step found where the target was the primary before."""
    found: Facts | None = ctx.facts_of(f"{name_of(ctx)}.ready_to_promote").get("old_primary")
    return found


def observe_promoted(ctx: StepContext) -> Observation:
    if old := _old_primary(ctx):
        return old_primary.observe_promoted(ctx, old["timeline"])
    try:
        standby = server_of(ctx).is_in_recovery()
    except (TransientError, NotReadyError) as error:
        return Observation(State.UNKNOWN, error.message)
    return Observation(State.NOT_DONE, "it is a standby") if standby else Observation(State.DONE, "it is the primary")


def promote(ctx: StepContext) -> Facts:
    """With the fence proof in hand; in a switchover only once everything that the old primary wrote has arrived."""
    server, proof = server_of(ctx), primary.fence_proof(ctx)
    stopped = ctx.facts_of(f"{name_of(ctx)}.stop")
    if stopped:  # once more: it may be another standby by now
        _wait_until_replayed(ctx, server, stopped, hint=_after_the_commit(ctx))
    old = _old_primary(ctx)
    # Who it is comes first: a change of primary after the witness's answer ends this server's process.
    seen = old_primary.start_as_standby(ctx, old["timeline"]) if old else server.identity()
    if not primary.require_promotable(ctx):
        if old:  # its process began after the commit: nothing else says that this run's word still counts
            raise NotReadyError(
                f"{name_of(ctx)}: the witness does not answer, and {ctx.spec.site} was the primary before: not promoted",
                hint=f"once the witness answers: albus-dr resume {ctx.run.id}",
            )
        ready = "ready_to_switch" if stopped else "ready_to_promote"
        seen = Identity(**ctx.facts_of(f"{name_of(ctx)}.{ready}")["identity"])
    server.promote(proof, seen, timeout_s=ctx.remaining_s)
    return {"rests_on": proof.rests_on}


def _after_the_commit(ctx: StepContext) -> str:
    """The witness names the target already: a guard does not start the old primary as long as it does."""
    run = ctx.run
    return (
        f"a failover would accept that loss. If {run.target} can still get the rest, let it, then: albus-dr resume {run.id}. If "
        f"not, let {run.source} serve again: albus-dr abort {run.id}, stop PostgreSQL at {run.target}, albus-dr witness set with "
        f"--primary {run.source}, start PostgreSQL and the application at {run.source}, and at {run.target} only a server whose data "
        "directory has standby.signal still: one that was promoted would be a second primary. Then albus-dr door"
    )


def _has_all(standby: Server, stopped: Facts) -> bool:
    return standby.replayed_position() >= postgres.position(stopped["shutdown_position"])


def _wait_until_replayed(ctx: StepContext, standby: Server, stopped: Facts, *, hint: str) -> None:
    source, target = ctx.run.source, ctx.run.target
    give_up = time.monotonic() + ARRIVE_S
    try:
        if standby.system_identifier() != stopped["system_identifier"]:
            raise RefusedError(
                f"{name_of(ctx)}: the server at {target} is not a standby of the one that was stopped", hint=hint
            )
        while not _has_all(standby, stopped):
            if time.monotonic() >= give_up or ctx.remaining_s <= 1 or ctx.cancelled.wait(postgres.POLL_S):
                raise RefusedError(
                    f"{name_of(ctx)}: {target} has not received everything that {source} wrote; promoting would lose it",
                    hint=hint,
                )
    except (TransientError, NotReadyError) as error:
        raise RefusedError(
            f"{name_of(ctx)}: whether {target} has received everything that {source} wrote can't be seen: {error.message}",
            hint=hint,
        ) from None


def verify_facts(ctx: StepContext) -> Facts:
    model = model_of(ctx)
    facts: dict[str, Any] = {}
    if ctx.run.operation == "failover":
        since = ctx.run.disrupted_at or ctx.run.declared_at
        facts["notes"] = [
            f"{name_of(ctx)} is unprotected since {since:%Y-%m-%d %H:%M:%S} UTC, until {ctx.run.source} is back and "
            f"`albus-dr reprotect` has passed: {ctx.spec.site} has no standby, and commits wait for nobody"
        ]
    server = server_of(ctx)
    collations = collations_of(server, model.database, timeout_s=ctx.remaining_s)
    if wrong := outdated(collations):
        advice = mend(model.database)
        facts["notes"] = [*facts.get("notes", ()), f"{name_of(ctx)}: text indexes may be wrong ({wrong}): {advice}"]
    newest, unknown = _newest_write(ctx, server)
    if newest is None and model.marker is not None:
        facts["notes"] = [*facts.get("notes", ()), unknown]
    facts |= programs(server)
    facts["collations"] = {name: asdict(found) for name, found in collations.items()}
    return facts | ({"newest_write_at": newest.isoformat()} if newest else {})


def verify_promoted(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    server = server_of(ctx)
    found = "standby" if server.is_in_recovery() else "primary"
    verdict = Verdict.PASSED if found == "primary" else Verdict.FAILED
    role = Verification(name_of(ctx), f"role at {ctx.spec.site}", "primary", found, verdict)
    collations = {name: CollationVersion(**found) for name, found in facts["collations"].items()}
    return (role, verify_collations(name_of(ctx), model_of(ctx).database, collations), *ask(ctx, server, None))


def slot_of(standby_site: str) -> str:
    """The physical slot that a site's standby reads from."""
    return "albus_" + "".join(letter if letter.isalnum() else "_" for letter in standby_site)


def observe_following(ctx: StepContext) -> Observation:
    """Done when the new primary sees it stream, and it keeps no log for that one. A server that runs as a primary is nobody's
    standby: unknown."""
    try:
        if server_of(ctx, ctx.run.target).lag_of(ctx.spec.site) is not None:
            return observe_own_slot(server_of(ctx), ctx.run.target)
        server = server_of(ctx)
        if not server.is_running():
            return Observation(State.NOT_DONE, "it is stopped")
        return Observation(State.UNKNOWN, "it runs, and does not stream from the new primary")
    except (TransientError, NotReadyError) as error:
        return Observation(State.UNKNOWN, error.message)


def follow(ctx: StepContext) -> Facts:
    """The old primary stopped cleanly and the new one had all of it: it can follow as it is."""
    old, new = server_of(ctx), server_of(ctx, ctx.run.target)
    if old.is_running():
        if new.lag_of(ctx.spec.site) is None:
            raise RefusedError(
                f"{name_of(ctx)}: PostgreSQL at {ctx.spec.site} runs; it must be stopped to become a standby"
            )
        drop_own_slot(ctx, old, ctx.run.target)  # an earlier attempt was cut off before this
        return {}
    if old.control()["Database system identifier"] != new.system_identifier():
        raise RefusedError(f"{name_of(ctx)}: {old.data} at {ctx.spec.site} is another cluster than the new primary's")
    become_standby(ctx, old, new, ctx.run.target)
    return {}


def become_standby(ctx: StepContext, follower: Server, primary: Server, primary_site: str) -> None:
    """Start the stopped follower as the standby of the primary, and wait until it streams. Its own slot for that one goes."""
    standby_site = _other(ctx, primary_site)
    slot = slot_of(standby_site)
    primary.make_slot(slot)
    config = ctx.config.sites[primary_site].servers[model_of(ctx).server]
    password = reveal(config.replication_password, ctx.config_base) if config.replication_password else ""
    follower.follow(upstream_keywords(ctx, primary_site, standby_site), slot, password, timeout_s=60)
    while primary.lag_of(standby_site) is None:
        if ctx.remaining_s <= 1 or ctx.cancelled.wait(postgres.POLL_S * 5):
            raise TransientError(
                f"{name_of(ctx)}: {standby_site} started as a standby but does not stream", hint="look at its log"
            )
    drop_own_slot(ctx, follower, primary_site)


def observe_own_slot(follower: Server, primary_site: str) -> Observation:
    """Of one that streams from the primary: done once its own slot for that one is gone."""
    try:
        if follower.has_idle_slot(slot_of(primary_site)):
            return Observation(State.NOT_DONE, "it streams, and its own slot is still there")
    except ServerDown as error:
        return Observation(State.NOT_DONE, f"it streams; is its own slot still there? {error.message}")
    return Observation(State.DONE, "it streams")


def drop_own_slot(ctx: StepContext, follower: Server, primary_site: str) -> None:
    """From the days when it served: nobody reads from it any more. It may stream before it can be asked."""
    while True:
        try:
            return follower.drop_slot(slot_of(primary_site))
        except ServerDown:
            if ctx.remaining_s <= 1 or ctx.cancelled.wait(postgres.POLL_S * 5):
                raise


def upstream_keywords(ctx: StepContext, primary_site: str, standby_site: str) -> dict[str, str]:
    """How a site's standby reaches the primary, as libpq keywords; without the password."""
    config = ctx.config.sites[primary_site].servers[model_of(ctx).server]
    return {
        "host": config.address, "port": str(config.port), "user": config.replication_user, "application_name": standby_site,
    }  # fmt: skip


def _other(ctx: StepContext, at: str) -> str:
    return ctx.run.target if at == ctx.run.source else ctx.run.source


def confirm(ctx: StepContext) -> Facts:
    """Only once the standby streams: otherwise every commit would wait for nobody."""
    server, standby = server_of(ctx), _other(ctx, ctx.spec.site)
    server.wait_for_standby_to_confirm(standby)
    while True:
        lag = server.lag_of(standby)
        if lag and lag.sync_state == "sync":
            return {"sync_state": lag.sync_state}
        if ctx.remaining_s <= 1 or ctx.cancelled.wait(postgres.POLL_S * 5):
            raise TransientError(f"{name_of(ctx)}: {standby} does not confirm commits of {ctx.spec.site}")
