"""The door, at a real HAProxy."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from albus_dr.errors import StepError, TransientError, UsageError
from albus_dr.tools.haproxy import Door
from albus_dr.tools.host import LocalHost, SshHost
from albus_dr.tools.inventory import find_program
from tests.tools.conftest import accepts, free_port, serving

HERE = LocalHost()


@pytest.fixture
def door(place: Path) -> Iterator[Door]:
    """Two sites, one of them closed."""
    program = find_program("haproxy")
    if program is None:
        pytest.skip("haproxy is not installed")
    port, api = free_port(), free_port()
    (place / "haproxy.cfg").write_text(
        f"global\n  stats socket {place}/admin.sock mode 600 level admin\n"
        f"  stats socket 127.0.0.1:{api} level admin\n  stats socket {place}/user.sock mode 600 level user\n"
        "defaults\n  mode tcp\n  timeout client 30s\n  timeout server 30s\n  timeout connect 1s\n"
        f"frontend door\n  bind 127.0.0.1:{port}\n  default_backend albus\n"
        "backend albus\n  server sbg 127.0.0.1:1\n  server bdx 127.0.0.1:2 disabled\n"
        "backend leader\n  server one 127.0.0.1:4 check inter 60s\nbackend follower\n  server one 127.0.0.1:5 track leader/one\n"
        "backend other\n  server sbg 127.0.0.1:3 disabled\n"
    )
    argv = (str(program), "-db", "-f", str(place / "haproxy.cfg"))
    with serving(argv, lambda: accepts(port) and (place / "admin.sock").exists(), place / "log"):
        yield Door(HERE, str(place / "admin.sock"), "albus")


def tcp_address(door: Door) -> str:
    config = (Path(door.address).parent / "haproxy.cfg").read_text()
    return next(line.split()[2] for line in config.splitlines() if "stats socket 127.0.0.1" in line)


def test_closed_and_opened(door: Door) -> None:
    assert (door.state("sbg"), door.state("bdx")) == ("ready", "maint")

    door.set_state("sbg", "maint")
    door.set_state("bdx", "ready")
    assert (door.state("sbg"), door.state("bdx")) == ("maint", "ready")

    door.set_state("bdx", "drain")
    assert door.state("bdx") == "drain"
    assert Door(HERE, door.address, "other").state("sbg") == "maint", "another backend's server of the same name"


def test_its_version(door: Door) -> None:
    program = find_program("haproxy")
    said = subprocess.run((str(program), "-v"), check=True, capture_output=True, text=True, timeout=30).stdout
    assert f"version {door.version()} " in said


def test_a_server_that_is_away_for_now_is_not_closed(door: Door) -> None:
    """It comes back by itself, as one does whose name can be resolved again: only an order keeps it away."""
    follower, leader = Door(HERE, door.address, "follower"), Door(HERE, door.address, "leader")
    leader.set_state("one", "maint")
    assert "MAINT (via leader/one)" in follower._ask("show stat follower 4 -1")
    assert follower.state("one") == "ready"
    follower.set_state("one", "maint")
    assert "MAINT (via leader/one)" in follower._ask("show stat follower 4 -1")
    assert follower.state("one") == "maint"
    leader.set_state("one", "ready")
    assert follower.state("one") == "maint"


def test_asked_twice_it_is_the_same(door: Door) -> None:
    for _ in range(2):
        door.set_state("sbg", "maint")
        assert door.state("sbg") == "maint"


def test_by_its_tcp_address(door: Door) -> None:
    by_tcp = Door(HERE, tcp_address(door), "albus")
    by_tcp.set_state("bdx", "ready")

    assert by_tcp.state("bdx") == door.state("bdx") == "ready"


def test_from_another_host(door: Door, ssh_host: SshHost) -> None:
    if find_program("socat") is None:
        pytest.skip("socat is not installed")
    Door(ssh_host, door.address, "albus").set_state("bdx", "ready")
    assert door.state("bdx") == "ready"
    assert Door(ssh_host, tcp_address(door), "albus").state("bdx") == "ready"
    with pytest.raises(StepError, match="the door at far can't be asked"):
        Door(ssh_host, "/nowhere.sock", "albus").state("bdx")


def test_closing_ends_the_connections_that_are_open(door: Door) -> None:
    config = Path(door.address).parent / "haproxy.cfg"
    port = next(int(line.rpartition(":")[2]) for line in config.read_text().splitlines() if " bind " in line)
    with socket.create_server(("127.0.0.1", 0)) as application:
        answers = door._ask(f"set server albus/sbg addr 127.0.0.1 port {application.getsockname()[1]}")
        assert "changed" in answers
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(application.accept()[0]))
        thread.start()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as user:
            user.sendall(b"hello")
            thread.join(10)
            door.set_state("sbg", "maint")
            assert user.recv(1) == b""
        for connection in taken:
            connection.close()


@pytest.mark.parametrize(("backend", "server"), [("albus", "paris"), ("nobody", "sbg"), ("albus", "SBG")])
def test_an_unknown_server_is_refused(door: Door, backend: str, server: str) -> None:
    wrong = Door(HERE, door.address, backend)
    with pytest.raises(StepError, match=f"no server {server} in a backend {backend}") as caught:
        wrong.state(server)
    assert "haproxy.cfg" in caught.value.hint
    with pytest.raises(StepError, match="refused 'set server"):
        wrong.set_state(server, "ready")


def test_a_socket_without_the_right_to_change_anything(door: Door) -> None:
    reader = Door(HERE, str(Path(door.address).with_name("user.sock")), "albus")

    assert reader.state("sbg") == "ready"
    with pytest.raises(StepError, match=r"refused 'set server.*Permission denied"):
        reader.set_state("sbg", "maint")
    assert door.state("sbg") == "ready"


def test_nobody_answers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no socket")
    for address in (str(tmp_path / "missing"), str(tmp_path / "file"), f"127.0.0.1:{free_port()}"):
        with pytest.raises(TransientError, match="does not answer at") as caught:
            Door(HERE, address, "albus").state("sbg")
        assert "level admin" in caught.value.hint


@pytest.mark.parametrize("address", ["run/admin.sock", "localhost", "localhost:", "localhost:http"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UsageError, match="neither the path of a socket nor host:port"):
        Door(HERE, address, "albus").state("sbg")


@contextmanager
def answering(place: Path, answer: bytes, *, without_end: bool = False) -> Iterator[Door]:
    """Something else behind the socket: it sends the answer, once or for as long as somebody reads."""
    path = place / "other.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def talk() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(1000)
                connection.sendall(answer)
                while without_end:
                    connection.sendall(answer)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield Door(HERE, str(path), "albus")
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "answer", [b"\xff\xfe\x00odd", b"# pxname,svname,status\nalbus,sb\xe9,UP\n", b"", b'pxname\n"' + b"x" * 200_000 + b'"\n'],
    ids=["bytes", "a name", "nothing", "a long field"],
)  # fmt: skip
def test_odd_answers_are_no_server_and_no_bug(place: Path, answer: bytes) -> None:
    with answering(place, answer) as door, pytest.raises(StepError, match=r"has no server sbg in|can't be read"):
        door.state("sbg")


def test_an_odd_refusal_is_told_as_far_as_it_is_text(place: Path) -> None:
    with (
        answering(place, b"n\xf6 such server\n") as door,
        pytest.raises(StepError, match=r"refused .*: n\ufffd such server"),
    ):
        door.set_state("sbg", "ready")


def test_an_answer_without_end_is_given_up(place: Path) -> None:
    with (
        answering(place, b"albus," * 10_000, without_end=True) as door,
        pytest.raises(StepError, match="does not come to an end"),
    ):
        door.state("sbg")
