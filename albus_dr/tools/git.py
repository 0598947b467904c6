"""git: which commit files are in. Reads only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from albus_dr.errors import AlbusError
from albus_dr.tools import process

QUICK_S = 15.0
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


@dataclass(frozen=True)
class Commit:
    """Of the repository that holds some files; or why there is none."""

    id: str | None
    holds_them: bool | None
    """The files are in the commit as they are on the disk."""
    reason: str = ""


def commit_of(paths: Sequence[Path]) -> Commit:
    """The commit that is checked out where the first path is. Raises nothing."""
    folder = paths[0].parent
    if not all(path.is_file() for path in paths):
        return Commit(None, None, "the files are no longer where the run read them")
    try:
        head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
        if head.code != 0:
            return Commit(None, None, "git knows no commit there")
        same = all(_is_committed(folder, path) for path in paths)
    except AlbusError as error:
        return Commit(None, None, error.message)
    return Commit(head.stdout.strip(), same)


def _is_committed(folder: Path, path: Path) -> bool:
    # Not `git diff`: a repository can name programs that it starts, and none of them is to run for us.
    committed = _git(folder, "rev-parse", "--verify", "--quiet", f"HEAD:./{os.path.relpath(path, folder)}")
    here = _git(folder, "hash-object", "--no-filters", "--", str(path))
    return committed.code == here.code == 0 and committed.stdout == here.stdout


def _git(folder: Path, *words: str) -> process.Completed:
    return process.run(("git", "-C", str(folder), *words), timeout_s=QUICK_S, environment=_QUIET)
