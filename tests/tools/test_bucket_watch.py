"""A bucket that goes away while restic works ends it soon; one that comes back does not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError, StepError, TransientError
from albus_dr.runbook.config import RepositoryConfig, SecretRef
from albus_dr.tools import bucket_watch, s3
from albus_dr.tools.bucket_watch import WentAway, watched
from albus_dr.tools.host import LocalHost
from albus_dr.tools.inventory import find_program
from albus_dr.tools.process import TimeoutExpired
from albus_dr.tools.restic import Repository
from tests.tools.conftest import accepts, free_port, serving

LONG_S = 60.0


@pytest.fixture(autouse=True)
def soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_watch, "FIRST_S", 0.2)
    monkeypatch.setattr(bucket_watch, "EVERY_S", 0.2)
    monkeypatch.setattr(bucket_watch, "_have_answered", set())
    monkeypatch.setattr(bucket_watch, "PATIENCE_S", 1.0)
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("A_SECRET", "a-secret")
    monkeypatch.setenv("A_KEY", "a-key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """An S3 server: its process and its port."""
    program = find_program("rclone")
    if program is None:
        pytest.skip("rclone is not installed")
    (tmp_path / "store" / "albus").mkdir(parents=True)
    port = free_port()
    argv = (str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--etag-hash", "", str(tmp_path / "store"))
    variables = {"RCLONE_AUTH_KEY": '"a-key,a-secret"', "RCLONE_CONFIG": "/dev/null"}
    with serving(argv, lambda: accepts(port), tmp_path / "store.log", **variables) as pid:
        yield pid, port


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def a_repository(tmp_path: Path, port: int) -> Repository:
    references = {name: SecretRef(env=name) for name in ("A_SECRET", "A_KEY")}
    config = RepositoryConfig(
        restic=f"s3:http://127.0.0.1:{port}/albus/backups", password=references["A_SECRET"],
        access_key=references["A_KEY"], secret_key=references["A_SECRET"],
    )  # fmt: skip
    return Repository("backups of strasbourg", config, LocalHost(), tmp_path)


def dump(repository: Repository, script: str, *words: str) -> None:
    repository.backup_command(
        ("sh", "-c", script, *words), "dump", ("a=1",), timeout_s=LONG_S, progress=lambda *_: None,
        cancelled=threading.Event(), environment={},
    )  # fmt: skip


def test_a_bucket_that_goes_away_in_the_middle_is_named(tmp_path: Path, store: tuple[int, int]) -> None:
    pid, port = store
    repository, begun = a_repository(tmp_path, port), tmp_path / "begun"
    repository.run(("init",), what="can't be made", timeout_s=LONG_S)
    failures: list[StepError] = []

    def work() -> None:
        with pytest.raises(StepError) as failed:
            dump(repository, 'touch "$0"; exec head -c 2000000000 /dev/urandom', str(begun))
        failures.append(failed.value)

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive() and not (begun.exists() and bucket_watch._have_answered):
        time.sleep(0.01)
    with stopped(pid):
        worker.join(LONG_S)
    (failure,) = failures
    assert f"http://127.0.0.1:{port} does not answer" in failure.message
    assert "could not be dumped to; restic was ended: for 1.0 s" in failure.message
    assert "albus-dr resume" in failure.hint
    assert failure.permanent, "tried again, it would wait as long once more"
    assert repository.snapshots(("a=1",), timeout_s=LONG_S) == ()


def test_one_that_only_restic_had_asked_before_has_gone_as_well(
    tmp_path: Path, store: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What opens a repository ends before the bucket is asked beside it."""
    pid, port = store
    repository = a_repository(tmp_path, port)
    monkeypatch.setattr(bucket_watch, "FIRST_S", LONG_S)
    repository.run(("init",), what="can't be made", timeout_s=LONG_S)
    monkeypatch.setattr(bucket_watch, "FIRST_S", 0.2)
    with stopped(pid), pytest.raises(StepError, match=r"restic was ended: for 1\.0 s.*does not answer"):
        dump(repository, "echo all")


def test_one_that_answers_is_waited_for(tmp_path: Path, store: tuple[int, int]) -> None:
    repository = a_repository(tmp_path, store[1])
    repository.run(("init",), what="can't be made", timeout_s=LONG_S)
    dump(repository, f"echo all; sleep {3 * bucket_watch.PATIENCE_S}")
    assert len(repository.snapshots(("a=1",), timeout_s=LONG_S)) == 1


def test_a_short_question_that_is_not_answered_in_time_names_the_bucket(tmp_path: Path, store: tuple[int, int]) -> None:
    pid, port = store
    repository = a_repository(tmp_path, port)
    with stopped(pid), pytest.raises(TransientError, match="did not end within") as failed:
        repository.snapshots(("a=1",), timeout_s=2)
    assert f"http://127.0.0.1:{port} does not answer" in failed.value.message


def a_bucket(port: int, secret: str = "a-secret") -> s3.Bucket:
    return s3.Bucket(f"http://127.0.0.1:{port}", "albus", "", "a-key", secret)


def work_until(stop: threading.Event, most_s: float) -> None:
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        if stop.is_set():
            raise TimeoutExpired("it was stopped")
        time.sleep(0.01)


def test_one_that_was_never_reached_from_here_stops_no_work() -> None:
    """restic may run on another host, or reach it through another door."""
    with watched({"far away": a_bucket(free_port())}, threading.Event()) as stop:
        work_until(stop, 3 * bucket_watch.PATIENCE_S)


def test_one_that_refuses_us_has_answered(store: tuple[int, int]) -> None:
    """restic may sign for another region, or with a key of its machine."""
    refuses = a_bucket(store[1], "a-wrong-secret")
    with pytest.raises(NotReadyError, match="refuses the keys"):
        s3.probe(refuses, what="it")
    with watched({"refuses": refuses}, threading.Event()) as stop:
        work_until(stop, 3 * bucket_watch.PATIENCE_S)


def test_one_that_has_answered_before_and_is_silent_now_has_gone(store: tuple[int, int]) -> None:
    pid, port = store
    with watched({"near": a_bucket(port)}, threading.Event()):
        while not bucket_watch._have_answered:
            time.sleep(0.01)
    with (
        stopped(pid),
        pytest.raises(WentAway, match="near can't be opened"),
        watched({"near": a_bucket(port)}, threading.Event()) as stop,
    ):
        work_until(stop, LONG_S)


def test_whoever_stops_the_work_is_not_the_bucket() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(TimeoutExpired), watched({"here": a_bucket(free_port())}, cancelled) as stop:
        work_until(stop, LONG_S)
