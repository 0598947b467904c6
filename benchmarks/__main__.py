"""Measure, print a table, write docs/benchmarks.md.

    python -m benchmarks [--only ROW,…] [--repetitions N] [--size small|medium|large] [--quick]

Rows that are not measured now keep what an earlier run on the same machine and versions found (benchmarks/results.json).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import distance, engine, machine, operations, restores, startup
from benchmarks.harness import TOP, Result, Settings, load_average
from benchmarks.table import KEYS, page, plain

Measure = Callable[[Settings], tuple[Result, ...]]
PAGE, RESULTS = TOP / "docs" / "benchmarks.md", TOP / "benchmarks" / "results.json"
MEASURES: dict[tuple[str, ...], Measure] = {
    ("help",): startup.help_page,
    ("validate",): startup.validate,
    ("steps",): engine.steps,
    ("commits",): distance.commits,
    ("failover",): operations.failover,
    ("switchover",): operations.switchover,
    ("drill",): restores.drill,
    ("documents", "warm"): restores.documents,
}
USUAL = "medium"
OF_A_SIZE = ("drill", "documents", "warm")


def measure(wanted: Iterable[str], settings: Settings) -> Iterator[dict[str, Result]]:
    """The rows that are wanted, and those that come with them, as they are known."""
    asked = set(wanted)
    for rows, work in MEASURES.items():
        if not asked & set(rows):
            continue
        settings.say(f"== {', '.join(rows)}")
        before = load_average()
        found = work(settings)
        load = before, load_average()
        yield {one.key: one for one in (replace(result, load=load, size=_size(result, settings)) for result in found)}


def _size(result: Result, settings: Settings) -> str:
    return settings.size if result.row in OF_A_SIZE and settings.size != USUAL else ""


def known(path: Path) -> dict[str, Result]:
    """Earlier results that come from this machine and these versions."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("machine") != machine.describe():
        return {}
    return {key: Result.from_json(data) for key, data in kept["results"].items()}


def keep(results: Mapping[str, Result], path: Path, readable: Path) -> None:
    """Write both files."""
    described = machine.describe()
    stored = {"machine": described, "results": {key: result.to_json() for key, result in results.items()}}
    path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    readable.write_text(page(results, described))


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 whatever the figures are: they are for people to judge."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--only", default=",".join(KEYS), help="rows, with commas: " + ", ".join(KEYS))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--size", choices=("small", "medium", "large"), default=USUAL, help="of what is restored")
    parser.add_argument("--quick", action="store_true", help="once, small, short: only to see that it works")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    wanted = given.only.split(",")
    if unknown := set(wanted) - set(KEYS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    directory = Path(tempfile.mkdtemp(prefix="ab-"))  # short: sockets lie in it
    directory.chmod(0o711)  # PostgreSQL's user passes through
    settings = Settings(
        repetitions=1 if given.quick else given.repetitions, size="small" if given.quick else given.size,
        steps=(20, 100) if given.quick else (1_000, 10_000), directory=directory,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    results = known(given.results)
    try:
        for new in measure(wanted, settings):
            results |= new
            keep(results, given.results, given.page)  # each at once: the next may fail, hours later
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(plain(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
