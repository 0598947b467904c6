"""From runbook and operation to plan.

Phases: every workload is ready; a site that came back is quiet, and becomes the standby (reprotect, failback); the target is
brought nearly up to date; the source lets go (against the direction of ``needs``) and is fenced (in a failover before it
lets go); the target takes over (along ``needs``); and what follows. A drill has an isolated target instead of a fence and
ends with its cleanup. Own steps are woven in last.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, product

from albus_dr.errors import UsageError
from albus_dr.plan.model import Plan
from albus_dr.runbook.model import PLANNED, Operation, OwnStep, Runbook, own_step_id
from albus_dr.workloads.registry import Derivation, Derived, Kind
from albus_dr.workloads.step import StepSpec

_FENCE_S = 120.0
_WITNESS_RETRIES = 6  # some ten seconds: it is started again meanwhile, and a commit that gives up costs the whole run
# What these do to a server is done to all of its databases.
_OF_A_SERVER = ("quiesce", "keep", "rebuild", "rejoin", "stop", "promote", "follow")


def build(runbook: Runbook, operation: Operation, *, source: str, target: str, kinds: Mapping[str, Kind]) -> Plan:
    """The plan of one operation. Raises UsageError where an own step's place does not exist in it."""
    steps, beyond = _derived(runbook, operation, source, target, kinds)
    for own in _own_in_turn(runbook, operation):
        steps = _weave(own, steps, runbook, target=target, source=source, beyond=beyond)
    steps = _one_database_first(runbook, steps)
    if operation in PLANNED:
        steps = _measured_without_a_door(steps)
    protects = {name: model.model_dump(mode="json", by_alias=True) for name, model in runbook.workloads.items()}
    return Plan(runbook.runbook, operation, source, target, _stable_order(steps), protects)


def misplaced(
    runbook: Runbook, operation: Operation, *, source: str, target: str, kinds: Mapping[str, Kind]
) -> tuple[list[OwnStep], list[str]]:
    """The operation's own steps whose place does not exist in it, for which ``build`` refuses it; and the places that do."""
    steps, beyond = _derived(runbook, operation, source, target, kinds)
    mine = {own_step_id(own.name): own for own in runbook.steps if operation in own.in_}
    known = [name for name in runbook.workloads if _at(name, steps, runbook, beyond)]
    known += [step.id for step in steps] + list(mine)
    return [own for own in mine.values() if (own.before or own.after) not in known], known


def _derived(
    runbook: Runbook, operation: Operation, source: str, target: str, kinds: Mapping[str, Kind]
) -> tuple[list[StepSpec], set[str]]:
    """The steps without anybody's own, and the ids of those that stand beyond what ``after`` a workload means."""
    order = tuple(TopologicalSorter({name: model.needs for name, model in runbook.workloads.items()}).static_order())

    def derive(what: Operation) -> dict[str, Derived]:
        derivation = Derivation(runbook, what, source, target)
        return {name: _kind(kinds, runbook, name).steps(name, runbook.workloads[name], derivation) for name in order}

    derived = derive("switchover" if operation == "failback" else operation)
    steps: list[StepSpec] = []
    if operation in ("reprotect", "failback"):
        steps = _reprotect(runbook, derive("reprotect"), order)
    if operation == "reprotect":  # nothing is taken over; a kind that does not know the operation can't make it so
        derived = dict.fromkeys(order, Derived())
    steps += _ready(derived, known=steps)
    gate = _ends(steps)  # one that refuses leaves everything at the target as it was
    for name in order:
        steps += _chained(derived[name].forward, gate)
    if operation == "failover":  # first: when it refuses, the door to a primary that lives is still open
        steps.append(_claim(target, needs=_ends(steps)))
        steps.append(_fence(operation, source, ends=("claim",), timeout_s=_FENCE_S))
        steps.append(_commit(target))
    if operation in PLANNED:
        steps.append(_claim(target, needs=_ends(steps)))
    steps += _against_needs(runbook, {name: derived[name].release for name in order}, order, gate=_ends(steps))
    if operation in PLANNED:
        # Resumed, it compares the trees at both sites: some millions of files take as long as carrying them over.
        fence_s = max(_FENCE_S, runbook.objectives.rto)
        steps.append(_fence(operation, source, ends=_ends(steps), timeout_s=fence_s))
        steps.append(_commit(target))
    if operation == "drill":
        steps.append(_isolate(target, ends=_ends(steps)))
    gate = _ends(steps)
    steps += _along_needs(runbook, {name: derived[name].take for name in order}, order, gate=gate)
    everything = _ends(steps)
    for name in order:
        steps += _chained(derived[name].after, everything)
    if operation == "drill":
        steps.append(_cleanup(target, ends=tuple(step.id for step in steps)))
    # In a drill nobody waits for these: a step "after" a workload comes when that is back, as on the worst day.
    return steps, {step.id for name in order for step in derived[name].after if operation == "drill"}


def _kind(kinds: Mapping[str, Kind], runbook: Runbook, name: str) -> Kind:
    return kinds[runbook.workloads[name].kind]


def _reprotect(runbook: Runbook, derived: Mapping[str, Derived], order: tuple[str, ...]) -> list[StepSpec]:
    """The returned site is quiet, what it has alone is kept, and it becomes the standby."""
    steps = _ready(derived, known=())
    steps += _against_needs(runbook, {name: derived[name].quiesce for name in order}, order, gate=_ends(steps))
    steps += _along_needs(runbook, {name: derived[name].prepare for name in order}, order, gate=_ends(steps))
    return steps


def _ready(derived: Mapping[str, Derived], *, known: Iterable[StepSpec]) -> list[StepSpec]:
    """What is not among the known steps already; it waits for all of those."""
    known = tuple(known)
    seen, gate = {step.id for step in known}, _ends(known)
    fresh = [step for steps in derived.values() for step in steps.ready if step.id not in seen]
    mine = {step.id for step in fresh}
    return [step if set(step.needs) & mine else replace(step, needs=(*step.needs, *gate)) for step in fresh]


def _chained(steps: Iterable[StepSpec], gate: tuple[str, ...]) -> list[StepSpec]:
    """Those that wait for nothing yet wait for the gate."""
    return [step if step.needs else replace(step, needs=gate) for step in steps]


def _one_database_first(runbook: Runbook, steps: list[StepSpec]) -> list[StepSpec]:
    """Of several databases of one server one goes first, and the others find it done: side by side they would be in each
    other's way. What is done to the server waits for all that any of them waits for: it is stopped for the last one's users."""
    servers: dict[tuple[str, str], list[str]] = {}
    for name, model in runbook.workloads.items():
        if server := getattr(model, "server", ""):
            servers.setdefault((model.kind, server), []).append(name)
    for names, verb in product(servers.values(), _OF_A_SERVER):
        together = [step for step in steps if step.id in {f"{name}.{verb}" for name in names}]
        waits = dict.fromkeys(need for step in together for need in step.needs)
        for one, need in product(together, waits):
            steps = _after(steps, one.id, need)
        for one, other in combinations(together, 2):
            steps = _after(steps, other.id, one.id)
    return steps


def _after(steps: list[StepSpec], id_: str, need: str) -> list[StepSpec]:
    """The step waits for the other one as well, unless it does already, or is itself waited for."""
    before = _everything_before(steps)
    if id_ == need or need in before[id_] or id_ in before[need]:
        return steps
    return [replace(step, needs=(*step.needs, need)) if step.id == id_ else step for step in steps]


Phase = Mapping[str, tuple[StepSpec, ...]]  # by workload


def _against_needs(runbook: Runbook, phase: Phase, order: tuple[str, ...], *, gate: tuple[str, ...]) -> list[StepSpec]:
    released: dict[str, tuple[str, ...]] = {}
    steps: list[StepSpec] = []
    for name in reversed(order):
        dependents = [other for other in order if name in runbook.workloads[other].needs]
        waits = tuple(step for other in dependents for step in released[other])
        mine = _chained(phase[name], waits or gate)
        released[name] = _ends(mine) or waits
        steps += mine
    return steps


def _along_needs(runbook: Runbook, phase: Phase, order: tuple[str, ...], *, gate: tuple[str, ...]) -> list[StepSpec]:
    taken: dict[str, tuple[str, ...]] = {}
    steps: list[StepSpec] = []
    for name in order:
        waits = tuple(dict.fromkeys(step for other in runbook.workloads[name].needs for step in taken[other]))
        mine = _chained(phase[name], waits or gate)
        taken[name] = _ends(mine) or waits
        steps += mine
    return steps


def _ends(steps: Iterable[StepSpec]) -> tuple[str, ...]:
    """The steps that no other of them waits for."""
    steps = tuple(steps)
    needed = {need for step in steps for need in step.needs}
    return tuple(step.id for step in steps if step.id not in needed)


def _fence(operation: Operation, source: str, *, ends: tuple[str, ...], timeout_s: float) -> StepSpec:
    return StepSpec(
        id="fence", workload="", site=source, action="site.fence", title=f"Prove that {source} can't write",
        needs=ends, params={"planned": operation in PLANNED}, timeout_s=timeout_s, clock="fenced_at",
        estimate_s=0.2, retries=_WITNESS_RETRIES,
    )  # fmt: skip


def _measured_without_a_door(steps: list[StepSpec]) -> list[StepSpec]:
    """Users lose the service when the door closes. Where there is none, from the claim on: what follows stops it, once
    everybody who is asked before that has agreed."""
    if any(step.clock == "disrupted_at" for step in steps):
        return steps
    behind = _everything_before(steps)
    lets_go = [
        step for step in steps if step.workload and "claim" in behind[step.id] and "fence" not in behind[step.id]
    ]
    gates = {"claim"} | {
        step.id for step in steps
        if step.action in ("own.approve", "own.wait") and "claim" in behind[step.id]
        and all(step.id in behind[each.id] for each in lets_go)
    }  # fmt: skip
    return [replace(step, clock="disrupted_at") if step.id in gates else step for step in steps]


def _claim(target: str, *, needs: tuple[str, ...]) -> StepSpec:
    return StepSpec(
        id="claim", workload="", site=target, action="site.claim", needs=needs, timeout_s=60, retries=_WITNESS_RETRIES,
        title=f"Claim {target} at the witness", estimate_s=0.05,
    )  # fmt: skip


def _commit(target: str) -> StepSpec:
    return StepSpec(
        id="commit", workload="", site=target, action="site.commit", needs=("fence",), timeout_s=60, retries=_WITNESS_RETRIES,
        title=f"Make {target} the primary at the witness", estimate_s=0.05,
    )  # fmt: skip


def _isolate(target: str, *, ends: tuple[str, ...]) -> StepSpec:
    return StepSpec(
        id="isolate", workload="", site=target, action="site.isolate", needs=ends, timeout_s=600, estimate_s=0.1,
        title=f"Make an isolated target at {target}",
    )  # fmt: skip


def _cleanup(target: str, *, ends: tuple[str, ...]) -> StepSpec:
    return StepSpec(
        id="cleanup", workload="", site=target, action="site.cleanup", needs=ends, timeout_s=600, always=True,
        title=f"Remove everything that the drill made at {target}",
    )  # fmt: skip


def _own_in_turn(runbook: Runbook, operation: Operation) -> list[OwnStep]:
    """The operation's own steps, in the runbook's order, but each behind the own step that it stands beside."""
    mine = {own_step_id(own.name): own for own in runbook.steps if operation in own.in_}
    beside = {id_: own.before or own.after or "" for id_, own in mine.items()}
    sorter = TopologicalSorter({id_: [place] if place in mine else [] for id_, place in beside.items()})
    try:
        return [mine[id_] for id_ in sorter.static_order()]
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise UsageError(
            f"own steps stand before or after each other in a circle: {circle}",
            hint="put one of them beside a workload, a derived step or the fence",
        ) from None


def _everything_before(steps: list[StepSpec]) -> dict[str, set[str]]:
    """By step: the steps that must have succeeded before it, however far back."""
    behind: dict[str, set[str]] = {}
    for step in _stable_order(steps):
        behind[step.id] = set(step.needs).union(*(behind[need] for need in step.needs))
    return behind


def _at(place: str, steps: list[StepSpec], runbook: Runbook, beyond: Container[str]) -> list[StepSpec]:
    """The steps that an own step's place means: one, or those of a workload that do more than look. None: no such place."""
    if place not in runbook.workloads:
        return [step for step in steps if step.id == place]
    whole = [step for step in steps if step.workload == place and step.id not in beyond]
    return [step for step in whole if not step.action.partition(".")[2].startswith("ready")] or whole


def _weave(
    own: OwnStep, steps: list[StepSpec], runbook: Runbook, *, target: str, source: str, beyond: Container[str]
) -> list[StepSpec]:
    """A workload's steps lie on both sides of the fence: ``before`` it is before the first of them that does more than
    look, ``after`` it is after the last, those in ``beyond`` left aside."""
    anchor = own.before or own.after or ""
    if own.before == "fence" and any(step.id == "fence" and step.needs == ("claim",) for step in steps):
        anchor = "claim"  # nobody waits for an approval with a claim: a primary that dies meanwhile may start again
    mine = _at(anchor, steps, runbook, beyond)
    if not mine:
        places = ", ".join(dict.fromkeys([*runbook.workloads, *(step.id for step in steps)]))
        raise UsageError(
            f"step {own.name!r}: there is no {anchor!r} in this operation to be before or after",
            hint=f"one of: {places}",
        )
    id_ = own_step_id(own.name)
    behind = _everything_before(steps)
    anchored = {step.id for step in mine}
    if own.before:
        firsts = {step.id for step in mine if not behind[step.id] & anchored}
        needs = tuple(dict.fromkeys(need for step in mine if step.id in firsts for need in step.needs))
        woven = [replace(step, needs=(*step.needs, id_)) if step.id in firsts else step for step in steps]
    else:
        needs = tuple(step.id for step in mine if not any(step.id in behind[other] for other in anchored))
        woven = [replace(step, needs=(*step.needs, id_)) if set(step.needs) & set(needs) else step for step in steps]
    site = source if own.site == "primary" else target
    params = own.model_dump(
        mode="json", by_alias=True, include={"run", "http", "approve", "wait", "host"}, exclude_none=True
    )
    verb = next(key for key in ("run", "http", "approve", "wait") if key in params)
    waiting = own.approve.within if own.approve else own.wait or 0.0
    return [
        *woven,
        StepSpec(
            id=id_, workload="", site=site, action=f"own.{verb}", title=own.name, needs=needs, params=params,
            timeout_s=own.timeout + waiting, retries=own.retries,
            repeatable=verb in ("wait", "http", "approve") or own.retries > 0,
            on_failure=own.on_failure, undo=own.undo or (), estimate_s=waiting or 1.0,
        ),
    ]  # fmt: skip


def _stable_order(steps: list[StepSpec]) -> tuple[StepSpec, ...]:
    """Topological; among those that could come next, the one that was derived first."""
    rank = {step.id: number for number, step in enumerate(steps)}
    sorter: TopologicalSorter[str] = TopologicalSorter({step.id: step.needs for step in steps})
    try:
        sorter.prepare()
    except CycleError as error:
        raise UsageError("the steps wait for each other: " + " -> ".join(reversed(error.args[1]))) from None
    by_id = {step.id: step for step in steps}
    ordered: list[StepSpec] = []
    ready: list[str] = list(sorter.get_ready())
    while ready:
        ready.sort(key=lambda id_: rank[id_])
        next_ = ready.pop(0)
        ordered.append(by_id[next_])
        sorter.done(next_)
        ready += sorter.get_ready()
    return tuple(ordered)
