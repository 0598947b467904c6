"""Runs what the documentation tells people to type."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from albus_dr.tools.search import search_path
from tests.docs.documents import Block

PATIENCE_S = 240.0


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """As a user's, with this environment's albus-dr first in PATH, and none of the tester's own settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
    return {**inherited, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{search_path()}", **more}


def shell(text: str, folder: Path, more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """bash, ending at the first command that fails."""
    return subprocess.run(
        ("bash", "-euo", "pipefail", "-c", text), cwd=folder, env=environment(more), text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S,
    )  # fmt: skip


def run_block(block: Block, commands: list[str], folder: Path, more: Mapping[str, str]) -> str:
    """Run the commands; what they printed. Fails where the last exit code is not the one that the block tells."""
    done = shell("\n".join(commands), folder, more)
    assert done.returncode == int(block.options.get("exit", "0")), f"{block}\n{done.stdout}"
    return done.stdout
