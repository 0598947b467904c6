"""Coming in by the door: the runbook's own idea of a right answer is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from albus_dr.errors import TransientError
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.workloads import traffic
from albus_dr.workloads.step import StepContext, StepSpec, Verdict
from tests.workloads.test_small_pieces import A, B, context


class AsksForAPassword(BaseHTTPRequestHandler):
    """502 at first, as a proxy whose server is not up yet; then 401."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(502 if self.asked == 1 else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    AsksForAPassword.asked = 0
    with HTTPServer(("127.0.0.1", 0), AsksForAPassword) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def at_the_door(tmp_path: Path, url: str, status: int) -> StepContext:
    made = context(tmp_path, spec=StepSpec("door.verify", "door", B, "traffic.verify", ""))
    door = {"kind": "traffic", "proxy": "front", "verify": [{"http": "/agenda", "expect": {"status": status}}]}
    runbook = Runbook.model_construct(
        **{**dict(made.runbook), "workloads": {"door": traffic.Model.model_validate(door)}}
    )
    config = made.config.model_dump(mode="json", exclude_none=True)
    config["proxies"] = {"front": {"haproxy": "/nowhere", "backend": "albus", "servers": {A: "a", B: "b"}, "url": url}}
    return replace(made, runbook=runbook, config=Config.model_validate(config))


def test_a_door_that_must_ask_for_a_password_is_open(tmp_path: Path, url: str) -> None:
    ctx, action = at_the_door(tmp_path, url, 401), traffic.ACTIONS["traffic.verify"]
    (found,) = action.verify(ctx, action.act(ctx))
    assert found.verdict is Verdict.PASSED


def test_one_that_asks_where_it_must_not_is_not(tmp_path: Path, url: str) -> None:
    ctx = replace(at_the_door(tmp_path, url, 200), deadline=time.monotonic() + 2)
    with pytest.raises(TransientError, match=r"did not answer 200 within .*; the last answer was 401"):
        traffic.ACTIONS["traffic.verify"].act(ctx)
