"""albus-dr is killed at every event of its journal, one after the other, and resumed each time."""

from __future__ import annotations

import subprocess

from faults.ground import RUN_S, Ground, Operation, Stuck, ground
from faults.outcome import Outcome
from tests.real.operator_desk import Called, kill, wait_for

_ENDED = ("RunEnded", "")


def at_every_event(operation: Operation) -> Outcome:
    """One run, killed whenever something new stands in its journal, until it has passed."""
    with ground() as here:
        here.before(operation)
        known = here.desk.runs()
        child = here.desk.begin(*here.arguments(operation))
        return here.outcome(_ended_after_kills(here, here.new_run(child, known), child))


def drill_at_every_event() -> Outcome:
    """The same of a drill; then nothing of it may be left: no process, no directory."""
    with ground() as here:
        replicated = here.desk.operate("replicate")  # the ground's own point is older than what its users wrote first
        if replicated.code != 0:
            raise Stuck(f"replicate ended with {replicated.code}: {replicated.said.strip()[-400:]}")
        known = here.desk.runs()
        child = here.desk.begin(*here.desk.operation("drill", "--json"))
        ended = _ended_after_kills(here, here.new_run(child, known), child)
        if left := [*here.desk.scratch(), *map(str, here.desk.processes_in_scratch())]:
            raise Stuck(f"left: {', '.join(left)}")
        return here.outcome(ended)


def _ended_after_kills(here: Ground, run: str, child: subprocess.Popen[str]) -> Called:
    """What albus-dr shows of the run once it has passed. Raises Stuck when it has ended otherwise."""
    seen: set[tuple[str, str]] = set()
    while True:
        _wait_for_news(here, run, seen, child)
        if child.poll() is not None or _ENDED in here.keys(run):
            here.go_on(run, here.finish(child))
            break
        kill(child)
        here.codes.append(-9)
        seen |= set(here.keys(run))
        if _ENDED in seen and here.desk.document(run)["verdict"] == "passed":  # there is nothing to resume
            break
        child = here.desk.begin("resume", run, "--json")
    shown = here.desk.call("runs", "show", run, "--json")
    if shown.document["verdict"] != "passed":
        raise Stuck(f"it is {shown.document['verdict']}: {shown.document['reason']}")
    return shown


def _wait_for_news(here: Ground, run: str, seen: set[tuple[str, str]], child: subprocess.Popen[str]) -> None:
    """Until an event stands in the journal that was not there before, or the child has ended."""
    wait_for(lambda: bool(set(here.keys(run)) - seen) or child.poll() is not None or None, patience_s=RUN_S)
