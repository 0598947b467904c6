"""Real servers of the tests' own, on loopback: ended by their process, nothing left behind."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from albus_dr.bench.machine import free_ports
from albus_dr.tools.host import SshHost
from albus_dr.tools.inventory import find_program

PATIENCE_S = 30.0


def free_port() -> int:
    """None that the system gives to a connection: tests run side by side, and a server may come back on its port."""
    return free_ports(1)[0]


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(argv: tuple[str, ...], ready: Callable[[], bool], log: Path, **variables: str) -> Iterator[int]:
    """A server until the block is left; its process id."""
    with log.open("ab") as file, subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **variables}
    ) as server:  # fmt: skip
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not ready():
                assert server.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.02)
            yield server.pid
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path that other users may look through: sockets and PostgreSQL need that."""
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def ssh_host() -> Iterator[SshHost]:
    """This machine, as if it were another: behind a real sshd with keys of its own."""
    sshd, keygen, ssh = (find_program(name) for name in ("sshd", "ssh-keygen", "ssh"))
    if not (sshd and keygen and ssh):
        pytest.skip("the OpenSSH server or client is not installed")
    directory = Path(tempfile.mkdtemp(prefix="albus-ssh-"))
    separation = Path("/run/sshd")  # sshd's own, compiled in; its service makes it, and we run none
    made = os.geteuid() == 0 and not separation.exists()
    if made:
        separation.mkdir(mode=0o755)
    try:
        for name in ("host", "user"):
            subprocess.run((keygen, "-q", "-t", "ed25519", "-N", "", "-f", directory / name), check=True, timeout=30)
        port = free_port()
        shutil.copy(directory / "user.pub", directory / "authorized_keys")
        key = (directory / "host.pub").read_text().split()
        (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {key[0]} {key[1]}\n")
        (directory / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host\nPidFile {directory}/pid\nUsePAM no\n"
            f"AuthorizedKeysFile {directory}/authorized_keys\nPasswordAuthentication no\nStrictModes no\n"
            "PermitRootLogin prohibit-password\n"
        )
        argv = (str(sshd), "-D", "-e", "-f", str(directory / "sshd_config"))
        with serving(argv, lambda: accepts(port), directory / "log"):
            yield SshHost(
                "far", f"{getpass.getuser()}@127.0.0.1", port,
                (f"IdentityFile={directory}/user", "IdentitiesOnly=yes", f"UserKnownHostsFile={directory}/known_hosts",
                 "GlobalKnownHostsFile=/dev/null"),
            )  # fmt: skip
    finally:
        shutil.rmtree(directory)
        if made:
            separation.rmdir()
