"""A primary that hangs is no primary that is gone: what fences it is its power, taken by the command of the config."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from tests.real.operator_desk import ROOT, Desk

pytestmark = pytest.mark.real

POWER_OFF = """\
import sys

from albus_dr.bench.sites import Bench

Bench.attach(sys.argv[1]).cut_power("strasbourg")
"""


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def fenced_by(desk: Desk, command: Path) -> Path:
    """The config in which the primary's power comes before every other method."""
    first = f'fence: [{{command: ["{command}", "{desk.bench.directory}"]}}, {{probe: all}}'
    return desk.variant(f"{command.name}.yaml", desk.config, ("fence: [{probe: all}", first))


@pytest.fixture(scope="module", autouse=True)
def hangs(desk: Desk) -> None:
    """PostgreSQL's processes at the primary are stopped: they answer nobody, and would go on writing at any moment."""
    pids = [postmaster.pid for postmaster in desk.bench.sites["strasbourg"].server.postmasters()]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def test_a_command_that_fails_leaves_it_to_the_next_method_which_sees_it_alive(desk: Desk) -> None:
    broken = program(desk.folder / "broken-power-off", "sys.exit('the power distribution unit does not answer')\n")
    called = desk.operate("failover", config=fenced_by(desk, broken))
    assert called.code == 8, called.said
    assert "strasbourg is not fenced" in called.err
    assert "is alive" in called.err
    assert desk.promotions("bordeaux") == 0


def test_the_power_that_is_off_is_the_proof_and_nothing_is_lost(desk: Desk) -> None:
    called = desk.operate("failover", config=fenced_by(desk, program(desk.folder / "power-off", POWER_OFF)))
    assert called.code == 0, called.said
    assert called.document["actuals"]["lost_writes"] == 0
    assert desk.primaries() == ["bordeaux"]
    assert not desk.bench.sites["strasbourg"].server.postmasters()
    run = called.document["run"]
    (proof,) = [
        event["data"]["facts"]["fence"] for event in desk.events(run)
        if event["step"] == "fence" and "fence" in event["data"].get("facts", {})
    ]  # fmt: skip
    assert (proof["site"], proof["method"]) == ("strasbourg", "command")
    assert "power-off ended with 0" in proof["rests_on"]
    for report in ("report.md", "report.html"):
        assert "power-off ended with 0" in (desk.state / "runs" / run / report).read_text()
