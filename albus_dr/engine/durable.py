"""DBOS Transact, and nothing else of this project: a workflow whose steps are recorded as they end.

One process executes one run. The executor's id is the run's id, so that starting one run never wakes up another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy.exc import SQLAlchemyError

from albus_dr.engine.url import engine_url
from albus_dr.errors import StepError

APPLICATION_VERSION = "1"  # of the workflow below, not of albus-dr: a run survives an upgrade
POLL_S = 0.02
RECOVERY_S = 60.0

Checkpoint = Callable[[Callable[[], Coroutine[Any, Any, str]]], Awaitable[str]]
"""Run a step and record what it returned; after a crash, return the record instead."""

Body = Callable[[dict[str, Checkpoint]], Awaitable[None]]

_bodies: dict[str, tuple[tuple[str, ...], Body, Future[None]]] = {}


@DBOS.workflow(name="albus-dr run")
async def _workflow(run: str) -> None:
    names, body, ended = _bodies.pop(run)  # whatever else wakes up: no run is executed twice by one process
    reservations = {name: DBOS.reserve_step() for name in names}

    def checkpoint(name: str) -> Checkpoint:
        async def run_once(act: Callable[[], Coroutine[Any, Any, str]]) -> str:
            return await reservations[name].run_async({"name": name}, act)

        return run_once

    try:
        await body({name: checkpoint(name) for name in names})
    except BaseException as error:
        if not ended.done():
            ended.set_exception(error)
        raise
    if not ended.done():
        ended.set_result(None)


def run_durably(url: str, run: str, names: tuple[str, ...], body: Body) -> None:
    """Run ``body`` as the workflow of ``run``; it returns when the body has ended, or raises what it raised.

    ``names`` are the steps in the plan's stable order: their ids are reserved in that order. When an earlier
    process was killed in the middle, the same workflow goes on: steps whose outcome was recorded are not run again.
    When an earlier one ended (failed, waiting), a new workflow begins; the journal knows what was done.
    """
    ended: Future[None] = Future()
    _bodies[run] = (names, body, ended)
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    config: DBOSConfig = {
        "name": "albus-dr",
        "system_database_url": engine_url(url),
        "executor_id": run,
        "application_version": f"{APPLICATION_VERSION}.{run}",  # recovery goes through a queue that all runs share
        "log_level": "CRITICAL",
        "notification_listener_polling_interval_sec": 0.05,
        "scheduler_polling_interval_sec": 0.5,
    }
    DBOS(config=config)
    try:
        DBOS.launch()  # it recovers this executor's pending workflow by itself
        if not (_unfinished(run) or ended.done()):
            asyncio.run(_start(run, _next_generation(run)))
        _require_begun(run)
        ended.result()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StepError(
            f"the engine's database can't be written: {reason}",
            hint=f"make room or repair it, then: albus-dr resume {run}",
        ) from None
    finally:
        DBOS.destroy()
        _bodies.pop(run, None)


def _require_begun(run: str) -> None:
    """Raises StepError when the interrupted workflow is not taken up again: waiting for it would be for ever."""
    deadline = time.monotonic() + RECOVERY_S
    while run in _bodies:
        if time.monotonic() > deadline:
            raise StepError(
                f"the engine did not take up {run} again within {RECOVERY_S:g} s",
                hint=f"try once more: albus-dr resume {run}",
            )
        time.sleep(POLL_S)


async def _start(run: str, workflow: str) -> None:
    with SetWorkflowID(workflow):
        handle: Any = await DBOS.start_workflow_async(_workflow, run)
    await handle.get_result(polling_interval_sec=POLL_S)


def _generations(run: str) -> list[Any]:
    return DBOS.list_workflows(workflow_id_prefix=f"{run}.")


def _unfinished(run: str) -> bool:
    """Recovery puts a pending workflow into a queue first: an enqueued one is about to go on by itself."""
    return any(workflow.status in ("PENDING", "ENQUEUED") for workflow in _generations(run))


def _next_generation(run: str) -> str:
    return f"{run}.{len(_generations(run))}"
