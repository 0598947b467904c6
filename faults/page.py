"""Results for people: a table on the terminal, a page for the documentation."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from faults.catalogue import Fault
from faults.outcome import Outcome
from faults.worlds import Visited, lines

Results = Mapping[str, Sequence[Outcome]]
HEADINGS = (
    "fault",
    "tried",
    "acknowledged writes",
    "lost beyond the accepted",
    "two writable",
    "both open",
    "RTA median",
    "RTA worst",
)


def cells(fault: Fault, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """One line of the table. What was not measured is a dash."""
    rtas = [one.rta_s for one in outcomes if one.rta_s is not None]
    bad = sum(bool(one.failure) for one in outcomes)
    return (
        fault.name, str(len(outcomes)) + (f", {bad} did not end well" if bad else ""),
        f"{sum(one.acknowledged for one in outcomes):,}",
        str(sum(max(0, one.lost - one.accepted) for one in outcomes)), str(sum(one.two_writable for one in outcomes)),
        str(sum(one.two_open for one in outcomes)),
        f"{statistics.median(rtas):.1f} s" if rtas else "-", f"{max(rtas):.1f} s" if rtas else "-",
    )  # fmt: skip


def plain(faults: Mapping[str, Fault], results: Results) -> str:
    """For a terminal or a log; faults that were not tried are left out."""
    lines = [HEADINGS, *(cells(faults[name], tried) for name, tried in results.items() if tried)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def page(
    faults: Mapping[str, Fault],
    results: Results,
    machine: Mapping[str, str],
    load: float,
    worlds: Sequence[Visited] = (),
) -> str:
    """docs/faults.md."""
    tried = {name: results[name] for name in faults if results.get(name)}
    every = [one for outcomes in tried.values() for one in outcomes]
    lost = sum(max(0, one.lost - one.accepted) for one in every)
    failed = sum(bool(one.failure) for one in every)
    text = [
        "# What goes wrong, and what it cost",
        "",
        "Written by `make faults`, which keeps what it found before of faults that it was not asked for.",
        "Each try begins on two sites with real servers, fresh or left whole by the try before,",
        "with users who write all the time, and an observer who tries to write at both sites five times a second. A fault",
        "is injected; what was killed is started",
        "again, what was stopped goes on; a person resumes the run until it has passed. Then every write that users had been told",
        "was saved is read back through the door.",
        "",
        f"In all: {len(every)} tries, {sum(one.acknowledged for one in every):,} acknowledged writes, **{lost} lost beyond what was"
        f" accepted**, **{sum(one.two_writable for one in every)} moments with two writable primaries** in"
        f" {sum(one.looked for one in every):,} looks, {failed} did not end well{' (they are named below)' if failed else ''}.",
        "",
        "A moment with two writable primaries is three acknowledged writes, one after the other: at one site, at the other, and at",
        "the first again, within two seconds. Both are called open where neither said that it is a standby: so is an old primary",
        "that comes back without a guard, which acknowledges nothing alone where replication is synchronous. Recovery times are this",
        f"machine's, under the load that it had (load average {load:g} at the end).",
        "",
        "What it does not show: sites, operators and witness are on one machine, and where a line of the table says nothing else the",
        "witness is a file, whose clock is that of whoever asks. Two primaries that overlap for less than the fifth of a second between",
        "two looks can pass unseen. A document is read back from wherever the application finds it, its folder or its database.",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        "",
        f"Tried on the commit: {_commits(tried)}.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *("| " + " | ".join(cells(faults[name], outcomes)) + " |" for name, outcomes in tried.items()),
        "",
        *(lines(worlds) if worlds else ()),
        "## What each one is",
        "",
        *(f"- `{name}`: {faults[name].tells}" for name in faults),
        "",
    ]
    if missing := [name for name in faults if name not in tried]:
        text += ["Not tried yet: " + ", ".join(f"`{name}`" for name in missing) + ".", ""]
    for name, outcomes in tried.items():
        text += [f"- `{name}` did not end well: {one.failure}" for one in outcomes if one.failure]
    return "\n".join(text).rstrip() + "\n"


def _commits(tried: Results) -> str:
    """How many of the faults were tried on which commit, the most first."""
    found = Counter(outcomes[-1].commit for outcomes in tried.values())
    return ", ".join(f"{f'`{commit}`' if commit else 'not known'} ({count})" for commit, count in found.most_common())
