"""What the room says about its results: the two zeros, what did not end well, and its exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from faults import __main__ as program
from faults.catalogue import Fault, catalogue
from faults.ground import Stuck, tried
from faults.outcome import Outcome
from faults.page import page, plain
from tests.safety import search
from tests.safety.model import Bounds

GOOD = Outcome(acknowledged=1000, looked=50, rta_s=4.0, codes=(-9, 0))
LOST = Outcome(acknowledged=1000, lost=2, two_open=4, rta_s=9.0, codes=(0,))
SPLIT = Outcome(acknowledged=1000, two_writable=3, codes=(0, 0))
FAILED = Outcome(failure="Stuck: users are not served")


def test_a_try_is_good_only_with_both_zeros_and_a_good_end() -> None:
    assert GOOD.is_good
    assert not LOST.is_good
    assert not SPLIT.is_good
    assert not FAILED.is_good
    assert Outcome(lost=2, accepted=2).is_good, "what was accepted beforehand is no loss beyond it"


def test_an_outcome_survives_its_file() -> None:
    assert Outcome.from_json(json.loads(json.dumps(SPLIT.to_json()))) == SPLIT


def test_the_table_adds_up_and_leaves_out_what_was_not_measured() -> None:
    faults = {"power": Fault("power", "the power fails", ()), "line": Fault("line", "the line fails", ())}
    said = plain(faults, {"power": [GOOD, LOST], "line": [FAILED]})
    power, line = said.splitlines()[1:]
    assert power.split() == ["power", "2", "2,000", "2", "0", "4", "6.5", "s", "9.0", "s"]
    assert "1 did not end well" in line
    assert line.endswith("-")


def test_the_page_names_both_sums_every_fault_and_what_was_not_tried() -> None:
    faults = {"power": Fault("power", "the power fails", ()), "line": Fault("line", "the line fails", ())}
    written = page(faults, {"power": [GOOD, SPLIT, FAILED]}, {"Processor": "2 cores"}, 1.5)
    assert "3 tries, 2,000 acknowledged writes, **0 lost" in written
    assert "**3 moments with two writable primaries**" in written
    assert "Not tried yet: `line`." in written
    assert "`power` did not end well: Stuck: users are not served" in written


@pytest.mark.parametrize(("outcome", "code"), [(GOOD, 0), (LOST, 1), (SPLIT, 1), (FAILED, 1)])
def test_the_exit_code_says_whether_a_zero_is_not_zero(
    outcome: Outcome, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "catalogue", lambda: {"power": Fault("power", "the power fails", (lambda: outcome,))})
    places = ["--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json")]
    assert program.main([*places, "--only", "power", "--times", "2"]) == code
    assert "power" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]["power"]) == 2


def test_a_fault_that_was_left_out_for_want_of_root_is_not_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = {name: Fault(name, "", (lambda: GOOD,), needs_root=name == "line") for name in ("power", "line")}
    monkeypatch.setattr(program, "catalogue", lambda: faults)
    places = ["--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json")]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert program.main(places) == 1
    assert "line: not tried: it takes root" in capsys.readouterr().err
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert program.main(places) == 0


def test_earlier_results_stay_when_others_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {name: Fault(name, "", (lambda: GOOD,)) for name in ("power", "line")}
    monkeypatch.setattr(program, "catalogue", lambda: faults)
    places = ["--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json")]
    assert program.main([*places, "--only", "power"]) == 0
    assert program.main([*places, "--only", "line"]) == 0
    assert list(json.loads((tmp_path / "results.json").read_text())["results"]) == ["power", "line"]


def test_a_try_that_breaks_is_a_failure_with_its_reason_and_not_the_end() -> None:
    def stuck() -> Outcome:
        raise Stuck("users are not served")

    assert tried(stuck).failure == "Stuck: users are not served"


def test_every_name_is_said_once_and_none_hides_another() -> None:
    faults = catalogue()
    assert len(faults) > 40
    assert all(fault.count and fault.tells for fault in faults.values())
    assert faults["two-operators"].count == 100


def test_a_series_is_made_on_one_ground_and_a_failure_in_it_is_its_last() -> None:
    asked = []

    def series(rounds: int) -> Iterator[Outcome]:
        asked.append(rounds)
        yield GOOD
        raise Stuck("two primaries")

    made = list(Fault("two", "", series=series, rounds=50).outcomes(2))
    assert asked == [100]
    assert [one.failure for one in made] == ["", "Stuck: two primaries"]


def test_of_a_ground_that_was_used_before_only_what_came_since_counts() -> None:
    later = replace(GOOD, acknowledged=1400, looked=80, lost=1).since(GOOD)
    assert (later.acknowledged, later.looked, later.lost, later.rta_s) == (400, 30, 1, GOOD.rta_s)


def test_worlds_that_were_searched_are_on_the_page_and_a_mistake_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explore(bounds: Bounds) -> int:
        if bounds == search.SMALL[1]:
            raise AssertionError("two writable primaries\nA starts its server")
        return 1234

    monkeypatch.setattr(search, "explore", explore)
    places = ["--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json"), "--only"]
    assert program.main([*places, "every-state-03"]) == 0
    assert program.main([*places, "every-state-01,every-state-02"]) == 1
    assert program.main([*places, "every-state-03"]) == 0, "what is found now counts; the page keeps the other"
    capsys.readouterr()
    written = (tmp_path / "page.md").read_text()
    assert "2,468 states were visited" in written
    assert f"- not visited yet: {search.describe(search.LARGE[-1])}\n" in written
    assert f"not visited yet: {search.describe(search.SMALL[0])}\n" not in written
    rows = [written.index(f"| {search.describe(bounds)} |") for bounds in search.SMALL[:3]]
    assert rows == sorted(rows)
    assert f"- {search.describe(search.SMALL[1])}: two writable primaries" in written


def test_the_long_search_is_made_only_when_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "catalogue", lambda: {"power": Fault("power", "the power fails", (lambda: GOOD,))})
    places = ["--page", str(tmp_path / "page.md"), "--results", str(tmp_path / "results.json")]
    assert program.main(places) == 0
    assert json.loads((tmp_path / "results.json").read_text())["worlds"] == []
    assert program.main([*places, "--list"]) == 0
    assert program.main([*places, "--list", "--only", "every-state"]) == 0
    assert capsys.readouterr().out.count("every-state") == len((*search.SMALL, *search.LARGE))


def test_a_name_that_is_not_there_is_wrong_usage() -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(["--only", "sharks"])


def test_without_a_worker_nothing_is_tried_and_that_is_not_good() -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(["--only", "two-operators", "--workers", "0"])
