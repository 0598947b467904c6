"""What a run has proved: a level from L0 to L5 of the whole, and of each workload. Pure.

L0 declared · L1 checked by a probe · L2 data restored and verified · L3 an application served requests on it · L4 a real
change of primary · L5 a completed return. A comparison that found something else takes a claim back, whatever else
succeeded; one that was not made proves nothing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from albus_dr.journal.state import CHANGES_PRIMARY, OPENED, RECOVERS, RunState, StepState

_ANSWERS = ("service", "traffic")  # the kinds whose verifying steps have seen requests answered


def run_level(state: RunState, *, passed: bool) -> str:
    """Of the run as a whole. ``passed``: its verdict, which the state may not have yet."""
    clocks, wrong = state.clocks, _wrong(state)
    if passed and state.operation in CHANGES_PRIMARY and clocks["clients_verified_at"]:
        return "L5" if state.operation == "failback" else "L4"
    kinds = {_kind(step) for step in state.steps.values() if step.workload in wrong}
    data_is_whole = kinds <= set(_ANSWERS)
    compared = _compared(state)
    asked = {step.workload for step in state.steps.values() if _kind(step) in _ANSWERS}
    served = asked & compared.keys() - wrong
    if clocks["service_verified_at"] and data_is_whole and served and "service" not in kinds:
        return "L3"
    if clocks["data_recovered_at"] and data_is_whole and _data_compared(state):
        return "L2"
    return "L1" if any(step.status == "succeeded" for step in state.steps.values()) else "L0"


def workload_levels(state: RunState, *, passed: bool) -> dict[str, str]:
    """Of each workload that the run's plan has steps for, in the plan's order.

    What an application, or users at the door, were answered counts for the workloads whose comparison it waited for. An
    application that was asked nothing was answered nothing, and did nothing with a database that nobody saw it open.
    """
    wrong = _wrong(state)
    whole = run_level(state, passed=passed)
    compared = {name: steps for name, steps in _compared(state).items() if name not in wrong}
    behind = _behind(state.steps)
    served, through_the_door = set[str](), set[str]()
    for step in state.steps.values():
        if step.status == "succeeded" and step.workload not in wrong and _answered(step, compared):
            served |= {step.id, *behind[step.id]}
            through_the_door |= {step.id, *behind[step.id]} if _kind(step) == "traffic" else set()
    levels, unopened, data = {}, _unopened(state), _data_compared(state)
    for name in dict.fromkeys(step.workload for step in state.steps.values() if step.workload):
        mine = {step.id for step in state.steps.values() if step.workload == name and step.status == "succeeded"}
        shown = compared.get(name, set()) | {id_ for id_ in mine & served if _may_answer(state.steps[id_], compared)}
        if not mine:
            levels[name] = "L0"
        elif state.operation not in RECOVERS or name in wrong or not shown:
            levels[name] = "L1"
        elif whole in ("L4", "L5") and shown & through_the_door:
            levels[name] = whole
        else:
            levels[name] = "L3" if shown & served and name not in unopened else "L2" if name in data else "L1"
    return levels


def _data_compared(state: RunState) -> set[str]:
    """Workloads of which data were compared and found right."""
    return {found.workload for found in state.verifications if found.verdict == "passed" and found.is_about_data}


def _compared(state: RunState) -> dict[str, set[str]]:
    """By workload: the steps in which something of it was compared and found right."""
    compared: dict[str, set[str]] = {}
    for found in state.verifications:
        if found.verdict == "passed" and found.is_about_content:
            compared.setdefault(found.workload, set()).add(found.step)
    return compared


def _wrong(state: RunState) -> set[str]:
    """Workloads of which a comparison found something else than was saved."""
    return {found.workload for found in state.verifications if found.verdict == "failed"}


def _unopened(state: RunState) -> set[str]:
    """Restored databases of which was looked whether an application opened them, and none was seen to."""
    looked = [found for found in state.verifications if found.kind.startswith(OPENED)]
    seen = {found.kind for found in looked if found.verdict == "passed"}
    return {found.kind.removeprefix(OPENED) for found in looked if found.kind not in seen}


def _answered(step: StepState, compared: Container[str]) -> bool:
    return _may_answer(step, compared) and step.action.partition(".")[2].startswith("verify")


def _may_answer(step: StepState, compared: Container[str]) -> bool:
    """Of a door, which is asked for a page at least; or of a service that has given a right answer."""
    return _kind(step) == "traffic" or (_kind(step) == "service" and step.workload in compared)


def _kind(step: StepState) -> str:
    return step.action.partition(".")[0]


def _behind(steps: Mapping[str, StepState]) -> dict[str, set[str]]:
    """By step: every step that it waited for, however far back. The steps stand in the plan's order."""
    behind: dict[str, set[str]] = {}
    for step in steps.values():
        behind[step.id] = set(step.needs).union(*(behind.get(need, set()) for need in step.needs))
    return behind
