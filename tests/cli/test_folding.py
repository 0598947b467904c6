"""What people read at a terminal breaks at blanks alone, and a path that is too long can be copied."""

from __future__ import annotations

import io

import pytest

from albus_dr.cli.folding import UNFOLDED, columns, fitted, folded, table

PATH = "/var/lib/albus-dr/runs/failover-20260131T091403Z-7f3a1b2c/a-directory-with-a-long-name/report.html"


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_word_is_broken_and_no_line_is_longer_than_one_word(width: int) -> None:
    text = f"the repository backups of strasbourg ({PATH}) can't be opened: it does not answer, and nobody knows why"
    lines = folded(text, width, first="  - ", rest="    ")
    assert " ".join(lines).split() == ["-", *text.split()]
    assert [line for line in lines if len(line) > width and len(line.split()) > 1] == []


def test_a_path_that_is_too_long_stands_alone_and_goes_as_far_left_as_it_takes() -> None:
    assert folded(PATH, 80, first="  Report  ", rest=" " * 10) == ["  Report", PATH]
    assert folded(PATH, len(PATH) + 2, first="  Report  ", rest=" " * 10) == ["  Report", "  " + PATH]
    assert folded(PATH, 200, first="  Report  ", rest=" " * 10) == ["  Report  " + PATH]


def test_a_table_is_as_wide_as_its_cells_and_folds_the_last() -> None:
    rows = [
        ("ok", "Python", "albus-dr itself"),
        ("ok", "setpriv", "programs end when albus-dr does; steps as another user"),
    ]
    assert table(rows, 46) == [
        "ok  Python   albus-dr itself",
        "ok  setpriv  programs end when albus-dr does;",
        "             steps as another user",
    ]
    assert table(rows, UNFOLDED)[1] == "ok  setpriv  programs end when albus-dr does; steps as another user"


def test_a_table_without_room_for_its_last_column_sets_it_below() -> None:
    assert table([("succeeded", "x" * 50, "Compare documents with the manifest")], 80) == [
        "succeeded  " + "x" * 50,
        "    Compare documents with the manifest",
    ]


def test_a_path_that_does_not_fit_beside_the_columns_takes_its_sentence_below_them() -> None:
    assert table([("failed", "x" * 30, f"the repository {PATH[:50]} can't be opened")], 80) == [
        "failed  " + "x" * 30,
        f"    the repository {PATH[:50]} can't be",
        "    opened",
    ]


class Narrow(io.StringIO):
    """A terminal of COLUMNS."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_is_not_folded_and_a_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    message = "book.yaml:3:4: there is no workload pateints; did you mean patients?\nbook.yaml:7:1: and another"
    assert columns(io.StringIO()) == UNFOLDED
    assert fitted(message, io.StringIO(), first="albus-dr: ", rest="  ") == f"albus-dr: {message}"
    assert fitted(message, Narrow(), first="albus-dr: ", rest="  ").splitlines() == [
        "albus-dr: book.yaml:3:4: there is no",
        "  workload pateints; did you mean",
        "  patients?",
        "book.yaml:7:1: and another",
    ]
