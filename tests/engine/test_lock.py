"""One run at a time: the second is refused, and a killed holder holds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.engine.lock import exclusive, goes_on
from albus_dr.errors import ExitCode, RefusedError

URL = "sqlite:///engine.sqlite"
HOLDER = """
import sys
from pathlib import Path
from albus_dr.engine.lock import exclusive
with exclusive(sys.argv[1], Path(sys.argv[2]), "book", purpose="failover f1"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, URL, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate(timeout=10)


def test_the_second_is_refused_and_told_who_holds_it(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as raised, exclusive(URL, tmp_path, "book", purpose="drill d1"):
        pass
    assert raised.value.exit_code is ExitCode.REFUSED
    assert f"failover f1 (process {holder.pid})" in raised.value.message
    with exclusive(URL, tmp_path, "another book", purpose="drill d1"):
        pass


def test_a_killed_holder_holds_nothing(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    assert goes_on(URL, tmp_path, "failover")
    assert not goes_on(URL, tmp_path, "fail"), "another run's id"
    holder.kill()
    holder.wait(timeout=10)
    assert not goes_on(URL, tmp_path, "failover")
    with exclusive(URL, tmp_path, "book", purpose="drill d1"):
        pass
