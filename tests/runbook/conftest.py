from __future__ import annotations

from pathlib import Path

import pytest

from tests.runbook.runbook_files import Files


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Two valid files in a directory of their own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    files = Files()
    files.write()
    return files
