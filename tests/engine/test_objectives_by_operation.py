"""Which objective an operation's data are held against."""

from __future__ import annotations

from pathlib import Path

from albus_dr.cli.common import load_runbook
from albus_dr.engine.promise import promised_rpo_s, rpo_s
from albus_dr.runbook.model import Runbook, SitePair, WorkloadModel

TOP = Path(__file__).resolve().parents[2]


def test_a_drill_does_not_hold_a_dump_against_what_the_standby_keeps(tmp_path: Path) -> None:
    text = (TOP / "playbooks" / "albus.yaml").read_text().replace("    warm: true", "    rpo: 5m\n    warm: true")
    (tmp_path / "albus.yaml").write_text(text)
    runbook = load_runbook(tmp_path / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False).runbook
    assert (runbook.objectives.rpo, runbook.workloads["patients"].rpo) == (900, 60)
    assert rpo_s(runbook, "patients", "drill") == 900
    assert [rpo_s(runbook, "patients", each) for each in ("switchover", "failover")] == [60, 60]
    assert [rpo_s(runbook, "documents", each) for each in ("drill", "switchover", "failover")] == [300, 300, 300]


def test_what_a_third_party_promises_is_asked_for() -> None:
    objectives = load_runbook(
        TOP / "playbooks" / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False
    ).runbook.objectives
    workloads = {
        name: WorkloadModel.model_construct(kind="mysql", needs=(), rpo=rpo) for name, rpo in (("a", 60.0), ("b", None))
    }
    runbook = Runbook.model_construct(
        version=1,
        runbook="b",
        objectives=objectives,
        sites=SitePair(primary="x", secondary="y"),
        workloads=workloads,
        steps=(),
    )
    assert promised_rpo_s(runbook, "failover") == {"a": 60.0}
