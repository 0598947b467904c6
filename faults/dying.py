"""albus-dr that is killed as soon as something stands in its journal that did not stand there before.

``python -m faults.dying KNOWN ARGUMENT…``; KNOWN is a file with a line for each event that it survives.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from albus_dr.journal.event import Event
from albus_dr.journal.store import JournalStore


def name_of(kind: str, step: str, data: Mapping[str, Any]) -> str:
    """The same for the same event of another life, on one line. Clocks and directories are each an event of its own."""
    return json.dumps([kind, step, data.get("clock") if kind == "ClockRecorded" else data.get("path")])


def main() -> None:
    """Under the journal's lock, so that nothing else is written between the event and the end."""
    known = set(Path(sys.argv.pop(1)).read_text().splitlines())
    mirror = JournalStore._mirror

    def mirror_and_die(self: JournalStore, event: Event) -> None:
        mirror(self, event)
        if name_of(event.kind, event.step, event.data) not in known:
            os.kill(os.getpid(), signal.SIGKILL)

    JournalStore._mirror = mirror_and_die  # type: ignore[method-assign]
    from albus_dr.cli.main import main as albus_dr

    albus_dr()


if __name__ == "__main__":
    main()
