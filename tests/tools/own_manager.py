"""A systemd manager of a test's own, in a namespace: the machine's own one, where there is one, stays as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
MANAGER = Path("/lib/systemd/systemd")
NAMESPACES = ("unshare", "--mount", "--cgroup", "--pid", "--fork", "--kill-child", "--mount-proc")


def told_by(script: str, home: Path, *, timeout_s: float) -> Any:
    """The JSON that a shell script prints. ``$1`` is ``home``, ``$2`` this Python; where it ends with 77 the test skips.

    It is the first process of its own namespace: when it ends, everything that it started has ended.
    """
    command = (*NAMESPACES, "sh", "-c", script, "sh", str(home), sys.executable)
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode == 77:
        pytest.skip(f"no namespace for a manager of its own: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
