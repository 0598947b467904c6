"""The block in a real crontab, through cron's own crontab(1)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError, RefusedError, UsageError
from albus_dr.tools import crontab as module
from albus_dr.tools.crontab import Crontab
from tests.tools.schedules import crontab_of, entry, real_crontab, told

# Not UTF-8, a line that mentions us, and no end of the last line: cron ignores that one until it has an end.
FOREIGN = b"MAILTO=op@example.org\n# caf\xe9, and albus-dr\n\n*/5 * * * * date +\\%s\n0 1 * * * true\n"


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with real_crontab(tmp_path) as program:
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        yield program


def fill(program: Path, text: bytes) -> None:
    subprocess.run((program, "-"), input=text, timeout=30, check=True)


def test_it_is_written_once_and_taken_away_and_the_rest_stays(real: Path, tmp_path: Path) -> None:
    fill(real, FOREIGN)
    entries = [entry(tmp_path, "replicate"), entry(tmp_path, "drill")]
    assert [found.condition for found in Crontab().look(entries)] == ["absent", "absent"]
    assert len(Crontab().install("albus", entries)) == 4  # each in its rhythm, and when the machine is back
    assert Crontab().install("albus", entries) == []
    assert [found.condition for found in Crontab().look(entries)] == ["installed", "installed"]
    now = crontab_of(real)
    assert now is not None
    assert now.startswith(FOREIGN)
    assert now.count(b"albus-dr albus >>>") == 1

    other = replace(entries[1], five_fields="26 4 * * *")
    assert [found.condition for found in Crontab().look([other])] == ["changed"]
    Crontab().install("albus", [other])
    assert b"26 4 * * *" in (crontab_of(real) or b"")
    assert b"25 4 * * *" not in (crontab_of(real) or b"")

    assert len(Crontab().remove("albus")) == 2
    assert crontab_of(real) == FOREIGN
    assert Crontab().remove("albus") == []


def test_two_runbooks_do_not_touch_each_other(real: Path, tmp_path: Path) -> None:
    Crontab().install("albus", [entry(tmp_path)])
    alone = crontab_of(real)
    Crontab().install("albus-2", [entry(tmp_path, runbook="albus-2")])
    Crontab().remove("albus-2")
    assert crontab_of(real) == alone
    Crontab().remove("albus")
    assert crontab_of(real) is None  # it was not there before


def test_what_stands_there_is_run_as_it_was_meant(real: Path, tmp_path: Path) -> None:
    Crontab().install("albus", [entry(tmp_path)])
    (written,) = [text for text in (crontab_of(real) or b"").decode().splitlines() if text.startswith("25 4")]
    before_bare_percent = re.split(r"(?<!\\)%", written.split(" ", 5)[5])[
        0
    ]  # as cron does; the rest would be its input
    command = before_bare_percent.replace("\\%", "%")
    environment = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": "/"}
    subprocess.run(("sh", "-c", command), env=environment, timeout=60, check=True)
    assert json.loads((tmp_path / "said").read_text()) == told(tmp_path)


def test_the_environment_file_has_the_last_word_on_the_state_directory(tmp_path: Path) -> None:
    """As with systemd: whoever installs from another shell does not begin a second history."""
    timed, _ = module.lines(made := entry(tmp_path))
    Path(made.environment_file).write_text("EXTRA=more\nALBUS_DR_STATE=/var/lib/albus-dr\n")
    command = timed.split(" ", 5)[5].replace("\\%", "%")
    subprocess.run(("sh", "-c", command), env={"PATH": "/usr/bin:/bin"}, timeout=60, check=True)
    assert json.loads((tmp_path / "said").read_text())[1:] == ["/var/lib/albus-dr", "more"]
    Path(made.environment_file).write_text('EXTRA="$PATH"\n')
    subprocess.run(("sh", "-c", command), env={"PATH": "/usr/bin:/bin"}, timeout=60, check=True)
    assert json.loads((tmp_path / "said").read_text())[2] == "/usr/local/bin:/usr/bin:/bin"


# Its own /run, so that cron takes the machine's start for its own, and its own crontabs: nobody else's is begun.
A_MACHINE_THAT_STARTS = """
for own in /run /var/spool/cron /etc/cron.d; do mount -t tmpfs none $own || exit 77; done
mkdir -m 1730 /var/spool/cron/crontabs && crontab "$1/crontab" && exec "$2" -f
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a cron of its own takes root")
def test_cron_makes_up_for_what_was_missed_when_the_machine_is_back(tmp_path: Path) -> None:
    program = shutil.which("cron") or shutil.which("cron", path="/usr/sbin")
    if program is None:
        pytest.skip("cron is not installed here")
    settled = tmp_path / "bin" / "sleep"
    settled.parent.mkdir()
    settled.write_text(f'#!/bin/sh\necho "$1" >{tmp_path}/slept\n')
    settled.chmod(0o755)
    _, back = module.lines(entry(tmp_path))
    (tmp_path / "crontab").write_text(f'PATH={settled.parent}:/usr/bin:/bin\nMAILTO=""\n{back}\n')
    said = tmp_path / "said"
    with subprocess.Popen(("unshare", "--mount", "sh", "-c", A_MACHINE_THAT_STARTS, "sh", tmp_path, program)) as cron:
        try:
            deadline = time.monotonic() + 60
            while not said.exists() or not said.read_text().endswith("]"):
                if cron.poll() == 77:
                    pytest.skip("no file system can be mounted here")
                assert cron.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            cron.terminate()
    assert json.loads(said.read_text()) == told(tmp_path, "--missed")
    assert (tmp_path / "slept").read_text() == f"{module.SETTLED_S}\n"


@pytest.mark.parametrize("lines", [[0], [1], [0, 1, 0, 1], [1, 0]])
def test_broken_marks_are_left_to_a_person(lines: list[int]) -> None:
    marks = module._marks("albus")
    with pytest.raises(RefusedError, match="not one pair"):
        module.split("".join(f"{marks[number]}\n* * * * * true\n" for number in lines).encode(), "albus")


def test_a_name_with_a_line_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't stand in a schedule"):
        replace(entry(tmp_path), command=("true", "a\n* * * * * rm"))


def test_without_cron_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "find_program", lambda _: None)
    with pytest.raises(NotReadyError) as caught:
        Crontab().remove("albus")
    assert "apt-get install cron" in caught.value.hint
