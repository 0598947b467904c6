"""Results for people: lines for a terminal, a page for the documentation."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.harness import Result, Series


@dataclass(frozen=True)
class Row:
    """What is measured, beside what, and how good it shall be."""

    key: str
    what: str
    beside: str
    goal: str


ROWS = (
    Row("help", "`albus-dr --help`", "a bare Typer program with two commands", "≤ 1.5 times"),
    Row("validate", "`albus-dr validate playbooks/albus.yaml`",
        "importing Typer, pydantic and PyYAML, and parsing the same two files", "≤ 1.5 times"),
    Row("steps", "1,000 and 10,000 steps that do nothing, on SQLite", "each other",
        "≤ 10 ms a step, ≤ 1.2 times, < 300 MiB"),
    Row("drill", "`albus-dr drill`", "a script that makes the same program calls side by side", "≤ 1.05 times"),
    Row("documents", "restoring the documents into an empty directory", "restic alone, and `tar | tar` as the floor",
        "≥ 0.97 of restic's rate"),
    Row("warm", "restoring the documents onto a warm copy, 1% changed", "into an empty directory", "≥ 8 times faster"),
    Row("failover", "`albus-dr failover`, from the command to the first acknowledged write through the door",
        "a script: promote, start the application, move the door", "≤ 3 s"),
    Row("switchover", "`albus-dr switchover`, longest time between two acknowledged writes", "the same by a script",
        "≤ 1.5 times"),
    Row("commits", "a commit that waits for the other site", "one that does not, at the same distance", "none: shown"),
)  # fmt: skip
KEYS = tuple(row.key for row in ROWS)


def show(series: Series) -> str:
    """Median and spread: ``0.21 s (0.20 to 0.25, n = 5)``."""
    digits = 1 if series.unit.startswith("ms") else 2 if series.median < 100 else 0
    low, high = min(series.values), max(series.values)
    return f"{series.median:.{digits}f} {series.unit} ({low:.{digits}f} to {high:.{digits}f}, n = {len(series.values)})"


def judged(result: Result) -> str:
    """The figure, and whether it reaches the goal."""
    return result.figure + {True: " · met", False: " · **missed**", None: ""}[result.is_met]


def _each(results: Mapping[str, Result]) -> list[tuple[Row, str, Result | None]]:
    """Every row, what it is called, and its result; below it those of other sizes that were measured."""
    found: list[tuple[Row, str, Result | None]] = []
    for row in ROWS:
        others = [result for result in results.values() if result.row == row.key and result.size]
        found += [
            (row, row.what, results.get(row.key)),
            *((row, f"{row.what} (size {one.size})", one) for one in others),
        ]
    return found


def plain(results: Mapping[str, Result]) -> str:
    """For a terminal or a log."""
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    lines: list[str] = []
    for row, what, result in _each(results):
        lines += [what.replace("`", "")[: width - 1]]
        if result is None:
            lines += ["    not measured", ""]
            continue
        lines += [f"    {judged(result).replace('*', '')}  (goal: {row.goal})"]
        lines += [f"      {one.label}: {show(one)}" for one in result.series] + [""]
    return "\n".join(lines)


def page(results: Mapping[str, Result], machine: Mapping[str, str]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# What albus-dr costs",
        "",
        "Written by `make bench`, which keeps what it measured before of rows that it was not asked for. The sides of a row were",
        "measured in one run, A B A B …, each figure a median with its spread (smallest to largest).",
        "Seconds depend on the machine and on who else uses it; ratios less so. A load average above",
        "the number of cores means that something else was at work.",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        "",
        "| what | beside what, in the same run | goal | measured |",
        "| --- | --- | --- | --- |",
    ]
    for row, what, found in _each(results):
        measured = judged(found) if found else "not measured"
        escaped, beside = (text.replace("|", "\\|") for text in (what, row.beside))
        lines.append(f"| {escaped} | {beside} | {row.goal} | {measured} |")
    for row, what, found in _each(results):
        lines += ["", f"## {what}", ""]
        if found is None:
            lines.append(f'Not measured. To measure it: `make bench ARGS="--only {row.key}"`')
            continue
        lines += [f"- {one.label}: {show(one)}" for one in found.series]
        before, after = found.load
        which = f"--only {row.key} --size {found.size}" if found.size else f"--only {row.key}"
        whole = "" if found.size else " or all of it"
        measured = f'Measured {found.measured_at}, by `make bench ARGS="{which}"`{whole}'
        lines += ["", *found.notes, f"{measured}; load average {before:g} before, {after:g} after."]
    return "\n".join(lines) + "\n"
