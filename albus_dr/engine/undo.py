"""When a run is given up: the own steps that succeeded and say how they are undone, last first."""

from __future__ import annotations

from collections.abc import Callable

from albus_dr.errors import AlbusError
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.plan.model import Plan
from albus_dr.workloads.own import undo
from albus_dr.workloads.step import StepContext, StepSpec


def undo_own_steps(
    store: JournalStore, state: RunState, plan: Plan, context: Callable[[StepSpec], StepContext]
) -> None:
    """Each is tried once; how it went is a fact of its own (StepUndone), and a failure stops nothing."""
    done_before = {event.step for event in store.events(state.run) if event.kind == "StepUndone"}
    for spec in reversed(plan.steps):
        if spec.undo and state.steps[spec.id].status == "succeeded" and spec.id not in done_before:
            try:
                outcome = f"undone: {undo(context(spec))}"
            except AlbusError as error:
                outcome = f"could NOT be undone: {error.message}"
            store.append(state.run, "StepUndone", {"outcome": outcome}, step=spec.id)
