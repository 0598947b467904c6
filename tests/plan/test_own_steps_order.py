"""Own steps before and after a workload: its steps lie on both sides of the fence."""

from __future__ import annotations

from pathlib import Path

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.errors import UsageError
from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import OPERATIONS, PLANNED, Operation
from albus_dr.workloads.registry import kinds

TOP = Path(__file__).resolve().parents[2]

UNHURRIED = (".amcheck", ".rehearse")  # steps of a drill that nothing waits for


def plan(folder: Path, operation: Operation, *places: str) -> Plan:
    """The playbook's plan with one own step at each of the places, for example ``before: door``."""
    steps = "".join(
        f"  - {{name: own {number}, wait: 1s, {place}, in: [{operation}]}}\n" for number, place in enumerate(places)
    )
    runbook = folder / "albus.yaml"
    runbook.write_text((TOP / "playbooks" / "albus.yaml").read_text() + (f"\nsteps:\n{steps}" if steps else ""))
    loaded = load_runbook(runbook, TOP / "configs" / "demo.yaml", acts=False)
    return build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_before_and_after_every_workload(tmp_path: Path, operation: Operation) -> None:
    workloads = {step.workload for step in plan(tmp_path, operation).steps} - {""}
    for workload in workloads:
        found = plan(tmp_path, operation, f"before: {workload}", f"after: {workload}")
        order = [step.id for step in found.steps]
        mine = [step.id for step in found.steps if step.workload == workload and ".ready" not in step.id]
        mine = [step for step in mine if operation != "drill" or not step.endswith(UNHURRIED)]
        assert order.index("own.own-0") < min(order.index(step) for step in mine), workload
        assert order.index("own.own-1") > max(order.index(step) for step in mine), workload


def test_in_a_drill_after_a_workload_is_before_those_that_need_it(tmp_path: Path) -> None:
    """As on the worst day; what looks once more when everything is back does not put it off."""
    found = plan(tmp_path, "drill", "after: patients")
    assert behind(found)["own.own-0"] >= {"patients.compare"}
    assert "own.own-0" in behind(found)["application.start_copy"]
    assert "application.verify_copy" in behind(found)["patients.amcheck"]
    assert "application.verify_copy" in behind(found)["application.rehearse"]


def test_after_the_door_of_a_failover_is_after_users_came_in(tmp_path: Path) -> None:
    found = plan(tmp_path, "failover", "after: door")
    (own,) = (step for step in found.steps if step.id == "own.own-0")
    assert own.needs == ("door.count",)


CHANGES: list[Operation] = ["switchover", "failover"]


def behind(found: Plan) -> dict[str, set[str]]:
    """By step: everything that has ended before it begins."""
    before: dict[str, set[str]] = {}
    for step in found.steps:
        before[step.id] = set(step.needs).union(*(before[need] for need in step.needs))
    return before


LEDGER = "  ledger: {kind: postgres, server: database, database: ledger, recovery_points: {dump: backups}}\n"


@pytest.mark.parametrize("place", ["before: door", "before: patients"])
def test_a_server_is_stopped_for_the_last_of_its_databases_users(tmp_path: Path, place: str) -> None:
    """Nothing needs the ledger; it is in the server of the patients, whom the application and the door need."""
    text = (TOP / "playbooks" / "albus.yaml").read_text().replace("\nworkloads:\n", f"\nworkloads:\n{LEDGER}", 1)
    text += f"\nsteps:\n  - {{name: asked, approve: {{within: 30m}}, {place}, in: [switchover]}}\n"
    runbook = tmp_path / "two.yaml"
    runbook.write_text(text)
    loaded = load_runbook(runbook, TOP / "configs" / "demo.yaml", acts=False)
    found = build(loaded.runbook, "switchover", source="strasbourg", target="bordeaux", kinds=kinds())
    for database in ("ledger", "patients"):
        assert behind(found)[f"{database}.stop"] >= {"door.close", "application.stop", "own.asked"}
    assert behind(found)["ledger.stop"] >= {"patients.stop"} or behind(found)["patients.stop"] >= {"ledger.stop"}


@pytest.mark.parametrize("door", [True, False])
def test_without_a_door_users_lose_the_service_from_the_claim_on(tmp_path: Path, door: bool) -> None:
    loaded = load_runbook(TOP / "playbooks" / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False)
    workloads = {name: model for name, model in loaded.runbook.workloads.items() if door or name != "door"}
    runbook = loaded.runbook.model_copy(update={"workloads": workloads})
    for operation in PLANNED:
        found = build(runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())
        assert [step.id for step in found.steps if step.clock == "disrupted_at"] == ["door.close" if door else "claim"]


def test_without_a_door_nobody_waits_while_somebody_is_asked(tmp_path: Path) -> None:
    text = (TOP / "playbooks" / "albus.yaml").read_text()
    steps = "steps:\n  - {name: asked, approve: {within: 2h}, before: application, in: [switchover]}\n"
    (tmp_path / "albus.yaml").write_text(f"{text}\n{steps}")
    loaded = load_runbook(tmp_path / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False)
    workloads = {name: model for name, model in loaded.runbook.workloads.items() if name != "door"}
    found = build(
        loaded.runbook.model_copy(update={"workloads": workloads}), "switchover", source="strasbourg", target="bordeaux",
        kinds=kinds(),
    )  # fmt: skip
    assert [step.id for step in found.steps if step.clock == "disrupted_at"] == ["claim", "own.asked"]


@pytest.mark.parametrize("operation", CHANGES)
def test_before_the_fence_waits_for_all_that_the_fence_waits_for(tmp_path: Path, operation: Operation) -> None:
    plain, found = plan(tmp_path, operation), plan(tmp_path, operation, "before: fence")
    first = "claim" if operation == "failover" else "fence"  # nobody waits for an approval with a claim
    (own,) = (step for step in found.steps if step.id == "own.own-0")
    assert set(own.needs) == {need for step in plain.steps if step.id == first for need in step.needs}
    assert "own.own-0" in {step.id: step for step in found.steps}[first].needs
    assert "own.own-0" in behind(found)["fence"]
    assert "own.own-0" in behind(found)["patients.promote"]


@pytest.mark.parametrize("operation", CHANGES)
def test_after_the_fence_nothing_goes_on_without_it(tmp_path: Path, operation: Operation) -> None:
    plain, found = behind(plan(tmp_path, operation)), behind(plan(tmp_path, operation, "after: fence"))
    assert found["own.own-0"] == plain["fence"] | {"fence"}
    after_the_fence = {id_ for id_, before in plain.items() if "fence" in before}
    assert after_the_fence >= {"patients.promote", "door.open"}
    assert all("own.own-0" in found[id_] for id_ in after_the_fence)
    assert all("own.own-0" not in found[id_] for id_ in plain.keys() - after_the_fence)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_before_and_after_every_derived_step(tmp_path: Path, operation: Operation) -> None:
    plain = plan(tmp_path, operation)
    was = behind(plain)
    for step in plain.steps:
        found = plan(tmp_path, operation, f"before: {step.id}", f"after: {step.id}")
        now = behind(found)
        early = {"claim"} if (operation, step.id) == ("failover", "fence") else set()  # it stands before the claim, too
        assert now["own.own-0"] == was[step.id] - early, step.id
        assert "own.own-0" in now[step.id]
        assert now["own.own-1"] == was[step.id] | {step.id, "own.own-0"}
        for id_, before in was.items():
            assert before <= now[id_], "an own step takes no other need away"
            assert ("own.own-1" in now[id_]) is (step.id in before), id_


def test_beside_an_own_step_that_stands_further_down(tmp_path: Path) -> None:
    found = plan(tmp_path, "failover", "before: own.own-1", "after: own.own-2", "before: door.open")
    order = [step.id for step in found.steps]
    now = behind(found)
    assert {"own.own-2", "own.own-0"} <= now["own.own-1"]
    assert "own.own-2" in now["door.open"]
    assert order.index("own.own-0") < order.index("own.own-1")


@pytest.mark.parametrize(
    ("places", "circle"),
    [
        (("before: own.own-0",), "own.own-0 -> own.own-0"),
        (("before: own.own-1", "before: own.own-0"), "own.own-[01] -> own.own-[01] -> own.own-[01]"),
        (("before: own.own-1", "after: own.own-0"), "own.own-[01] -> own.own-[01] -> own.own-[01]"),
        (("after: own.own-1", "after: own.own-2", "after: own.own-0"), "(own.own-[012] -> ){3}own.own-[012]"),
    ],
)
def test_own_steps_in_a_circle_are_refused_with_the_circle(
    tmp_path: Path, places: tuple[str, ...], circle: str
) -> None:
    with pytest.raises(UsageError, match=f"in a circle: {circle}$") as raised:
        plan(tmp_path, "failover", *places)
    assert "beside a workload" in raised.value.hint


def test_a_place_that_is_not_in_this_operation_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no 'patients\.dump' in this operation") as raised:
        plan(tmp_path, "failover", "before: patients.dump")
    assert "patients, " in raised.value.hint
    assert "patients.promote" in raised.value.hint
