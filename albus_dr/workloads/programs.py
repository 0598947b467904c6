"""Which versions of which programs a step worked with: for whoever asks years later what restored the data."""

from __future__ import annotations

from albus_dr.tools.haproxy import Door
from albus_dr.tools.postgres import Server
from albus_dr.tools.restic import Repository
from albus_dr.workloads.step import Facts


def programs(*used: Repository | Server | Door) -> Facts:
    """Facts: ``programs`` has name, version and host of each. A restic that nobody asked for its version is left out."""
    found = [{**_named(one), "host": one.host.name} for one in used]
    return {"programs": [each for each in found if each["version"]]}


def _named(one: Repository | Server | Door) -> dict[str, str]:
    if isinstance(one, Repository):
        return {"name": "restic", "version": one.version}
    return {"name": "PostgreSQL" if isinstance(one, Server) else "HAProxy", "version": one.version()}
