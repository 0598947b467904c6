"""Try what can go wrong, print a table, write docs/faults.md.

    python -m faults [--only NAME,…] [--times N] [--list]

A fault that is not tried now keeps what an earlier run on the same machine and versions found (faults/results.json), so
a long run can be taken up again by name. Exit code 1 when a write was lost that nobody had accepted, two sites were
writable at once, or a try did not come to a good end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import machine
from faults.catalogue import Fault, catalogue
from faults.ground import tried
from faults.outcome import Outcome
from faults.page import page, plain

TOP = Path(__file__).resolve().parents[1]
PAGE, RESULTS = TOP / "docs" / "faults.md", TOP / "faults" / "results.json"


def known(path: Path) -> dict[str, list[Outcome]]:
    """Earlier results that come from this machine and these versions."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("machine") != machine.describe():
        return {}
    return {name: [Outcome.from_json(one) for one in tries] for name, tries in kept["results"].items()}


def keep(faults: Mapping[str, Fault], results: Mapping[str, Sequence[Outcome]], path: Path, readable: Path) -> None:
    """Write both files."""
    described = machine.describe()
    ordered = {name: [one.to_json() for one in results[name]] for name in faults if name in results}
    path.write_text(json.dumps({"machine": described, "results": ordered}, indent=1) + "\n")
    readable.write_text(page(faults, results, described, round(os.getloadavg()[0], 1)))


def main(arguments: list[str] | None = None) -> int:
    faults = catalogue()
    parser = argparse.ArgumentParser(prog="faults")
    parser.add_argument("--only", default="", help="names, or their beginnings, with commas")
    parser.add_argument("--times", type=int, default=1, help="how often each of a fault's tries is made")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    beginnings = tuple(given.only.split(","))
    wanted = [fault for name, fault in faults.items() if name.startswith(beginnings)]
    if not wanted:
        parser.error(f"there is no fault {given.only}; --list names them all")
    if given.list:
        print("\n".join(f"{fault.name}: {fault.tells} ({len(fault.tries)} tries)" for fault in wanted))
        return 0
    results, made = known(given.results), {}
    for fault in wanted:
        if fault.needs_root and os.geteuid() != 0:
            print(f"== {fault.name}: not tried: it takes root", file=sys.stderr, flush=True)
            continue
        print(f"== {fault.name}: {fault.tells}", file=sys.stderr, flush=True)
        made[fault.name] = [tried(one) for _ in range(given.times) for one in fault.tries]
        results[fault.name] = made[fault.name]
        keep(faults, results, given.results, given.page)  # each at once: the next may fail, hours later
    print(plain(faults, made))
    return 0 if all(one.is_good for outcomes in made.values() for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
