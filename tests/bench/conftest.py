"""A real bench of the small size. Not in pytest's own directory: PostgreSQL's user may not enter that."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.bench.sites import Bench


@pytest.fixture(scope="module")
def bench(programs: None) -> Iterator[Bench]:
    """Started, with traffic. Whatever the tests did to it, nothing is left afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    try:
        with Bench.create(directory, "small", seed=7) as bench:
            bench.start()
            bench.start_traffic()
            yield bench
        assert bench.processes() == []
    finally:
        shutil.rmtree(directory)
