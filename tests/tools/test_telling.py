"""Pings and metrics, against a real server and a real directory. apprise: tests/cli/test_notify.py."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from base64 import b64encode
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError, TransientError
from albus_dr.tools import notify
from tests.tools.listener import listening


def test_the_signal_stands_behind_the_path() -> None:
    with listening() as server:
        for signal in ("start", "", "fail"):
            notify.ping(f"{server.address}/uuid/?x=1", signal, "é")
        assert server.heard == [("/uuid/start?x=1", "é"), ("/uuid/?x=1", "é"), ("/uuid/fail?x=1", "é")]


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_another_status_is_a_failure(status: int) -> None:
    """A redirect, too: a page where people log in answers 200 to everybody, and is no monitor."""
    with listening() as elsewhere, listening() as server:
        server.status, server.location = status, elsewhere.address
        address = server.address.replace("http://", "http://ana:k3y@")
        with pytest.raises(TransientError, match=str(status)):
            notify.ping(f"{address}/uuid", "", "")
        assert elsewhere.heard == []


def test_one_that_never_answers_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PING_S", 0.5)
    with listening() as server:
        server.status = 0
        with pytest.raises(TransientError, match="no answer"):
            notify.ping(f"{server.address}/uuid", "", "")


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "uuid", "http://127.0.0.1:1/secret-uuid", "http://[/secret-uuid"]
)
def test_an_address_is_not_repeated(address: str) -> None:
    with pytest.raises(TransientError) as failed:
        notify.ping(address, "", "")
    assert "uuid" not in failed.value.message
    assert "passwd" not in failed.value.message


def test_metrics_are_put_into_their_group_and_the_password_stands_in_the_header_alone() -> None:
    with listening() as server:
        address = server.address.replace("http://", "http://metrics:k%40y@") + "/behind/"
        notify.push_metrics(address, {"runbook": "a/b", "operation": "drill"}, "albus_dr_rta_seconds 1.0\n")
        assert server.heard == [
            ("/behind/metrics/job/albus-dr/runbook/a%2Fb/operation/drill", "albus_dr_rta_seconds 1.0\n")
        ]
        assert server.headers[0]["authorization"] == "Basic " + b64encode(b"metrics:k@y").decode()
        assert server.headers[0]["content-type"].startswith("text/plain; version=0.0.4")


def test_metrics_are_replaced_as_a_whole(tmp_path: Path) -> None:
    for text in ("one 1\n", "two 2\n"):
        notify.write_metrics(tmp_path, "albus", text)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("albus.prom", text)]
    assert (tmp_path / "albus.prom").stat().st_mode & 0o777 == 0o644
    with pytest.raises(NotReadyError, match="can't be written"):
        notify.write_metrics(tmp_path / "none", "albus", "")


def test_a_monitor_whose_answer_trickles_in_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PING_S", 0.5)
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.0 200 OK\r\nX-Slow: ")
            while not over.wait(0.1):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(TransientError, match="no answer: it did not end in time"):
            notify.ping(f"http://127.0.0.1:{server.getsockname()[1]}", "start", "text")
        over.set()
    assert time.monotonic() - began < 5
