"""The README's commands and links are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def read(name: str) -> str:
    return (TOP / name).read_text(encoding="utf-8")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ("make", "--no-print-directory", *arguments)
    return subprocess.run(
        command, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_its_make_targets_exist(document: str) -> None:
    targets = set(re.findall(r"(?:^|`|\$ )make ([a-z-]+)", read(document), re.MULTILINE))
    for target in targets:
        done = make("--dry-run", target)
        assert done.returncode == 0, f"{target}: {done.stderr}"
    assert document != "README.md" or {"demo", "test"} <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_its_links_lead_to_files(document: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", read(document)) if "://" not in link]
    assert [link for link in links if not (TOP / link).is_file()] == []


def test_make_names_each_target_once() -> None:
    named = [line.split()[1] for line in make().stdout.splitlines()]
    assert len(named) == len(set(named))
    assert {"demo", "test", "lint", "types", "tests", "clean"} <= set(named)
