"""The synthetic data: the same for the same seed, and of the promised size."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from albus_dr.bench.patients import VOLUMES, document_path, write_documents


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def _write(folder: Path, seed: int) -> tuple[list[object], str]:
    folder.mkdir()
    return list(write_documents(folder, "small", seed)), _digest(folder)


def test_same_seed_gives_the_same_documents_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = _write(tmp_path / "a", 1), _write(tmp_path / "b", 1), _write(tmp_path / "c", 2)
    assert first == again
    assert first[1] != other[1]


def test_rows_describe_the_files(tmp_path: Path) -> None:
    documents = write_documents(tmp_path, "small", 1)
    for document in documents:
        content = document_path(tmp_path, document.id).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (document.size, document.sha256)
    assert documents[0].patient_id == 1
    assert sum(document.size for document in documents) == pytest.approx(41e6, rel=0.15)
    assert len({document.sha256 for document in documents}) == len(documents)


def test_files_are_private(tmp_path: Path) -> None:
    write_documents(tmp_path, "small", 1)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")} == {0}


@pytest.mark.parametrize(("size", "expected"), [("small", 50e6), ("medium", 1e9), ("large", 5e9)])
def test_sizes_are_about_what_they_say(size: str, expected: float) -> None:
    volume = VOLUMES[size]  # type: ignore[index]  # a literal, from the list above
    small_average = 25_500
    documents = volume.small_documents * small_average + volume.large_documents * sum(volume.large_bytes) / 2
    assert documents == pytest.approx(expected, rel=0.25)
