"""What `pipx install .` brings."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths inside a wheel that was built from this checkout."""
    pytest.importorskip("hatchling", reason="hatchling is not installed here; make test installs it")
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    subprocess.run(command, cwd=TOP, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_it_holds_every_file_of_the_package(names: set[str]) -> None:
    sources = {path.relative_to(TOP).as_posix() for path in (TOP / "albus_dr").rglob("*.py")}
    assert sources <= names


def test_it_holds_the_playbooks_the_configs_and_the_licence(names: set[str]) -> None:
    for folder in ("playbooks", "configs"):
        shipped = {f"albus_dr/share/{folder}/{path.name}" for path in (TOP / folder).glob("*.yaml")}
        assert shipped
        assert shipped <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
