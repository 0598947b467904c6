"""Which steps every kind derives for every operation: ids, sites, needs, clocks. Without any server."""

from __future__ import annotations

from typing import Any

import pytest

from albus_dr.runbook.model import OPERATIONS, Objectives, Operation, Runbook, SitePair
from albus_dr.workloads.registry import Derivation, Derived, kinds
from albus_dr.workloads.step import StepSpec

A, B = "strasbourg", "bordeaux"
WORKLOADS: dict[str, dict[str, Any]] = {
    "postgres": {"server": "db", "database": "albus", "recovery_points": {"dump": "backups"}, "replication": "synchronous"},
    "files": {"path": "documents", "recovery_points": {"restic": "backups"}, "warm": True},
    "service": {"service": "albus"},
    "traffic": {"proxy": "front"},
    "command": {
        "drill": {"take": ["take"], "verify": ["verify"]},
        "reprotect": {"ready": ["ready"], "take": ["take"], "verify": ["verify"]},
        "switchover": {"ready": ["ready"], "release": ["release"], "take": ["take"], "verify": ["verify"], "repeatable": True},
    },
}  # fmt: skip
# (phase, verb, site, needs, clock), in the order in which they are derived
PHASES: dict[tuple[str, Operation], list[tuple[str, str, str, tuple[str, ...], str]]] = {
    ("postgres", "replicate"): [
        ("ready", "ready_to_dump", A, (), ""), ("take", "dump", A, (), ""), ("take", "copy", B, ("dump",), ""),
    ],
    ("postgres", "drill"): [
        ("ready", "ready_to_restore", B, (), ""), ("take", "restore", B, (), ""),
        ("take", "compare", B, ("restore",), "data_recovered_at"), ("after", "amcheck", B, (), ""),
    ],
    ("postgres", "switchover"): [
        ("ready", "ready_to_switch", B, (), ""), ("release", "stop", A, (), ""), ("take", "promote", B, (), ""),
        ("take", "verify", B, ("promote",), "data_recovered_at"), ("after", "follow", A, (), ""),
        ("after", "confirm", B, ("follow",), ""),
    ],
    ("postgres", "failover"): [
        ("ready", "ready_to_promote", B, (), ""), ("take", "promote", B, (), ""),
        ("take", "verify", B, ("promote",), "data_recovered_at"),
    ],
    ("postgres", "reprotect"): [
        ("ready", "ready_to_dump", A, (), ""), ("ready", "ready_to_reprotect", B, (), ""), ("quiesce", "quiesce", B, (), ""),
        ("prepare", "keep", B, (), ""), ("prepare", "rebuild", B, ("keep",), ""), ("prepare", "rejoin", B, ("rebuild",), ""),
        ("prepare", "reconfirm", A, ("rejoin",), ""), ("prepare", "catch_up", B, ("reconfirm",), ""),
        ("prepare", "dump", A, ("catch_up",), ""), ("prepare", "copy", B, ("dump",), ""),
    ],
    ("files", "replicate"): [
        ("ready", "ready_to_back_up", A, (), ""), ("take", "back_up", A, (), ""), ("take", "copy", B, ("back_up",), ""),
        ("take", "warm", B, ("copy",), ""),
    ],
    ("files", "drill"): [
        ("ready", "ready_to_restore", B, (), ""), ("take", "restore", B, (), ""),
        ("take", "compare", B, ("restore",), "data_recovered_at"),
    ],
    ("files", "switchover"): [
        ("ready", "ready_to_back_up", A, (), ""), ("forward", "bring_forward", B, (), ""),
        ("release", "carry_over", B, (), ""), ("take", "compare_trees", B, (), "data_recovered_at"),
    ],
    ("files", "failover"): [
        ("ready", "ready_to_restore", B, (), ""), ("take", "take_back", B, (), ""),
        ("take", "verify", B, ("take_back",), "data_recovered_at"),
    ],
    ("files", "reprotect"): [
        ("ready", "ready_to_back_up", A, (), ""), ("ready", "ready_to_keep", B, (), ""), ("prepare", "keep", B, (), ""),
        ("prepare", "back_up", A, ("keep",), ""), ("prepare", "copy", B, ("back_up",), ""),
        ("prepare", "warm", B, ("copy",), ""),
    ],
    ("service", "replicate"): [],
    ("service", "reprotect"): [("quiesce", "quiesce", B, (), "")],
    ("service", "drill"): [
        ("take", "start_copy", B, (), ""), ("take", "verify_copy", B, ("start_copy",), "service_verified_at"),
    ],
    ("service", "switchover"): [
        ("release", "stop", A, (), ""), ("take", "start", B, (), ""), ("take", "verify", B, ("start",), "service_verified_at"),
    ],
    ("service", "failover"): [
        ("take", "start", B, (), ""), ("take", "verify", B, ("start",), "service_verified_at"),
    ],
    ("traffic", "replicate"): [],
    ("traffic", "reprotect"): [("ready", "ready", B, (), ""), ("quiesce", "quiesce", B, (), "")],
    ("traffic", "drill"): [],
    ("traffic", "switchover"): [
        ("ready", "ready", B, (), ""), ("release", "close", A, (), "disrupted_at"), ("take", "open", B, (), ""),
        ("take", "verify", B, ("open",), "clients_verified_at"), ("after", "count", B, (), ""),
    ],
    ("traffic", "failover"): [
        ("ready", "ready", B, (), ""), ("release", "close", A, (), ""), ("take", "open", B, (), ""),
        ("take", "verify", B, ("open",), "clients_verified_at"), ("after", "count", B, (), ""),
    ],
    ("command", "replicate"): [],
    ("command", "drill"): [("take", "take", B, (), ""), ("take", "verify", B, ("take",), "")],
    ("command", "switchover"): [
        ("ready", "ready", B, (), ""), ("release", "release", A, (), ""), ("take", "take", B, (), ""),
        ("take", "verify", B, ("take",), ""),
    ],
    ("command", "failover"): [],
    ("command", "reprotect"): [
        ("ready", "ready_to_reprotect", B, (), ""), ("prepare", "protect", B, (), ""),
        ("prepare", "verify_protected", B, ("protect",), ""),
    ],
}  # fmt: skip
# Acting twice can do harm: an unknown state stops for a person.
NOT_REPEATABLE = {"postgres.promote", "postgres.follow"}
# Steps of one operation that do what a step of another one does, in the other direction.
ACTIONS_OF_ANOTHER = {
    "postgres.reconfirm": "postgres.confirm", "service.quiesce": "service.stop", "traffic.quiesce": "traffic.close",
    "command.ready_to_reprotect": "command.ready", "command.protect": "command.take",
    "command.verify_protected": "command.verify",
}  # fmt: skip
# A failback is a reprotect and a switchover: no kind is asked for more.
EVERY = [(kind, operation) for kind in WORKLOADS for operation in OPERATIONS if operation != "failback"]


def derive(kind: str, operation: Operation, *, rto: str = "4h", **more: Any) -> Derived:
    found = kinds()[kind]
    model = found.Model.model_validate({"kind": kind, **WORKLOADS[kind], **more})
    objectives = Objectives.model_validate({"rto": rto, "rpo": "15m", "drill_every": "1y"})
    runbook = Runbook.model_construct(
        version=1, runbook="albus", objectives=objectives, sites=SitePair(primary=A, secondary=B), workloads={"w": model},
        steps=(),
    )  # fmt: skip
    return found.steps("w", model, Derivation(runbook, operation, A, B))


def phases(derived: Derived) -> list[tuple[str, StepSpec]]:
    return [
        (phase, step)
        for phase in ("ready", "quiesce", "prepare", "forward", "release", "take", "after")
        for step in getattr(derived, phase)
    ]


@pytest.mark.parametrize(("kind", "operation"), EVERY)
def test_the_steps(kind: str, operation: Operation) -> None:
    seen = [
        (phase, step.id.removeprefix("w."), step.site, tuple(need.removeprefix("w.") for need in step.needs), step.clock)
        for phase, step in phases(derive(kind, operation))
    ]  # fmt: skip

    assert seen == PHASES[kind, operation]


@pytest.mark.parametrize(("kind", "operation"), EVERY)
def test_every_step_can_be_carried_out_and_says_what_it_does(kind: str, operation: Operation) -> None:
    steps = [step for _, step in phases(derive(kind, operation))]

    assert len({step.id for step in steps}) == len(steps)
    for step in steps:
        assert step.workload == "w"
        assert step.action in kinds()[kind].ACTIONS
        own = f"{kind}.{step.id.removeprefix('w.')}"
        assert step.action == ACTIONS_OF_ANOTHER.get(own, own)
        assert step.title
        assert step.title[0].isupper() or step.title.startswith(("w", A, B))
        assert step.timeout_s > 0
        if kind != "command":
            assert step.repeatable is (step.action not in NOT_REPEATABLE)


def test_nothing_touches_the_lost_site() -> None:
    """In a failover only the door is closed to the source, and the door is not there."""
    for kind in WORKLOADS:
        at_source = [step.action for _, step in phases(derive(kind, "failover")) if step.site == A]
        assert at_source == (["traffic.close"] if kind == "traffic" else [])


def test_a_drill_acts_on_the_target_alone() -> None:
    for kind in WORKLOADS:
        assert {step.site for _, step in phases(derive(kind, "drill"))} <= {B}


def test_a_command_is_repeatable_only_when_it_is_said() -> None:
    said = {step.id: step.repeatable for _, step in phases(derive("command", "switchover"))}
    unsaid = {step.id: step.repeatable for _, step in phases(derive("command", "drill"))}

    assert (said["w.take"], unsaid["w.take"]) == (True, False)
    assert [step.params for _, step in phases(derive("command", "drill"))] == [{"run": ["take"]}, {"run": ["verify"]}]


def test_what_a_runbook_does_not_ask_for_is_not_derived() -> None:
    warm = derive("files", "replicate", warm=False)
    alone = derive("postgres", "switchover", replication="asynchronous")

    assert [step.id for step in warm.take] == ["w.back_up", "w.copy"]
    assert [step.id for step in alone.after] == ["w.follow"]


def test_a_rebuild_while_users_are_served_may_take_longer_than_the_rto() -> None:
    """One that is ended begins anew: a large database would never have a standby again."""
    steps = {step.id: step for step in derive("postgres", "reprotect", rto="1m").prepare}

    assert {steps[f"w.{verb}"].timeout_s for verb in ("keep", "rebuild", "catch_up")} == {7 * 86_400}
    assert steps["w.dump"].timeout_s == 60
