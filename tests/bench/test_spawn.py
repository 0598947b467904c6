"""What a server that the bench starts gets from whoever starts it: nothing that stays open because of it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from albus_dr.bench.processes import end, spawn, wait_until_ready


def test_a_server_has_none_of_our_open_files(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    log = tmp_path / "log"
    argv = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
    started = spawn(argv, log=log, cwd=tmp_path)
    try:
        wait_until_ready("the program", started, lambda: "up" in log.read_text(), log=log)
        os.close(writer)
        os.set_blocking(reader, False)
        assert os.read(reader, 1) == b"", "nobody has the other end any more"
    finally:
        os.close(reader)
        assert end([started], polite=signal.SIGKILL) == []
