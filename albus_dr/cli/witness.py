"""albus-dr witness show RUNBOOK | witness set RUNBOOK --primary SITE"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from albus_dr.cli.charge import by_hand, witness_of
from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    QuietOption,
    RunbookArgument,
    YesOption,
    load_runbook,
)
from albus_dr.engine.history import epoch_seen
from albus_dr.errors import RefusedError, UsageError
from albus_dr.runbook.loader import Loaded
from albus_dr.safety import rule
from albus_dr.safety.record import Record, RunLease

SCHEMA = "albus-dr/witness/1"
app = typer.Typer(
    help="Show what the witness holds, or write it anew.", no_args_is_help=True, add_completion=False,
    rich_markup_mode=None,
)  # fmt: skip


@app.command()
def show(
    runbook: RunbookArgument,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who is primary since which epoch, who is changing it, and who holds which lease until when."""
    loaded = load_runbook(runbook, config)
    witness = witness_of(loaded)
    seen = witness.read()
    if as_json:
        typer.echo(json.dumps(_document(witness.name, seen.record), indent=2))
        return
    typer.echo(f"witness  {witness.name}")
    for name, text in lines(seen.record, seen.now, witness.margin_s):
        typer.echo(f"{name:8} {text}")


def _document(name: str, record: Record | None) -> dict[str, Any]:
    return {"schema": SCHEMA, "witness": name, "record": record.to_json() if record else None}


def lines(record: Record | None, now: float, margin_s: float) -> Iterator[tuple[str, str]]:
    """What the record says, for people; times are the witness's own."""
    if record is None:
        yield "primary", "nothing is written here before the first change of primary"
        return
    # The first change of primary writes down who was primary until then; it did not make it so.
    when = "since" if record.epoch > 1 else "written"
    since = f"{when} {datetime.fromtimestamp(record.changed_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield "primary", f"{record.primary}, epoch {record.epoch}, {since} by {record.changed_by}"
    if record.unfinished:
        yield "", f"NOT FINISHED: {record.unfinished} was not seen to promote it"
    if record.claim:
        yield "claim", f"{record.claim.target}, by {record.claim.run}: nothing starts as a primary"
    for lease in (record.run_lease, record.write_lease):
        if lease is None:
            continue
        left = rule.left_s(lease, now, margin_s)
        until = f"lapses in {left:.0f} s unless it is renewed" if left else "lapsed"
        if isinstance(lease, RunLease):
            yield "run", f"{lease.purpose} by {lease.holder} ({lease.run}), {until}"
        else:
            sort = "keeps a lease" if lease.kept else "may start its server"
            yield "guard", f"{lease.holder} at {lease.site} {sort}, {until}"


@app.command("set")
def set_(
    runbook: RunbookArgument,
    primary: Annotated[str, typer.Option("--primary", metavar="SITE", help="The site that is the primary.")],
    fenced_by: Annotated[
        str | None,
        typer.Option(
            "--fenced-by", help='Where the other site does not answer: "who made sure that it can\'t write, how, when".'
        ),
    ] = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    yes: YesOption = False,
) -> None:
    """Write the witness anew from what both sites show: it was lost, set back, or went without a change of primary.

    It starts and promotes nothing. Refused where the sites say otherwise.
    """
    loaded = load_runbook(runbook, config)
    name, pair = loaded.runbook.runbook, (loaded.runbook.sites.primary, loaded.runbook.sites.secondary)
    if primary not in pair:
        raise UsageError(f"the runbook has no site {primary}", hint=f"one of: {', '.join(pair)}")
    other = next(site for site in pair if site != primary)
    _require_roles(loaded, primary, other, fenced_by)
    _ask(f"the witness of {name} will say that {primary} is the primary, and {other} is not. Go on?", yes)
    with by_hand(loaded, engine, "witness set", strict=False) as held:
        if held.known:
            held.witness.change(_without_claim)
        epoch = epoch_seen(held.store, name)
        record = held.witness.establish(primary, run=held.run, epoch_seen=epoch, identities={})
    if as_json:
        typer.echo(json.dumps(_document(held.witness.name, record), indent=2))
    elif not quiet:
        typer.echo(f"epoch {record.epoch}: {record.primary} is primary, by {held.witness.name}")


def _without_claim(record: Record, _: float) -> rule.Decision:
    if record.claim is None or record.run_lease is None:
        return rule.Decision(True, "nothing is claimed")
    return rule.release_claim(record, record.run_lease.run)


def _require_roles(loaded: Loaded, primary: str, other: str, fenced_by: str | None) -> None:
    """Raises RefusedError where a server shows another role than the person says."""
    from albus_dr.workloads import standing

    found = standing.observe_all(standing.Setting(loaded.runbook, loaded.config, loaded.config_path.parent))
    for each in found:
        if each.kind != "postgres":
            continue
        fits: dict[str, Any] = {primary: ("primary", "stopped"), other: ("standby", "stopped")}
        if each.role in fits[each.site] or (each.site == other and each.role == "unreachable" and fenced_by):
            continue
        why = f": {each.reason}" if each.reason else ""
        hint = (
            'make sure of it and say so: --fenced-by "who, how, when"'
            if each.site == other
            else "albus-dr status shows the roles"
        )
        raise RefusedError(f"{each.workload} at {each.site} is {each.role or 'unknown'}{why}", hint=hint)


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this changes who may write, and asks first", hint="where nobody can answer, say --yes")
    typer.confirm(question, abort=True, err=True)
