"""Plans of any workloads that need one another in any way: every need is respected, and the phases hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import OPERATIONS, Objectives, Operation, OwnStep, Runbook, SitePair
from albus_dr.workloads.registry import Derivation, kinds
from albus_dr.workloads.step import StepSpec

A, B = "strasbourg", "bordeaux"
KINDS: dict[str, dict[str, Any]] = {
    "postgres": {"server": "db", "database": "albus", "recovery_points": {"dump": "backups"}},
    "files": {"path": "documents", "recovery_points": {"restic": "backups"}, "warm": True},
    "service": {"service": "albus"},
    "traffic": {"proxy": "front"},
    "command": {
        operation: {"ready": ["x"], "release": ["x"], "take": ["x"], "verify": ["x"], "repeatable": True}
        for operation in ("switchover", "failover", "reprotect")
    },
}


@st.composite
def runbooks(draw: st.DrawFn) -> Runbook:
    """Up to seven workloads of any kind; each needs any of those that were drawn before it."""
    count = draw(st.integers(1, 7))
    names = draw(st.permutations([f"w{number}" for number in range(count)]))
    workloads = {}
    for number, name in enumerate(names):
        kind = draw(st.sampled_from(sorted(KINDS)))
        needs = draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        more = {"replication": draw(st.sampled_from(["synchronous", "asynchronous"]))} if kind == "postgres" else {}
        workloads[name] = kinds()[kind].Model.model_validate({"kind": kind, "needs": needs, **KINDS[kind], **more})
    shown = draw(st.permutations(names))  # the order of the file need not be one that satisfies the needs
    objectives = Objectives.model_validate({"rto": "4h", "rpo": "15m", "drill_every": "1y"})
    return Runbook.model_construct(
        version=1, runbook="albus", objectives=objectives, sites=SitePair(primary=A, secondary=B), steps=(),
        workloads={name: workloads[name] for name in shown},
    )  # fmt: skip


def plan(runbook: Runbook, operation: Operation) -> Plan:
    return build(runbook, operation, source=A, target=B, kinds=kinds())


def behind(found: Plan) -> dict[str, set[str]]:
    """By step: everything that has ended before it begins. The plan's order is one in which each need is met."""
    before: dict[str, set[str]] = {}
    for step in found.steps:
        assert set(step.needs) <= before.keys(), f"{step.id} comes before what it needs"
        before[step.id] = set(step.needs).union(*(before[need] for need in step.needs))
    return before


def steps_of(found: Plan) -> dict[str, StepSpec]:
    return {step.id: step for step in found.steps}


def phase(runbook: Runbook, operation: Operation, name: str) -> dict[str, set[str]]:
    """By workload: the ids of its steps in one phase."""
    derivation = Derivation(runbook, operation, A, B)
    return {
        workload: {step.id for step in getattr(kinds()[model.kind].steps(workload, model, derivation), name)}
        for workload, model in runbook.workloads.items()
    }


def halves(operation: Operation) -> tuple[Operation, ...]:
    """A failback is two operations, one after the other."""
    return ("reprotect", "switchover") if operation == "failback" else (operation,)


def everything(steps: dict[str, set[str]]) -> set[str]:
    return {step for mine in steps.values() for step in mine}


def needs_of(runbook: Runbook, name: str) -> set[str]:
    """However far back: one between that has no step in this operation takes no need away."""
    direct = runbook.workloads[name].needs
    return set(direct).union(*(needs_of(runbook, need) for need in direct))


operations = st.sampled_from(OPERATIONS)


@settings(max_examples=100, deadline=None)
@given(runbooks(), operations)
def test_nothing_that_was_derived_is_lost_and_nothing_is_there_twice(runbook: Runbook, operation: Operation) -> None:
    ids = [step.id for step in plan(runbook, operation).steps]
    derived = set().union(
        *(
            everything(phase(runbook, half, name))
            for half in halves(operation)
            for name in ("ready", "quiesce", "prepare", "forward", "release", "take", "after")
        )
    )
    assert len(ids) == len(set(ids))
    assert derived <= set(ids)
    assert all(step.startswith(("fence", "isolate", "cleanup", "commit", "claim")) for step in set(ids) - derived)


@settings(max_examples=100, deadline=None)
@given(runbooks(), operations)
def test_the_needs_of_workloads_are_respected(runbook: Runbook, operation: Operation) -> None:
    before = behind(plan(runbook, operation))
    forward, back = (("prepare", "take"), ("quiesce", "release"))
    for half, along, against in (
        (half, *pair) for half in halves(operation) for pair in zip(forward, back, strict=True)
    ):
        take, release = phase(runbook, half, along), phase(runbook, half, against)
        for name in runbook.workloads:
            for need in needs_of(runbook, name):
                for step in take[name]:
                    assert take[need] <= before[step], f"{step} begins before {need} was taken"
                for step in release[need]:
                    assert release[name] <= before[step], f"{step} begins before {name}, which needs it, let go"


@settings(max_examples=100, deadline=None)
@given(runbooks(), operations)
def test_nothing_changes_before_everything_is_ready(runbook: Runbook, operation: Operation) -> None:
    before, ready = behind(plan(runbook, operation)), everything(phase(runbook, halves(operation)[0], "ready"))
    changing = before.keys() - ready
    assert all(ready <= before[step] for step in changing)


@settings(max_examples=100, deadline=None)
@given(runbooks(), st.sampled_from(["switchover", "failover"]))
def test_the_fence_comes_before_anything_is_taken_and_what_follows_comes_last(
    runbook: Runbook, operation: Operation
) -> None:
    before = behind(plan(runbook, operation))
    release, take, after = (everything(phase(runbook, operation, name)) for name in ("release", "take", "after"))
    assert all("fence" in before[step] for step in take | after)
    assert all(take <= before[step] for step in after)
    assert all(release <= before[step] for step in take | after)
    if operation == "switchover":
        assert release <= before["fence"], "the source is asked to let go first"
    else:
        assert all("fence" in before[step] for step in release), "a door to a primary that lives stays open"


@settings(max_examples=100, deadline=None)
@given(runbooks())
def test_a_drill_is_isolated_first_and_cleaned_up_last_and_always(runbook: Runbook) -> None:
    found = plan(runbook, "drill")
    before, take = behind(found), everything(phase(runbook, "drill", "take"))
    assert all("isolate" in before[step] for step in take)
    last = found.steps[-1]
    assert (last.id, last.always) == ("cleanup", True)
    assert before["cleanup"] == before.keys() - {"cleanup"}
    assert [step.id for step in found.steps if step.always] == ["cleanup"]
    assert "fence" not in before


@settings(max_examples=100, deadline=None)
@given(runbooks(), operations, st.data())
def test_own_steps_anywhere_take_no_need_away(runbook: Runbook, operation: Operation, data: st.DataObject) -> None:
    """However many, wherever: the derived order stays, and the cleanup of a drill waits for all of them."""
    plain = plan(runbook, operation)
    was = behind(plain)
    ids = [step.id for step in plain.steps if step.id != "cleanup"]
    if not ids:
        return
    own = tuple(
        OwnStep.model_validate({"name": f"own {number}", "wait": "1s", side: place, "in": [operation]})
        for number, (side, place) in enumerate(
            data.draw(st.lists(st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(ids)), max_size=4))
        )
    )
    found = plan(runbook.model_copy(update={"steps": own}), operation)
    now = behind(found)
    assert set(now) == set(was) | {f"own.own-{number}" for number in range(len(own))}
    assert all(was[step] <= now[step] for step in was)
    for number, step in enumerate(own):
        mine = f"own.own-{number}"
        assert (mine in now[step.before]) if step.before else (step.after in now[mine])
    if operation == "drill":
        assert now["cleanup"] == now.keys() - {"cleanup"}, "what it might use is removed when it is done"


@settings(max_examples=100, deadline=None)
@given(runbooks(), operations)
def test_what_changes_a_server_is_not_done_to_it_twice_at_once(runbook: Runbook, operation: Operation) -> None:
    """Every postgres workload here is a database of the one server."""
    found = plan(runbook, operation)
    before = behind(found)
    for verb in ("quiesce", "keep", "rebuild", "rejoin", "stop", "promote", "follow"):
        same = [
            id_
            for id_ in before
            if id_.endswith(f".{verb}") and runbook.workloads[id_.partition(".")[0]].kind == "postgres"
        ]
        assert all(one in before[other] or other in before[one] for one in same for other in same if one != other)
        waits = {need for id_ in same for need in steps_of(found)[id_].needs} - set(same)
        assert all(need in before[id_] or id_ in before[need] for id_ in same for need in waits), verb
