"""The network fails between sites that have addresses of their own. Takes root."""

from __future__ import annotations

import time

from albus_dr.bench.network import BORDEAUX, STRASBOURG, Network
from faults.ground import Ground, Stuck, Verb, cause, fresh, ground
from faults.outcome import Outcome
from tests.real.operator_desk import wait_for

CUT_S = 43.0
REBUILT: tuple[Verb, ...] = ("reprotect", "failback")


def network_of(here: Ground) -> Network:
    """Of a ground that is apart."""
    assert here.bench.network is not None
    return here.bench.network


def line_cut_in_switchover(moment: tuple[str, str]) -> Outcome:
    """The line between the sites is cut at this moment, for 43 seconds; everybody else still reaches both."""
    with ground(apart=True) as here:
        network = network_of(here)
        known = here.desk.runs()
        child = here.desk.begin(*here.arguments("switchover"))
        run = here.new_run(child, known)
        here.wait_until(run, moment, child)
        network.partition((STRASBOURG,), (BORDEAUX,))
        cut_s = time.monotonic()
        wait_for(lambda: child.poll() is not None or time.monotonic() > cut_s + CUT_S or None)
        network.heal()
        return here.outcome(here.go_on(run, here.finish(child)))


def primary_cut_off() -> Outcome:
    """Nobody reaches the primary, which lives. Nothing proves that it can't write, so a failover is refused; it heals."""
    with ground(apart=True) as here:
        network = network_of(here)
        network.isolate(here.source)
        _, called = here.run("failover")
        if called.code != 8:
            raise Stuck(
                f"a failover from a primary that may live ended with {called.code}, not with 8: {cause(called.said)}"
            )
        network.heal()
        run, last = here.run("switchover")
        return here.outcome(here.go_on(run, last))


def far_and_lossy() -> Outcome:
    """Twenty milliseconds of round trip and one packet in fifty lost between the sites, during a switchover."""
    with ground(apart=True, prepare=fresh) as here:
        network_of(here).separate(
            STRASBOURG, BORDEAUX, round_trip_s=0.02, loss=0.02, log=here.bench.directory / "distance.log"
        )
        run, last = here.run("switchover")
        return here.outcome(here.go_on(run, last))


def reprotect_by_ssh() -> Outcome:
    """A returned primary becomes the standby, and the primary again, with both sites reached by ssh alone."""
    with ground(apart=True) as here:
        here.before("failback")
        for operation in REBUILT:
            run, last = here.run(operation)
            last = here.go_on(run, last)
        return here.outcome(last)
