"""albus-dr evidence keygen | create RUN --output FILE | verify FILE"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albus_dr import __version__
from albus_dr.cli.common import (
    EngineOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    answering_in,
    find_run,
    journal,
    state_directory,
    writing,
)
from albus_dr.cli.folding import columns, table
from albus_dr.cli.phrases import PHRASES
from albus_dr.errors import UsageError
from albus_dr.evidence import envelope, keys
from albus_dr.evidence.files import New, write_new
from albus_dr.evidence.predicate import Surroundings, Tool, predicate
from albus_dr.evidence.profiles import PROFILES
from albus_dr.journal.errors import BrokenChain
from albus_dr.journal.fold import fold
from albus_dr.report.words import Words, words_of

if TYPE_CHECKING:
    from albus_dr.journal.event import Event
    from albus_dr.journal.store import JournalStore

KEYGEN_SCHEMA = "albus-dr/evidence-keygen/1"
CREATE_SCHEMA = "albus-dr/evidence-create/1"
VERIFY_SCHEMA = "albus-dr/evidence-verify/1"
app = typer.Typer(
    help="The signed file about a run, for an auditor.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
PassphraseOption = Annotated[
    str | None,
    typer.Option(
        "--passphrase", metavar="REFERENCE", help="Where the key's passphrase is: env:NAME or file:FILE. Never itself.",
        envvar="ALBUS_DR_EVIDENCE_PASSPHRASE",
    ),
]  # fmt: skip


@app.command("keygen")
def keygen(
    output: Annotated[
        Path | None, typer.Option("--output", help="The private key. Default: evidence.key in the state directory.")
    ] = None,
    passphrase: PassphraseOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Make a key to sign evidence with. The public key goes to whoever verifies; nothing is overwritten."""
    words = words_of(lang)
    path = output or state_directory() / "evidence.key"
    secret = _passphrase(passphrase)
    with writing(path):
        public = keys.generate(path, secret)
    name = envelope.keyid(keys.public_key(public))
    if as_json:
        document = {"schema": KEYGEN_SCHEMA, "private_key": str(path), "public_key": str(public), "keyid": name}
        typer.echo(json.dumps(document, indent=2))
    elif not quiet:
        typer.echo("\n".join(_keys(path, public, name, words)))


def _keys(path: Path, public: Path, name: str, words: Words) -> list[str]:
    rows = (
        (words.say(PHRASES["evidence.private"]), words.say(PHRASES["evidence.keep"], path=path)),
        (words.say(PHRASES["evidence.public"]), words.say(PHRASES["evidence.give"], path=public)),
        (words.say(PHRASES["evidence.keyid"]), name),
    )
    return table(rows, columns(sys.stdout))


@app.command("create")
def create(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", help="The file to write. Nothing is overwritten.")],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            help="An ed25519 private key, SSH's too. Default: evidence.key in the state directory.",
            envvar="ALBUS_DR_EVIDENCE_KEY",
        ),
    ] = None,
    passphrase: PassphraseOption = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile", metavar="NAME", help=f"Add what it asks for: {', '.join(PROFILES)}. May be repeated."
        ),
    ] = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Write one signed file about a run that has ended: what was planned, done, measured, verified, and by whom.

    It needs the journal and the key, and asks no site. It holds no text that a program printed or a database answered.
    """
    words = words_of(lang)
    profiles = list(dict.fromkeys(name for each in profile or () for name in each.split(",")))
    if unknown := [name for name in profiles if name not in PROFILES]:
        raise UsageError(f"there is no profile {unknown[0]}", hint="one of: " + ", ".join(PROFILES))
    signer = keys.private_key(key or state_directory() / "evidence.key", _passphrase(passphrase))
    with journal(engine) as store:
        events = store.events(find_run(store, run))
        if fold(events).exit_code is None:
            raise UsageError(f"{events[0].run} has not ended", hint=f"albus-dr runs show {events[0].run}")
        _mirror_whole(store, events)
    found = predicate(events, _surroundings(), profiles)
    _write(output, envelope.seal(found, signer))
    created = _created(output, events[0].run, envelope.keyid(signer.public_key()), found["profiles"])
    if as_json:
        typer.echo(json.dumps(created, indent=2))
    elif not quiet:
        typer.echo("\n".join(_told(created, words)))


def _mirror_whole(store: JournalStore, events: Sequence[Event]) -> None:
    """This machine's journal.jsonl is what the evidence is about, whichever machines have added to the run.

    Raises BrokenChain where it holds an event that the journal does not: one of the two was changed, and is not written over.
    """
    run, known = events[0].run, {event.hash for event in events}
    try:
        path = store.run_directory(run) / "journal.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise UsageError(
            f"{error.filename} can't be used: {error.strerror}", hint="run it as the user that owns it"
        ) from None
    for line in lines:
        with contextlib.suppress(ValueError, AttributeError):  # a crash cut the line short
            if json.loads(line).get("hash") not in known:
                raise BrokenChain(
                    run,
                    f"{path} holds an event that the journal of {run} does not",
                    hint="compare them; one was changed",
                )
    store.mirror_again(run)


def _created(output: Path, run: str, keyid: str, profiles: list[dict[str, Any]]) -> dict[str, Any]:
    """What create has to say: the file, the key, and for each profile how much is recorded and what is missing."""
    answered = []
    for each in profiles:
        missing = [answer["asks"] for answer in each["answers"] if answer["status"] == "missing"]
        recorded = len(each["answers"]) - len(missing)
        answered.append({"profile": each["profile"], "recorded": recorded, "missing": missing})
    return {"schema": CREATE_SCHEMA, "file": str(output), "run": run, "keyid": keyid, "profiles": answered}


def _told(created: Mapping[str, Any], words: Words) -> list[str]:
    lines = [
        words.say(PHRASES["evidence.created"], file=created["file"], run=created["run"], key=created["keyid"][:16])
    ]
    for each in created["profiles"]:
        counts = {"recorded": words.number(each["recorded"]), "missing": words.number(len(each["missing"]))}
        lines.append(words.say(PHRASES["evidence.profile"], profile=each["profile"], **counts))
        lines += [words.say(PHRASES["evidence.missing"], asks=words.retold(asks)) for asks in each["missing"]]
    return lines


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What evidence create wrote.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", help="The signer's public key. Default: evidence.key.pub in the state directory."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> None:
    """Is every byte of the file what the holder of the key signed? Needs the file and the public key, and nothing else.

    Exit code 5 when not.
    """
    words = words_of(lang)
    signed_by = keys.public_key(key or state_directory() / "evidence.key.pub")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from None
    with answering_in(words):
        opened = envelope.open_sealed(content, signed_by)
    if as_json:
        typer.echo(json.dumps(_document(opened), indent=2))
    elif not quiet:
        typer.echo("\n".join(_lines(file, opened, words)))


def _document(opened: envelope.Opened) -> dict[str, Any]:
    found = opened.predicate
    return {
        "schema": VERIFY_SCHEMA, "valid": True, "keyid": opened.keyid, "made_at": found["made_at"], "run": found["run"],
        "plan_digest": found["plan_digest"], "journal_head": found["journal"]["head"], "predicate": found,
    }  # fmt: skip


def _lines(file: Path, opened: envelope.Opened, words: Words) -> list[str]:
    found = opened.predicate
    run = found["run"]
    at = words.second(datetime.fromisoformat(found["made_at"]))
    return [
        words.say(PHRASES["evidence.verified"], file=file, key=opened.keyid[:16]),
        words.say(
            PHRASES["evidence.run"], operation=words.retold(run["operation"]), runbook=run["runbook"],
            verdict=words.retold(run["verdict"]), level=run["proof_level"], run=run["run"],
        ),
        words.say(
            PHRASES["evidence.made"], at=at, version=found["made_by"]["version"], head=found["journal"]["head"][:16]
        ),
        words.say(PHRASES["evidence.limits"]),
        *(f"  - {words.retold(each)}" for each in found["does_not_show"]),
    ]  # fmt: skip


def _passphrase(reference: str | None) -> str | None:
    """The passphrase that the reference leads to. Raises UsageError for anything that is not a reference."""
    if not reference:
        return None
    from albus_dr.runbook.config import SecretRef
    from albus_dr.tools.secrets import reveal

    way, _, where = reference.partition(":")
    if way == "env" and where.isidentifier():
        return reveal(SecretRef(env=where), Path())
    if way == "file" and where:
        return reveal(SecretRef(file=where), Path())
    raise UsageError("--passphrase takes a reference, never the passphrase", hint="env:NAME or file:FILE")


def _surroundings() -> Surroundings:
    from albus_dr.tools.inventory import format_version, take_inventory

    tools = tuple(
        Tool(each.name, format_version(each.version) if each.version else None, each.problem or None)
        for each in take_inventory()
    )
    return Surroundings(datetime.now(UTC), __version__, tools)


def _write(path: Path, content: bytes) -> None:
    try:
        write_new([New(path, content, 0o600)])
    except FileExistsError:
        raise UsageError(
            f"{path} is there already, and evidence is not overwritten", hint="name another file"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", hint="name another file") from None
