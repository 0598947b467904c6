"""What to do with sites that `albus-dr demo --keep` left running.

python -m albus_dr.bench stop DIR            ends them
python -m albus_dr.bench remove DIR          ends and deletes them
python -m albus_dr.bench rebuild DIR SITE    gives a site that burned down new, empty machines
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from albus_dr.bench.sites import SITES, Bench
from albus_dr.errors import AlbusError, CleanupError


def main(arguments: list[str] | None = None) -> int:
    """Exit code 7 (as albus-dr's: something was left behind) when a process can't be stopped."""
    parser = argparse.ArgumentParser(prog="python -m albus_dr.bench")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("stop", "remove", "rebuild"):
        verbs.add_parser(verb).add_argument("directory", type=Path)
    verbs.choices["rebuild"].add_argument("site", choices=SITES)
    given = parser.parse_args(arguments)
    try:
        bench = Bench.attach(given.directory)
        if given.verb == "rebuild":
            bench.rebuild_site(given.site)
            return 0
        if left := bench.stop():
            raise CleanupError("still running: " + ", ".join(left))
        if given.verb == "remove":
            bench.remove()
    except AlbusError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
