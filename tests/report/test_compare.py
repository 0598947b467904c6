"""Two runs of one kind beside each other."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from albus_dr.cli.live.comparison import text
from albus_dr.cli.operate import write_reports
from albus_dr.cli.runs import app
from albus_dr.cli.schema import SCHEMAS
from albus_dr.errors import UsageError
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState
from albus_dr.report import FORMATS
from albus_dr.report.compare import compare, document, of_a_kind
from albus_dr.report.french import FRENCH
from albus_dr.report.trend import trend
from albus_dr.report.words import ENGLISH
from tests.check.test_compliance import Book
from tests.report.run_states import after, bare, passed
from tests.report.test_report_html import Page


def earlier(days: float = 30) -> RunState:
    """The same failover, some days before, in which the restore of documents took a tenth of the time."""
    state = passed()
    state.run = f"2026-01-failover-{days:g}"
    state.clocks = {key: at and at - timedelta(days=days) for key, at in state.clocks.items()}
    state.steps["documents.restore"].duration_s = 0.085
    state.rta_s = 1.5
    return state


def test_what_got_slower_and_what_is_left() -> None:
    found = compare(earlier(), passed())
    assert [(each.name, each.before_s, each.after_s) for each in found.slower] == [("documents.restore", 0.085, 0.85)]
    assert found.rta.change_s == pytest.approx(0.8104)
    assert found.margin.change_s == pytest.approx(-0.8104)
    assert {each.name for each in found.stages} == {
        key for key, at in passed().clocks.items() if at and key != "disrupted_at"
    }


def test_what_one_of_them_did_not_measure_has_no_change() -> None:
    found = compare(bare(), passed())
    assert (found.rta.before_s, found.rta.change_s, found.slower) == (None, None, ())
    told = text(found, trend([], 1.0, after(0)))
    assert "not measured" in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
@pytest.mark.parametrize("width", [40, 60])
def test_on_a_narrow_terminal_no_line_is_longer_than_one_word(width: int, words: Any) -> None:
    told = text(compare(earlier(), passed()), trend([], 1.0, after(0)), words, width)
    assert [line for line in told.splitlines() if len(line) > width and len(line.split()) > 1] == []
    assert "documents.restore" in told
    assert "2026-01-failover-30" in told


def test_only_earlier_runs_of_the_same_kind_count() -> None:
    state = passed()
    others = [earlier(2), earlier(9), replace(earlier(), operation="drill"), replace(earlier(), target="lille"),
              replace(earlier(), exit_code=None), earlier(-3), state]  # fmt: skip
    assert [run.run for run in of_a_kind(state, others)] == ["2026-01-failover-9", "2026-01-failover-2"]


def test_a_drill_of_an_old_point_is_no_part_of_the_trend() -> None:
    newest, first, other = "", "20260101T040000Z-aaaaaa", "20251201T040000Z-bbbbbb"
    drills = [replace(earlier(days), operation="drill", point=point) for days, point in
              ((9, first), (7, newest), (5, first), (4, other), (2, newest))]  # fmt: skip
    state = replace(passed(), operation="drill")
    assert [run.run for run in of_a_kind(state, drills)] == ["2026-01-failover-7", "2026-01-failover-2"]
    again = [run.run for run in of_a_kind(replace(state, point=first), drills)]
    assert again == ["2026-01-failover-9", "2026-01-failover-5"], "the same point, restored again"


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_the_report_shows_them(words: Any) -> None:
    section = Page(FORMATS["html"](passed(), words, [earlier(9), earlier(2)])).sections["h-earlier"]
    assert "2026-01-failover-9" in section
    assert words.say("{step}: {after}, where it was {before}", step=words.retold("Restore documents at bordeaux"),
                     after=words.duration(0.85), before=words.duration(0.085)) in section  # fmt: skip
    assert words.number(3) in section
    html = FORMATS["html"](passed(), words, [earlier(9), earlier(2)])
    heights = [float(place) for place in re.findall(r'<circle class="dot good"[^>]* cy="([\d.]+)%"', html)]
    assert len(heights) == 3
    assert heights[0] == heights[1] > heights[2], "the slower one stands higher"
    assert "No earlier run" in Page(FORMATS["html"](passed())).sections["h-earlier"]


def test_the_json_has_no_figure_that_nobody_measured() -> None:
    plain = document(compare(bare(), passed()), trend([passed()], 1.0, after(9)))
    assert list(Draft202012Validator(SCHEMAS["comparison"]()).iter_errors(plain)) == []
    assert list(Draft202012Validator(SCHEMAS["comparison"]()).iter_errors({**plain, "rta": 2.31}))
    assert plain["rta"] == {"before_s": None, "after_s": 2.31, "change_s": None}
    assert plain["trend"] == {
        "finding": "too_few", "runs": 1, "since": "2026-01-31T09:14:05Z", "slope_s_per_day": None, "crosses_at": None,
    }  # fmt: skip


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    made = Book(tmp_path, monkeypatch)
    monkeypatch.setenv("ALBUS_DR_STATE", str(made.state))
    yield made
    made.store.close()


def compared(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["compare", *arguments])


def test_the_command_compares_the_last_drill_with_the_one_before(book: Book) -> None:
    day = datetime(2026, 1, 1, 4, tzinfo=UTC)
    drills = [book.drill(day + timedelta(weeks=number), took=timedelta(minutes=9 + number)) for number in range(6)]
    document_ = json.loads(compared("--json").stdout)
    Draft202012Validator(SCHEMAS["comparison"]()).validate(document_)
    assert (document_["before"], document_["after"]) == (drills[-2], drills[-1])
    assert document_["rta"]["change_s"] == 60.0
    assert document_["trend"]["finding"] == "slower"
    assert json.loads(compared(drills[-1], drills[0], "--json").stdout)["rta"]["change_s"] == 300.0
    assert json.loads(compared(drills[0], drills[-1], "--json").stdout)["before"] == drills[0]
    said = compared().stdout
    assert "crosses the RTO of" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_broken_journal_of_an_earlier_run_does_not_keep_this_ones_report_from_being_written(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    day = datetime(2026, 1, 1, 4, tzinfo=UTC)
    old, new = book.drill(day), book.drill(day + timedelta(weeks=1))
    with sqlite3.connect(book.state / "engine.sqlite") as database:
        changed = database.execute(
            "UPDATE albus_event SET data = replace(data, '14400', '1') WHERE run = ? AND seq = 0", (old,)
        )
        assert changed.rowcount == 1
    write_reports(book.store, fold(book.store.events(new)), ENGLISH)
    assert "No earlier run" in (book.store.run_directory(new) / "report.html").read_text()
    assert f"left out of the comparison with earlier runs: the journal of {old} was changed" in capsys.readouterr().err


def test_the_first_of_its_kind_has_nothing_to_be_compared_with(book: Book) -> None:
    first = book.drill(datetime(2026, 1, 1, 4, tzinfo=UTC))
    done = compared(first)
    assert isinstance(done.exception, UsageError)
    assert "no earlier drill to" in done.exception.message


def test_a_drill_of_an_old_point_is_not_what_the_next_one_is_compared_with(book: Book) -> None:
    day = datetime(2026, 1, 1, 4, tzinfo=UTC)
    first, old, last = (
        book.drill(day + timedelta(days=number), point="20251201T040000Z-aaaaaa" if number == 1 else "") for number in range(3)
    )  # fmt: skip
    assert json.loads(compared(last, "--json").stdout)["before"] == first
    alone = compared(old)
    assert isinstance(alone.exception, UsageError)
    assert "no earlier drill of the recovery point 20251201T040000Z-aaaaaa to bordeaux" in alone.exception.message
    assert json.loads(compared(last, old, "--json").stdout)["before"] == old, "where somebody names both"
