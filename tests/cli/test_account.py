"""Who is recorded: the system's account, not what the environment says."""

from __future__ import annotations

import getpass
import os
import platform
import pwd
from pathlib import Path

import pytest

from albus_dr.cli.common import account
from tests.cli.two_directories import TwoDirectories

MINE = f"{pwd.getpwuid(os.getuid()).pw_name}@{platform.node()}"


@pytest.fixture
def named_chairwoman(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "chairwoman")


@pytest.mark.usefixtures("named_chairwoman")
def test_it_is_the_account_of_the_process() -> None:
    assert getpass.getuser() == "chairwoman"
    assert account() == MINE


@pytest.mark.usefixtures("named_chairwoman")
def test_an_account_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert account() == f"uid {os.getuid()}@{platform.node()}"


THING = """\
  thing:
    kind: command
    replicate: {take: ["false"], repeatable: true}
"""


@pytest.mark.usefixtures("named_chairwoman")
def test_who_gives_a_run_up_is_recorded_so(tmp_path: Path) -> None:
    sites = TwoDirectories(tmp_path, THING)
    sites.operate("replicate")
    sites.call("abort", "last", "--why", "a test")
    assert f"abort asked for by {MINE}: a test" in sites.call("runs", "show", "last").stdout
