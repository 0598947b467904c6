"""What is tried again, and what is not."""

from __future__ import annotations

import pytest

from albus_dr.engine.execute import Interrupted, _may_try_again
from albus_dr.errors import AlbusError, NotReadyError, RefusedError, StepError, TransientError
from albus_dr.tools.register import Conflict, Unreachable, WriteUnknown
from tests.plan.test_plan_is_stable import plan


@pytest.mark.parametrize("error", [TransientError, Unreachable, WriteUnknown, Conflict])
def test_what_may_pass_by_itself_is(error: type[AlbusError]) -> None:
    assert _may_try_again(error("not this time"))


@pytest.mark.parametrize("error", [StepError, RefusedError, NotReadyError, Interrupted, ValueError])
def test_what_stays_so_is_not(error: type[Exception]) -> None:
    assert not _may_try_again(error("never"))


def test_a_witness_that_is_away_for_some_seconds_ends_no_change_of_primary() -> None:
    for operation in ("switchover", "failover", "failback"):
        steps = {step.id: step for step in plan(operation).steps}
        assert min(steps[id_].retries for id_ in ("claim", "fence", "commit")) >= 6
