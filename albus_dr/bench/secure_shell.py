"""How albus-dr reaches a site that has a network of its own: one sshd per site, with keys that nothing else knows.

DIR/ssh/: id (the operator's key), known_hosts, and for each site its host key, config and log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from albus_dr.bench.files import write_private
from albus_dr.bench.place import Place
from albus_dr.bench.processes import Running, spawn
from albus_dr.tools import process
from albus_dr.tools.inventory import require_program

PORT = 22
_SEPARATION = Path("/run/sshd")  # compiled into Debian's sshd; empty, and gone at the next start of the machine
# MaxStartups: independent steps open their connections at the same moment.
_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {keys}/{site}
AuthorizedKeysFile {keys}/id.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
MaxStartups 100
MaxSessions 100
SetEnv PATH={path}
"""


def prepare(keys: Path, sites: dict[str, Place]) -> None:
    """Keys and configs. Raises StepError or NotReadyError."""
    keys.mkdir(mode=0o700)
    for name in ("id", *sites):
        process.run(
            ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(keys / name)), timeout_s=10
        ).check("making a key")
    known = [f"{place.address} {(keys / f'{site}.pub').read_text()}" for site, place in sites.items()]
    write_private(keys / "known_hosts", "".join(known))
    path = os.pathsep.join(dict.fromkeys((str(Path(sys.executable).parent), *os.environ["PATH"].split(os.pathsep))))
    for site, place in sites.items():
        config = _CONFIG.format(address=place.address, port=PORT, keys=keys, site=site, path=path)
        write_private(keys / f"{site}.conf", config)


def start(keys: Path, site: str, place: Place) -> Running:
    """The site's sshd."""
    program = str(require_program("sshd"))
    _SEPARATION.mkdir(mode=0o755, exist_ok=True)
    return spawn(
        place.command((program, "-D", "-e", "-f", str(keys / f"{site}.conf"))), log=keys / f"{site}.log", cwd=Path("/")
    )
