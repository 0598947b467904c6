"""HTTP: one GET or POST, its status and body. A redirect is an answer, too: what it leads to may be another site.

A site's endpoints are asked directly, never through a desktop's proxy.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from albus_dr.errors import StepError, TransientError
from albus_dr.tools.deadline import cut, within
from albus_dr.tools.host import Host, LocalHost

if TYPE_CHECKING:
    from http.client import HTTPResponse

_HERE = LocalHost()
_JSON = "application/json"
BODY_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A complete answer, whatever its status."""

    status: int
    body: bytes


def get(url: str, *, timeout_s: float, host: Host = _HERE) -> Answer:
    """Ask once, from here or from another host or network (by the curl there). Raises TransientError when no complete answer came."""
    return _ask(url, None, timeout_s, host)


def post(url: str, body: str, *, timeout_s: float, host: Host = _HERE) -> Answer:
    """Send JSON once, as ``get`` asks. It may have arrived, whatever is raised."""
    return _ask(url, body, timeout_s, host)


def _ask(url: str, body: str | None, timeout_s: float, host: Host) -> Answer:
    if not url.lower().startswith(("http://", "https://")):
        raise StepError(f"{url} is neither http nor https")
    if not isinstance(host, LocalHost) or host.inside:
        return _ask_from(host, url, body, timeout_s)
    exchange = _Exchange(url, body, timeout_s)
    try:
        return within(timeout_s, exchange.answer, name="asks over HTTP")
    except TimeoutError:
        exchange.hang_up()
        reason = f"it did not end within {timeout_s:g} s"
    except Exception as error:  # noqa: BLE001 -- http.client, ssl and codecs raise of all kinds
        reason = str(error) or type(error).__name__
    raise TransientError(f"{url} does not answer: {reason}")


class _Exchange:
    """One request and its answer."""

    def __init__(self, url: str, body: str | None, timeout_s: float) -> None:
        self._url, self._body, self._timeout_s = url, body, timeout_s
        self._socket: socket.socket | None = None

    def answer(self) -> Answer:
        """A complete one, or whatever http.client raises."""
        from http.client import HTTPConnection, HTTPSConnection  # with ssl behind it: slow to import

        parts = urlsplit(self._url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=self._timeout_s + 1)  # whoever asked is the first to give up
        content = {} if self._body is None else {"Content-Type": _JSON}
        headers = {"User-Agent": "albus-dr", "Connection": "close", **content}
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        try:
            connection.connect()
            self._socket = connection.sock  # the connection forgets it as soon as the answer begins
            connection.request(
                "GET" if self._body is None else "POST", path, self._body and self._body.encode(), headers
            )
            with connection.getresponse() as response:
                return Answer(response.status, _body(response))
        finally:
            connection.close()

    def hang_up(self) -> None:
        """What it still reads comes to an end."""
        if self._socket is not None:
            cut(self._socket)


def _body(response: HTTPResponse) -> bytes:
    """At most BODY_LIMIT bytes of it."""
    body = bytearray()
    while len(body) < BODY_LIMIT and (chunk := response.read1(min(65_536, BODY_LIMIT - len(body)))):
        body += chunk
    if response.length and len(body) < BODY_LIMIT:
        raise ConnectionError(f"it ended {response.length} bytes too early")
    return bytes(body)


def _ask_from(host: Host, url: str, body: str | None, timeout_s: float) -> Answer:
    """By curl at the host. What is asked for and sent may name a patient, and everybody there may read a process list."""
    asked = {"url": url} if body is None else {"url": url, "header": f"Content-Type: {_JSON}", "data-binary": body}
    argv = ("curl", "-gsS", "--noproxy", "*", "--max-time", f"{timeout_s:g}", "-w", "\n%{http_code}", "-K", "-")
    stdin = "".join(f'{key} = "{_escaped(value)}"\n' for key, value in asked.items())
    done = host.run(argv, stdin=stdin, timeout_s=timeout_s + 5)
    if done.code != 0:
        raise TransientError(f"{url} does not answer at {host.name}: {done.last_words}")
    answered, _, status = done.out.rpartition(b"\n")
    return Answer(int(status), answered[:BODY_LIMIT])


def _escaped(text: str) -> str:
    """For a quoted value in curl's config."""
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, written)
    return text


def wait_for(url: str, *, status: int, timeout_s: float, every_s: float = 0.05, host: Host = _HERE) -> Answer:
    """Ask until the status comes. Raises TransientError with the last answer when it did not come in time."""
    deadline = time.monotonic() + timeout_s
    last = "nothing"
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TransientError(f"{url} did not answer {status} within {timeout_s:g} s; the last answer was {last}")
        try:
            answer = get(url, timeout_s=min(5.0, max(0.1, remaining)), host=host)
            if answer.status == status:
                return answer
            last = str(answer.status)
        except TransientError as error:
            last = error.message
        time.sleep(min(every_s, max(0.0, remaining)))
