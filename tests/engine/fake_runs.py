"""A small failover against a fake world, run in processes that can be killed at any moment.

The world is a file to which every act appends its name: what was done twice is there twice.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import albus_dr.engine.run as run_module
from albus_dr.engine.run import Execution, execute
from albus_dr.errors import TransientError
from albus_dr.journal.event import Event
from albus_dr.journal.fold import fold
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Objectives, Runbook, SitePair, WorkloadModel
from albus_dr.workloads.step import (
    Action,
    Facts,
    Observation,
    RunInfo,
    State,
    StepContext,
    StepSpec,
    Verdict,
    Verification,
)

RUN = "failover-20260101T000000Z-0000beef"


@dataclass(frozen=True)
class Setup:
    """What a child needs to run, and where it dies. Plain data: it travels to another process."""

    directory: str
    url: str
    die_after_event: int = -1
    die_before_event: int = -1
    die_after_act: str = ""
    die_at_the_end: bool = False
    steps: tuple[StepSpec, ...] = ()
    resume: bool = False
    decisions: Mapping[str, str] = field(default_factory=dict)


def step(id_: str, needs: tuple[str, ...] = (), **more: Any) -> StepSpec:
    """A step of the fake world: it acts by writing its name."""
    return StepSpec(
        **{
            "id": id_,
            "workload": "",
            "site": "b",
            "action": "fake.do",
            "title": id_,
            "needs": needs,
            "timeout_s": 20,
            **more,
        }
    )


FAILOVER = (
    step("ready", action="fake.look"),
    step("claim", ("ready",)),
    step("fence", ("claim",), site="a", clock="fenced_at"),
    step("commit", ("fence",)),
    step("promote", ("commit",), action="fake.promote", repeatable=False, workload="db"),
    step("verify", ("promote",), action="fake.verify", clock="data_recovered_at", workload="db"),
    step("files", ("commit",), action="fake.flaky", retries=3, clock="data_recovered_at"),
    step("start", ("verify", "files"), clock="service_verified_at"),
    step("open", ("start",)),
    step("clients", ("open",), action="fake.look", clock="clients_verified_at"),
)  # fmt: skip


class World:
    """Append-only; survives everybody's death."""

    def __init__(self, directory: str) -> None:
        self._path = Path(directory) / "world"

    def did(self, name: str) -> None:
        with self._path.open("a") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())

    def acts(self) -> list[str]:
        return self._path.read_text().split() if self._path.exists() else []


def actions(setup: Setup) -> dict[str, Action]:
    """Fake tools over the world."""
    world = World(setup.directory)

    def act(ctx: StepContext) -> Facts:
        world.did(ctx.spec.id)
        if setup.die_after_act == ctx.spec.id:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"by": ctx.spec.id}

    def observe(ctx: StepContext) -> Observation:
        return Observation(
            State.DONE if ctx.spec.id in world.acts() else State.NOT_DONE, "in the world", {"by": ctx.spec.id}
        )

    def flaky(ctx: StepContext) -> Facts:
        if "files-failed" not in world.acts():
            world.did("files-failed")
            raise TransientError("not this time")
        return act(ctx)

    def verify(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
        found = str(world.acts().count("promote"))
        return (Verification("db", "promotions", "1", found, Verdict.PASSED if found == "1" else Verdict.FAILED),)

    def look(_: StepContext) -> Facts:
        return {}

    def newest(_: StepContext) -> Facts:
        return {"newest_write_at": "2026-01-01T00:00:00+00:00"}

    return {
        "fake.do": Action(act, observe=observe), "fake.promote": Action(act, observe=observe),
        "fake.flaky": Action(flaky, observe=observe), "fake.look": Action(look), "fake.verify": Action(newest, verify=verify),
        "fake.blind": Action(act),
    }  # fmt: skip


class _Dying(JournalStore):
    """Dies at one event: before it is written, or right after."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.url, Path(setup.directory))
        self._setup = setup

    def _insert(self, run: str, kind: str, step: str, data: Mapping[str, Any]) -> Event:
        if self._setup.die_before_event >= 0 and len(self.events(run)) == self._setup.die_before_event:
            os.kill(os.getpid(), signal.SIGKILL)
        event = super()._insert(run, kind, step, data)
        if event.seq == self._setup.die_after_event:
            os.kill(os.getpid(), signal.SIGKILL)
        return event


def runbook() -> Runbook:
    """Objectives, two sites, one workload that has an RPO."""
    return Runbook.model_construct(
        version=1, runbook="fake", description="", config=None,
        objectives=Objectives.model_construct(rto=14400.0, rpo=1e9, clock="disruption", drill_every=1.0, distance=None),
        sites=SitePair(primary="a", secondary="b"), steps=(),
        workloads={"db": WorkloadModel.model_construct(kind="postgres", needs=(), rpo=None)},
    )  # fmt: skip


def declare(store: JournalStore, plan: Plan, budgets: Mapping[str, float] | None = None) -> None:
    """What cli.operate writes first. ``budgets``: seconds by stage."""
    clocks = {"disrupted_at": datetime.now(UTC).isoformat()}
    objectives = {"rto_s": 14400.0, "rpo_s": 1e9, "clock": "disruption", "budgets": dict(budgets or {})}
    store.append(
        RUN, "RunDeclared",
        {"runbook": "fake", "operation": plan.operation, "plan": plan.to_json(), "plan_digest": plan.digest, "source": "a",
         "target": "b", "objectives": objectives, "clocks": clocks},
    )  # fmt: skip
    for clock, at in clocks.items():
        store.append(RUN, "ClockRecorded", {"clock": clock, "at": at})


def run_child(setup: Setup) -> None:
    """Declare (unless an earlier child did) and execute; the process dies where the setup says."""
    store = _Dying(setup)
    plan = Plan("fake", "failover", "a", "b", setup.steps or FAILOVER)
    if not store.events(RUN):
        declare(store, plan)
    if setup.resume:
        for id_, decision in setup.decisions.items():
            store.append(RUN, "StepDecided", {"decision": decision, "who": "test", "why": "seen"}, step=id_)
        store.append(RUN, "RunResumed", {})
    store.append(RUN, "RunStarted", {})
    if setup.die_at_the_end:  # every step has its outcome in the engine's record, the workflow has not ended
        run_module.conclude = run_module.aborted = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment, attr-defined]
    execute(execution(store, setup, plan, actions(setup)))


def execution(
    store: JournalStore, setup: Setup, plan: Plan, table: Mapping[str, Action], cancelled: threading.Event | None = None
) -> Execution:
    """As cli.operate makes it, without sites."""
    now = datetime.now(UTC)
    info = RunInfo(RUN, plan.operation, "a", "b", now, now, store.run_directory(RUN))
    nothing: Callable[[str, float, float | None, str], None] = lambda *_: None  # noqa: E731
    return Execution(
        store=store, url=setup.url, plan=plan, info=info, runbook=runbook(), config=Config.model_construct(version=1, sites={}),
        base=Path("/"), config_base=Path("/"), actions=table, progress=nothing, cancelled=cancelled or threading.Event(),
    )  # fmt: skip


def folded(setup: Setup) -> Any:
    """The state that the journal tells now."""
    store = JournalStore(setup.url, Path(setup.directory))
    try:
        return fold(store.events(RUN))
    finally:
        store.close()
