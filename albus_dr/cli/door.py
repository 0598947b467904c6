"""albus-dr door RUNBOOK"""

from __future__ import annotations

import json
import sys
import time
from typing import cast

import typer

from albus_dr.cli.charge import by_hand
from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunbookArgument,
    load_runbook,
)
from albus_dr.cli.folding import fitted
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.engine.history import epoch_seen, knows_primary, primary_and_secondary
from albus_dr.errors import AlbusError, NotReadyError, RefusedError, UsageError
from albus_dr.journal.store import JournalStore
from albus_dr.report.words import words_of
from albus_dr.runbook.loader import Loaded
from albus_dr.safety.witness import Witness
from albus_dr.tools.haproxy import ServerState
from albus_dr.workloads import access, traffic

SCHEMA = "albus-dr/door/1"
WATCH_S, POLL_S = 2.0, 0.25


def command(
    runbook: RunbookArgument,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Open every door to the site that the witness names as the primary, and close it to the other one.

    For a proxy that was started again: it remembers nothing. A run that changes the primary sets the doors itself.
    Where the config names no witness that other machines can ask, only the place where runs are made knows the primary.
    """
    words = words_of(lang)
    loaded = load_runbook(runbook, config)
    name = loaded.runbook.runbook
    doors = [one for one, model in loaded.runbook.workloads.items() if model.kind == "traffic"]
    if not doors:
        raise UsageError(f"{name} has no workload of the kind traffic")
    with by_hand(loaded, engine, "door", strict=True) as held:
        primary, why = _primary(held.store, loaded, held.witness)
        _set_all(loaded, doors, primary)
    if as_json:
        typer.echo(
            json.dumps({"schema": SCHEMA, "runbook": name, "doors": doors, "open_to": primary, "why": why}, indent=2)
        )
    elif not quiet:
        for door in doors:
            said = words.say(PHRASES["door.open"], door=door, primary=primary, why=words.retold(why))
            typer.echo(fitted(said, sys.stdout, rest="  "))


def _primary(store: JournalStore, loaded: Loaded, witness: Witness) -> tuple[str, str]:
    """Who is primary, and who says so. Raises RefusedError while a change of primary has closed the door on purpose, and
    NotReadyError where nobody here can know."""
    record = witness.read(epoch_seen(store, loaded.runbook.runbook)).record
    if record is None:
        _require_known(store, loaded, witness)
        if epoch_seen(store, loaded.runbook.runbook):
            raise RefusedError(
                f"{witness.name} holds nothing about {loaded.runbook.runbook}: it was lost",
                hint="look at both sites, then: albus-dr witness set RUNBOOK --primary SITE",
            )
        return primary_and_secondary(store, loaded.runbook)[0], "the primary was never changed"
    if record.claim is not None:
        raise RefusedError(
            f"{record.claim.run} has claimed {record.claim.target}: it closes and opens the doors itself",
            hint=f"albus-dr resume {record.claim.run} goes on with it, albus-dr abort gives it up; then set the door. Where its "
            "machine is lost: a new failover, or albus-dr witness set RUNBOOK --primary SITE",
        )
    return record.primary, f"it is the primary in epoch {record.epoch}, by {witness.name}"


def _require_known(store: JournalStore, loaded: Loaded, witness: Witness) -> None:
    """A witness in a file is this machine's alone: an empty one says nothing about what runs elsewhere have changed."""
    config = loaded.config
    if (config.witness is not None and config.witness.file is None) or config.is_one_machine:
        return
    if not knows_primary(store, loaded.runbook.runbook):
        raise NotReadyError(
            f"who is the primary can't be known here: the witness is {witness.name}, and no run was made from here",
            hint="name a witness at a third place in the config (witness:), or call it where the runs are made, with the same "
            "ALBUS_DR_STATE",
        )


def _set_all(loaded: Loaded, workloads: list[str], primary: str) -> None:
    """A proxy that reads its configuration anew answers as it was, and is closed a moment later: look again for a while.

    Every door that answers is set, whatever the others do. Raises what the first of those said that did not answer."""
    over_s = time.monotonic() + WATCH_S
    while True:
        last = time.monotonic() > over_s
        failed: list[AlbusError] = []
        for workload in workloads:
            try:
                _set(loaded, workload, primary)
            except AlbusError as error:
                failed.append(error)
        if last and failed:
            raise failed[0]
        if last:
            return
        time.sleep(POLL_S)


def _set(loaded: Loaded, workload: str, primary: str) -> None:
    """Closed first: no moment with both sites behind one door."""
    config = loaded.config.proxies[cast(traffic.Model, loaded.runbook.workloads[workload]).proxy]
    door = access.door(config)
    for site, server in sorted(config.servers.items(), key=lambda item: item[0] == primary):
        wanted: ServerState = "ready" if site == primary else "maint"
        if door.state(server) != wanted:
            door.set_state(server, wanted)
