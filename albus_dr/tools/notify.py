"""Telling others how a run goes: Healthchecks-style pings, apprise, a file or a Pushgateway for Prometheus.

Every call ends within ``PATIENCE_S``; addresses are secrets and are in no argv and no message.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from albus_dr.errors import NotReadyError, TransientError
from albus_dr.tools import process
from albus_dr.tools.deadline import within

PATIENCE_S = 20.0
PING_S = 10.0
_BODY_LIMIT = 10_000
# In a process of its own, which can be ended in time whatever a service's client does. Addresses come by the environment.
_APPRISE = "from apprise.cli import main; main()"


def ping(address: str, signal: str, body: str) -> None:
    """POST the text to the address, with ``/signal`` behind its path when there is one. Raises TransientError."""
    text = body.encode()[:_BODY_LIMIT]
    _send("POST", address, f"/{signal}" if signal else "", text, "text/plain; charset=utf-8")


def push_metrics(address: str, group: Mapping[str, str], text: str) -> None:
    """PUT the metrics to a Pushgateway, in place of what the group (labels by name) has there. Raises TransientError."""
    from urllib.parse import quote

    behind = "".join(f"/{quote(name, safe='')}/{quote(value, safe='')}" for name, value in group.items())
    _send("PUT", address, f"/metrics/job/albus-dr{behind}", text.encode(), "text/plain; version=0.0.4; charset=utf-8")


def _send(method: str, address: str, behind: str, body: bytes, content_type: str) -> None:
    """Ask the address, with ``behind`` after its path, once. No word of the address is in what is raised: it is a secret."""
    try:
        within(PING_S, lambda: _ask(method, address, behind, body, content_type), name="tells a monitor")
    except TimeoutError:
        raise TransientError("no answer: it did not end in time") from None


def _ask(method: str, address: str, behind: str, body: bytes, content_type: str) -> None:
    from base64 import b64encode
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.parse import unquote, urlsplit, urlunsplit
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Refused(HTTPRedirectHandler):
        """Where it leads to may be a page for people, or somebody who is to see no password: it is an answer like another."""

        def redirect_request(self, *_: object) -> None:
            return None

    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https"):
            raise TransientError("the address is neither http nor https")
        headers = {"User-Agent": "albus-dr", "Content-Type": content_type}
        if parts.username is not None:
            known = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + b64encode(known.encode()).decode()
        path = parts.path.rstrip("/") + behind if behind else parts.path
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path))
        request = Request(url, data=body, method=method, headers=headers)  # noqa: S310 -- the scheme was checked
        with build_opener(Refused).open(request, timeout=PING_S + 1) as answer:
            answer.read(1000)
    except HTTPError as error:
        raise TransientError(f"{error.code} {error.reason}") from None
    except (OSError, ValueError, HTTPException) as error:  # a URLError is an OSError
        raise TransientError(f"no answer: {getattr(error, 'reason', None) or type(error).__name__}") from None


def tell(addresses: Sequence[str], title: str, body: str) -> None:
    """Give the text to every address of apprise's. Raises NotReadyError without apprise, TransientError when one failed."""
    from importlib.util import find_spec

    if find_spec("apprise") is None:
        raise NotReadyError("apprise is not installed", hint="pip install '.[notify]' in the checkout")
    done = process.run(
        (sys.executable, "-c", _APPRISE, "--title", title, "--input-format", "text"), stdin=body, timeout_s=PATIENCE_S,
        environment={"APPRISE_URLS": "\n".join(addresses)},
    )  # fmt: skip
    if done.code != 0:
        # Its own words can repeat an address with its credentials, in another form than the one that is redacted.
        raise TransientError(f"one of {len(addresses)} addresses was not reached (apprise ended with {done.code})")


def write_metrics(directory: Path, name: str, text: str) -> None:
    """``name.prom`` in the directory, whole or not at all: the collector may read at any moment. Raises NotReadyError."""
    fresh = directory / f".{name}.{os.getpid()}"  # the collector takes *.prom alone
    try:
        fresh.write_text(text, "utf-8")
        fresh.chmod(0o644)
        fresh.replace(directory / f"{name}.prom")
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise NotReadyError(f"{directory} can't be written: {error.strerror}") from None
