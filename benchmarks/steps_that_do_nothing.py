"""Run a plan of COUNT steps that do nothing, one after the other, on an SQLite engine in DIRECTORY.

    python -m benchmarks.steps_that_do_nothing COUNT DIRECTORY

Prints one JSON object: steps, seconds (of the run alone) and peak_mib (resident, of this whole process).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from albus_dr.engine.run import Execution, execute
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.runbook.loader import load
from albus_dr.workloads.registry import kinds
from albus_dr.workloads.step import Action, RunInfo, StepSpec

PLAYBOOK = Path(__file__).resolve().parents[1] / "playbooks" / "albus.yaml"
RUN = "drill-of-nothing"


def plan_of(count: int) -> Plan:
    """A chain: every step needs the one before."""
    steps = tuple(
        StepSpec(
            id=f"nothing.{number}", workload="", site="", action="nothing.act", title=f"Do nothing, {number}",
            needs=(f"nothing.{number - 1}",) if number else (),
        )
        for number in range(count)
    )  # fmt: skip
    return Plan("nothing", "drill", "strasbourg", "bordeaux", steps)


def execution_of(plan: Plan, directory: Path) -> Execution:
    """Declared as the command line does it."""
    loaded = load(PLAYBOOK, None, kinds=kinds(), environment=os.environ, require_environment=False)
    url = f"sqlite:///{directory / 'engine.sqlite'}"
    store = JournalStore(url, directory)
    store.append(RUN, "RunDeclared", {
        "runbook": plan.runbook, "operation": plan.operation, "plan": plan.to_json(), "plan_digest": plan.digest,
        "source": plan.source, "target": plan.target,
        "objectives": {"rto_s": 3600.0, "rpo_s": 60.0, "clock": "disruption"},
    })  # fmt: skip
    store.append(RUN, "RunStarted", {"process": os.getpid()})
    info = RunInfo(
        id=RUN, operation=plan.operation, source=plan.source, target=plan.target, declared_at=datetime.now(UTC),
        disrupted_at=None, directory=store.run_directory(RUN),
    )  # fmt: skip
    return Execution(
        store=store, url=url, plan=plan, info=info, runbook=loaded.runbook, config=loaded.config, base=directory,
        config_base=directory, actions={"nothing.act": Action(lambda _: {})}, progress=lambda *_: None,
    )  # fmt: skip


def main() -> None:
    """See the module's docstring. Ends with an exception unless every step succeeded."""
    count, directory = int(sys.argv[1]), Path(sys.argv[2])
    execution = execution_of(plan_of(count), directory)
    began = time.perf_counter()
    state = execute(execution)
    took_s = time.perf_counter() - began
    succeeded = sum(step.status == "succeeded" for step in state.steps.values())
    if succeeded != count:
        raise RuntimeError(f"{succeeded} of {count} steps succeeded: {state.reason}")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    print(json.dumps({"steps": count, "seconds": took_s, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main()
