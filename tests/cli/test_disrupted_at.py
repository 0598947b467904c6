"""--disrupted-at HH:MM: the last one, and no day too much by mistake."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from albus_dr.cli.operate import parse_moment
from albus_dr.errors import UsageError
from tests.cli.two_directories import TwoDirectories


def hours_from_now(hours: float) -> tuple[str, datetime]:
    moment = (datetime.now().astimezone() + timedelta(hours=hours)).replace(second=0, microsecond=0)
    return moment.strftime("%H:%M"), moment.astimezone(UTC)


@pytest.mark.parametrize("hours", [-1, -11])
def test_hours_ago_even_before_midnight(hours: float) -> None:
    text, moment = hours_from_now(hours)
    assert parse_moment("--disrupted-at", text) == moment


def test_the_second_counts_where_it_is_given() -> None:
    moment = (datetime.now().astimezone() - timedelta(minutes=9)).replace(microsecond=0)
    assert parse_moment("--disrupted-at", moment.strftime("%H:%M:%S")) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    "text", ["25:00", "12:61", "1:30", "+1:00", "12.30", "12:30:61", "12:30:5", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        parse_moment("--disrupted-at", text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-10", "is a day, and no time"), ("20260310", "is a day, and no time"),
        ("2026-03-10T00:47:00", "has no zone"), ("2026-03-10 00:47", "has no zone"),
    ],
)  # fmt: skip
def test_a_time_without_its_zone_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_moment("--disrupted-at", text)


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in Paris, where the night of 25 October 2026 has 25 hours, and that of 29 March 23."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("now", "text", "meant"),
    [
        ("2026-10-25T04:20:00+00:00", "01:10", "2026-10-24T23:10:00+00:00"),
        ("2026-10-25T04:20:00+00:00", "03:10", "2026-10-25T02:10:00+00:00"),
        ("2026-10-25T01:10:00+00:00", "02:05", "2026-10-25T01:05:00+00:00"),  # it came twice: the last one
        ("2026-10-25T01:10:00+00:00", "02:30", "2026-10-25T00:30:00+00:00"),  # the second has not come yet
        ("2026-03-29T03:20:00+00:00", "01:10", "2026-03-29T00:10:00+00:00"),
        ("2026-03-29T03:20:00+00:00", "23:10", "2026-03-28T22:10:00+00:00"),
    ],
)
@pytest.mark.usefixtures("in_paris")
def test_in_the_night_of_a_time_change_the_zone_is_that_of_then(now: str, text: str, meant: str) -> None:
    found = parse_moment("--disrupted-at", text, now=datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(meant)


@pytest.mark.parametrize("hours", [0.1, 2])
def test_a_time_that_has_not_come_is_not_taken_for_a_day_ago(hours: float) -> None:
    text, moment = hours_from_now(hours)
    with pytest.raises(UsageError) as caught:
        parse_moment("--disrupted-at", text)
    assert "ago at the last: it is " in caught.value.message
    yesterday = caught.value.hint.rpartition(": ")[2]
    assert parse_moment("--disrupted-at", yesterday) == moment - timedelta(days=1)


def test_nobody_notices_a_loss_before_it_happened() -> None:
    times = ("--disrupted-at", "2026-03-10T03:12:00+01:00", "--detected-at", "2026-03-10T03:11:59+01:00")
    done = subprocess.run(
        (sys.executable, "-m", "albus_dr", "failover", "nowhere.yaml", *times, "--yes"), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--detected-at lies before --disrupted-at" in done.stderr


KILLED_ONCE_DECLARED = """
import os, signal
from albus_dr.cli.main import main
from albus_dr.journal.store import JournalStore
insert = JournalStore._insert
def dying(self, run, kind, *more):
    event = insert(self, run, kind, *more)
    if kind == "RunDeclared":
        os.kill(os.getpid(), signal.SIGKILL)
    return event
JournalStore._insert = dying
main()
"""


@pytest.mark.parametrize("given", [True, False], ids=["given", "not given"])
def test_whoever_is_killed_as_soon_as_a_failover_is_declared_has_said_when(tmp_path: Path, given: bool) -> None:
    """Otherwise the run that is resumed could not measure its time."""
    sites = TwoDirectories(tmp_path, "  thing: {kind: command, failover: {take: ['true'], verify: ['true']}}\n")
    disrupted, detected = "2026-03-10T02:12:00.000Z", "2026-03-10T02:15:00.000Z"
    times = ("--disrupted-at", disrupted, "--detected-at", detected) if given else ()
    words = ("failover", str(sites.base / "runbook.yaml"), "--yes", "--fenced-by", "ana, by telephone", *times)
    killed = subprocess.run(
        (sys.executable, "-c", KILLED_ONCE_DECLARED, *words),
        env=sites.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    clocks = json.loads(sites.call("resume", "last", "--json").stdout)["clocks"]

    assert clocks["ended_at"] is not None
    if given:
        assert (clocks["disrupted_at"], clocks["detected_at"]) == (disrupted, detected)
    else:
        assert clocks["disrupted_at"] <= clocks["declared_at"]
