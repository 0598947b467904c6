"""The steps that only people know of, each kind in a run: what is asked, waited for, tried again, and gone on without."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.two_directories import TwoDirectories

THING = "  thing: {kind: command, failover: {take: [touch, taken], verify: [test, -e, taken]}}\n"


def with_step(base: Path, step: str) -> TwoDirectories:
    """A failover of one command, and this step after its taking."""
    sites = TwoDirectories(base, THING)
    book = base / "runbook.yaml"
    steps = f"steps:\n  - {{name: Its own, {step}, after: thing.take, in: [failover]}}\n"
    book.write_text(book.read_text().replace("workloads:\n", steps + "workloads:\n"))
    return sites


def fail_over(sites: TwoDirectories) -> dict[str, Any]:
    return sites.operate("failover", "--fenced-by", "ana, by telephone")


def own(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in document["steps"] if step["id"] == "own.its-own")
    return found


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths that it was asked for; the last status again and again."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status = statuses[min(len(asked), len(statuses)) - 1]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ready", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_is_asked_until_it_answers_well(tmp_path: Path) -> None:
    with answering(503, 503, 204) as (url, asked):
        document = fail_over(with_step(tmp_path, f"http: '{url}', retries: 3"))
    assert asked == ["/ready"] * 3
    assert (own(document)["status"], own(document)["attempts"]) == ("succeeded", 3)
    assert {step["status"] for step in document["steps"]} == {"succeeded"}


@pytest.mark.parametrize(("status", "said"), [(503, "answered 503"), (302, "answered 302")])
def test_an_address_that_never_does_stops_the_run_there_and_is_asked_as_often_as_was_said(
    tmp_path: Path, status: int, said: str
) -> None:
    with answering(status) as (url, asked):
        document = fail_over(with_step(tmp_path, f"http: '{url}', retries: 1"))
    assert document["exit_code"] == 4
    assert asked == ["/ready"] * 2, "a redirect is not followed"
    assert said in own(document)["error"]
    assert {step["id"]: step["status"] for step in document["steps"]}["thing.verify"] == "skipped"


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (2, 3)])
def test_a_command_is_run_again_as_often_as_was_said(tmp_path: Path, retries: int, tries: int) -> None:
    (tmp_path / "count.sh").write_text("echo tried >>tries; exit 3\n")
    document = fail_over(with_step(tmp_path, f"run: [sh, count.sh], retries: {retries}"))
    assert (tmp_path / "tries").read_text().splitlines() == ["tried"] * tries
    assert (own(document)["status"], own(document)["attempts"]) == ("failed", tries)
    assert "sh ended with 3" in own(document)["error"]


def test_a_command_that_works_the_second_time_has_succeeded(tmp_path: Path) -> None:
    (tmp_path / "second.sh").write_text("[ -e once ] || { touch once; exit 1; }\n")
    document = fail_over(with_step(tmp_path, "run: [sh, second.sh], retries: 2"))
    assert (own(document)["status"], own(document)["attempts"]) == ("succeeded", 2)


def test_a_step_that_may_fail_leaves_a_run_that_went_on_and_is_incomplete(tmp_path: Path) -> None:
    document = fail_over(with_step(tmp_path, "run: ['false'], on_failure: continue"))
    assert (document["exit_code"], document["verdict"]) == (4, "incomplete")
    steps = {step["id"]: step["status"] for step in document["steps"]}
    assert (steps["own.its-own"], steps["thing.verify"]) == ("failed", "succeeded")


def test_where_nobody_answers_and_that_may_be_the_run_goes_on_and_says_so(tmp_path: Path) -> None:
    document = fail_over(with_step(tmp_path, "approve: {within: 1s, otherwise: continue}"))
    steps = {step["id"]: step["status"] for step in document["steps"]}
    assert steps["thing.verify"] == "succeeded"
    assert own(document)["status"] == "succeeded"
    assert "nobody" in " ".join(document["notes"])


def test_a_wait_is_waited_for_and_one_that_was_cut_short_is_waited_for_again(tmp_path: Path) -> None:
    """Ctrl-C in it: what it was for, a name's time to live say, is not over when the run is resumed."""
    sites = with_step(tmp_path, "wait: 2s")
    words = ("failover", str(tmp_path / "runbook.yaml"), "--yes", "--fenced-by", "ana, by telephone", "--json")
    with sites.started(*words) as process:
        run = begun(sites, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    shown = sites.call("runs", "show", run, "--json")
    assert own(json.loads(shown.stdout))["status"] != "succeeded"

    done = sites.call("resume", run, "--json")
    document = json.loads(done.stdout)
    assert {step["status"] for step in document["steps"]} == {"succeeded"}, done.stderr
    step = own(document)
    began, ended = (datetime.fromisoformat(step[key]) for key in ("started_at", "ended_at"))
    assert step["attempts"] == 2
    assert step["duration_s"] >= 2
    assert (ended - began).total_seconds() >= 2


def begun(sites: TwoDirectories, process: Any) -> str:
    """The run, once it waits."""
    state = Path(sites.environment["ALBUS_DR_STATE"])
    while process.poll() is None:
        for journal in state.glob("runs/failover-*/journal.jsonl"):
            events = [json.loads(line) for line in journal.read_text().split("\n")[:-1]]
            if ("StepIntended", "own.its-own") in [(event["kind"], event["step"]) for event in events]:
                return journal.parent.name
        time.sleep(0.05)
    raise AssertionError("it ended before it waited")
