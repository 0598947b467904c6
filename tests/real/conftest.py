"""Benches for whole modules. Not in pytest's own directory: PostgreSQL's user may not enter that."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.bench.sites import Bench
from tests.real.operator_desk import Desk


@pytest.fixture(scope="module")
def desk(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Two sites under traffic, replicated once. Whatever the tests did, nothing is left afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    try:
        with Bench.create(directory, "small", seed=11) as bench:
            bench.start()
            bench.start_traffic()
            desk = Desk(bench, tmp_path_factory.mktemp("desk"))
            first = desk.operate("replicate")
            assert first.code == 0, first.said
            yield desk
        assert bench.processes() == []
    finally:
        shutil.rmtree(directory)
