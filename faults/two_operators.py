"""Two operators on two machines, who don't know of one another, start a failover and a switchover in the same second."""

from __future__ import annotations

from faults.ground import ground
from faults.outcome import Outcome
from tests.real.operator_desk import Desk


def same_second() -> Outcome:
    """Both sites are well. One may pass; then the other is refused or fails, and nothing is lost."""
    with ground() as here:
        (here.desk.folder / "second").mkdir()
        second = Desk(here.bench, here.desk.folder / "second")
        # The second operator's runbook names no earlier run, as on a machine that was not used before.
        children = [
            here.desk.begin(*here.arguments("switchover")),
            second.begin(*second.operation("failover", "--json")),
        ]
        calls = [here.finish(child) for child in children]
        passed = [called for called in calls if called.code == 0]
        if len(passed) == 2:
            return here.outcome(calls[0])
        if passed:
            return here.outcome(passed[0])
        begun = [run for run in here.desk.runs() if run.startswith("switchover")]
        run, last = (begun[0], calls[0]) if begun else here.run("switchover")  # it was refused before it began
        return here.outcome(here.go_on(run, last))
