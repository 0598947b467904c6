"""Requests to the door or to an application, without a retry."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


def request(
    method: str, url: str, body: bytes | None = None, *, number: int | None = None, timeout_s: float = 15
) -> tuple[int, bytes]:
    """Status and body."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, {} if number is None else {"X-Number": str(number)})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def get_json(url: str) -> Any:
    """The body of a 200."""
    status, body = request("GET", url)
    assert status == 200, body
    return json.loads(body)
