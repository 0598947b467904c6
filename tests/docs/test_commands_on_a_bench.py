"""Every command of the documentation that needs two sites, page after page, on the ones that the tutorial starts."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from albus_dr.bench.sites import Bench
from tests.docs.doc_shell import PATIENCE_S, environment, run_block, shell
from tests.docs.documents import TOP, Block, all_blocks, blocks

pytestmark = pytest.mark.real

TUTORIAL = TOP / "docs" / "tutorial" / "first-drill.md"
# In this order: strasbourg serves until "when a run stops" has moved it; the failover comes last.
ORDER = (
    TUTORIAL, TOP / "README.md",
    *(TOP / "docs" / "how-to" / f"{name}.md" for name in (
        "replicate-by-cron", "drill-in-ci", "keep-drills-in-time", "run-by-itself", "give-evidence",
        "own-steps", "synchronous-replication", "switch-over", "set-the-door", "when-a-run-stops", "fail-over")),
)  # fmt: skip
PLACE = "/tmp/albus"  # as the pages say; the tests put another in its place
KILL_AT = (("StepIntended", "application.stop"), ("StepSucceeded", "documents.bring_forward"))


SAID = {
    "standby-away": ("bordeaux    stopped", "WRITERS WAIT until bordeaux streams again"),
    "lost-primary": ("patients at bordeaux: it is stopped",),
}
WELL_AT_THE_END = ORDER[:-2]


class Reader:
    """Somebody who types what the pages say, with another place than /tmp/albus."""

    def __init__(self, place: Path, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.bench: Bench | None = None
        self.kills = iter(KILL_AT)
        self.typed: set[str] = set()
        shutil.copytree(TOP / "playbooks", folder / "playbooks")
        shutil.copytree(TOP / "configs", folder / "configs")

    @property
    def sites(self) -> Bench:
        assert self.bench is not None
        return self.bench

    @property
    def more(self) -> dict[str, str]:
        mine = self.bench.environment() if self.bench else {}
        return {**mine, "ALBUS_DR_STATE": str(self.place / "state")}

    def commands(self, block: Block) -> list[str]:
        """Recovery points and drills that another page had made in the same words are not made again: they take long."""
        now = datetime.now().astimezone().strftime("%H:%M")
        found = []
        for command in block.commands:
            words = command.partition(" #")[0].strip()
            if words in self.typed and words.startswith(("albus-dr replicate", "albus-dr drill")):
                continue
            self.typed.add(words)
            if words.startswith("albus-dr switchover"):
                self.typed.clear()  # in the new direction nothing was made yet
            found.append(command.replace(PLACE, str(self.place)).replace("03:12", now))
        return found

    def read(self, block: Block) -> str:
        if event := block.options.get("after"):
            self.events[event]()
        if "two-terminals" in block.words:
            return self.two_terminals(block)
        return run_block(block, self.commands(block), self.folder, self.more)

    def two_terminals(self, block: Block) -> str:
        first, second = self.commands(block)
        with self.begin(first) as child:
            deadline = time.monotonic() + PATIENCE_S
            while (done := shell(second, self.folder, self.more)).returncode != 0:
                assert child.poll() is None, f"{block}\n{done.stdout}"
                assert time.monotonic() < deadline, f"{block}\n{done.stdout}"
            said, _ = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 0, f"{block}\n{said}"
        return str(said) + done.stdout

    def begin(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ("bash", "-c", f"exec {command}"), cwd=self.folder, env=environment(self.more), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        said = shell("albus-dr status playbooks/albus.yaml --json || test $? = 3", self.folder, self.more)
        document: dict[str, Any] = json.loads(said.stdout)
        return document

    # ----------------------------------------------------------------------------------------- what happens

    @property
    def events(self) -> dict[str, Callable[[], None]]:
        return {
            "lost-primary": lambda: self.sites.destroy_site(self.status()["primary"]),
            "standby-away": lambda: self._none_left(self.sites.stop_site("bordeaux")),
            "standby-back": self.standby_back,
            "killed-switchover": self.kill_a_switchover,
        }

    @staticmethod
    def _none_left(left: list[str]) -> None:
        assert left == []

    def standby_back(self) -> None:
        self.sites.start_site("bordeaux")
        deadline = time.monotonic() + PATIENCE_S
        while self.status()["unprotected"]:
            assert time.monotonic() < deadline

    def kill_a_switchover(self) -> None:
        """kill -9 as soon as the journal has the next of KILL_AT."""
        kind, step = next(self.kills)
        runs = self.place / "state" / "runs"
        known = set(runs.iterdir())
        with self.begin("albus-dr switchover playbooks/albus.yaml --yes") as child:
            while True:
                lines = [
                    json.loads(line)
                    for run in set(runs.iterdir()) - known
                    if (run / "journal.jsonl").exists()
                    for line in (run / "journal.jsonl").read_text().split("\n")[:-1]
                ]
                if any((line["kind"], line["step"]) == (kind, step) for line in lines):
                    break
                assert child.poll() is None, child.communicate()[0]
                time.sleep(0.005)
            child.send_signal(signal.SIGKILL)
            child.communicate()


@pytest.fixture(scope="module")
def reader(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The tutorial's first command has been typed; its last ones are typed at the end, and nothing is left."""
    parent = Path(tempfile.mkdtemp(prefix="albus-"))  # short, and PostgreSQL's user may pass
    parent.chmod(0o711)
    reader = Reader(parent / "a", tmp_path_factory.mktemp("reader"))
    try:
        for block in blocks(TUTORIAL):
            if block.treatment == "setup":
                reader.read(block)
        reader.bench = Bench.attach(reader.place / "sites")
        yield reader
        for block in blocks(TUTORIAL):
            if block.treatment == "teardown":
                reader.read(block)
        assert reader.sites.processes() == []
        assert not reader.place.exists()
    finally:
        if reader.bench and reader.place.exists():
            reader.bench.stop()
        shutil.rmtree(parent)


def test_no_page_is_left_out() -> None:
    assert {block.page for block in all_blocks("console") if block.treatment == "bench"} == set(ORDER)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", ORDER, ids=lambda page: page.stem)
def test_the_commands_of_the_page_work(reader: Reader, page: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml" and "from" in block.options:
            text = (reader.folder / block.options["from"]).read_text()
            (reader.folder / block.options["file"]).write_text(f"{text}\n{block.text}")
        if block.language == "console" and block.treatment == "bench":
            said = reader.read(block)
            for words in SAID.get(block.options.get("after", ""), ()):
                assert words in said, f"{block}\n{said}"
    if page in WELL_AT_THE_END:
        assert reader.status()["concerns"] == []
