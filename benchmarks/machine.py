"""The machine that was measured on, without its name."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from albus_dr import __version__
from albus_dr.tools.inventory import postgres_program


def describe() -> dict[str, str]:
    """What figures depend on, by what it is."""
    return {
        "Processor": f"{os.cpu_count()} cores, {_processor()}",
        "Memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "PostgreSQL": _first_line(str(postgres_program("postgres")), "--version").removeprefix(
            "postgres (PostgreSQL) "
        ),
        "restic": _first_line("restic", "version").split()[1],
        "HAProxy": _first_line("haproxy", "-v").split()[2],
        "albus-dr": __version__,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(*argv: str) -> str:
    path = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True, env=path)
    return done.stdout.splitlines()[0]
