"""Replication leaves tens of thousands of runs a year: who begins a failover does not wait until all were read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from albus_dr.engine.history import (
    backed_up,
    open_runs_of,
    primary_and_secondary,
    require_nothing_unfinished,
    runs_of,
    took_s,
)
from albus_dr.journal.event import Event
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import Operation
from tests.engine.fake_runs import runbook, step
from tests.engine.test_roles import Past

ENDED = {
    "verdict": "passed", "exit_code": 0, "reason": "", "proof_level": "L1", "residue": [], "notes": [],
    "actuals": {"rta_s": None, "rpa_s": None, "rpa_by_workload": {}, "client_downtime_s": None, "acknowledged_writes": None,
                "lost_writes": None},
}  # fmt: skip


class _Watched(JournalStore):
    """Knows whose journals were read."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"sqlite:///{directory / 'engine.sqlite'}", directory)
        self.read: list[str] = []

    def events(self, run: str, *, after: int = -1) -> tuple[Event, ...]:
        self.read.append(run)
        return super().events(run, after=after)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[_Watched]:
    """Three replications, one of them broken off, one resumed after its end; a switchover between them."""
    made = _Watched(tmp_path)
    declare(made, "replicate-1-a", ended=True)
    declare(made, "switchover-2-b", ended=True)
    declare(made, "replicate-3-c", ended=False)
    declare(made, "replicate-4-d", ended=True)
    made.append("replicate-4-d", "RunResumed")
    made.read.clear()
    yield made
    made.close()


def declare(store: JournalStore, run: str, *, ended: bool) -> None:
    operation = run.split("-")[0]
    plan = Plan("fake", operation, "a", "b", (step("fence"), step("promote", ("fence",), action="fake.promote")))  # type: ignore[arg-type]
    store.append(run, "RunDeclared", {
        "runbook": "fake", "operation": operation, "plan": plan.to_json(), "plan_digest": plan.digest, "source": "a",
        "target": "b", "objectives": {"rto_s": 1.0, "rpo_s": 1.0, "clock": "disruption"},
    })  # fmt: skip
    if ended:
        for one in plan.steps:
            store.append(run, "StepIntended", {"attempt": 1}, step=one.id)
            store.append(run, "StepSucceeded", {"facts": {}, "attempts": 1, "adopted": False}, step=one.id)
        store.append(run, "RunEnded", ENDED)


def test_a_change_of_primary_reads_no_other_operations_journal(store: _Watched) -> None:
    require_nothing_unfinished(store, "fake")
    assert primary_and_secondary(store, runbook()) == ("b", "a")
    assert {*store.read} == {"switchover-2-b"}


def test_only_what_has_not_ended_is_read_to_find_it(store: _Watched) -> None:
    found = [state.run for state in open_runs_of(store, "fake", ("replicate",))]

    assert found == ["replicate-3-c", "replicate-4-d"]
    assert {*store.read} == {"replicate-3-c", "replicate-4-d"}


def test_runs_by_operation_newest_first(store: _Watched) -> None:
    assert [state.run for state in runs_of(store, "fake", ("replicate",))] == [
        "replicate-4-d",
        "replicate-3-c",
        "replicate-1-a",
    ]
    assert [state.run for state in runs_of(store, "fake")] == [*reversed(store.runs())]
    assert list(runs_of(store, "another")) == []


def test_what_steps_took_comes_from_the_newest_run_that_passed_of_this_operation_first(tmp_path: Path) -> None:
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    past = Past(store)
    for run, operation, seconds, verdict in (
        ("1", "failover", 10.0, "passed"),
        ("2", "failover", 20.0, "passed"),
        ("3", "failover", 30.0, "failed"),
        ("4", "switchover", 40.0, "passed"),
    ):
        steps = ("promote", "open", *(("close",) if operation == "switchover" else ()))
        name = past.declare(run, cast(Operation, operation), steps=steps)
        for one in steps:
            store.append(name, "StepIntended", {"attempt": 1}, step=one)
            taken: dict[str, object] = {"facts": {}, "adopted": one == "open" and run == "2", "duration_s": seconds}
            store.append(name, "StepSucceeded", taken, step=one)
        past.end(name, verdict)
    found = took_s(store, "albus", "failover")
    assert found == {
        ("promote", "postgres.promote"): 20.0,
        ("open", "traffic.open"): 40.0,  # the failover found it done, which timed nothing
        ("close", "traffic.close"): 40.0,
    }
    assert took_s(store, "another", "failover") == {}
    store.close()


def test_a_database_counts_as_backed_up_only_once_it_was(tmp_path: Path) -> None:
    """The newest one was refused, for it is another one; nothing of it was dumped."""
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    for run, identifier, dumped in (("replicate-1-a", "701", True), ("replicate-2-b", "666", False)):
        steps = (step("db.ready_to_dump", action="postgres.ready_to_dump", workload="db"),
                 step("db.dump", ("db.ready_to_dump",), action="postgres.dump", workload="db"))  # fmt: skip
        plan = Plan("fake", "replicate", "a", "b", steps)
        store.append(run, "RunDeclared", {
            "runbook": "fake", "operation": "replicate", "plan": plan.to_json(), "plan_digest": plan.digest, "source": "a",
            "target": "b", "objectives": {"rto_s": 1.0, "rpo_s": 1.0, "clock": "disruption"},
        })  # fmt: skip
        done = {"facts": {"system_identifier": identifier}, "attempts": 1, "adopted": False}
        store.append(run, "StepSucceeded", done, step="db.ready_to_dump")
        store.append(run, "StepSucceeded" if dumped else "StepFailed", {
            "facts": {}, "attempts": 1, "adopted": False, "error": "it has shrunk", "hint": "", "exit_code": 5,
        }, step="db.dump")  # fmt: skip
        store.append(run, "RunEnded", ENDED)
    assert backed_up(store, "fake") == {"db": "701"}
    store.close()


def test_a_database_whose_newest_dump_failed_is_known_from_an_earlier_one(tmp_path: Path) -> None:
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    for run, refused in (("replicate-1-a", ()), ("replicate-2-b", ("ledger",))):
        looks = [step(f"{name}.look", action="postgres.ready_to_dump", workload=name) for name in ("ledger", "db")]
        dumps = [
            step(f"{name}.dump", (f"{name}.look",), action="postgres.dump", workload=name) for name in ("ledger", "db")
        ]
        plan = Plan("fake", "replicate", "a", "b", (*looks, *dumps))
        store.append(run, "RunDeclared", {
            "runbook": "fake", "operation": "replicate", "plan": plan.to_json(), "plan_digest": plan.digest, "source": "a",
            "target": "b", "objectives": {"rto_s": 1.0, "rpo_s": 1.0, "clock": "disruption"},
        })  # fmt: skip
        for name in ("ledger", "db"):
            done = {"facts": {"system_identifier": f"{name} in {run}"}, "attempts": 1, "adopted": False}
            store.append(run, "StepSucceeded", done, step=f"{name}.look")
            kind = "StepFailed" if name in refused else "StepSucceeded"
            ended = {"facts": {}, "attempts": 1, "adopted": False, "error": "no", "hint": "", "exit_code": 4}
            store.append(run, kind, ended, step=f"{name}.dump")
        store.append(run, "RunEnded", ENDED)
    assert backed_up(store, "fake") == {"ledger": "ledger in replicate-1-a", "db": "db in replicate-2-b"}
    store.close()
