"""What is done with the real manager of test_guard_under_systemd: it runs beside it, and prints what it saw as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from albus_dr.runbook.config import WitnessConfig
from albus_dr.safety.record import Record
from albus_dr.safety.rule import Decision
from albus_dr.safety.witness import Witness
from albus_dr.tools.witness_registers import open_register

UNIT = "postgresql@15-main.service"
HERE, THERE = "strasbourg", "bordeaux"


def systemctl(*words: str, check: bool = True) -> str:
    argv = ("systemctl", "--user", *words)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0 or not check, f"{argv}: {done.stdout}{done.stderr}\n{shown()}"
    return done.stdout.strip()


def shown() -> str:
    argv = ("systemctl", "--user", "status", "--no-pager", UNIT)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout


def properties() -> dict[str, str]:
    names = "ActiveState,SubState,Result,MainPID,NRestarts,ExecMainStatus,StatusText"
    return dict(line.split("=", 1) for line in systemctl("show", UNIT, "-p", names).splitlines())


def answers() -> bool:
    argv = ("psql", "-h", "/run/postgresql", "-p", "5432", "-U", "postgres", "-Atc", "SELECT 1", "postgres")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() == "1"


def servers() -> int:
    """Processes of PostgreSQL in this namespace."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            found += path.read_text().strip() == "postgres"
        except OSError:
            continue
    return found


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not what():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.05)


def witness(folder: Path) -> Witness:
    place = WitnessConfig.model_validate({"file": str(folder / "witness")})
    return Witness(open_register(place, "albus", folder, folder), "albus", (HERE, THERE), 1.0)


def without_lease(folder: Path) -> Mapping[str, object]:
    """The unit is Debian's: Type=forking, and the guard becomes pg_ctlcluster."""
    witness(folder).establish(HERE, run="test", epoch_seen=0, identities={})
    systemctl("start", UNIT)
    wait_for(answers)
    main = Path("/proc", properties()["MainPID"], "comm").read_text().strip()
    systemctl("stop", UNIT)
    left = servers()
    witness(folder).change(lambda record, _: _moved(record))
    systemctl("start", UNIT, check=False)
    time.sleep(1)
    return {"main": main, "left": left, "refused": servers(), "state": properties()["ActiveState"]}


def with_lease(folder: Path) -> Mapping[str, object]:
    """The guard stays: killed, it is started again with its server; and it ends both when the epoch moves."""
    told: dict[str, object] = {}
    # No server runs at the other site, which the part before has named: no promotion can arrive there.
    witness(folder).establish(HERE, run="test", epoch_seen=0, identities={}, other_ended=True)
    systemctl("start", UNIT)
    told["ready"] = answers()
    first = properties()["MainPID"]
    told["main"] = "guard" in Path("/proc", first, "cmdline").read_text()
    lease = witness(folder).read().record
    told["kept"] = bool(lease and lease.write_lease and lease.write_lease.kept)
    os.kill(int(first), 9)
    wait_for(lambda: properties()["MainPID"] not in (first, "0") and answers())
    told["restarts"] = properties()["NRestarts"]
    systemctl("stop", UNIT)
    told["left"] = servers()
    control = subprocess.run(
        ("/usr/lib/postgresql/15/bin/pg_controldata", "/var/lib/postgresql/15/main"), capture_output=True, text=True,
        timeout=30, check=True,
    )  # fmt: skip
    told["stopped"] = next(
        line.split(":")[1].strip() for line in control.stdout.splitlines() if "cluster state" in line
    )
    systemctl("start", UNIT)
    witness(folder).change(lambda record, _: _moved(record))
    wait_for(lambda: not servers())
    wait_for(lambda: properties()["ExecMainStatus"] == "8")
    told["refused"], told["log"] = servers(), (folder / "log").read_text()
    systemctl("stop", UNIT)
    return told


def _moved(record: Record) -> Decision:
    moved = replace(record, epoch=record.epoch + 1, primary=THERE, changed_by="failover-2", write_lease=None)
    return Decision(True, "", moved)


def main(folder: Path) -> None:
    units = folder / ".config" / "systemd" / "user"
    told = {}
    for name, work in (("plain", without_lease), ("lease", with_lease)):
        drop_in = units / f"{UNIT}.d" / "guard.conf"
        drop_in.write_text((folder / f"{name}.conf").read_text())
        systemctl("daemon-reload")
        told[name] = work(folder)
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
