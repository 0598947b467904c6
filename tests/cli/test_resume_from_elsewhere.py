"""A run is resumed from whatever directory its operator is in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SITES = "".join(
    f"\n  {name}:\n    location: {{latitude: 45.0, longitude: 4.0, country: FR}}\n    hosts: {{here: {{}}}}"
    for name in ("lyon", "nantes")
)


def albus_dr(folder: Path, state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
    return subprocess.run(
        (sys.executable, "-m", "albus_dr", *arguments), cwd=folder, env=environment | {"ALBUS_DR_STATE": str(state)},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def test_a_run_that_was_ordered_with_a_relative_path(tmp_path: Path) -> None:
    here, elsewhere, state = tmp_path / "here", tmp_path / "elsewhere", tmp_path / "state"
    here.mkdir()
    elsewhere.mkdir()
    (here / "config.yaml").write_text(f"version: 1\nsites:{SITES}\n")
    (here / "wiki.yaml").write_text(
        "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 1y}\n"
        "sites: {primary: lyon, secondary: nantes}\n"
        "workloads: {pages: {kind: command, replicate: {take: [test, -e, wanted], repeatable: true}}}\n"
    )
    first = albus_dr(here, state, "replicate", "wiki.yaml")
    assert first.returncode == 4, first.stderr
    (here / "wanted").touch()  # commands start in the runbook's directory, whoever calls from wherever
    second = albus_dr(elsewhere, state, "resume", "last")
    assert second.returncode == 0, second.stderr
