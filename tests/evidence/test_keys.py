"""Keys: ours and ssh-keygen's."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from albus_dr.errors import UsageError
from albus_dr.evidence.envelope import keyid, open_sealed, seal
from albus_dr.evidence.keys import generate, private_key, public_key
from tests.evidence.recorded import recorded


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_key_is_private_and_fits_its_public_half(tmp_path: Path) -> None:
    public = generate(tmp_path / "evidence.key", None)
    assert (mode(tmp_path / "evidence.key"), public.name) == (0o600, "evidence.key.pub")
    assert keyid(private_key(tmp_path / "evidence.key", None).public_key()) == keyid(public_key(public))


@pytest.mark.parametrize("there", ["evidence.key", "evidence.key.pub"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        generate(tmp_path / "evidence.key", None)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_passphrase_protects_it(tmp_path: Path) -> None:
    path = tmp_path / "evidence.key"
    generate(path, "a long sentence")
    assert b"ENCRYPTED" in path.read_bytes()
    assert private_key(path, "a long sentence")
    for wrong in (None, "another"):
        with pytest.raises(UsageError, match="can't be used as a private key") as refused:
            private_key(path, wrong)
        assert "a long sentence" not in str(refused.value)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evidence.key"
    generate(path, None)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="open to other users"):
        private_key(path, None)


def ssh_keygen(path: Path, kind: str, passphrase: str = "") -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed here")
    subprocess.run(
        ("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "ops", "-f", path),
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    return path.with_name(f"{path.name}.pub")


def test_keys_of_ssh_sign_and_verify(tmp_path: Path) -> None:
    public = ssh_keygen(tmp_path / "id_ed25519", "ed25519")
    sealed = seal(recorded(tmp_path), private_key(tmp_path / "id_ed25519", None))
    assert open_sealed(sealed, public_key(public)).keyid == keyid(public_key(public))


def test_a_key_of_ssh_with_a_passphrase_signs(tmp_path: Path) -> None:
    public = ssh_keygen(tmp_path / "id_ed25519", "ed25519", "correct horse")
    sealed = seal(recorded(tmp_path), private_key(tmp_path / "id_ed25519", "correct horse"))
    assert open_sealed(sealed, public_key(public)).keyid == keyid(public_key(public))
    for wrong in (None, "wrong horse"):
        with pytest.raises(UsageError, match="can't be used as a private key"):
            private_key(tmp_path / "id_ed25519", wrong)


def test_other_keys_are_refused(tmp_path: Path) -> None:
    public = ssh_keygen(tmp_path / "id_ecdsa", "ecdsa")
    with pytest.raises(UsageError, match="not an ed25519 key"):
        private_key(tmp_path / "id_ecdsa", None)
    with pytest.raises(UsageError, match="not an ed25519 key"):
        public_key(public)


def test_a_private_key_is_no_public_key_and_text_is_neither(tmp_path: Path) -> None:
    generate(tmp_path / "evidence.key", None)
    with pytest.raises(UsageError, match="is a private key"):
        public_key(tmp_path / "evidence.key")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(UsageError, match="can't be used"):
        public_key(tmp_path / "text")
    with pytest.raises(UsageError, match="can't be used"):
        private_key(tmp_path / "text", None)
    with pytest.raises(UsageError, match="can't be read"):
        public_key(tmp_path / "none")
