"""A file is there whole or not at all, and none is overwritten."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from albus_dr.cli import evidence
from albus_dr.errors import UsageError
from albus_dr.evidence.files import New, write_new
from albus_dr.evidence.keys import generate


@contextmanager
def room(size: int) -> Iterator[None]:
    """As on a full disk, a file takes ``size`` bytes and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["links", "no links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refused(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refused)
    return tmp_path


def test_a_full_disk_leaves_no_evidence_that_is_cut(folder: Path) -> None:
    output = folder / "evidence"
    with room(100), pytest.raises(UsageError, match="can't be written"):
        evidence._write(output, b"x" * 1000)
    assert list(folder.iterdir()) == []
    evidence._write(output, b"whole")
    assert (output.read_bytes(), output.stat().st_mode & 0o777) == (b"whole", 0o600)
    with pytest.raises(UsageError, match="evidence is not overwritten"):
        evidence._write(output, b"another")
    assert [path.read_bytes() for path in folder.iterdir()] == [b"whole"]


def test_a_full_disk_leaves_no_key_without_its_other_half(folder: Path) -> None:
    with room(50), pytest.raises(UsageError, match="can't be written"):
        generate(folder / "evidence.key", None)
    assert list(folder.iterdir()) == []
    generate(folder / "evidence.key", None)
    assert sorted(path.name for path in folder.iterdir()) == ["evidence.key", "evidence.key.pub"]


def test_where_the_second_can_not_be_placed_the_first_is_taken_back(folder: Path) -> None:
    (folder / "b").write_text("mine")
    with pytest.raises(FileExistsError):
        write_new((New(folder / "a", b"new", 0o600), New(folder / "b", b"new", 0o644)))
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("b", "mine")]
