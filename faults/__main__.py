"""Try what can go wrong, print a table, write docs/faults.md.

    python -m faults [--only NAME,…] [--times N] [--workers N] [--list]

Several are tried side by side, each on a ground of its own: a try waits most of the time. A fault that is not tried now
keeps what an earlier run on the same machine and versions found (faults/results.json), so a long run can be taken up again
by name. ``every-state`` is no fault: it searches the model of the rule, for more than an hour, and only when it is named.

Exit code 1 when a write was lost that nobody had accepted, two sites were writable at once, a try did not come to a good
end, the search found what may never be, or a fault was not tried because it takes root.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import machine
from faults import worlds
from faults.catalogue import Fault, catalogue
from faults.crew import Found, side_by_side
from faults.outcome import Outcome
from faults.page import page, plain
from faults.worlds import Visited
from tests.safety.search import describe

TOP = Path(__file__).resolve().parents[1]
PAGE, RESULTS = TOP / "docs" / "faults.md", TOP / "faults" / "results.json"
WORKERS = 3


@dataclass
class Results:
    """What was found, by fault, and in the worlds of the model."""

    faults: dict[str, list[Outcome]] = field(default_factory=dict)
    worlds: list[Visited] = field(default_factory=list)


def known(path: Path) -> Results:
    """Earlier results that come from this machine and these versions."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("machine") != machine.describe():
        return Results()
    return Results(
        {name: [Outcome.from_json(one) for one in tries] for name, tries in kept["results"].items()},
        [Visited(**one) for one in kept.get("worlds", ())],
    )


def commit() -> str:
    """What is tried, as git names it; it ends with ``-dirty`` where files were changed, but for what this writes."""
    written = [f":(exclude){path.relative_to(TOP)}" for path in (PAGE, RESULTS)]
    try:
        found = _git("rev-parse", "--short=7", "HEAD")
        return found + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no", "--", ".", *written) else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*words: str) -> str:
    argv = ("git", "-C", str(TOP), *words)
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def keep(faults: Mapping[str, Fault], results: Results, path: Path, readable: Path) -> None:
    """Write both files."""
    described = machine.describe()
    ordered = {name: [one.to_json() for one in results.faults[name]] for name in faults if name in results.faults}
    document = {"machine": described, "results": ordered, "worlds": [one.to_json() for one in results.worlds]}
    path.write_text(json.dumps(document, indent=1) + "\n")
    readable.write_text(page(faults, results.faults, described, round(os.getloadavg()[0], 1), results.worlds))


def main(arguments: list[str] | None = None) -> int:
    faults = catalogue()
    parser = argparse.ArgumentParser(prog="faults")
    parser.add_argument("--only", default="", help="names, or their beginnings, with commas")
    parser.add_argument("--times", type=int, default=1, help="how often each of a fault's tries is made")
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"how many are tried side by side ({WORKERS})")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.workers < 1:
        parser.error("without a worker nothing is tried")
    beginnings = tuple(given.only.split(","))
    wanted = [fault for name, fault in faults.items() if name.startswith(beginnings)]
    searched = {name: bounds for name, bounds in worlds.WORLDS.items() if given.only and name.startswith(beginnings)}
    if not wanted and not searched:
        parser.error(f"there is no fault {given.only}; --list names them all")
    if given.list:
        tries = [f"{fault.name}: {fault.tells} ({fault.count} tries)" for fault in wanted]
        print("\n".join([*tries, *(f"{name}: {describe(bounds)}" for name, bounds in searched.items())]))
        return 0
    results = known(given.results)
    made: dict[str, list[Outcome]] = {}
    names, left_out = list(searched), 0
    # A long one that comes last keeps one worker alone.
    for fault in sorted(wanted, key=lambda one: (not one.is_long, -one.count)):
        if fault.needs_root and os.geteuid() != 0:
            print(f"== {fault.name}: not tried: it takes root", file=sys.stderr, flush=True)
            left_out += 1
            continue
        names.append(fault.name)
        results.faults[fault.name] = made[fault.name] = []
    visited: dict[str, Visited] = {}
    tried = commit()

    def work(name: str) -> Iterator[Found]:
        tells = describe(searched[name]) if name in searched else faults[name].tells
        print(f"== {name}: {tells}", file=sys.stderr, flush=True)
        if name in searched:
            yield worlds.visit(searched[name])
        else:
            yield from faults[name].outcomes(given.times)

    with closing(side_by_side(names, work, given.workers)) as results_of_each:
        for name, found in results_of_each:
            if isinstance(found, Outcome):
                made[name].append(replace(found, commit=tried))
            else:
                visited[found.world] = replace(found, commit=tried)
                results.worlds = worlds.in_order([*results.worlds, visited[found.world]])
            keep(faults, results, given.results, given.page)  # each at once: the next may fail, hours later
    if made:
        print(plain(faults, made))
    good = all(one.is_good for outcomes in made.values() for one in outcomes)
    return 0 if good and not left_out and not any(one.wrong for one in visited.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
