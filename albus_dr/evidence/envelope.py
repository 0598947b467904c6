"""The signed file: a DSSE envelope (securesystemslib) over an in-toto statement, in one exact form.

The signature covers the statement. The rest of the file (blanks, spare bits of base64, unknown keys) is covered by the
form: a file that is not, byte for byte, what would be written for its content, is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from albus_dr.errors import VerificationError
from albus_dr.evidence.dsse import CryptoSigner, Envelope, NotSignedByKey, SSlibKey
from albus_dr.evidence.predicate import canonical_sha256

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:albus-dr:evidence:1"
_HINT = "take another copy of the file; compare the key with the one that its sender gave you"


@dataclass(frozen=True)
class Opened:
    """What a file says, once its signature and its form are known to be right."""

    keyid: str
    statement: Mapping[str, Any]

    @property
    def predicate(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.statement["predicate"]
        return found


def statement(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto statement (v1) about the run's journal (the mirror ``journal.jsonl``) and its plan."""
    run = predicate["run"]["run"]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": f"{run}/journal.jsonl", "digest": {"sha256": predicate["journal"]["mirror_sha256"]}},
            {"name": f"{run}/plan", "digest": {"sha256": predicate["plan_digest"]}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }


def seal(predicate: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The content of the signed file."""
    payload = json.dumps(statement(predicate), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # Half a character, of a terminal that speaks another encoding, is written as JSON escapes it.
    envelope = Envelope(payload.encode(errors="backslashreplace"), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(key))
    return _written(envelope.to_dict())


def keyid(key: Ed25519PublicKey) -> str:
    """How envelopes name the key."""
    name: str = SSlibKey.from_crypto(key).keyid
    return name


def open_sealed(content: bytes, key: Ed25519PublicKey) -> Opened:
    """What the file says. Raises VerificationError when a byte of it is not what the holder of the key signed."""
    envelope = _envelope(content)
    try:
        by = envelope.verify([SSlibKey.from_crypto(key)], 1)
    except NotSignedByKey:
        raise VerificationError(
            f"the signature is not that of the key {keyid(key)[:16]} over this content", hint=_HINT
        ) from None
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError(f"it is signed, and holds something else: {envelope.payload_type}", hint=_HINT)
    try:
        found = json.loads(envelope.payload)
        _require_consistent(found)
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(f"it is signed, and is not evidence of albus-dr: {error}", hint=_HINT) from None
    return Opened(next(iter(by)), found)


def _envelope(content: bytes) -> Envelope:
    try:
        data = json.loads(content)
        envelope = Envelope.from_dict(json.loads(content))  # it changes what it is given
        signature = data["signatures"][0]  # the library keeps, and writes, what else stands in it
        well_formed = len(data["signatures"]) == 1 and signature.keys() == {"keyid", "sig"}
        well_formed = well_formed and _written(envelope.to_dict()) == content
    except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
        raise VerificationError("it is not an envelope, or a damaged one", hint=_HINT) from None
    except Exception as error:  # noqa: BLE001 -- whatever else the library says of a damaged file
        raise VerificationError(f"it is a damaged envelope: {error}", hint=_HINT) from None
    if not well_formed:
        raise VerificationError("it was changed outside of what is signed", hint=_HINT)
    return envelope


def _require_consistent(found: Mapping[str, Any]) -> None:
    """Raises ValueError where the statement contradicts itself."""
    if found["_type"] != STATEMENT_TYPE or found["predicateType"] != PREDICATE_TYPE:
        raise ValueError(f"it is a {found['predicateType']}")
    predicate = found["predicate"]
    if canonical_sha256(predicate["plan"]) != predicate["plan_digest"]:
        raise ValueError("its plan is not the one of its digest")
    if statement(predicate)["subject"] != found["subject"]:
        raise ValueError("its subject is not the run that it describes")


def _written(envelope: Mapping[str, Any]) -> bytes:
    return (json.dumps(envelope, indent=1) + "\n").encode()


def payload_of(content: bytes) -> bytes:
    """The signed statement's bytes, unverified: for looking."""
    return base64.b64decode(json.loads(content)["payload"])
