"""The signed file: any changed byte is found, with the public key alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from albus_dr.cli.schema import SCHEMAS
from albus_dr.errors import VerificationError
from albus_dr.evidence.envelope import PAYLOAD_TYPE, keyid, open_sealed, payload_of, seal, statement
from albus_dr.evidence.keys import public_key
from tests.evidence.recorded import RUN, recorded

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return seal(recorded(tmp_path_factory.mktemp("journal"), "hds"), KEY)


def test_what_was_sealed_is_opened(sealed: bytes) -> None:
    opened = open_sealed(sealed, PUBLIC)
    assert opened.keyid == keyid(PUBLIC)
    assert opened.predicate["run"]["run"] == RUN


@pytest.mark.parametrize("version", ["0.1.0"])
def test_a_file_that_an_auditor_kept_is_opened_by_every_later_version(version: str) -> None:
    """Made once, by that version, with a key that nobody has any more: whatever changes here, it stays what it is."""
    kept = Path(__file__).parent / "kept" / f"{version}.json"
    opened = open_sealed(kept.read_bytes(), public_key(kept.with_suffix(".pub")))
    assert (opened.predicate["run"]["run"], opened.predicate["made_by"]["version"]) == (RUN, version)
    Draft202012Validator(SCHEMAS["evidence"]()).validate(opened.predicate)
    changed = bytearray(kept.read_bytes())
    changed[len(changed) // 2] ^= 1
    with pytest.raises(VerificationError):
        open_sealed(bytes(changed), public_key(kept.with_suffix(".pub")))


def test_the_reference_implementation_takes_the_statement(sealed: bytes) -> None:
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    Statement.copy_from_pb(ParseDict(json.loads(payload_of(sealed)), Message())).validate()


def test_a_changed_bit_is_found_wherever_it_is(sealed: bytes) -> None:
    edges = 300  # the envelope's own keys, the key's id and the signature stand there; between them is one long text
    places = [*range(edges), *range(edges, len(sealed) - edges, 101), *range(len(sealed) - edges, len(sealed))]
    survived = []
    for number, place in enumerate(places):
        changed = bytearray(sealed)
        changed[place] ^= 1 << number % 8
        try:
            open_sealed(bytes(changed), PUBLIC)
            survived.append(place)
        except VerificationError:
            pass
    assert survived == []


def rewritten(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def rewrite(content: bytes) -> bytes:
        data = json.loads(content)
        change(data)
        return (json.dumps(data, indent=1) + "\n").encode()

    return rewrite


def spare_bits(data: dict[str, Any]) -> None:
    """Base64 that decodes to the same bytes: the last letter before = has bits that nobody reads."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    sig = data["signatures"][0]["sig"].rstrip("=")
    data["signatures"][0]["sig"] = sig[:-1] + letters[letters.index(sig[-1]) ^ 1] + "=="


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content + b"\n",
        rewritten(lambda data: data["signatures"][0].update(note="approved")),
        lambda content: content[:-1],
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: json.dumps(json.loads(content)).encode(),
        rewritten(lambda data: data.update(note="approved")),
        rewritten(spare_bits),
        rewritten(lambda data: data["signatures"].append(dict(data["signatures"][0], keyid="00"))),
        rewritten(lambda data: data["signatures"].clear()),
        rewritten(lambda data: data.update(payloadType="text/plain")),
        rewritten(lambda data: data.update(signatures=7)),
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"\xff\xfe",
    ],
)
def test_a_rewritten_file_is_refused(sealed: bytes, change: Callable[[bytes], bytes]) -> None:
    changed = change(sealed)
    assert changed != sealed
    with pytest.raises(VerificationError) as refused:
        open_sealed(changed, PUBLIC)
    assert int(refused.value.exit_code) == 5


def test_what_a_terminal_of_another_encoding_said_can_be_sealed(tmp_path: Path) -> None:
    predicate = recorded(tmp_path, "hds")
    half = b"d\xe9cid\xe9".decode("utf-8", "surrogateescape")
    assert open_sealed(seal({**predicate, "said": half}, KEY), PUBLIC).predicate["said"] == half


def test_another_key_is_refused(sealed: bytes) -> None:
    with pytest.raises(VerificationError, match="not that of the key"):
        open_sealed(sealed, Ed25519PrivateKey.generate().public_key())


def sealed_statement(found: dict[str, Any], payload_type: str = PAYLOAD_TYPE) -> bytes:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner

    envelope = Envelope(json.dumps(found).encode(), payload_type, {})
    envelope.sign(CryptoSigner(KEY))
    return (json.dumps(envelope.to_dict(), indent=1) + "\n").encode()


def test_signed_nonsense_is_refused(tmp_path: Path) -> None:
    good = statement(recorded(tmp_path))
    assert open_sealed(sealed_statement(good), PUBLIC)
    other_plan = json.loads(json.dumps(good))
    other_plan["predicate"]["plan"]["steps"].pop()
    other_subject = json.loads(json.dumps(good))
    other_subject["subject"][0]["digest"]["sha256"] = "0" * 64
    for wrong in (other_plan, other_subject, {**good, "predicateType": "urn:other"}, {}, {**good, "predicate": []}):
        with pytest.raises(VerificationError, match="is not evidence of albus-dr"):
            open_sealed(sealed_statement(wrong), PUBLIC)
    with pytest.raises(VerificationError, match="something else"):
        open_sealed(sealed_statement(good, "text/plain"), PUBLIC)


def test_it_is_an_ordinary_dsse_envelope(sealed: bytes) -> None:
    """Verified by hand as the DSSE specification says, without securesystemslib."""
    data = json.loads(sealed)
    payload, kind = base64.b64decode(data["payload"], validate=True), data["payloadType"].encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    PUBLIC.verify(base64.b64decode(data["signatures"][0]["sig"], validate=True), signed)
