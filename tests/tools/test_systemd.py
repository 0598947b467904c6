"""The units: as systemd's own programs read them, and installed into a real manager in a namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from albus_dr.errors import RefusedError
from albus_dr.tools.systemd import RUNNING, Systemd, timer_name, units
from tests.tools.own_manager import MANAGER, told_by
from tests.tools.schedules import entry, told

IN_A_NAMESPACE = f"""
mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user || exit 77
export XDG_RUNTIME_DIR=/run/user HOME="$1" SYSTEMD_LOG_TARGET=null
{MANAGER} --user >/dev/null 2>&1 &
for _ in $(seq 100); do systemctl --user is-system-running >/dev/null 2>&1 && break; sleep 0.1; done
exec "$2" -m tests.tools.systemd_session "$1"
"""


def test_systemd_finds_nothing_wrong_with_them(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    for name, text in units(entry(tmp_path)).items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        (program, "verify", *sorted(tmp_path.glob("albus-dr-*"))),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_timer_makes_up_for_what_the_machine_slept_through(tmp_path: Path) -> None:
    timer = units(entry(tmp_path))["albus-dr-drill-albus.timer"].splitlines()
    assert {"Persistent=true", "RandomizedDelaySec=60", "OnCalendar=*-*-* 04:00:00"} <= set(timer)


def test_what_somebody_else_wrote_is_not_touched(tmp_path: Path) -> None:
    foreign = tmp_path / timer_name(entry(tmp_path))
    foreign.write_text("[Timer]\nOnCalendar=daily\n")
    manager = Systemd(tmp_path, ())
    with pytest.raises(RefusedError, match="was not written by albus-dr"):
        manager.install("albus", [entry(tmp_path)])
    assert manager.remove("albus") == []
    assert foreign.read_text() == "[Timer]\nOnCalendar=daily\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of its own takes root")
@pytest.mark.skipif(RUNNING.exists(), reason="the machine has a systemd of its own, which stays as it is")
@pytest.mark.skipif(not MANAGER.exists(), reason="systemd is not installed here")
def test_a_real_manager_takes_them_starts_them_and_lets_them_go(tmp_path: Path) -> None:
    told_by_it = told_by(IN_A_NAMESPACE, tmp_path, timeout_s=240)
    timers = ["albus-dr-drill-albus.timer", "albus-dr-replicate-albus.timer"]
    assert [line for line in told_by_it["installed"] if "enabled" in line] == [
        f"enabled and started {timers[0]}: every day", f"enabled and started {timers[1]}: every day"
    ]  # fmt: skip
    assert told_by_it["again"] == []
    assert told_by_it["conditions"] == ["installed", "installed"]
    assert all("04:0" in at for at in told_by_it["next"])
    assert told_by_it["timers"] == timers
    assert told_by_it["made_up_for"] == [False, True], "a machine that was off for two days"
    for word in ("disable", "stop"):
        assert told_by_it[f"found after {word}"] == ["changed", "installed"]
        assert told_by_it[f"mended after {word}"] == [f"enabled and started {timers[0]}: every day"]
    assert json.loads((tmp_path / "said").read_text()) == told(tmp_path)
    assert told_by_it["changed"] == ["changed"]
    assert f"enabled and started {timers[0]}: every hour" in told_by_it["reinstalled"]
    assert timers[1] in told_by_it["reinstalled"][0]  # no longer wanted
    assert told_by_it["timers_then"] == timers[:1]
    assert len(told_by_it["removed"]) == 2
    assert told_by_it["left"] == []
