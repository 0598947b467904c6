"""Asking over HTTP, against servers that answer well, badly, slowly or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from albus_dr.errors import StepError, TransientError
from albus_dr.tools import http
from albus_dr.tools.host import LocalHost, SshHost, free_port
from albus_dr.tools.inventory import find_program


@contextmanager
def answering(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """A server that does exactly this with every connection; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection, connection.recv(65536))
                    except OSError:
                        continue  # who asked has gone

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def raw(*parts: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda connection, _: connection.sendall(b"".join(parts))


def test_an_answer_is_an_answer_whatever_its_status() -> None:
    for status in (200, 204, 404, 500, 503):
        with answering(raw(b"HTTP/1.1 %d x\r\nContent-Length: 3\r\n\r\n\xffno" % status)) as url:
            answer = http.get(url, timeout_s=10)
        assert answer.status == status
        assert answer.body == (b"" if status == 204 else b"\xffno")


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("where", ["here", "in a network of its own", "there"])
def test_a_redirect_is_an_answer_and_is_not_followed(where: str, method: str, request: pytest.FixtureRequest) -> None:
    """What a drill's copy redirects to may be production."""
    if where != "here" and find_program("curl") is None:
        pytest.skip("curl is not installed")
    here = LocalHost(inside=("env",) if where == "in a network of its own" else ())
    host = request.getfixturevalue("ssh_host") if where == "there" else here
    asked: list[bytes] = []

    def answer(connection: socket.socket, heard: bytes) -> None:
        asked.append(heard)
        connection.sendall(b"HTTP/1.0 302 OK\r\nLocation: /there\r\n\r\nmoved")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(
            65536
        ):  # what was posted may come after its headers; left unread, it would reset the answer
            pass

    with answering(answer) as url:
        if method == "get":
            found = http.get(url + "/here", timeout_s=10, host=host)
        else:
            found = http.post(url + "/here", "{}", timeout_s=10, host=host)
    assert found == http.Answer(302, b"moved")
    assert len(asked) == 1


def test_the_path_and_the_query_arrive_and_who_asks() -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

    with answering(answer) as url:
        http.get(url + "/agenda?day=2026-01-01&a=b", timeout_s=10)
    assert asked[0].startswith(b"GET /agenda?day=2026-01-01&a=b HTTP/1.1\r\n")
    assert b"User-Agent: albus-dr" in asked[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed connection|reset"),
        (b"\x16\x03\x01\x02\x00\x01 no http at all\r\n\r\n", "no http at all"),
        (b"HTTP/1.1 abc\r\n\r\n", "abc"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "it ended 96 bytes too early"),
        (b"HTTP/1.1 500 OK\r\nContent-Length: 100\r\n\r\nhalf", "it ended 96 bytes too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf", "IncompleteRead|invalid literal"),
    ],
)  # fmt: skip
def test_garbage_or_half_an_answer_is_no_answer(answer: bytes, said: str) -> None:
    with answering(raw(answer)) as url, pytest.raises(TransientError, match=f"does not answer: .*({said})"):
        http.get(url, timeout_s=10)


def test_nobody_listens() -> None:
    with pytest.raises(TransientError, match=r"does not answer: .*refused"):
        http.get(f"http://127.0.0.1:{free_port(LocalHost())}", timeout_s=10)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(TransientError, match="does not answer"):
        http.get("http://no-such-host.invalid/", timeout_s=10)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1:80", ""])
def test_only_http_is_asked(url: str) -> None:
    with pytest.raises(StepError, match="neither http nor https"):
        http.get(url, timeout_s=10)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a b", "http://[::1", "http://127.0.0.1:port/", "http:///"])
def test_an_address_that_is_none_is_said_so(url: str) -> None:
    with pytest.raises((TransientError, StepError)):
        http.get(url, timeout_s=10)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 500 No\r\n\r\n"])
def test_a_server_that_stops_in_the_middle(head: bytes) -> None:
    done = threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        done.wait(30)

    with answering(answer) as url:
        with pytest.raises(TransientError, match=r"does not answer: it did not end within 0\.5 s"):
            http.get(url, timeout_s=0.5)
        done.set()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.0 200 OK\r\nX-Slow: ", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_an_answer_that_trickles_in_for_ever(head: bytes) -> None:
    gone, done = threading.Event(), threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        try:
            while not done.wait(0.1):
                connection.sendall(b"x")
        finally:
            gone.set()

    with answering(answer) as url:
        began = time.monotonic()
        with pytest.raises(TransientError, match=r"did not end within 0\.8 s"):
            http.get(url, timeout_s=0.8)
        assert time.monotonic() - began < 5
        assert gone.wait(10), "the connection is still open"
        done.set()


def test_a_name_that_nobody_resolves_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(30) and [])

    began = time.monotonic()
    with pytest.raises(TransientError, match=r"does not answer: .*within 0\.3 s"):
        http.get("http://slow.example.org/", timeout_s=0.3)
    assert time.monotonic() - began < 5
    done.set()


def test_a_body_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT", 1000)
    with answering(raw(b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x" * 5000)) as url:
        assert http.get(url, timeout_s=10).body == b"x" * 1000


def test_a_desktops_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    proxied = f"http://127.0.0.1:{free_port(LocalHost())}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxied)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    with answering(raw(b"HTTP/1.0 200 OK\r\n\r\ndirect")) as url:
        assert http.get(url, timeout_s=10).body == b"direct"


def test_wait_for_a_service_that_comes_up() -> None:
    statuses = iter([503, 404, 200])

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.0 %d x\r\n\r\nup" % next(statuses))

    with answering(answer) as url:
        assert http.wait_for(url, status=200, timeout_s=20).body == b"up"
    assert next(statuses, None) is None


def test_wait_for_says_what_came_instead() -> None:
    with (
        answering(raw(b"HTTP/1.0 503 x\r\n\r\n")) as url,
        pytest.raises(TransientError, match=r"did not answer 200 within 0\.5 s; the last answer was 503"),
    ):
        http.wait_for(url, status=200, timeout_s=0.5)
    with pytest.raises(TransientError, match=r"the last answer was .*refused"):
        http.wait_for(f"http://127.0.0.1:{free_port(LocalHost())}", status=200, timeout_s=0.5)


@pytest.mark.parametrize("body", [None, '{"name": "Zoé \\"Quark\\"", "path": "C:\\\\x"}'])
def test_what_is_asked_elsewhere_is_in_no_process_list(body: str | None) -> None:
    """It may name a patient; and it arrives as it was given."""
    if find_program("curl") is None:
        pytest.skip("curl is not installed")
    heard, listed = bytearray(), []

    def answer(connection: socket.socket, request: bytes) -> None:
        heard.extend(request)
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended meanwhile
                listed.append(each.read_bytes())
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nyes")
        connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(65536):
            heard.extend(more)

    host = LocalHost(inside=("env",))
    with answering(answer) as url:
        asked = f"{url}/search?q=Quarkmarten&x=[1]{{2}}"
        ask = http.get if body is None else partial(http.post, body=body)
        found = ask(asked, timeout_s=10, host=host)
    assert found == http.Answer(200, b"yes")
    assert b" /search?q=Quarkmarten&x=[1]{2} HTTP" in heard
    assert any(line.startswith(b"curl\0") for line in listed)
    assert [line for line in listed if b"Quark" in line] == []
    if body is not None:
        assert bytes(heard).endswith(b"\r\n\r\n" + body.encode())


def test_asked_from_another_host(ssh_host: SshHost) -> None:
    if find_program("curl") is None:
        pytest.skip("curl is not installed")
    with answering(raw(b"HTTP/1.0 404 x\r\n\r\nline\n\n\xff")) as url:
        assert http.get(url + "/it's?a=[1]", timeout_s=10, host=ssh_host) == http.Answer(404, b"line\n\n\xff")
    with pytest.raises(TransientError, match=r"does not answer at far: .*(connect|refused)"):
        http.get(f"http://127.0.0.1:{free_port(LocalHost())}", timeout_s=10, host=ssh_host)
