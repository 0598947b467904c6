"""The nurses: reads and numbered writes through the door, and a record of every write that was acknowledged.

    python -m albus_dr.bench.traffic run DIR --url URL [--rate N] [--first N]   until SIGTERM
    python -m albus_dr.bench.traffic count DIR                      what they saw, as one JSON object

A write that got no acknowledgement is sent again with the same number until it has one: acknowledged means promised.
DIR/acknowledged.jsonl has one line for each: number, kind (visit or document), sha256 (of a document), sent_at,
acknowledged_at (RFC 3339, UTC), sent_s, monotonic_s (of the acknowledgement, on the machine's monotonic clock),
reads, failed_reads (so far). A line of kind start stands where a run began: time between two runs is no downtime.

``count`` first waits for a write that was sent after it was asked and acknowledged (else exit code 4), then reads back
every acknowledged number through the door. Exit code 0 says that it could count, not that nothing was lost.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from albus_dr.bench.files import write_private
from albus_dr.bench.processes import POLL_S
from albus_dr.units import rfc3339

RECORD = "acknowledged.jsonl"
COUNTED = "counted.json"  # by run: when it counted first, and the writes that it was the first to miss
WRITERS, READERS = 4, 2
DOCUMENT_EVERY = 25
DOCUMENT_BYTES = (1_000, 8_000)
REQUEST_TIMEOUT_S = 2.0
RETRY_AFTER_S = (0.02, 0.05)
FIRST_PATIENTS = 100  # there are more in every size
SKIP_AFTER_RESTART = 1000  # numbers that an earlier run may have sent without hearing back
WAIT_FOR_WRITE_S = 30.0
CAN_NOT_COUNT = 4


class NoAnswer(Exception):
    """Refused, late, cut off, or not a success."""


class Door:
    """One kept-alive connection to the door. Not for several threads."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "127.0.0.1", parts.port or 80
        self._connection: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, body: bytes | None = None, number: int | None = None) -> bytes:
        """The body of a 200 or 201. Raises NoAnswer."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=REQUEST_TIMEOUT_S)
        try:
            self._connection.request(method, path, body, {} if number is None else {"X-Number": str(number)})
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from None
        if response.status not in (200, 201):
            raise NoAnswer(f"status {response.status}")
        return content

    def get_json(self, path: str) -> dict[str, Any]:
        """Raises NoAnswer."""
        found: dict[str, Any] = json.loads(self.request("GET", path))
        return found

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# ---------------------------------------------------------------------------------------------------- run


@dataclass(frozen=True)
class Acknowledgement:
    """One line of the record."""

    number: int
    kind: str
    sha256: str | None
    sent_at: str
    acknowledged_at: str
    sent_s: float
    monotonic_s: float
    reads: int
    failed_reads: int


class Nurses:
    """The threads of one run and what they share."""

    def __init__(self, url: str, rate: float, record: TextIO, first_number: int) -> None:
        self._url = url
        self._pause_s = {"write": 2 * WRITERS / rate, "read": 2 * READERS / rate}  # half of the rate each
        self._record = record
        self._lock = threading.Lock()
        self._next = first_number
        self._reads = self._failed_reads = 0
        self.stopped = threading.Event()

    def work(self) -> None:
        """Until ``stopped`` is set and the requests that were under way have ended."""
        jobs = [threading.Thread(target=self._write, args=(index,)) for index in range(WRITERS)]
        jobs += [threading.Thread(target=self._read, args=(index,)) for index in range(READERS)]
        for job in jobs:
            job.start()
        self.stopped.wait()
        for job in jobs:
            job.join()

    def _write(self, index: int) -> None:
        door = Door(self._url)
        chance = random.Random()  # noqa: S311  # which patient, how long to pause
        self.stopped.wait(self._pause_s["write"] * index / WRITERS)
        while not self.stopped.is_set():
            began = time.monotonic()
            with self._lock:
                number = self._next
                self._next += 1
            if number % DOCUMENT_EVERY:
                visit = {"number": number, "patient_id": chance.randint(1, FIRST_PATIENTS), "note": "seen at home",
                         "amount_cents": chance.randrange(500, 9000)}  # fmt: skip
                self._until_acknowledged(door, chance, number, "/visits", json.dumps(visit).encode(), None)
            else:
                path = f"/patients/{chance.randint(1, FIRST_PATIENTS)}/documents"
                content = chance.randbytes(chance.randrange(*DOCUMENT_BYTES))
                self._until_acknowledged(door, chance, number, path, content, hashlib.sha256(content).hexdigest())
            self.stopped.wait(max(0.0, began + self._pause_s["write"] - time.monotonic()))
        door.close()

    def _until_acknowledged(
        self, door: Door, chance: random.Random, number: int, path: str, body: bytes, sha256: str | None
    ) -> None:
        while not self.stopped.is_set():
            sent_at, sent_s = _now(), time.monotonic()
            try:
                door.request("POST", path, body, number)
            except NoAnswer:
                self.stopped.wait(chance.uniform(*RETRY_AFTER_S))
                continue
            with self._lock:
                line = Acknowledgement(number, "document" if sha256 else "visit", sha256, sent_at, _now(), sent_s,
                                       time.monotonic(), self._reads, self._failed_reads)  # fmt: skip
                _append(self._record, asdict(line))
            return

    def _read(self, index: int) -> None:
        door = Door(self._url)
        chance = random.Random()  # noqa: S311  # which patient
        self.stopped.wait(self._pause_s["read"] * index / READERS)
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                door.request("GET", chance.choice(("/agenda/today", f"/patients/{chance.randint(1, FIRST_PATIENTS)}")))
                failed = 0
            except NoAnswer:
                failed = 1
            with self._lock:
                self._reads += 1
                self._failed_reads += failed
            self.stopped.wait(max(0.0, began + self._pause_s["read"] - time.monotonic()))
        door.close()


def run(directory: Path, url: str, rate: float, first: int = 1) -> None:
    """Until SIGTERM or SIGINT. ``rate``: requests a second, half of them writes, numbered from ``first`` on."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / RECORD
    last = max((line["number"] for line in _lines(path)), default=None)
    first_number = first if last is None else last + SKIP_AFTER_RESTART
    write_private(directory / "url", url)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8", buffering=1) as record:
        if last is not None:
            record.write("\n")  # a killed run may have left half a line
        _append(record, {"number": 0, "kind": "start", "acknowledged_at": _now(), "monotonic_s": time.monotonic()})
        nurses = Nurses(url, rate, record, first_number)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: nurses.stopped.set())
        nurses.work()


def _append(record: TextIO, line: dict[str, Any]) -> None:
    record.write(json.dumps(line) + "\n")  # line-buffered: it leaves the process with its end of line


def _now() -> str:
    return rfc3339(datetime.now(UTC))


# -------------------------------------------------------------------------------------------------- count


class CanNotCount(Exception):
    """What is missing, in one sentence."""


def count(directory: Path) -> dict[str, Any]:
    """acknowledged_writes, lost_writes, client_downtime_s, gap_started_at, reads, failed_reads.

    ``client_downtime_s`` is the longest time between two consecutive acknowledgements, None with fewer than two. For a
    run (ALBUS_DR_RUN), what an earlier run's count was told already, a lost write or a gap, is that run's.
    Raises CanNotCount.
    """
    path = directory / RECORD
    if not path.exists():
        raise CanNotCount(f"there is no record of any write in {directory}")
    _wait_for_new_write(path)
    lines = list(_lines(path))
    acknowledged = [line for line in lines if line["kind"] != "start"]
    missing = _missing(Door((directory / "url").read_text()), acknowledged)
    lost, since_s = _of_this_run(directory / COUNTED, missing, os.environ.get("ALBUS_DR_RUN", ""))
    downtime_s, since = _longest_gap(line for line in lines if line["monotonic_s"] >= since_s)
    return {
        "acknowledged_writes": len(acknowledged),
        "lost_writes": len(lost),
        "client_downtime_s": None if downtime_s is None else round(downtime_s, 3),
        "gap_started_at": since,
        "reads": max(line["reads"] for line in acknowledged),
        "failed_reads": max(line["failed_reads"] for line in acknowledged),
    }


def count_elsewhere(directory: Path, url: str) -> tuple[int, int]:
    """Acknowledged and lost writes of users who came in by another way, read back by this one. Raises CanNotCount."""
    acknowledged = [line for line in _lines(directory / RECORD) if line["kind"] != "start"]
    return len(acknowledged), len(_missing(Door(url), acknowledged))


def _wait_for_new_write(path: Path) -> None:
    """Until the record holds a write that was sent after this was called."""
    asked_s = time.monotonic()
    with path.open(encoding="utf-8") as file:
        file.seek(0, os.SEEK_END)
        partial = ""
        while time.monotonic() < asked_s + WAIT_FOR_WRITE_S:
            partial += file.readline()
            if not partial.endswith("\n"):
                time.sleep(POLL_S)
                continue
            line, partial = _parsed(partial), ""
            if line and line.get("sent_s", 0.0) >= asked_s:
                return
    raise CanNotCount(
        f"no new write was acknowledged within {WAIT_FOR_WRITE_S:g} s: the door lets none through, or no traffic runs"
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Complete ones: what a killed run left half-written was not recorded."""
    try:
        with path.open(encoding="utf-8") as file:
            for text in file:
                if line := _parsed(text):
                    yield line
    except FileNotFoundError:
        return


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return line


def _missing(door: Door, acknowledged: Iterable[dict[str, Any]]) -> list[str]:
    """Those that are not there, or documents with another content: kind and number."""
    visits = {number for page in _pages(door, "/visits/numbers", "numbers") for number in page}
    documents = {d["number"]: d["sha256"] for page in _pages(door, "/documents/numbers", "documents") for d in page}
    return [
        f"{line['kind']} {line['number']}"
        for line in acknowledged
        if (
            documents.get(line["number"]) != line["sha256"]
            if line["kind"] == "document"
            else line["number"] not in visits
        )
    ]


def _of_this_run(path: Path, missing: list[str], run: str) -> tuple[list[str], float]:
    """The missing writes that no earlier run was told of, and the monotonic time of the last earlier count.

    Without a run (a person asks) it is all of them, from the beginning.
    """
    if not run:
        return missing, 0.0
    counts: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    mine = counts.pop(run, {"at_s": time.monotonic()})
    earlier = [count for count in counts.values() if count["at_s"] < mine["at_s"]]
    told = {write for count in earlier for write in count["lost"]}
    mine["lost"] = [write for write in missing if write not in told]
    write_private(path, json.dumps({**counts, run: mine}))
    return mine["lost"], max((count["at_s"] for count in earlier), default=0.0)


def _pages(door: Door, path: str, key: str) -> Iterator[list[Any]]:
    """Raises CanNotCount when the door fails several times in a row."""
    after = 0
    while True:
        page = _patiently(door, f"{path}?after={after}")[key]
        if not page:
            return
        yield page
        after = page[-1]["number"] if isinstance(page[-1], dict) else page[-1]


def _patiently(door: Door, path: str) -> dict[str, Any]:
    reason = ""
    for _ in range(10):
        try:
            return door.get_json(path)
        except NoAnswer as error:
            reason = str(error)
            time.sleep(RETRY_AFTER_S[1])
    raise CanNotCount(f"what was written can't be read back: {path.partition('?')[0]} gave {reason}")


def _longest_gap(lines: Iterable[dict[str, Any]]) -> tuple[float | None, str | None]:
    """Seconds and the acknowledgement that it began with. Several threads write: the order is that of the clock."""
    longest: tuple[float | None, str | None] = None, None
    before: dict[str, Any] | None = None
    for line in sorted(lines, key=lambda line: float(line["monotonic_s"])):
        if before and before["kind"] != "start" and line["kind"] != "start":
            gap_s = line["monotonic_s"] - before["monotonic_s"]
            if longest[0] is None or gap_s > longest[0]:
                longest = gap_s, before["acknowledged_at"]
        before = line
    return longest


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="albus_dr.bench.traffic")
    verbs = parser.add_subparsers(dest="verb", required=True)
    running = verbs.add_parser("run")
    running.add_argument("directory", type=Path)
    running.add_argument("--url", required=True)
    running.add_argument("--rate", type=float, default=100.0)
    running.add_argument("--first", type=int, default=1)
    verbs.add_parser("count").add_argument("directory", type=Path)
    given = parser.parse_args(arguments)
    if given.verb == "run":
        run(given.directory, given.url, given.rate, given.first)
        return 0
    try:
        print(json.dumps(count(given.directory)))
    except CanNotCount as error:
        print(error, file=sys.stderr)
        return CAN_NOT_COUNT
    return 0


if __name__ == "__main__":
    sys.exit(main())
