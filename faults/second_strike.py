"""G16: the new primary is lost, too, before anything follows it and before its first backup."""

from __future__ import annotations

from dataclasses import replace

from albus_dr.bench.traffic import RECORD
from faults.ground import Ground, Stuck, cause, ground
from faults.outcome import Outcome
from tests.real.operator_desk import wait_for

WRITES = 100  # at the new primary


def before_a_backup(*, runs: bool) -> Outcome:
    """The old primary is back, kept down by a guard or (``runs``) as a second primary. A failover back names the loss and
    is refused; accepted, it goes on. Lost is what the new primary acknowledged, and nothing else."""
    with ground() as here:
        here.lose_power()
        before = _acknowledged(here)
        _, called = here.run("failover")
        if called.code != 0:
            raise Stuck(f"the first failover ended with {called.code}: {cause(called.said)}")
        wait_for(lambda: _acknowledged(here) > before + WRITES or None)
        if runs:
            here.bench.start_site(here.source)
        else:
            here.bench.start_store(here.source)
        here.source, here.target = here.target, here.source
        here.lose_power()
        _, refused = here.run("failover")
        if refused.code != 8 or "became the primary" not in refused.err:
            raise Stuck(f"a failover that loses writes was not refused by name: {refused.code}: {refused.said[-300:]}")
        accepted = _acknowledged(here) - before  # nobody acknowledges anything now
        run, last = here.run("failover", "--accept-data-loss")
        found = here.outcome(here.go_on(run, last))
        return replace(found, accepted=accepted)


def once_it_follows() -> Outcome:
    """The old primary was made the standby before the new one was lost: nothing is lost, and nothing is asked."""
    with ground() as here:
        here.before("failback")
        run, last = here.run("reprotect")
        here.go_on(run, last)
        here.lose_power()
        run, last = here.run("failover")
        return here.outcome(here.go_on(run, last))


def _acknowledged(here: Ground) -> int:
    return len((here.bench.traffic_of() / RECORD).read_text().splitlines())
