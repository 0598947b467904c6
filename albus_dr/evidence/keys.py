"""Ed25519 keys: made here (PKCS #8 in PEM), or SSH's own. A private key is private: mode 0600, never overwritten."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from albus_dr.errors import UsageError
from albus_dr.evidence.files import New, write_new

MAX_BYTES = 65_536
_WRONG = (ValueError, TypeError, UnsupportedAlgorithm)


def generate(path: Path, passphrase: str | None) -> Path:
    """Write a new private key to ``path`` and its public key beside it (``.pub``), whose path it returns.

    Raises UsageError where either is there already.
    """
    key = Ed25519PrivateKey.generate()
    protection = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_name(f"{path.name}.pub")
    for each in (path, beside):
        if each.exists():
            raise UsageError(f"{each} is there already", hint="evidence signed with a lost key stays valid; --output")
    try:
        write_new((New(path, private, 0o600), New(beside, public, 0o644)))
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", hint="--output names another file") from None
    return beside


def private_key(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    """The private key in the file, in PEM or as ssh-keygen writes it. Raises UsageError."""
    content = _read(path, private=True)
    load: Callable[..., object] = serialization.load_pem_private_key
    if b"BEGIN OPENSSH PRIVATE KEY" in content:
        load = serialization.load_ssh_private_key
    secret = passphrase.encode() if passphrase else None
    try:
        key = load(content, password=secret)
    except _WRONG as error:
        raise UsageError(
            f"{path} can't be used as a private key: {_reason(error)}",
            hint="--passphrase file:FILE or env:NAME says where its passphrase is; albus-dr evidence keygen makes a key",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} is not an ed25519 key", hint="ssh-keygen -t ed25519, or albus-dr evidence keygen")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """The public key in the file: PEM, or a line of SSH's. Raises UsageError."""
    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise UsageError(f"{path} is a private key", hint="to verify takes the public one, which ends in .pub")
    load: Callable[[bytes], object] = serialization.load_pem_public_key
    if content.startswith((b"ssh-", b"ecdsa-")):
        load = serialization.load_ssh_public_key
    try:
        key = load(content)
    except _WRONG as error:
        raise UsageError(f"{path} can't be used as a public key: {_reason(error)}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is not an ed25519 key")
    return key


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _read(path: Path, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the key {path} can't be read: {error.strerror}",
            hint="--key names one; albus-dr evidence keygen makes one to sign with"
            if private
            else "--key names the public key of whoever signed it: ask for it",
        ) from None
    if private and stat.S_IMODE(mode) & 0o077:
        raise UsageError(f"the private key {path} is open to other users", hint=f"chmod 600 {path}")
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} is too large for a key")
    return content
