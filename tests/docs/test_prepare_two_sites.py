"""What docs/how-to/prepare-two-sites.md has people write, done to two small servers as Debian leaves them."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server, find_programs
from albus_dr.workloads.postgres.change import slot_of
from tests.docs.documents import TOP, blocks
from tests.tools.conftest import free_port

PAGE = TOP / "docs" / "how-to" / "prepare-two-sites.md"
HERE = LocalHost()
OWNER = "postgres" if os.geteuid() == 0 else None
ME = getpass.getuser()
SITE, SECRET = "nantes", "s3cret"  # the page's name of the standby's site


@dataclass(frozen=True)
class Two:
    lyon: Server
    nantes: Server
    place: Path

    def page(self, name: str) -> str:
        """One of the page's texts, with our names in place of the page's."""
        [block] = [block for block in blocks(PAGE) if name in (block.options.get("file"), block.treatment)]
        text = "\n".join(block.commands) or block.text
        for theirs, ours in (
            ("203.0.113.20/32", "127.0.0.1/32"),
            ("db1.lyon.example.org", "127.0.0.1"),
            ("/var/lib/postgresql/15/main", self.nantes.data),
            ("~/.pgpass", f"{self.place}/pgpass"),
            ("what is in replication.key", SECRET),
            ("listen_addresses = '*'", "listen_addresses = '127.0.0.1'"),
        ):
            text = text.replace(theirs, ours)
        return text.replace("root", ME) if name == "pg_ident.conf" else text

    def let_in(self) -> None:
        """The page's lines, above what initdb wrote."""
        for name in ("pg_ident.conf", "pg_hba.conf"):
            path = Path(self.lyon.data, name)
            path.write_text(self.page(name) + path.read_text())

    def restart(self, server: Server) -> None:
        server.stop(timeout_s=60)
        server.start(timeout_s=60)

    def as_owner(self, text: str) -> None:
        """What the page has typed as postgres."""
        more = {
            "PATH": f"{self.lyon.bin}:{os.environ['PATH']}", "PGPORT": str(self.lyon.port),
            "PGPASSFILE": f"{self.place}/pgpass",
        }  # fmt: skip
        argv = ("bash", "-euo", "pipefail", "-c", text)
        HERE.run(argv, timeout_s=120, run_as=OWNER, environment=more).check("the page's commands")


def a_server(place: Path, name: str) -> Server:
    """Not created yet. Port and socket are given at start: what initdb and the page write is left as it is."""
    directory = place / name
    directory.mkdir()
    if OWNER:
        shutil.chown(directory, OWNER)
    port = free_port()
    options = (f"-c port={port}", f"-c unix_socket_directories='{directory}'", "-c fsync=off")
    return Server(
        host=HERE, data=f"{directory}/data", port=port, socket=str(directory), user="postgres", run_as=OWNER,
        bin=find_programs(HERE, None), starts_with=options,
    )  # fmt: skip


def initialise(server: Server) -> None:
    """As Debian does: `peer` on the socket, and TLS with a certificate of the machine's own."""
    HERE.run(
        (f"{server.bin}/initdb", "-D", server.data, "-U", "postgres", "--auth-local=peer", "--auth-host=scram-sha-256",
         "--no-sync"),
        timeout_s=120, run_as=OWNER,
    ).check("initdb")  # fmt: skip
    HERE.run(
        ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", f"{server.data}/server.key", "-out", f"{server.data}/server.crt"),
        timeout_s=60, run_as=OWNER,
    ).check("openssl")  # fmt: skip
    with Path(server.data, "postgresql.conf").open("a") as file:
        file.write("ssl = on\n")


@pytest.fixture
def two() -> Iterator[Two]:
    """lyon runs; nantes has a directory that will make room."""
    try:
        postgres_program("initdb")
    except NotReadyError as error:
        pytest.skip(error.message)
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl is not installed here")
    if ME == "postgres":
        pytest.skip("PostgreSQL's own user is let in anyway")
    place = Path(tempfile.mkdtemp(prefix="albus-"))
    if OWNER:
        shutil.chown(place, OWNER)
    place.chmod(0o711)
    made = Two(a_server(place, "lyon"), a_server(place, SITE), place)
    try:
        initialise(made.lyon)
        made.lyon.start(timeout_s=60)
        yield made
    finally:
        for server in (made.nantes, made.lyon):
            if Path(server.data).exists():
                server.stop_at_once()
        shutil.rmtree(place)


@pytest.mark.real
def test_the_page_leads_to_a_standby_that_albus_dr_knows(two: Two) -> None:
    lyon, nantes = two.lyon, two.nantes

    with pytest.raises(NotReadyError, match="Peer authentication failed") as caught:
        lyon.query("SELECT 1")
    for said in (f"the system user {ME}", "`local all postgres peer map=albus`", f"`albus {ME} postgres`"):
        assert said in caught.value.hint
    assert "password:" not in caught.value.hint

    two.let_in()
    two.restart(lyon)
    assert lyon.value("SELECT current_user") == "postgres"
    two.as_owner(f"psql -X -h {lyon.socket} -U postgres -d postgres -c 'SELECT 1'")  # who was let in before still is

    lyon.query(two.page("primary"))
    two.restart(lyon)
    HERE.run(("mkdir", "-m", "700", nantes.data), timeout_s=10, run_as=OWNER).check("a cluster that makes room")
    two.as_owner(two.page("standby"))
    assert Path(f"{nantes.data}.empty").is_dir()
    nantes.start(timeout_s=60)

    give_up = monotonic() + 60
    while lyon.lag_of(SITE) is None:
        assert monotonic() < give_up, "the standby does not stream"
        sleep(0.05)
    assert nantes.is_in_recovery()
    assert lyon.query(
        "SELECT slot_name, active FROM pg_replication_slots JOIN pg_stat_replication ON pid = active_pid "
        f"WHERE application_name = '{SITE}'"
    ) == [[slot_of(SITE), "t"]]
    for server in (lyon, nantes):  # both ways: each serves one day
        assert server.value("SHOW wal_log_hints") == "on"
        as_replicator = replace(server, socket="127.0.0.1", user="replicator", password=SECRET)
        assert as_replicator.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"


def test_the_hint_names_the_pages_own_lines() -> None:
    text = {block.options["file"]: block.text for block in blocks(PAGE) if "file" in block.options}
    assert text["pg_hba.conf"].splitlines()[0].split() == ["local", "all", "postgres", "peer", "map=albus"]
    assert [line.split() for line in text["pg_ident.conf"].splitlines()] == [
        ["albus", "root", "postgres"], ["albus", "postgres", "postgres"],
    ]  # fmt: skip


def test_the_slot_that_the_page_names_is_the_one_that_is_removed() -> None:
    assert f"--slot {slot_of(SITE)} " in PAGE.read_text(encoding="utf-8")
    assert slot_of("le-havre") == "albus_le_havre"  # the page's rule
