"""The table: every fault by its name, what happens, and its tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import get_args

from albus_dr.bench.sites import PRIMARY, SECONDARY
from faults import apart, each_event, killed, surroundings, two_operators
from faults.ground import Operation
from faults.outcome import Outcome

Try = Callable[[], Outcome]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


@dataclass(frozen=True)
class Fault:
    """``tries`` are different ones (moments, sides); each is tried as often as is asked for."""

    name: str
    tells: str
    tries: tuple[Try, ...]
    needs_root: bool = False


def _surroundings() -> list[Fault]:
    found = [
        Fault("drill-each-event", "albus-dr is killed at every event of a drill's journal, and resumed; nothing of it is left",
              (each_event.drill_at_every_event,)),
    ]  # fmt: skip
    for operation in OPERATIONS:
        found.append(
            Fault(f"{operation}-each-event", f"albus-dr is killed at every event of a {operation}'s journal, and resumed",
                  (partial(each_event.at_every_event, operation),))
        )  # fmt: skip
        if operation == "failback":
            continue  # a switchover by then; what surrounds it matters as it does there
        found += [
            Fault(f"{operation}-silent-door", f"HAProxy hangs during a {operation}, and answers after it gave up",
                  (partial(surroundings.silent_door, operation),)),
            Fault(f"{operation}-full-disk-target", f"the disk at {SECONDARY} is full when a {operation} begins",
                  (partial(surroundings.full_disk, SECONDARY, operation),), needs_root=True),
            Fault(f"{operation}-full-disk-source", f"the disk at {PRIMARY} fills up under traffic, then a {operation}",
                  (partial(surroundings.full_disk, PRIMARY, operation),), needs_root=True),
            Fault(f"{operation}-clock-operator", f"albus-dr's clock is ten minutes ahead, or behind, in a {operation}",
                  tuple(partial(surroundings.wrong_clock_of_albus_dr, operation, off)
                        for off in surroundings.CLOCK_OFF.values())),
            Fault(f"{operation}-clock-primary", f"the clock at {PRIMARY} is ten minutes ahead, or behind, in a {operation}",
                  tuple(partial(surroundings.wrong_clock_of_a_site, PRIMARY, operation, off)
                        for off in surroundings.CLOCK_OFF.values())),
        ]  # fmt: skip
    return found


def catalogue() -> dict[str, Fault]:
    """By name, in the order in which they are tried."""
    moments = tuple(killed.MOMENTS["switchover"].values())
    faults = [
        *(Fault(name, tells, tries) for name, tells, tries in killed.trials()),
        *_surroundings(),
        Fault("idle-slot", "the standby is away until the WAL that its slot kept is thrown away", (surroundings.idle_slot,)),
        Fault("line-cut", "the line between the sites is cut for 43 s at the start, middle, end of a switchover",
              tuple(partial(apart.line_cut_in_switchover, moment) for moment in moments), needs_root=True),
        Fault("primary-cut-off", "nobody reaches the living primary: a failover is refused; then it heals",
              (apart.primary_cut_off,), needs_root=True),
        Fault("far-and-lossy", "20 ms and 2% packet loss between the sites during a switchover", (apart.far_and_lossy,),
              needs_root=True),
        Fault("two-operators", "a failover and a switchover, from two machines, in the same second",
              (two_operators.same_second,)),
    ]  # fmt: skip
    return {fault.name: fault for fault in faults}
