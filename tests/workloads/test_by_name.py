"""Files are hashed, sent and removed by names that no process list and no error shows."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from albus_dr.errors import StepError, TransientError
from albus_dr.tools.host import LocalHost
from albus_dr.workloads.files import by_name
from tests.workloads.test_small_pieces import context

HERE = LocalHost()
PATIENT = "zephyrine canarienne.pdf"


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every argument of sha256sum and tar is written into this file."""
    log, shims = tmp_path / "arguments", tmp_path / "shims"
    shims.mkdir()
    log.touch()
    for program in ("sha256sum", "tar"):
        shim = shims / program
        shim.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$0" "$@" >> \'{log}\'\nexec {shutil.which(program)} "$@"\n')
        shim.chmod(0o700)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    return log


def filled(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}")
    return root


def test_more_files_than_are_open_at_once_are_hashed(tmp_path: Path) -> None:
    names = [f"{number} of many" for number in range(2 * by_name._AT_ONCE + 3)]
    root = filled(tmp_path / "root", names)
    for number in (0, 7, 250):
        (root / names[number]).unlink()

    found = by_name.hash_files(HERE, str(root), names, context(tmp_path))

    assert found == {
        name: hashlib.sha256(f"content of {name}".encode()).hexdigest() for name in names if (root / name).exists()
    }


def test_a_directory_where_a_file_was_is_left_out(tmp_path: Path) -> None:
    root = filled(tmp_path / "root", ["file", "now a directory/file"])

    assert set(by_name.hash_files(HERE, str(root), ["file", "now a directory"], context(tmp_path))) == {"file"}


def test_no_argument_holds_a_name(tmp_path: Path, arguments: Path) -> None:
    root, other = filled(tmp_path / "root", [f"a/{PATIENT}", PATIENT]), tmp_path / "other"
    other.mkdir()
    names = [f"a/{PATIENT}", PATIENT]

    assert len(by_name.hash_files(HERE, str(root), names, context(tmp_path))) == 2
    by_name.send_files((HERE, str(root)), (HERE, str(other)), by_name.with_parents(names), context(tmp_path))
    by_name.remove_files(HERE, str(root), names, context(tmp_path))

    assert sorted(path.name for path in other.rglob("*")) == ["a", PATIENT, PATIENT]
    assert [path.name for path in root.rglob("*")] == ["a"]
    assert arguments.read_text().count("sha256sum") == 2
    assert arguments.read_text().count("--remove-files") == 1
    assert "zephyrine" not in arguments.read_text()


def test_directories_are_sent_as_they_are(tmp_path: Path) -> None:
    root, other = filled(tmp_path / "root", ["private/deep/file"]), tmp_path / "other"
    other.mkdir()
    (root / "private").chmod(0o2750)
    (root / "private/deep").chmod(0o700)

    by_name.send_files(
        (HERE, str(root)), (HERE, str(other)), by_name.with_parents(["private/deep/file"]), context(tmp_path)
    )

    assert ((other / "private").stat().st_mode & 0o7777, (other / "private/deep").stat().st_mode & 0o7777) == (
        0o2750,
        0o700,
    )


def test_attributes_are_sent_with_a_file(tmp_path: Path) -> None:
    root, other = filled(tmp_path / "root", ["file"]), tmp_path / "other"
    other.mkdir()
    try:
        os.setxattr(root / "file", "user.kept", b"by law")
    except OSError as error:
        pytest.skip(f"no extended attributes below {tmp_path}: {error.strerror}")

    by_name.send_files((HERE, str(root)), (HERE, str(other)), ["file"], context(tmp_path))

    assert os.getxattr(other / "file", "user.kept") == b"by law"


def test_sending_ends_when_the_run_is_stopped(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    ctx.cancelled.set()
    root = filled(tmp_path / "root", ["file"])
    os.truncate(root / "file", 1 << 40)

    with pytest.raises(TransientError, match="was stopped"):
        by_name.send_files((HERE, str(root)), (HERE, str(tmp_path)), ["file"], ctx)


@pytest.mark.parametrize("name", [PATIENT, "a", "Note: Zephyrine.pdf", "deux\nlignes: zephyrine"])
def test_an_error_has_a_reason_and_no_name(tmp_path: Path, name: str) -> None:
    root = str(filled(tmp_path / "root", ["here"]))
    names = ["here", name]

    with pytest.raises(StepError) as sending:
        by_name.send_files((HERE, root), (HERE, str(tmp_path)), names, context(tmp_path))
    with pytest.raises(StepError) as removing:
        by_name.remove_files(HERE, root, names, context(tmp_path))

    for told in (str(sending.value), str(removing.value)):
        assert "No such file or directory" in told
        assert "zephyrine" not in told.lower()
