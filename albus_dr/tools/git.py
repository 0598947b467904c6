"""git: which commit files are in. Reads only."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from albus_dr.errors import AlbusError
from albus_dr.tools import process

WITHIN_S = 2.0  # all of it together: a failover asks, too
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


@dataclass(frozen=True)
class Commit:
    """Of the repository that holds some files; or why there is none."""

    id: str | None
    holds_them: bool | None
    """The files are in the commit as they are on the disk."""
    reason: str = ""


def commit_of(paths: Sequence[Path]) -> Commit:
    """The commit that is checked out where the first path is. Raises nothing, and answers soon."""
    folder, deadline = paths[0].parent, time.monotonic() + WITHIN_S
    try:
        head = _git(deadline, folder, "rev-parse", "--verify", "--quiet", "HEAD")
        if head.code != 0:
            return Commit(None, None, "git knows no commit there")
        id_ = head.stdout.strip()
        return Commit(id_, all(_is_committed(deadline, folder, id_, path) for path in paths))
    except AlbusError as error:
        return Commit(None, None, error.message)


def _is_committed(deadline: float, folder: Path, commit: str, path: Path) -> bool:
    # Not `git diff`: a repository can name programs that it starts, and none of them is to run for us.
    name = f"{commit}:./{os.path.relpath(path, folder)}"
    committed = _git(deadline, folder, "rev-parse", "--verify", "--quiet", name)
    here = _git(deadline, folder, "hash-object", "--no-filters", "--", str(path))
    return committed.code == here.code == 0 and committed.stdout == here.stdout


def _git(deadline: float, folder: Path, *words: str) -> process.Completed:
    left_s = max(0.0, deadline - time.monotonic())
    return process.run(("git", "-C", str(folder), *words), timeout_s=left_s, environment=_QUIET)
