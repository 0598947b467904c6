"""The bench's own network: who reaches whom, what is lost on the way, and that nothing is left of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.bench.network import BORDEAUX, PLACES, STRASBOURG, USERS, WITNESS, Network, require_root
from albus_dr.bench.place import NAMESPACES
from albus_dr.bench.processes import look
from albus_dr.errors import NotReadyError

pytestmark = pytest.mark.real
PORT = 7000
AT_ONCE_S = 5.0  # on a loaded machine
NEVER_S = 0.4


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    network = Network(f"t{os.getpid():x}")
    try:
        network.make()
        yield network
    finally:
        assert network.remove() == []
    assert not list(NAMESPACES.glob(f"albus-{network.id}-*"))


@pytest.fixture(autouse=True)
def healed(network: Network) -> Iterator[None]:
    yield
    network.heal()
    network.bring_together()


@pytest.fixture(scope="module")
def echoes(network: Network) -> Iterator[None]:
    """A server in every place that returns what it gets."""
    servers = [network.place(name).inside(lambda: socket.create_server(("", PORT))) for name in PLACES]

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()

    for server in servers:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
    yield
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(100):
            connection.sendall(data)


def reaches(network: Network, source: str, target: str, patience_s: float) -> bool:
    def connect() -> bool:
        try:
            with socket.create_connection((network.address(target), PORT), timeout=patience_s) as connection:
                connection.sendall(b"?")
                return connection.recv(1) == b"?"
        except TimeoutError:
            return False

    return network.place(source).inside(connect)


def test_every_place_reaches_every_other_and_the_machine_sees_no_link(network: Network, echoes: None) -> None:
    assert all(reaches(network, here, there, AT_ONCE_S) for here in PLACES for there in PLACES)
    assert not {name for _, name in socket.if_nameindex()} & set(PLACES)


def test_a_partition_cuts_both_ways_and_only_there(network: Network, echoes: None) -> None:
    network.partition((STRASBOURG,), (BORDEAUX, WITNESS))
    assert not reaches(network, STRASBOURG, BORDEAUX, NEVER_S)
    assert not reaches(network, WITNESS, STRASBOURG, NEVER_S)
    assert reaches(network, BORDEAUX, WITNESS, AT_ONCE_S)
    assert reaches(network, STRASBOURG, USERS, AT_ONCE_S)
    network.heal()
    assert reaches(network, STRASBOURG, BORDEAUX, AT_ONCE_S)


def test_a_connection_that_is_open_falls_silent_and_comes_back(network: Network, echoes: None) -> None:
    address = (network.address(BORDEAUX), PORT)
    with network.place(STRASBOURG).inside(lambda: socket.create_connection(address, timeout=AT_ONCE_S)) as connection:
        network.isolate(BORDEAUX)
        connection.sendall(b"?")
        connection.settimeout(NEVER_S)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        network.heal()
        connection.settimeout(10 * AT_ONCE_S)
        assert connection.recv(1) == b"?"


def test_distance_delays_one_pair(network: Network, echoes: None, tmp_path: Path) -> None:
    network.separate(STRASBOURG, BORDEAUX, round_trip_s=0.3, loss=0.0, log=tmp_path / "log")

    def round_trip_s(target: str) -> float:
        def measure() -> float:
            with socket.create_connection((network.address(target), PORT), timeout=AT_ONCE_S) as connection:
                began = time.perf_counter()
                connection.sendall(b"?")
                connection.recv(1)
                return time.perf_counter() - began

        return network.place(STRASBOURG).inside(measure)

    assert 0.3 <= round_trip_s(BORDEAUX) < 3
    assert min(round_trip_s(WITNESS) for _ in range(5)) < 0.1


def test_loss_loses_what_it_says(network: Network, tmp_path: Path) -> None:
    network.separate(STRASBOURG, BORDEAUX, round_trip_s=0.0, loss=0.3, log=tmp_path / "log")
    sent = 400
    with (
        network.place(BORDEAUX).inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver,
        network.place(STRASBOURG).inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender,
    ):
        receiver.bind((network.address(BORDEAUX), PORT))
        for _ in range(sent):
            sender.sendto(b"?", (network.address(BORDEAUX), PORT))
            time.sleep(0.001)
        receiver.settimeout(NEVER_S)
        arrived = 0
        try:
            while receiver.recv(1):
                arrived += 1
        except TimeoutError:
            pass
    assert 0.5 * sent < arrived < 0.9 * sent


def test_what_still_runs_there_goes_with_it() -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    network = Network(f"u{os.getpid():x}")
    try:
        network.make()
        argv = network.place(USERS).command((sys.executable, "-c", "import time; time.sleep(600)"))
        with subprocess.Popen(argv) as child:
            while not network.processes(USERS):
                time.sleep(0.01)
            assert network.remove() == []
            child.wait(10)
            assert look(child.pid) is None
    finally:
        assert network.remove() == []


def test_nobody_but_root_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotReadyError) as caught:
        require_root()
    assert "root" in caught.value.message
    assert "sudo" in caught.value.hint
