"""A small runbook and config whose lines are known, and a way to break them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from albus_dr.runbook.loader import Loaded, load
from albus_dr.runbook.problems import InvalidRunbook
from albus_dr.workloads.registry import kinds

RUNBOOK = """\
version: 1
runbook: albus
config: config.yaml
objectives: {rto: 4h, rpo: 15m, drill_every: 1y, distance: 500 km}
sites:
  primary: strasbourg
  secondary: bordeaux
workloads:
  patients:
    kind: postgres
    server: database
    database: albus
    recovery_points: {dump: backups}
    verify:
      - {sql: SELECT 1, expect: 1}
  application:
    kind: service
    needs: [patients]
    service: albus
  door:
    kind: traffic
    needs: [application]
    proxy: front
steps:
  - name: Tell the nurses
    run: [./tell.sh, now]
    host: all
    after: door
    in: [failover]
"""

CONFIG = """\
version: 1
sites:
  strasbourg:
    location: {latitude: 48.5734, longitude: 7.7521}
    hosts: {all: {}}
    servers: {database: {host: all, data: /data, port: "${PORT}", run_as: "${USER_NAME}"}}
    services: {albus: {host: all, systemd: albus.service, url: "http://127.0.0.1:${PORT}"}}
    repositories: {backups: {restic: /restic-sbg, password: {file: key}}}
    scratch: {host: all, path: /scratch}
    fence: [{probe: all}]
  bordeaux:
    location: {latitude: 44.8378, longitude: -0.5792}
    hosts: {all: {}}
    servers: {database: {host: all, data: /data}}
    services: {albus: {host: all, systemd: albus.service, url: "http://127.0.0.1:8000"}}
    repositories: {backups: {restic: /repository, password: {file: key}}}
    scratch: {host: all, path: /scratch}
proxies:
  front: {haproxy: /door, backend: albus, servers: {strasbourg: a, bordeaux: b}, url: "http://127.0.0.1"}
"""

ENVIRONMENT = {"PORT": "5433", "USER_NAME": "postgres"}


class Files:
    """The two files in a directory of their own, which is the current one."""

    def write(self, runbook: str = RUNBOOK, config: str = CONFIG) -> None:
        Path("runbook.yaml").write_text(runbook, "utf-8")
        Path("config.yaml").write_text(config, "utf-8")

    def replace(self, file: str, old: str, new: str) -> None:
        """Exactly one place changes."""
        text = Path(file).read_text("utf-8")
        assert text.count(old) == 1, (old, text.count(old))
        Path(file).write_text(text.replace(old, new), "utf-8")

    def load(self, environment: Mapping[str, str] = ENVIRONMENT, require_environment: bool = True) -> Loaded:
        return load(
            Path("runbook.yaml"), kinds=kinds(), environment=environment, require_environment=require_environment
        )

    def problems(self, environment: Mapping[str, str] = ENVIRONMENT) -> list[str]:
        """What is wrong, as it is printed; nothing when all is well."""
        try:
            self.load(environment)
        except InvalidRunbook as error:
            return [str(problem) for problem in error.problems]
        return []
