"""The drop-ins of the documentation: as systemd's own programs read them, and under a real manager, in front of Debian's
own PostgreSQL unit, in a namespace of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from albus_dr.tools.systemd import RUNNING
from tests.runbook.runbook_files import CONFIG, RUNBOOK
from tests.tools.own_manager import MANAGER, TOP, told_by

DEBIANS = Path("/lib/systemd/system")
PROGRAM = Path(sys.executable).with_name("albus-dr")
PAGES = {"guard-a-site": "postgresql@15-main", "set-the-door": "haproxy"}
IN_A_NAMESPACE = f"""
mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs none /run || exit 77
for d in /etc/postgresql /var/lib/postgresql /var/log/postgresql; do mount -t tmpfs none $d || exit 77; done
mkdir -p /run/systemd/system /run/user && install -d -o postgres /run/postgresql || exit 77
chown postgres /var/lib/postgresql /var/log/postgresql
pg_createcluster 15 main -- -A trust -N >&2 || exit 77
export XDG_RUNTIME_DIR=/run/user HOME="$1" SYSTEMD_LOG_TARGET=null
(umask 0; exec {MANAGER} --user >/dev/null 2>&1) &  # as the system's: anybody may say that he is ready
for _ in $(seq 100); do systemctl --user is-system-running >/dev/null 2>&1 && break; sleep 0.1; done
exec "$2" -m tests.safety.systemd_guard_session "$1"
"""


def drop_ins(page: str) -> list[str]:
    """With this environment's albus-dr in the place of the one that the page names."""
    text = (TOP / "docs" / "how-to" / f"{page}.md").read_text()
    found = [block for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if "[Service]" in block]
    assert found
    return [block.replace("/usr/local/bin/albus-dr", str(PROGRAM)) for block in found]


def verified(folder: Path, unit: str, drop_in: str) -> str:
    """What systemd-analyze says of Debian's unit with the drop-in; nothing is good."""
    units = folder / "units"
    (units / f"{unit}.service.d").mkdir(parents=True)
    (units / f"{unit}.service.d" / "albus-dr.conf").write_text(drop_in)
    name = f"{unit.partition('@')[0]}{'@' if '@' in unit else ''}.service"
    shutil.copy(DEBIANS / name, units / name)
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", f"{unit}.service" if "@" in unit else units / name),
        env={"SYSTEMD_UNIT_PATH": f"{units}:{DEBIANS}", "PATH": os.environ["PATH"]}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr + (f"it ended with {done.returncode}" if done.returncode else "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("page", PAGES)
def test_systemd_finds_nothing_wrong_with_the_drop_ins_of_the_documentation(page: str, tmp_path: Path) -> None:
    name = f"{PAGES[page].partition('@')[0]}{'@' if '@' in PAGES[page] else ''}.service"
    if not (DEBIANS / name).exists():
        pytest.skip(f"Debian's {name} is not installed here")
    for number, drop_in in enumerate(drop_ins(page)):
        assert verified(tmp_path / str(number), PAGES[page], drop_in) == ""
    wrong = drop_ins(page)[0].replace("ExecStart", "ExecStrat")
    assert "ExecStrat" in verified(tmp_path / "wrong", PAGES[page], wrong), "it finds what is wrong"


def test_every_drop_in_has_the_variables_of_the_config() -> None:
    """A guard that lacks one starts nothing. HAProxy starts all the same: its door is only closed."""
    guards = [re.findall(r"^Environment.*", text, re.MULTILINE) for text in drop_ins("guard-a-site")]
    assert guards == [["EnvironmentFile=/etc/albus-dr/environment"]] * 2
    doors = [re.findall(r"^Environment.*", text, re.MULTILINE) for text in drop_ins("set-the-door")]
    assert doors == [["EnvironmentFile=-/etc/albus-dr/environment"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of its own takes root")
@pytest.mark.skipif(RUNNING.exists(), reason="the machine has a systemd of its own, which stays as it is")
@pytest.mark.skipif(not MANAGER.exists(), reason="systemd is not installed here")
@pytest.mark.skipif(
    not Path("/usr/lib/postgresql/15/bin/postgres").exists(), reason="PostgreSQL 15 is not installed here"
)
@pytest.mark.skipif(shutil.which("pg_createcluster") is None, reason="Debian's postgresql-common is not installed here")
def test_under_a_real_manager_the_guard_starts_keeps_and_ends_debians_own_server(tmp_path: Path) -> None:
    home = tmp_path
    units = home / ".config" / "systemd" / "user"
    (units / "postgresql@15-main.service.d").mkdir(parents=True)
    base = (DEBIANS / "postgresql@.service").read_text()
    # A user's manager lacks the rights for this one, and knows no network.target.
    (units / "postgresql@.service").write_text(base.replace("OOMScoreAdjust=-900", ""))
    (home / "playbook.yaml").write_text(RUNBOOK)
    data = "data: /var/lib/postgresql/15/main, port: 5432, run_as: postgres"
    config = CONFIG.replace('data: /data, port: "${PORT}", run_as: "${USER_NAME}"', data)
    (home / "environment").write_text(f"ALBUS_DR_STATE={home}/state\nPORT=8000\n")  # of the config, else it is refused
    (home / "config.yaml").write_text(f"{config}witness: {{file: {home}/witness, lease: 6s, margin: 2s}}\n")
    for name, drop_in in zip(("plain", "lease"), drop_ins("guard-a-site"), strict=True):
        text = drop_in.replace("/etc/albus-dr/playbook.yaml", f"{home}/playbook.yaml")
        text = text.replace("/etc/albus-dr/environment", f"{home}/environment")
        text = text.replace("RestartSec=10", "RestartSec=1")
        log = f"StandardOutput=append:{home}/log\nStandardError=append:{home}/log\n"
        (home / f"{name}.conf").write_text(text.replace("[Service]\n", f"[Service]\n{log}"))
    told = told_by(IN_A_NAMESPACE, home, timeout_s=280)
    log = told["lease"].pop("log")
    assert told["plain"] == {"main": "postgres", "left": 0, "refused": 0, "state": "failed"}
    assert told["lease"] == {
        "ready": True, "main": True, "kept": True, "restarts": "1", "left": 0, "stopped": "shut down", "refused": 0,
    }  # fmt: skip
    assert "bordeaux is the primary in epoch" in log
