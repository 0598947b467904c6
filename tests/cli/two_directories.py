"""Two sites that are directories on this machine: a tree of files, restic repositories in directories, no server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_S = 90
PASSWORD = "a pass'word\" with $ and %"

RUNBOOK = """\
version: 1
runbook: light
description: Documents and a command
config: config.yaml
objectives: {rto: 4h, rpo: 15m, drill_every: 1y, distance: 500 km}
sites: {primary: strasbourg, secondary: bordeaux}
workloads:
"""
DOCUMENTS = """\
  documents:
    kind: files
    path: documents
    recovery_points: {restic: backups, every: 10m}
    warm: true
"""
COMMAND = """\
  thing:
    kind: command
    drill:
      take: [sh, -c, 'eval "$TAKE"']
      verify: [sh, -c, 'eval "$VERIFY"']
"""
SITE = """\
  {name}:
    location: {{latitude: {latitude}, longitude: {longitude}, country: FR}}
    provider: {{name: directory, account: {name}}}
    hosts: {{all: {{}}}}
    fence: [{{statement: true}}]
    paths: {{documents: {{host: all, path: "{base}/{name}/documents"}}}}
    repositories: {{backups: {{restic: "{base}/{name}/repository", password: {{env: LIGHT_PASSWORD}}}}}}
    scratch: {{host: all, path: "{base}/{name}/scratch"}}
"""


class TwoDirectories:
    """``base`` holds the runbook, the config, both sites and the state."""

    def __init__(self, base: Path, workloads: str) -> None:
        self.base = base
        self.environment = {
            **os.environ, "ALBUS_DR_STATE": str(base / "state"), "LIGHT_PASSWORD": PASSWORD, "TAKE": "true", "VERIFY": "true",
            "RESTIC_CACHE_DIR": str(base / "cache"),
        }  # fmt: skip
        for site in ("strasbourg", "bordeaux"):
            for name in ("documents", "scratch"):
                (base / site / name).mkdir(parents=True)
        places = (("strasbourg", 48.5734, 7.7521), ("bordeaux", 44.8378, -0.5792))
        sites = "".join(SITE.format(name=n, latitude=y, longitude=x, base=base) for n, y, x in places)
        (base / "config.yaml").write_text("version: 1\nsites:\n" + sites)
        (base / "runbook.yaml").write_text(RUNBOOK + workloads)

    def make_repositories(self) -> None:
        for site in ("strasbourg", "bordeaux"):
            subprocess.run(
                ("restic", "init", "-q", "-r", self.base / site / "repository"), check=True, timeout=60,
                env={**self.environment, "RESTIC_PASSWORD": PASSWORD},
            )  # fmt: skip

    def documents(self, site: str) -> Path:
        return self.base / site / "documents"

    def call(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """albus-dr in a process of its own."""
        return subprocess.run(self.argv(*arguments), env=self.environment, timeout=PATIENCE_S, check=False,
                              **{"capture_output": True, "text": True, **more})  # fmt: skip

    def operate(self, operation: str, *more: str) -> dict[str, Any]:
        """The JSON of a run."""
        done = self.call(operation, str(self.base / "runbook.yaml"), "--json", "--yes", *more)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    @contextmanager
    def started(self, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
        """albus-dr while the block lasts."""
        with subprocess.Popen(self.argv(*arguments), env=self.environment, text=True, **more) as process:
            try:
                yield process
            finally:
                process.kill()

    @staticmethod
    def argv(*arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "albus_dr", *arguments)
