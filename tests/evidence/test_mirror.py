"""The journal.jsonl of the machine that ran, and of the one that signs, is the one that the evidence is about."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path

import pytest

from albus_dr.evidence.envelope import payload_of
from tests.cli.test_approve import AGREE, THING, ask
from tests.cli.two_directories import PATIENCE_S, TwoDirectories


class Shared:
    """One engine, two state directories."""

    def __init__(self, folder: Path) -> None:
        self.sites = TwoDirectories(folder, THING)
        ask(self.sites, "5m")
        self.sites.environment["ALBUS_DR_ENGINE"] = f"sqlite:///{folder}/engine.sqlite"
        self.elsewhere = {**self.sites.environment, "ALBUS_DR_STATE": str(folder / "other")}
        self.run = ""

    def drill(self) -> None:
        """Approved from the other state directory."""
        with self.sites.started("drill", str(self.sites.base / "runbook.yaml"), "-q") as run:
            deadline = time.monotonic() + PATIENCE_S
            while "ApprovalRequested" not in "".join(path.read_text() for path in self.mirrors("state")):
                assert run.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert self.call("approve", "last", AGREE).returncode == 0
            run.wait(PATIENCE_S)

    def mirrors(self, state: str) -> list[Path]:
        return list((self.sites.base / state / "runs").glob("*/journal.jsonl"))

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.sites.argv(*arguments),
            env=self.elsewhere,
            timeout=PATIENCE_S,
            check=False,
            capture_output=True,
            text=True,
        )

    def sign(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.call("evidence", "create", "last", "--output", str(self.sites.base / name))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    made = Shared(tmp_path_factory.mktemp("shared"))
    made.drill()
    assert made.call("evidence", "keygen").returncode == 0
    return made


def test_what_was_approved_elsewhere_is_in_it(shared: Shared) -> None:
    (here,) = shared.mirrors("state")
    assert "ApprovalGiven" in here.read_text()

    done = shared.sign("a.json")

    assert done.returncode == 0, done.stderr
    statement = json.loads(payload_of((shared.sites.base / "a.json").read_bytes()))
    (elsewhere,) = shared.mirrors("other")
    subject = statement["subject"][0]["digest"]["sha256"]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in (here, elsewhere)] == [subject, subject]


def test_a_mirror_that_holds_something_else_is_not_written_over(shared: Shared) -> None:
    assert shared.sign("b.json").returncode == 0
    (elsewhere,) = shared.mirrors("other")
    good = elsewhere.read_text()
    line = json.dumps(json.loads(good.splitlines()[-1]) | {"hash": "0" * 64})
    elsewhere.write_text(good + line + "\n")

    done = shared.sign("c.json")

    assert done.returncode == 4
    assert f"{elsewhere} holds an event that the journal of" in done.stderr
    assert elsewhere.read_text() == good + line + "\n"
    elsewhere.write_text(good + line[:40])  # a crash while it was written
    assert shared.sign("d.json").returncode == 0
    assert elsewhere.read_text() == good
