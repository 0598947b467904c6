"""The forecast rests on what was measured, and says how much of it was not."""

from __future__ import annotations

import pytest

from albus_dr.plan.forecast import forecast
from tests.plan.test_plan_is_stable import plan


def test_without_history_it_is_a_guess_and_says_so() -> None:
    found = forecast(plan("failover"), {})
    assert found.measured == frozenset()
    assert found.seconds == pytest.approx(sum(step.estimate_s for step in found.path))
    for earlier, later in zip(found.path, found.path[1:], strict=False):
        assert earlier.id in later.needs
    assert found.path[0].needs == ()


def test_a_step_that_took_an_hour_is_on_the_path_with_its_hour() -> None:
    guessed = forecast(plan("drill"), {})
    slow = next(step for step in plan("drill").steps if step.id == "documents.restore")
    found = forecast(plan("drill"), {(slow.id, slow.action): 3600.0})
    assert slow in found.path
    assert found.measured == {"documents.restore"}
    assert 3600 < found.seconds < 3600 + guessed.seconds


def test_what_another_action_of_that_name_took_says_nothing() -> None:
    found = forecast(plan("drill"), {("documents.restore", "own.command"): 3600.0})
    assert found == forecast(plan("drill"), {})


def test_every_step_measured_is_a_forecast_without_a_guess() -> None:
    steps = plan("switchover").steps
    found = forecast(plan("switchover"), {(step.id, step.action): 0.25 for step in steps})
    assert len(found.measured) == len(found.path)
    assert found.seconds == pytest.approx(0.25 * len(found.path))
