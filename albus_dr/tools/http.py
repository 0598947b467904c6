"""HTTP: one GET or POST, its status and body."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from albus_dr.errors import StepError, TransientError
from albus_dr.tools.host import Host, LocalHost

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

_HERE = LocalHost()
_JSON = "application/json"
BODY_LIMIT = 8 * 1024 * 1024


@cache
def _opener() -> OpenerDirector:
    """A site's endpoints are asked directly, never through a desktop's proxy."""
    from urllib.request import ProxyHandler, build_opener  # with ssl behind it: slow to import

    return build_opener(ProxyHandler({}))


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
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request

    deadline = time.monotonic() + timeout_s
    try:
        content = {} if body is None else {"Content-Type": _JSON}
        request = Request(url, None if body is None else body.encode(), {"User-Agent": "albus-dr", **content})  # noqa: S310 -- the scheme was checked
        try:
            with _opener().open(request, timeout=timeout_s) as response:
                return Answer(response.status, _body(response, deadline))
        except HTTPError as error:  # an answer like any other
            with error:
                return Answer(error.code, _body(cast("HTTPResponse", error.fp), deadline))
    except (OSError, ValueError, HTTPException) as error:  # a URLError is an OSError
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise TransientError(f"{url} does not answer: {reason}") from None


def _body(response: HTTPResponse, deadline: float) -> bytes:
    """At most BODY_LIMIT bytes of it. Raises TimeoutError when it trickles in for too long."""
    body = bytearray()
    while len(body) < BODY_LIMIT and (chunk := response.read1(min(65_536, BODY_LIMIT - len(body)))):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError("it began, and did not end in time")
    if response.length and len(body) < BODY_LIMIT:
        raise ConnectionError(f"it ended {response.length} bytes too early")
    return bytes(body)


def _ask_from(host: Host, url: str, body: str | None, timeout_s: float) -> Answer:
    sent = () if body is None else ("-H", f"Content-Type: {_JSON}", "--data-binary", "@-")
    argv = ("curl", "-gsS", "--noproxy", "*", "--max-time", f"{timeout_s:g}", "-w", "\n%{http_code}", *sent, "--", url)
    done = host.run(argv, stdin=body, timeout_s=timeout_s + 5)
    if done.code != 0:
        raise TransientError(f"{url} does not answer at {host.name}: {done.last_words}")
    answered, _, status = done.out.rpartition(b"\n")
    return Answer(int(status), answered[:BODY_LIMIT])


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
