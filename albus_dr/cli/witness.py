"""albus-dr witness show RUNBOOK | witness set RUNBOOK --primary SITE"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albus_dr.cli.charge import by_hand, witness_of
from albus_dr.cli.common import (
    ConfigOption,
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunbookArgument,
    YesOption,
    load_runbook,
    statement,
)
from albus_dr.cli.consent import require_yes
from albus_dr.cli.folding import columns, fitted, table
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.engine.history import epoch_seen
from albus_dr.errors import AlbusError, RefusedError, UsageError
from albus_dr.report.words import ENGLISH, Words, words_of
from albus_dr.runbook.loader import Loaded
from albus_dr.safety import rule
from albus_dr.safety.record import Record
from albus_dr.safety.witness import Seen

if TYPE_CHECKING:
    from albus_dr.workloads.standing import Standing

_Controls = Mapping[tuple[str, str], Mapping[str, str]]
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
    lang: LangOption = "en",
) -> None:
    """Show who is primary since which epoch, who is changing it, and who holds which lease until when."""
    words = words_of(lang)
    loaded = load_runbook(runbook, config)
    witness = witness_of(loaded)
    seen = witness.read()
    if as_json:
        typer.echo(json.dumps(_document(witness.name, seen.record), indent=2))
        return
    held = Held(witness.name, seen, witness.margin_s)
    typer.echo("\n".join(table(list(lines(held, words)), columns(sys.stdout))))


def _document(name: str, record: Record | None) -> dict[str, Any]:
    return {"schema": SCHEMA, "witness": name, "record": record.to_json() if record else None}


@dataclass(frozen=True)
class Held:
    """What a look at the witness found. ``seen`` is None where it did not answer or is not believed."""

    name: str
    seen: Seen | None
    margin_s: float


def lines(held: Held, words: Words = ENGLISH) -> Iterator[tuple[str, str]]:
    """What the record says, for people, each line with its label; times are the witness's own."""

    def say(key: str, **values: object) -> str:
        return words.say(PHRASES[f"witness.{key}"], **values)

    yield say("witness"), words.retold(held.name)
    if held.seen is None:
        return
    record, now = held.seen.record, held.seen.now
    if record is None:
        yield say("primary"), say("nothing")
        return
    # The first change of primary writes down who was primary until then; it did not make it so.
    key = "since" if record.epoch > 1 else "written"
    at = words.second(datetime.fromtimestamp(record.changed_at, UTC))
    yield say("primary"), say(key, primary=record.primary, epoch=record.epoch, at=at, who=record.changed_by)
    if record.unfinished:
        yield "", say("unfinished", run=record.unfinished)
    if claim := record.claim:
        yield say("claim"), say("claimed", target=claim.target, run=claim.run)
    if lease := record.run_lease:
        left_s = rule.left_s(lease, now, held.margin_s)
        operation, _, runbook = lease.purpose.partition(" of ")
        purpose = words.say(PHRASES["heading"], operation=words.retold(operation), runbook=runbook)
        left = words.whole(math.ceil(left_s))
        key = "changes" if left_s else "changes_no_more"
        yield say("run"), say(key, purpose=purpose, who=lease.holder, run=lease.run, left=left)
    if guard := record.write_lease:
        left_s = rule.left_s(guard, now, held.margin_s)
        key = ("kept" if guard.kept else "window") + ("" if left_s else "_over")
        holder = words.retold(guard.holder)
        yield say("guard"), say(key, holder=holder, site=guard.site, left=words.whole(math.ceil(left_s)))


@app.command("set")
def set_(
    runbook: RunbookArgument,
    primary: Annotated[str, typer.Option("--primary", metavar="SITE", help="The site that is the primary.")],
    fenced_by: Annotated[
        str | None,
        typer.Option(
            "--fenced-by",
            help='Where the other site does not answer: "who made sure that its server is stopped, how, when".',
        ),
    ] = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    yes: YesOption = False,
    lang: LangOption = "en",
) -> None:
    """Write the witness anew from what both sites show: it was lost, set back, or went without a change of primary.

    It starts and promotes nothing. Refused where the sites say otherwise, and while a standby runs at the site that the
    witness names now: a promotion may still arrive there.
    """
    words, fenced_by = words_of(lang), statement("--fenced-by", fenced_by)
    loaded = load_runbook(runbook, config)
    name, pair = loaded.runbook.runbook, (loaded.runbook.sites.primary, loaded.runbook.sites.secondary)
    if primary not in pair:
        raise UsageError(f"the runbook has no site {primary}", hint=f"one of: {', '.join(pair)}")
    other = next(site for site in pair if site != primary)
    ended = _require_roles(_standing(loaded), _controls(loaded), primary, other, fenced_by)
    named = rule.name_primary(witness_of(loaded).read().record, primary, other_ended=ended)
    if not named.allowed:
        raise RefusedError(
            named.reason, hint=f"stop PostgreSQL at {other}, then do it again; it may start as a standby afterwards"
        )
    _ask(words.say(PHRASES["witness.ask"], runbook=name, primary=primary, other=other), yes)
    with by_hand(loaded, engine, "witness set", strict=False) as held:
        controls = _controls(loaded)  # everything once more, as from here on no run may promote
        ended = _require_roles(_standing(loaded), controls, primary, other, fenced_by)
        if held.known:
            held.witness.change(_without_claim)
        epoch = epoch_seen(held.store, name)
        record = held.witness.establish(
            primary, run=held.run, epoch_seen=epoch, identities=_identities(controls, primary), other_ended=ended
        )
    if as_json:
        typer.echo(json.dumps(_document(held.witness.name, record), indent=2))
    elif not quiet:
        said = f"epoch {record.epoch}: {record.primary} is primary, by {held.witness.name}"
        typer.echo(fitted(words.retold(said), sys.stdout, rest="  "))


def _without_claim(record: Record, _: float) -> rule.Decision:
    if record.claim is None or record.run_lease is None:
        return rule.Decision(True, "nothing is claimed")
    return rule.release_claim(record, record.run_lease.run)


def _standing(loaded: Loaded) -> Sequence[Standing]:
    from albus_dr.workloads import standing

    return standing.observe_all(standing.Setting(loaded.runbook, loaded.config, loaded.config_path.parent))


def _controls(loaded: Loaded) -> _Controls:
    """What pg_controldata tells of each database at each site, where it can be asked."""
    from albus_dr.workloads import access, postgres, standing

    setting = standing.Setting(loaded.runbook, loaded.config, loaded.config_path.parent)
    found = {}
    for name, model in loaded.runbook.workloads.items():
        for site in (loaded.runbook.sites.primary, loaded.runbook.sites.secondary):
            if isinstance(model, postgres.Model):
                with suppress(AlbusError):  # unreachable: its role says so
                    found[name, site] = access.server(setting, site, model.server).control()
    return found


def _identities(controls: _Controls, primary: str) -> dict[str, str]:
    """The system identifier of each database: of the one at the named primary, else of its copy."""
    ordered = sorted(controls.items(), key=lambda item: item[0][1] == primary)
    return {workload: control["Database system identifier"] for (workload, _), control in ordered}


def _require_roles(
    found: Sequence[Standing], controls: _Controls, primary: str, other: str, fenced_by: str | None
) -> bool:  # fmt: skip
    """True where every server of the other site is stopped, or is said to be.

    Raises RefusedError where a server shows another role than the person says. A lost primary shows none; the standby of
    it, at the other site, shows that it is no primary, or was none when it was stopped: a failover wants the witness to
    say so.
    """
    servers = {(each.workload, each.site): each for each in found if each.kind == "postgres"}
    for (workload, site), each in servers.items():
        fits: dict[str, Any] = {primary: ("primary", "stopped"), other: ("standby", "stopped")}
        if each.role in fits[site] or (site == other and each.role == "unreachable" and fenced_by):
            continue
        copy = servers[workload, other].role
        was_standby = controls.get((workload, other), {}).get("Database cluster state") == "shut down in recovery"
        if (
            site == primary
            and each.role == "unreachable"
            and (copy == "standby" or (copy == "stopped" and was_standby))
        ):
            continue
        why = f": {each.reason}" if each.reason else ""
        hint = (
            'make sure that it is stopped and say so: --fenced-by "who, how, when"'
            if site == other
            else "albus-dr status shows the roles"
        )
        raise RefusedError(f"{workload} at {site} is {each.role or 'unknown'}{why}", hint=hint)
    return all(each.role != "standby" for (_, site), each in servers.items() if site == other)


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this changes who may write, and asks first", hint="where nobody can answer, say --yes")
    require_yes(question)
