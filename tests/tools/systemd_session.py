"""What is done with the real manager of test_systemd: it runs beside it, and prints what it saw as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from albus_dr.tools.systemd import Systemd, timer_name
from tests.tools.schedules import entry

PATIENCE_S = 100.0  # a timer may be a minute late, to go with others


def systemctl(*words: str) -> str:
    return subprocess.run(
        ("systemctl", "--user", *words), capture_output=True, text=True, timeout=30, check=True
    ).stdout


def timers() -> list[str]:
    listed = json.loads(systemctl("list-timers", "--all", "--output=json"))
    return sorted(each["unit"] for each in listed if each["unit"].startswith("albus-dr-"))


def made_up_for(folder: Path, timer: str) -> list[bool]:
    """Whether the drill was started before, and once the timer is back after two days in which the machine was off."""
    said = folder / "said"
    before = said.exists()
    systemctl("stop", timer)
    (stamp,) = folder.rglob(f"stamp-{timer}")
    last = time.time() - 2 * 86400
    os.utime(stamp, (last, last))
    systemctl("start", timer)
    deadline = time.monotonic() + PATIENCE_S
    while not said.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    after = said.exists()
    while systemctl("show", "-p", "ActiveState", "--value", timer.replace(".timer", ".service")).strip() != "inactive":
        assert time.monotonic() < deadline  # a start meanwhile would join the one that goes on
        time.sleep(0.05)
    said.unlink(missing_ok=True)
    return [before, after]


def main(folder: Path) -> None:
    directory = folder / ".config" / "systemd" / "user"
    manager = Systemd(directory, ("--user",))
    entries = [replace(entry(folder, "drill"), delay_s=1), entry(folder, "replicate")]
    told: dict[str, object] = {
        "installed": manager.install("albus", entries),
        "again": manager.install("albus", entries),
    }
    found = manager.look(entries)
    told |= {"conditions": [each.condition for each in found], "next": [each.next_at for each in found]}
    told["timers"] = timers()
    for words in (("disable",), ("stop",)):  # it fires until the next boot; it fires no more
        systemctl(*words, timer_name(entries[0]))
        told[f"found after {words[0]}"] = [each.condition for each in manager.look(entries)]
        told[f"mended after {words[0]}"] = manager.install("albus", entries)
    told["made_up_for"] = made_up_for(folder, timer_name(entries[0]))
    systemctl("start", "albus-dr-drill-albus.service")
    other = replace(entries[0], on_calendar="*-*-* *:00:00", words="every hour")
    told["changed"] = [each.condition for each in manager.look([other])]
    told["reinstalled"], told["timers_then"] = manager.install("albus", [other]), timers()
    told["removed"] = [line for line in manager.remove("albus") if line.startswith("removed")]
    units = [path.name for path in directory.rglob("*") if path.is_file() or path.is_symlink()]
    told["left"] = timers() + units + [path.name for path in folder.rglob("stamp-albus-dr-*")]
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
