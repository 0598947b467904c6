"""albus-dr is killed at every event of its journal, one after the other, and resumed each time."""

from __future__ import annotations

import signal
import subprocess

from faults.dying import name_of
from faults.ground import Ground, Operation, Stuck, cause, ground
from faults.outcome import Outcome
from tests.real.operator_desk import ROOT, Called


def at_every_event(operation: Operation) -> Outcome:
    """One run, killed whenever something new stands in its journal, until it has passed."""
    with ground() as here:
        here.before(operation)
        return here.outcome(_ended_after_kills(here, here.arguments(operation)))


def reprotect_at_every_event() -> Outcome:
    """The same of the return of a lost primary, which took itself for one."""
    with ground() as here:
        here.before("failback")
        return here.outcome(_ended_after_kills(here, here.arguments("reprotect")))


def replicate_at_every_event() -> Outcome:
    """The same of a replication; a drill shows that what it made can be restored."""
    with ground() as here:
        ended = _ended_after_kills(here, here.desk.operation("replicate", "--json"))
        _passes(here, "drill")
        return here.outcome(ended)


def drill_at_every_event() -> Outcome:
    """The same of a drill; then nothing of it may be left: no process, no directory."""
    with ground() as here:
        _passes(here, "replicate")  # the ground's own point is older than what its users wrote first
        ended = _ended_after_kills(here, here.desk.operation("drill", "--json"))
        if left := [*ended.document["residue"], *here.desk.scratch(), *map(str, here.desk.processes_in_scratch())]:
            raise Stuck(f"left: {', '.join(left)}")
        return here.outcome(ended)


def _passes(here: Ground, verb: str) -> None:
    called = here.desk.operate(verb)
    if called.code != 0:
        raise Stuck(f"{verb} ended with {called.code}: {cause(called.said)}")


def _ended_after_kills(here: Ground, arguments: list[str]) -> Called:
    """What albus-dr shows of the run once it has passed. Raises Stuck when it has ended otherwise, or survived an event."""
    before = here.desk.runs()
    child = _begin(here, set(), *arguments)
    run = here.new_run(child, before)
    while here.finish(child).code == -signal.SIGKILL:
        if _has_ended(here, run):  # there is nothing to resume
            break
        child = _begin(here, _events(here, run), "resume", run, "--json")
    shown = here.desk.call("runs", "show", run, "--json")
    if shown.document["verdict"] != "passed":
        raise Stuck(f"it is {shown.document['verdict']}: {shown.document['reason']}")
    events, deaths = _events(here, run), here.codes.count(-signal.SIGKILL)
    if deaths != len(events):
        raise Stuck(f"it was killed {deaths} times, and has {len(events)} events")
    return shown


def _begin(here: Ground, known: set[str], *arguments: str) -> subprocess.Popen[str]:
    """albus-dr, which dies at the first event that is not known."""
    file = here.desk.folder / "known"
    file.write_text("".join(f"{name}\n" for name in known))
    environment = {"PYTHONPATH": str(ROOT)}
    return here.desk.begin(str(file), *arguments, module="faults.dying", environment=environment)


def _events(here: Ground, run: str) -> set[str]:
    return {name_of(event["kind"], event["step"], event["data"]) for event in here.desk.events(run)}


def _has_ended(here: Ground, run: str) -> bool:
    return ("RunEnded", "") in here.keys(run) and here.desk.document(run)["verdict"] == "passed"
