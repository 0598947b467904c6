"""The journal: what was written is what is read, or it says so."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.errors import UsageError
from albus_dr.journal.errors import BrokenChain, JournalError
from albus_dr.journal.store import JournalStore, sa_url_for_people

RUN = "r1"


def opened(folder: Path) -> JournalStore:
    return JournalStore(f"sqlite:///{folder}/engine.sqlite", folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    found = opened(tmp_path)
    for number in range(5):
        found.append(RUN, "ClockRecorded", {"number": number}, step=f"s{number}")
    yield found
    found.close()


def test_each_event_holds_the_hash_of_the_one_before(store: JournalStore) -> None:
    events = store.events(RUN)
    assert [event.seq for event in events] == [0, 1, 2, 3, 4]
    assert [event.previous for event in events[1:]] == [event.hash for event in events[:-1]]


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE albus_event SET data = '{\"number\": 9}' WHERE seq = 2", 2),
        ("UPDATE albus_event SET at = '2026-01-01T00:00:00.000Z' WHERE seq = 1", 1),
        ("UPDATE albus_event SET step = 'other' WHERE seq = 4", 4),
        ("UPDATE albus_event SET data = 'x{' WHERE seq = 2", 2),
        ("UPDATE albus_event SET data = x'fffe' WHERE seq = 2", 2),
        ("UPDATE albus_event SET data = '[1]' WHERE seq = 2", 2),
        ("DELETE FROM albus_event WHERE seq = 0", 0),
        ("DELETE FROM albus_event WHERE seq = 3", 3),
        ("UPDATE albus_event SET seq = CASE seq WHEN 1 THEN -2 WHEN 2 THEN -1 END WHERE seq IN (1, 2);"
         "UPDATE albus_event SET seq = CASE seq WHEN -2 THEN 2 ELSE 1 END WHERE seq < 0", 1),
    ],
    ids=["data", "time", "step", "no JSON", "no text", "no object", "first removed", "removed", "swapped"],
)  # fmt: skip
def test_a_tampered_row_is_found(store: JournalStore, tmp_path: Path, statement: str, at: int) -> None:
    store.events(RUN)
    database = sqlite3.connect(tmp_path / "engine.sqlite")
    database.executescript(statement)
    database.close()
    with pytest.raises(BrokenChain, match=f"changed at event {at} "):
        store.events(RUN)


@pytest.mark.parametrize("instead", ["nothing", "another one"])
def test_a_state_directory_that_was_taken_away_stops_the_journal(tmp_path: Path, instead: str) -> None:
    """SQLite would go on writing into the file that nobody finds any more."""
    folder = tmp_path / "state"
    folder.mkdir()
    store = opened(folder)
    store.append(RUN, "ClockRecorded", {"number": 0})
    folder.rename(tmp_path / "elsewhere")
    if instead == "another one":
        folder.mkdir()
        opened(folder).close()

    for _ in range(2):
        with pytest.raises(JournalError, match="removed or replaced while it was open"):
            store.append(RUN, "ClockRecorded", {"number": 1})
    assert not (folder / "runs").exists(), "nothing is begun in its place"
    store.close()
    (tmp_path / "elsewhere").rename(tmp_path / "back")
    assert [event.data["number"] for event in opened(tmp_path / "back").events(RUN)] == [0]


def test_a_runs_directory_that_can_not_be_made_is_said_so(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (tmp_path / "runs").write_text("a file in its place")

    with pytest.raises(JournalError, match=r"can't be written: (File exists|Not a directory)"):
        store.append(RUN, "ClockRecorded", {"number": 0})
    store.close()


@pytest.mark.parametrize(
    "content", [b"no database at all, and longer than a header" * 100, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_damaged_file_says_what_can_be_done(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "engine.sqlite").write_bytes(content)

    with pytest.raises(UsageError, match="can't be opened") as raised:
        opened(tmp_path)
    assert "ALBUS_DR_STATE" in raised.value.hint


def test_the_mirror_equals_the_table_and_is_written_again(store: JournalStore, tmp_path: Path) -> None:
    mirror = tmp_path / "runs" / RUN / "journal.jsonl"
    table = [event.to_json() for event in store.events(RUN)]
    assert [json.loads(line) for line in mirror.read_text().splitlines()] == table
    os.truncate(mirror, mirror.stat().st_size - 30)
    store.mirror_again(RUN)
    assert [json.loads(line) for line in mirror.read_text().splitlines()] == table
    assert mirror.stat().st_mode & 0o777 == 0o600


WRITER = """
import sys
from pathlib import Path
from albus_dr.journal.store import JournalStore
folder = Path(sys.argv[1])
store = JournalStore(f"sqlite:///{folder}/engine.sqlite", folder)
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    store.append("r1", "ClockRecorded", {"who": sys.argv[2], "number": number})
"""


def test_two_processes_append_to_one_run(store: JournalStore, tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for who in ("a", "b")
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate(timeout=60)
            assert writer.returncode == 0
    finally:
        for writer in writers:
            writer.kill()
            writer.wait(timeout=10)
    events = store.events(RUN)
    assert [event.seq for event in events] == list(range(65))
    for who in ("a", "b"):
        assert [event.data["number"] for event in events if event.data.get("who") == who] == list(range(30))


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 4096)


def append_until_it_fails(store: JournalStore) -> None:
    for _ in range(50):  # a few events may still fit
        store.append(RUN, "ClockRecorded", {"text": "x" * 20_000})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_stops_the_journal_until_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, timeout=10
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.strip()}")
    try:
        store = opened(disk)
        store.append(RUN, "ClockRecorded", {"number": 0})
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            fill(ballast)
        with pytest.raises(JournalError) as raised:
            append_until_it_fails(store)
        assert f"albus-dr resume {RUN}" in raised.value.hint
        ballast.unlink()
        before = len(store.events(RUN))
        store.append(RUN, "ClockRecorded", {"number": 1})
        assert len(store.events(RUN)) == before + 1
        store.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=10)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/none",
        "postgresql://127.0.0.1:1/none?user=me&password=hunter2&sslpassword=hunter2",
        "postgresql://me:hunter2@127.0.0.1:1/none?password=hunter2&Password=hunter2",
        "nonsense://me:hunter2@host/x",
        "nonsense://host/x?password=hunter2",
        "postgresql://me:x@y:hunter2@127.0.0.1/none",
        "sqlite:////nowhere/at/all.db",
    ],
)
def test_an_engine_that_cannot_be_opened(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as raised:
        JournalStore(url, tmp_path)
    assert "hunter2" not in raised.value.message + raised.value.hint
    assert "--engine" in raised.value.hint


def test_an_address_for_people_says_that_there_is_a_password() -> None:
    url = "postgresql://host/db?password=hunter2&sslmode=require"
    assert sa_url_for_people(url) == "postgresql://host/db?password=***&sslmode=require"
