"""What the traffic's record says: the longest silence, and nothing that was not written down completely."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from albus_dr.bench import traffic
from albus_dr.bench.traffic import CanNotCount, Door, NoAnswer, count


def line(number: int, monotonic_s: float, kind: str = "visit") -> dict[str, Any]:
    return {"number": number, "kind": kind, "sha256": None, "sent_at": "", "acknowledged_at": f"at {monotonic_s:g}",
            "sent_s": monotonic_s - 0.01, "monotonic_s": monotonic_s, "reads": number, "failed_reads": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "gap"),
    [
        ([], (None, None)),
        ([line(1, 10.0)], (None, None)),
        ([line(1, 10.0), line(2, 10.5), line(3, 14.5), line(4, 15.0)], (4.0, "at 10.5")),
        ([line(1, 10.0), line(3, 14.0), line(2, 10.5)], (3.5, "at 10.5")),  # threads write in any order
        ([line(1, 10.0), line(2, 11.0), line(0, 50.0, "start"), line(3, 50.5), line(4, 51.0)], (1.0, "at 10")),
    ],
)
def test_longest_gap(lines: list[dict[str, Any]], gap: tuple[float | None, str | None]) -> None:
    assert traffic._longest_gap(lines) == gap


def test_half_a_line_was_not_recorded(tmp_path: Path) -> None:
    record = tmp_path / traffic.RECORD
    record.write_text(json.dumps(line(1, 1.0)) + "\n" + json.dumps(line(2, 2.0))[:30])
    assert [found["number"] for found in traffic._lines(record)] == [1]


def test_no_record_and_no_new_write_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CanNotCount, match="no record"):
        count(tmp_path)
    (tmp_path / traffic.RECORD).write_text(json.dumps(line(1, 1.0)) + "\n")
    monkeypatch.setattr(traffic, "WAIT_FOR_WRITE_S", 0.1)
    with pytest.raises(CanNotCount, match="no new write"):
        count(tmp_path)
    assert traffic.main(["count", str(tmp_path)]) == 4


def test_a_door_that_hangs_up_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NoAnswer):
        Door(f"http://127.0.0.1:{port}").request("GET", "/health")
