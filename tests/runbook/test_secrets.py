"""From a reference to the secret."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from albus_dr.errors import AlbusError, NotReadyError
from albus_dr.runbook.config import SecretRef
from albus_dr.tools import secrets
from albus_dr.tools.process import TimeoutExpired, redact
from albus_dr.tools.secrets import reveal


def secret_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALBUS_TEST_KEY", "from-the-environment")

    assert reveal(SecretRef(env="ALBUS_TEST_KEY"), tmp_path) == "from-the-environment"


def test_from_a_file_beside_the_config_without_one_newline(tmp_path: Path) -> None:
    secret_file(tmp_path / "key", b"from-a-file\n\n")

    assert reveal(SecretRef(file="key"), tmp_path) == "from-a-file\n"
    assert reveal(SecretRef(file=str(tmp_path / "key")), Path("/")) == "from-a-file\n"


def test_from_a_command_in_the_configs_directory(tmp_path: Path) -> None:
    secret_file(tmp_path / "key", b"from-a-command\n")

    assert reveal(SecretRef(command=("cat", "key")), tmp_path) == "from-a-command"


def test_what_was_revealed_is_redacted_from_then_on(tmp_path: Path) -> None:
    secret_file(tmp_path / "key", b"never-seen-before")
    assert redact("it is never-seen-before") == "it is never-seen-before"

    reveal(SecretRef(file="key"), tmp_path)

    assert redact("it is never-seen-before") == "it is [secret]"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_open_to_others_is_refused_with_the_chmod(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path / "key", b"hunter2", mode)
    with pytest.raises(NotReadyError) as caught:
        reveal(SecretRef(file="key"), tmp_path)

    assert caught.value.hint == f"chmod 600 {path}"
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8 text"), (b"x" * 70_000, "is larger than 64 KiB")],
)  # fmt: skip
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    secret_file(tmp_path / "key", content)

    with pytest.raises(NotReadyError, match=said):
        reveal(SecretRef(file="key"), tmp_path)


def test_a_file_that_is_none_is_refused_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(NotReadyError, match="is not a regular file"):
        reveal(SecretRef(file="pipe"), tmp_path)
    with pytest.raises(NotReadyError, match="can't be read: No such file"):
        reveal(SecretRef(file="missing"), tmp_path)
    with pytest.raises(NotReadyError, match="can't be read: this is not the name of a file"):
        reveal(SecretRef(file="a\0b"), tmp_path)


def test_a_variable_that_is_not_set_or_empty_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALBUS_TEST_KEY", raising=False)
    with pytest.raises(NotReadyError, match="ALBUS_TEST_KEY is not set"):
        reveal(SecretRef(env="ALBUS_TEST_KEY"), tmp_path)
    monkeypatch.setenv("ALBUS_TEST_KEY", "")
    with pytest.raises(NotReadyError, match="ALBUS_TEST_KEY is empty"):
        reveal(SecretRef(env="ALBUS_TEST_KEY"), tmp_path)


def test_a_command_that_fails_does_not_tell_what_it_printed(tmp_path: Path) -> None:
    code = "import sys; print('hunter2'); print('hunter2', file=sys.stderr); sys.exit(3)"
    with pytest.raises(AlbusError) as caught:
        reveal(SecretRef(command=(sys.executable, "-c", code)), tmp_path)

    assert "ended with 3" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "COMMAND_TIMEOUT_S", 0.2)

    with pytest.raises(TimeoutExpired):
        reveal(SecretRef(command=("sleep", "60")), tmp_path)
