"""What is asked before a site is changed: a person at three in the morning reads it and types one letter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.cli.consent import question
from albus_dr.plan.build import build
from albus_dr.report.words import ENGLISH, words_of
from albus_dr.runbook.loader import Loaded
from albus_dr.runbook.model import Operation
from albus_dr.workloads.registry import kinds

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def loaded() -> Loaded:
    return load_runbook(TOP / "playbooks" / "albus.yaml", TOP / "configs" / "demo.yaml", acts=False)


def asked(loaded: Loaded, operation: Operation, language: str = "en", **options: object) -> list[str]:
    plan = build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())
    words = ENGLISH if language == "en" else words_of(language)
    return question(plan, loaded, options, words).replace(f"{len(plan.steps)} steps", "N steps").splitlines()


def test_a_failover_says_what_it_rests_on_and_what_may_be_lost(loaded: Loaded) -> None:
    assert asked(loaded, "failover") == [
        "failover of albus: bordeaux becomes the primary in place of strasbourg, in N steps.",
        "First it measures what bordeaux has, and stops, with nothing changed, where more than 15 min of work would be lost.",
        "Nothing is promoted before one of these proves that strasbourg can't write: probe, statement.",
        "Go on?",
    ]
    accepted = asked(loaded, "failover", accept_data_loss=True)
    assert (
        accepted[1] == "What was written and never reached bordeaux is lost, however much that is: --accept-data-loss."
    )


def test_without_a_way_to_fence_it_says_so_before_it_is_refused(loaded: Loaded) -> None:
    site = loaded.config.sites["strasbourg"].model_copy(update={"fence": ()})
    config = loaded.config.model_copy(update={"sites": {**loaded.config.sites, "strasbourg": site}})
    assert asked(replace(loaded, config=config), "failover")[2] == (
        "The config names no way to prove that strasbourg can't write, so it will be refused: see `fence` there."
    )


@pytest.mark.parametrize("operation", ["switchover", "failover", "reprotect", "failback"])
def test_every_change_of_a_site_is_asked_in_both_languages(loaded: Loaded, operation: Operation) -> None:
    english, french = asked(loaded, operation), asked(loaded, operation, "fr")
    assert english[0].startswith(f"{operation} of albus: bordeaux ")
    assert (english[-1], french[-1]) == ("Go on?", "Continuer\u202f?")
    assert not set(english) & set(french)
