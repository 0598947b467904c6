"""Real servers that registers are kept on, each on loopback and in a directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools.etcd_register import EtcdPlace
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import find_program, postgres_program
from albus_dr.tools.postgres import Server, find_programs
from albus_dr.tools.postgres_register import PostgresPlace
from albus_dr.tools.register import Place
from albus_dr.tools.s3 import Bucket
from albus_dr.tools.s3_register import S3Place
from tests.tools.conftest import accepts, free_port, serving

KEY, SECRET, PASSWORD = "witness-key", "witness-secret", "witness-password"
_ONE_AT_A_TIME = """
import sys
import urllib.request
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""
KINDS = ("file", "postgres", "etcd", "s3")


@dataclass(frozen=True)
class Witness:
    """A place, and the process that serves it (None: there is none)."""

    kind: str
    place: Place
    pid: int | None


@contextmanager
def witness(kind: str, directory: Path) -> Iterator[Witness]:
    """A place of this kind on a server that nobody else uses. Skips where the server is not installed."""
    with {"file": _file, "postgres": _postgres, "etcd": _etcd, "s3": _moto, "rclone": _rclone}[kind](directory) as it:
        yield it


@contextmanager
def _file(directory: Path) -> Iterator[Witness]:
    yield Witness("file", FilePlace(directory / "registers"), None)


@contextmanager
def _postgres(directory: Path) -> Iterator[Witness]:
    """Reached over TCP, with a password, as a role that owns nothing but its database."""
    try:
        postgres_program("initdb")
    except NotReadyError as error:
        pytest.skip(error.message)
    owner = "postgres" if os.geteuid() == 0 else None
    home = directory / "postgres"
    home.mkdir()
    if owner:
        shutil.chown(home, owner)
    port = free_port()
    options = (f"-c port={port}", f"-c unix_socket_directories='{home}'", "-c listen_addresses=127.0.0.1")
    here = LocalHost()
    server = Server(
        here, f"{home}/data", port, str(home), "postgres", owner, find_programs(here, None), starts_with=options
    )
    server.create(timeout_s=120)
    access = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (home / "data" / "pg_hba.conf").write_text(access)
    server.start(timeout_s=60)
    try:
        server.query(f"CREATE ROLE witness LOGIN PASSWORD '{PASSWORD}'")
        server.query("CREATE DATABASE witness OWNER witness")
        pid = int((home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        yield Witness("postgres", PostgresPlace(f"postgresql://witness@127.0.0.1:{port}/witness", PASSWORD), pid)
    finally:
        server.stop_at_once()


@contextmanager
def _etcd(directory: Path) -> Iterator[Witness]:
    with etcd_member(directory) as (endpoint, pid):
        yield Witness("etcd", EtcdPlace((endpoint,)), pid)


@contextmanager
def etcd_member(directory: Path, *, peers: dict[str, int] | None = None, name: str = "m0") -> Iterator[tuple[str, int]]:
    """A member of a cluster (``peers``: ports by name; None: it is alone); its address and process id."""
    program = find_program("etcd")
    if program is None:
        pytest.skip("etcd is not installed")
    port = free_port()
    peers = peers or {name: free_port()}
    endpoint, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers[name]}"
    argv = (
        str(program), "--name", name, "--data-dir", str(directory / f"etcd-{name}"),
        "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", ",".join(f"{each}=http://127.0.0.1:{number}" for each, number in peers.items()),
    )  # fmt: skip
    with serving(argv, lambda: accepts(port), directory / f"etcd-{name}.log") as pid:
        yield endpoint, pid


@contextmanager
def _moto(directory: Path) -> Iterator[Witness]:
    """moto's S3 server: a stand-in that honours conditional writes over HTTP, and no proof of a real service.

    It compares and stores in two steps, which is one where requests are served one at a time.
    """
    port = free_port()
    argv = (sys.executable, "-c", _ONE_AT_A_TIME, str(port))
    with serving(argv, lambda: accepts(port), directory / "moto.log") as pid:
        endpoint = f"http://127.0.0.1:{port}"
        boto3.client(
            "s3", endpoint_url=endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        ).create_bucket(Bucket="witness")
        yield Witness("s3", S3Place(Bucket(endpoint, "witness", "albus", KEY, SECRET)), pid)


@contextmanager
def _rclone(directory: Path) -> Iterator[Witness]:
    """The real S3 server that the bench uses. It ignores the conditions of writes."""
    program = find_program("rclone")
    if program is None:
        pytest.skip("rclone is not installed")
    (directory / "s3" / "witness").mkdir(parents=True)
    port = free_port()
    argv = (str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(directory / "s3"))
    variables = {"RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"', "RCLONE_CONFIG": "/dev/null"}
    with serving(argv, lambda: accepts(port), directory / "rclone.log", **variables) as pid:
        yield Witness("rclone", S3Place(Bucket(f"http://127.0.0.1:{port}", "witness", "albus", KEY, SECRET)), pid)


def restart_as_standby(directory: Path) -> None:
    """The PostgreSQL of ``witness("postgres", directory)``, from now on in recovery and without anybody to follow."""
    home = directory / "postgres"
    owner = "postgres" if os.geteuid() == 0 else None
    pg_ctl = (str(postgres_program("pg_ctl")), "-D", str(home / "data"), "-w", "-s")
    (home / "data" / "standby.signal").touch()
    LocalHost().run((*pg_ctl, "-l", str(home / "log"), "restart"), timeout_s=60, run_as=owner, cwd="/").check("restart")


def require_password(endpoint: str) -> None:
    """Turn on etcd's authentication: the user root with PASSWORD."""
    for path, content in (
        ("user/add", {"name": "root", "password": PASSWORD}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("enable", {}),
    ):
        ask = urllib.request.Request(f"{endpoint}/v3/auth/{path}", json.dumps(content).encode())
        urllib.request.urlopen(ask, timeout=10).close()
