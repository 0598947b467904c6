"""What a slip of the finger is answered with: what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from albus_dr.cli.main import VERBS, app, load
from albus_dr.errors import UsageError
from albus_dr.runbook.problems import InvalidRunbook
from tests.cli.test_options_everywhere import leaves

TOP = Path(__file__).resolve().parents[2]
PLAYBOOK, CONFIG = str(TOP / "playbooks" / "albus.yaml"), str(TOP / "configs" / "demo.yaml")


def said(*words: str) -> UsageError:
    done = CliRunner().invoke(app, list(words))
    assert isinstance(done.exception, UsageError), done.output
    return done.exception


@pytest.mark.parametrize(
    ("typed", "meant"), [("faliover", "failover"), ("docter", "doctor"), ("swichover", "switchover")]
)
def test_a_verb_that_is_not_known_names_the_nearest(typed: str, meant: str) -> None:
    done = CliRunner().invoke(app, [typed])
    assert done.exit_code == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in done.output


def test_a_verb_that_is_like_none_names_none() -> None:
    done = CliRunner().invoke(app, ["zzz"])
    assert done.exit_code == 2
    assert "No such command 'zzz'" in done.output
    assert "Did you mean" not in done.output


def test_every_command_knows_h_as_help() -> None:
    for verb in VERBS:
        for name, _ in leaves(verb, load(verb)):
            short, long = (CliRunner().invoke(app, [*name.split(), flag]) for flag in ("-h", "--help"))
            assert (short.exit_code, short.output) == (0, long.output), name
    assert CliRunner().invoke(app, ["-h"]).output == CliRunner().invoke(app, ["--help"]).output


def test_a_plan_without_an_operation_names_them() -> None:
    error = said("plan", PLAYBOOK)
    assert error.message == "which operation?"
    assert "replicate, drill, switchover, failover, reprotect, failback" in error.hint


def test_a_plan_of_an_unknown_operation_names_the_nearest_and_all() -> None:
    error = said("plan", PLAYBOOK, "failovr")
    assert error.hint.startswith("did you mean failover? There are: replicate, drill")
    assert said("plan", PLAYBOOK, "zzz").hint.startswith("one of: replicate, drill")


def test_a_plan_with_its_words_the_other_way_round() -> None:
    assert said("plan", "failover", PLAYBOOK).hint == f"albus-dr plan {PLAYBOOK} failover"


def test_a_config_in_place_of_a_runbook_is_one_problem() -> None:
    error = said("plan", CONFIG, "drill")
    assert isinstance(error, InvalidRunbook)
    assert len(error.problems) == 1
    assert "this is a config, and a runbook is wanted here" in error.message


def test_a_runbook_in_place_of_a_config_is_one_problem() -> None:
    error = said("plan", PLAYBOOK, "drill", "--config", PLAYBOOK)
    assert isinstance(error, InvalidRunbook)
    assert len(error.problems) == 1
    assert "this is a runbook, and a config is wanted here" in error.message


def test_a_runbook_that_lacks_nearly_everything_is_still_a_runbook(tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text("version: 1\nsites: {primary: a, secondary: b}\n")
    assert "wanted here" not in said("plan", str(tmp_path / "book.yaml"), "drill").message
