"""The table: every fault by its name, what happens, and its tries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import get_args

from albus_dr.bench.sites import PRIMARY, SECONDARY
from faults import apart, each_event, game_days, killed, second_strike, surroundings, two_operators
from faults.ground import Operation, caught, tried
from faults.outcome import Outcome

Try = Callable[[], Outcome]
Series = Callable[[int], Iterator[Outcome]]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


@dataclass(frozen=True)
class Fault:
    """``tries`` are different ones (moments, sides), each on a ground of its own, as often as is asked for. Or a ``series`` of
    so many ``rounds`` on one ground. Where one ``is_long``, albus-dr runs dozens of times in a single try."""

    name: str
    tells: str
    tries: tuple[Try, ...] = ()
    needs_root: bool = False
    series: Series | None = None
    rounds: int = 0
    is_long: bool = False

    @property
    def count(self) -> int:
        """How many tries there are when each is made once."""
        return self.rounds if self.series else len(self.tries)

    def outcomes(self, times: int) -> Iterator[Outcome]:
        """One after the other."""
        if self.series:
            yield from caught(self.series(self.rounds * times))
        else:
            yield from (tried(one) for _ in range(times) for one in self.tries)


def _surroundings() -> list[Fault]:
    found = [
        Fault("drill-each-event", "albus-dr is killed at every event of a drill's journal, and resumed; nothing of it is left",
              (each_event.drill_at_every_event,), is_long=True),
        Fault("replicate-each-event", "albus-dr is killed at every event of a replication's journal, and resumed; then a drill",
              (each_event.replicate_at_every_event,), is_long=True),
        Fault("reprotect-each-event", "albus-dr is killed at every event of a reprotect's journal, and resumed",
              (each_event.reprotect_at_every_event,), is_long=True),
    ]  # fmt: skip
    for operation in OPERATIONS:
        found.append(
            Fault(f"{operation}-each-event", f"albus-dr is killed at every event of a {operation}'s journal, and resumed",
                  (partial(each_event.at_every_event, operation),), is_long=True)
        )  # fmt: skip
        found += [
            Fault(f"{operation}-silent-door", f"HAProxy hangs during a {operation}, and answers after it gave up",
                  (partial(surroundings.silent_door, operation),)),
            Fault(f"{operation}-clock-operator", f"albus-dr's clock is ten minutes ahead, or behind, in a {operation}; where that is "
                  "refused, it is set right, and the run goes on",
                  tuple(partial(surroundings.wrong_clock_of_albus_dr, operation, off)
                        for off in surroundings.CLOCK_OFF.values())),
        ]  # fmt: skip
        if operation == "failback":
            continue  # a switchover by then: a site's own disk and clock matter as they do there
        found += [
            Fault(f"{operation}-full-disk-target", f"the disk at {SECONDARY} is full when a {operation} begins",
                  (partial(surroundings.full_disk, SECONDARY, operation),), needs_root=True),
            Fault(f"{operation}-full-disk-source", f"the disk at {PRIMARY} fills up under traffic, then a {operation}",
                  (partial(surroundings.full_disk, PRIMARY, operation),), needs_root=True),
            Fault(f"{operation}-clock-primary", f"the clock at {PRIMARY} is ten minutes ahead, or behind, in a {operation}",
                  tuple(partial(surroundings.wrong_clock_of_a_site, PRIMARY, operation, off)
                        for off in surroundings.CLOCK_OFF.values())),
        ]  # fmt: skip
    return found


def _game_days() -> list[Fault]:
    hurts = (
        "the guard or the process that counts for it is killed, or stopped, or PostgreSQL's first process is stopped"
    )
    return [
        Fault("building-burns", f"the line fails, and a second later all that {PRIMARY} has is gone, its repository included",
              (game_days.building_burns,)),
        Fault("hung-primary", f"PostgreSQL at {PRIMARY} hangs: a failover is refused until the site has no power",
              (game_days.hung_primary,)),
        Fault("zombie-primary", "after a failover the old primary is started under its guard, with a lease and without",
              (game_days.zombie_primary, partial(game_days.zombie_primary, "--keep-lease"))),
        Fault("43-seconds", f"nobody reaches {PRIMARY} for 43 s but users at its side; its guard's lease lapses; a failover",
              (partial(game_days.split, "synchronous"),), needs_root=True),
        Fault("43-seconds-asynchronous", f"the same, and {PRIMARY} acknowledges writes alone until its guard ends it",
              (partial(game_days.split, "asynchronous"),), needs_root=True),
        Fault("43-seconds-hurt", f"the same, and {hurts}",
              tuple(partial(game_days.split, "asynchronous", hurt) for hurt in game_days.HURTS), needs_root=True),
        Fault("switchover-guarded", "a switchover between two sites that both have a guard with a lease",
              (game_days.switchover_between_guards,), needs_root=True),
    ]  # fmt: skip


def catalogue() -> dict[str, Fault]:
    """By name, in the order in which they are tried."""
    moments = tuple(killed.MOMENTS["switchover"].values())
    faults = [
        *(Fault(name, tells, tries, needs_root) for name, tells, tries, needs_root in killed.trials()),
        *_surroundings(),
        Fault("idle-slot", "the standby is away until the WAL that its slot kept is thrown away", (surroundings.idle_slot,)),
        Fault("line-cut", "the line between the sites is cut for 43 s at the start, middle, end of a switchover",
              tuple(partial(apart.line_cut_in_switchover, moment) for moment in moments), needs_root=True),
        Fault("primary-cut-off", "nobody reaches the living primary: a failover is refused; then it heals",
              (apart.primary_cut_off,), needs_root=True),
        Fault("far-and-lossy", "20 ms and 2% packet loss between the sites during a switchover", (apart.far_and_lossy,),
              needs_root=True),
        Fault("reprotect-by-ssh", "a returned primary is rebuilt and made the primary again, both sites reached by ssh",
              (apart.reprotect_by_ssh,), needs_root=True),
        *_game_days(),
        Fault("second-strike", "the new primary is lost before its first backup; the old one is kept down, or runs",
              tuple(partial(second_strike.before_a_backup, runs=runs) for runs in (False, True))),
        Fault("second-strike-after-reprotect", "the new primary is lost once the old one follows it",
              (second_strike.once_it_follows,)),
        Fault("two-operators", "a failover and a switchover, from two machines, in the same second, on one ground",
              series=two_operators.same_second, rounds=two_operators.ROUNDS),
        Fault("two-failovers", "two failovers of a lost site, from two machines, in the same second",
              tuple(partial(two_operators.both_fail_over, apart_s) for apart_s in two_operators.APART_S)),
    ]  # fmt: skip
    return {fault.name: fault for fault in faults}
