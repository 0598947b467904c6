"""The harness counts right, and the table says what was measured. Nothing here is about how long anything takes."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.journal.event import Event
from benchmarks import __main__ as program
from benchmarks import machine
from benchmarks.delay import delayed, round_trip_through
from benchmarks.engine import steps
from benchmarks.harness import Result, Series, Settings, at_most, python, seconds_of, side_by_side
from benchmarks.operations import durations, longest_gap, parts
from benchmarks.restores import change
from benchmarks.steps_that_do_nothing import plan_of
from benchmarks.table import KEYS, ROWS, page, plain, show


def result(row: str = "help", *, is_met: bool | None = True) -> Result:
    series = (Series("ours", (0.2, 0.3, 0.25)), Series("theirs", (0.2, 0.2, 0.1)))
    return Result(row, series, "1.25 times", is_met, ("A note.",), "2026-01-01 00:00 UTC", (0.5, 1.5))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(repetitions=1, size="small", steps=(3, 9), directory=tmp_path, say=lambda _: None)


def test_ways_take_turns() -> None:
    called: list[str] = []

    def way(name: str) -> float:
        called.append(name)
        return float(len(called))

    series = side_by_side(2, {"a": lambda: way("a"), "b": lambda: way("b")}, warm_up=True)
    assert called == ["a", "b"] * 3
    assert [one.values for one in series] == [(3.0, 5.0), (4.0, 6.0)]


def test_a_ratio_is_of_medians() -> None:
    ours, theirs = Series("ours", (9.0, 2.0, 3.0)), Series("theirs", (2.0, 2.0, 50.0))
    assert at_most(ours, theirs, 1.5) == ("1.50 times", True)
    assert at_most(ours, theirs, 1.4) == ("1.50 times", False)


def test_a_program_that_fails_is_no_sample() -> None:
    with pytest.raises(RuntimeError, match="ended with 3: no"):
        seconds_of(python("-c", "import sys; print('no', file=sys.stderr); sys.exit(3)"))


def test_the_page_names_every_row_and_what_was_not_measured() -> None:
    text = page({"help": result(), "drill": result("drill", is_met=False)}, {"Memory": "4 GiB"})
    for row in ROWS:
        assert f"## {row.what}" in text
    assert [text.count(f'make bench ARGS="--only {key}"') for key in KEYS] == [1] * len(KEYS)
    assert text.count("Not measured.") == len(KEYS) - 2
    assert "1.25 times · met |" in text
    assert "1.25 times · **missed** |" in text
    assert "- ours: 0.25 s (0.20 to 0.30, n = 3)" in text
    assert "load average 0.5 before, 1.5 after" in text
    assert "- Memory: 4 GiB" in text


def test_another_size_has_a_line_of_its_own_and_its_own_command() -> None:
    large = replace(result("warm", is_met=False), size="large", figure="3.00 times")
    assert large.key == "warm large"
    text = page({"warm": result("warm"), large.key: large}, {})
    (row,) = (row for row in ROWS if row.key == "warm")
    assert f"| {row.what} | {row.beside} | {row.goal} | 1.25 times · met |" in text
    assert f"| {row.what} (size large) | {row.beside} | {row.goal} | 3.00 times · **missed** |" in text
    assert 'by `make bench ARGS="--only warm"` or all of it;' in text
    assert 'by `make bench ARGS="--only warm --size large"`;' in text
    assert "(size large)" in plain({large.key: large})


def test_the_table_has_as_many_columns_everywhere() -> None:
    lines = [line for line in page({}, {}).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {5}


def test_the_plain_table_says_what_was_not_measured() -> None:
    assert plain({}).count("not measured") == len(ROWS)
    assert "ours: 0.25 s" in plain({"help": result()})


def test_milliseconds_have_one_digit() -> None:
    assert show(Series("x", (1.25, 2.0), "ms a step")) == "1.6 ms a step (1.2 to 2.0, n = 2)"


def test_every_row_is_measured_by_something() -> None:
    assert sorted(row for rows in program.MEASURES for row in rows) == sorted(KEYS)


def test_a_result_survives_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    program.keep({"help": result()}, path, tmp_path / "page.md")
    assert program.known(path) == {"help": result()}
    assert "1.25 times" in (tmp_path / "page.md").read_text()


def test_results_of_another_machine_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    program.keep({"help": result()}, path, tmp_path / "page.md")
    path.write_text(path.read_text().replace(f'"Memory": "{machine.describe()["Memory"]}"', '"Memory": "1 GiB"'))
    assert program.known(path) == {}


def test_the_machine_is_described_without_its_name() -> None:
    described = machine.describe()
    assert described["PostgreSQL"][0].isdigit()
    assert socket.gethostname() not in " ".join(described.values())


def test_one_row_alone_is_measured_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = program.main(
        ["--quick", "--only", "help", "--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json")]
    )
    assert code == 0
    assert "a bare Typer program" in capsys.readouterr().out
    assert list(json.loads((tmp_path / "results.json").read_text())["results"]) == ["help"]


def test_a_row_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(["--only", "speed"])


def test_steps_that_do_nothing_all_run(settings: Settings) -> None:
    (measured,) = steps(settings)
    assert [one.label for one in measured.series] == ["3 steps", "9 steps"]
    assert "MiB" in measured.figure
    assert list(settings.directory.iterdir()) == []


def test_the_plan_that_does_nothing_is_a_chain() -> None:
    assert [step.needs for step in plan_of(3).steps] == [(), ("nothing.0",), ("nothing.1",)]


def test_the_longest_gap_counts_what_ended_after_the_command() -> None:
    assert longest_gap([0.0, 9.0, 10.0, 12.5, 13.0], began_s=9.5) == 2.5
    assert longest_gap([0.0, 9.0, 10.0], began_s=8.0) == 9.0


def test_parts_follow_the_steps_that_ended_last() -> None:
    plan = {
        "steps": [{"id": "slow", "needs": []}, {"id": "quick", "needs": []}, {"id": "open", "needs": ["quick", "slow"]}]
    }
    told = [("RunDeclared", "", 11.0), ("StepIntended", "slow", 12.0), ("StepSucceeded", "quick", 12.5),
            ("StepSucceeded", "slow", 15.0), ("StepSucceeded", "open", 16.0)]  # fmt: skip
    events = tuple(
        Event("run", number, kind, step, "", at, {"plan": plan}, "", "") for number, (kind, step, at) in enumerate(told)
    )
    assert parts(events, 10.0, "open", 18.0) == {
        "the program starts": 1.0, "the engine starts": 1.0, "slow": 3.0, "open": 1.0, "the first write": 2.0,
    }  # fmt: skip


def test_a_step_lasts_from_its_first_intent_to_its_success() -> None:
    told = [("StepIntended", "first", 1.0), ("StepIntended", "second", 2.0), ("StepSucceeded", "first", 4.0),
            ("StepIntended", "second", 5.0), ("StepSucceeded", "second", 6.5), ("StepIntended", "third", 7.0)]  # fmt: skip
    events = tuple(Event("run", number, kind, step, "", at, {}, "", "") for number, (kind, step, at) in enumerate(told))
    assert durations(events) == {"first": 3.0, "second": 4.5}


def test_a_share_of_the_files_is_changed_in_place(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02d}").write_bytes(b"x" * 100)
    assert change(tmp_path, 0.1, random.Random(1)) == 2
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert sum(content != b"x" * 100 for content in contents) == 2
    assert {len(content) for content in contents} == {100}


def test_the_proxy_carries_everything_in_order_and_late() -> None:
    sent = os.urandom(300_000)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                with connection:
                    while heard := connection.recv(65536):
                        connection.sendall(heard)

        threading.Thread(target=echo, daemon=True).start()
        with delayed(server.getsockname()[1]) as proxy:
            proxy.round_trip_s = 0.02
            assert round_trip_through(proxy.port) > 0.01  # what the proxy promises, not how fast anything is
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as connection:

                def send(to: socket.socket = connection) -> None:
                    to.sendall(sent)
                    to.shutdown(socket.SHUT_WR)

                threading.Thread(target=send).start()
                heard = b"".join(iter(lambda: connection.recv(65536), b""))
    assert heard == sent
