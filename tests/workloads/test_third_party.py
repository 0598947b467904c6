"""A kind of workload that somebody else wrote: found by its entry point, and never in place of one of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from albus_dr.errors import UsageError
from albus_dr.workloads.registry import kinds

BUILT_IN = {"postgres", "files", "service", "traffic", "command"}


def a_distribution(directory: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Only metadata and a module, as an installed package has them."""
    (directory / "mongo_for_albus.py").write_text("ACTIONS = {}\n")
    metadata = directory / "mongo_for_albus-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mongo-for-albus\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[albus_dr.workloads]\n{kind} = mongo_for_albus\n")
    monkeypatch.syspath_prepend(str(directory))


def test_the_built_in_ones_are_modules_that_keep_the_protocol() -> None:
    found = kinds()
    assert set(found) >= BUILT_IN
    for name in BUILT_IN:
        kind = found[name]
        assert kind.Model.model_fields["kind"].annotation
        assert all(action.startswith(f"{name}.") for action in kind.ACTIONS)


def test_one_that_is_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_distribution(tmp_path, monkeypatch, "mongodb")
    found = kinds()

    assert set(found) >= {*BUILT_IN, "mongodb"}
    assert len(found) == len(set(found))
    assert found["mongodb"].ACTIONS == {}


def test_one_that_takes_a_built_in_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_distribution(tmp_path, monkeypatch, "postgres")
    with pytest.raises(UsageError, match="the package mongo-for-albus redefines the workload kind postgres"):
        list(kinds())
    assert kinds()["postgres"].ACTIONS, "ours is ours all the same"


def test_an_unknown_kind_is_none() -> None:
    assert "mongodb" not in kinds()
