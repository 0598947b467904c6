"""The name of a file or a directory may be a patient's: what a walk through a tree could not do is told without it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import StepError
from albus_dr.tools.host import Host, LocalHost
from albus_dr.tools.process import Completed
from albus_dr.tools.told import check_without_names
from albus_dr.workloads.files import trees

NAME = "dupont-marie-1952"


class Nobody(LocalHost):
    """Its programs run as a user who may not read everything."""

    def run(self, argv: Any, **more: Any) -> Completed:
        return super().run(("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv), **more)


@pytest.fixture
def closed() -> Iterator[Path]:
    """A tree with a directory that can't be read."""
    path = Path(tempfile.mkdtemp(prefix="albus-"))
    path.chmod(0o755)
    (path / NAME).mkdir(mode=0o700)
    (path / NAME / "letter").touch()
    if os.geteuid() != 0:
        (path / NAME).chmod(0)
    yield path
    (path / NAME).chmod(0o700)
    shutil.rmtree(path)


@pytest.mark.parametrize("walk", [trees.look, trees.list_files, trees.list_stamps, trees.list_links])
def test_what_can_not_be_listed(closed: Path, walk: Callable[..., object]) -> None:
    host: Host = Nobody() if os.geteuid() == 0 else LocalHost()
    with pytest.raises(StepError) as failed:
        walk(host, str(closed), timeout_s=30)
    assert f"{closed} can't be listed: " in failed.value.message
    assert failed.value.message.endswith(" ended with 1: Permission denied")
    assert NAME not in failed.value.message


def test_what_can_not_be_given_to_its_owner() -> None:
    said = f"chown: changing ownership of '/srv/{NAME}': Operation not permitted\n"
    done = Completed(("chown", "-R"), 1, b"", said.encode(), 0.1)
    with pytest.raises(StepError, match=r"chown ended with 1: Operation not permitted$"):
        check_without_names(done, "/srv can't be given to albus")
