"""abort gives up what was left half done, and leaves alone what has come to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from albus_dr.journal.store import JournalStore
from tests.cli.two_directories import DOCUMENTS, SITE, TwoDirectories

TOLD = "steps:\n  - {name: Tell the nurses, run: [touch, told], undo: [touch, untold], after: thing.take, in: [failover, drill]}\n"
THING = """\
  thing:
    kind: command
    failover: {take: [sh, -c, 'eval "$TAKE"'], verify: [sh, -c, 'eval "$VERIFY"']}
    drill: {take: [sh, -c, 'eval "$TAKE"'], verify: [sh, -c, 'eval "$VERIFY"']}
"""


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    made = TwoDirectories(tmp_path, THING)
    book = tmp_path / "runbook.yaml"
    book.write_text(book.read_text().replace("workloads:\n", TOLD + "workloads:\n"))
    return made


@pytest.fixture
def fragile(sites: TwoDirectories) -> TwoDirectories:
    """The witness goes away while a failover that has claimed looks for a proof, which it does not find."""
    config = sites.base / "config.yaml"
    losing = "fence: [{command: [sh, -c, 'mv witness away && touch witness && false']}, {statement: true}]"
    config.write_text(config.read_text().replace("fence: [{statement: true}]", losing) + "witness: {file: witness}\n")
    return sites


def comes_back(sites: TwoDirectories) -> None:
    (sites.base / "witness").unlink()
    (sites.base / "away").rename(sites.base / "witness")


def claimed_by(sites: TwoDirectories) -> str:
    shown = sites.call("witness", "show", str(sites.base / "runbook.yaml"), "--json")
    claim = json.loads(shown.stdout)["record"]["claim"]
    return str(claim["run"]) if claim else ""


def edit(sites: TwoDirectories, file: str, *changes: tuple[str, str]) -> None:
    text = (sites.base / file).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (sites.base / file).write_text(text)


def fail_over(sites: TwoDirectories) -> dict[str, Any]:
    return sites.operate("failover", "--fenced-by", "ana, by telephone")


def events(sites: TwoDirectories, run: str) -> list[str]:
    place = sites.base / "state"
    store = JournalStore(f"sqlite:///{place}/engine.sqlite", place)
    try:
        return [event.kind for event in store.events(run)]
    finally:
        store.close()


def test_a_failover_that_has_done_all_of_its_steps_is_not_undone(sites: TwoDirectories) -> None:
    """It serves, and was not a success: nothing measured its time. One that missed its RTO is the same."""
    run = fail_over(sites)
    assert (run["verdict"], {step["status"] for step in run["steps"]}) == ("incomplete", {"succeeded"})
    before = events(sites, run["run"])

    done = sites.call("abort", "last")

    assert done.returncode == 2
    assert "has done all that had to be done" in done.stderr
    assert events(sites, run["run"]) == before
    assert (sites.base / "told").exists()
    assert not (sites.base / "untold").exists()


def test_a_failover_that_failed_is_given_up_once(sites: TwoDirectories) -> None:
    sites.environment["VERIFY"] = "false"
    run = fail_over(sites)
    assert run["exit_code"] == 5

    assert sites.call("abort", "last").returncode == 5
    assert (sites.base / "untold").exists()
    before = events(sites, run["run"])
    again = sites.call("abort", "last")

    assert again.returncode == 2
    assert "was given up already" in again.stderr
    assert events(sites, run["run"]) == before


def test_a_drill_that_has_cleaned_up_is_left_as_it_was_signed(sites: TwoDirectories) -> None:
    sites.environment["VERIFY"] = "false"
    run = sites.operate("drill")
    before = events(sites, run["run"])
    assert before[-1] == "RunEnded"

    done = sites.call("abort", "last")

    assert done.returncode == 2
    assert "has removed what it restored" in done.stderr
    assert events(sites, run["run"]) == before


def test_a_witness_that_dies_takes_nothing_of_the_runs_end_with_it(fragile: TwoDirectories) -> None:
    done = fragile.call("failover", str(fragile.base / "runbook.yaml"), "--json", "--yes")
    run = json.loads(done.stdout)

    assert (done.returncode, run["exit_code"]) == (8, 8)
    assert f"the claim of {run['run']} may still be at the witness" in done.stderr
    assert f"albus-dr abort {run['run']} gives it back" in done.stderr
    assert (fragile.base / "state" / "runs" / run["run"] / "report.json").exists()


def test_an_abort_that_can_not_give_the_claim_back_says_so(fragile: TwoDirectories) -> None:
    run = fragile.operate("failover")["run"]

    done = fragile.call("abort", "last")

    assert done.returncode == 8
    assert f"the claim of {run} may still be at the witness" in done.stderr
    assert "the witness does not answer" in done.stderr


def test_an_abort_while_the_witness_answers_gives_the_claim_back(fragile: TwoDirectories) -> None:
    run = fragile.operate("failover")["run"]
    comes_back(fragile)
    assert claimed_by(fragile) == run

    done = fragile.call("abort", "last")

    assert claimed_by(fragile) == ""
    assert "the claim" not in done.stderr


def test_a_second_abort_gives_back_what_the_first_could_not(fragile: TwoDirectories) -> None:
    run = fragile.operate("failover")["run"]
    fragile.call("abort", "last")
    before = events(fragile, run)
    still_away = fragile.call("abort", "last")
    comes_back(fragile)
    assert claimed_by(fragile) == run

    back = fragile.call("abort", "last")

    assert (still_away.returncode, f"albus-dr abort {run} again" in still_away.stderr) == (3, True)
    assert (back.returncode, "is given back now" in back.stderr) == (0, True)
    assert claimed_by(fragile) == ""
    assert events(fragile, run) == before
    again = fragile.call("abort", "last")
    assert (again.returncode, "was given up already; there is nothing to give up" in again.stderr) == (2, True)


# --- the runbook is another one by now ------------------------------------------------------------------------------------


def test_a_step_that_the_runbook_has_no_more_is_undone(sites: TwoDirectories) -> None:
    sites.environment["VERIFY"] = "false"
    fail_over(sites)
    edit(sites, "runbook.yaml", (TOLD, ""))

    assert sites.call("abort", "last").returncode == 5

    assert (sites.base / "untold").exists()


def test_a_host_that_the_config_has_no_more_keeps_no_run_from_ending(sites: TwoDirectories) -> None:
    sites.environment["VERIFY"] = "false"
    edit(sites, "runbook.yaml", ("in: [failover, drill]", "in: [failover, drill], host: bastion"))
    edit(sites, "config.yaml", ("hosts: {all: {}}", "hosts: {all: {}, bastion: {}}"))
    run = fail_over(sites)["run"]
    edit(sites, "runbook.yaml", (TOLD.replace("drill]", "drill], host: bastion"), ""))
    edit(sites, "config.yaml", ("hosts: {all: {}, bastion: {}}", "hosts: {all: {}}"))

    assert sites.call("abort", "last").returncode == 5

    assert events(sites, run)[-2:] == ["StepUndone", "RunEnded"]
    assert "could NOT be undone: the config has no host bastion at bordeaux" in sites.call("report", "last").stdout


def killed_drill(base: Path) -> TwoDirectories:
    """The first thing that it does is to be killed, by a program that it takes for restic."""
    sites = TwoDirectories(base, DOCUMENTS + THING)
    program = base / "bin" / "restic"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nkill -KILL $PPID\n")
    program.chmod(0o755)
    with (base / "config.yaml").open("a") as config:
        config.write(SITE.format(name="bayonne", latitude=43.5, longitude=-1.5, base=base))
    path = sites.environment["PATH"]
    sites.environment["PATH"] = f"{program.parent}:{path}"
    assert sites.call("drill", str(base / "runbook.yaml")).returncode == -9
    sites.environment["PATH"] = path
    return sites


def test_a_killed_drill_is_ended_by_its_own_plan(tmp_path: Path) -> None:
    sites = killed_drill(tmp_path)
    edit(sites, "runbook.yaml", (DOCUMENTS, ""))

    done = sites.call("abort", "last", "--json")

    assert done.returncode == 130, done.stderr
    steps = {step["id"]: step["status"] for step in json.loads(done.stdout)["steps"]}
    assert (steps["cleanup"], steps["documents.restore"]) == ("succeeded", "skipped")


def test_a_run_is_not_cleaned_up_under_another_name_or_at_other_sites(tmp_path: Path) -> None:
    sites = killed_drill(tmp_path)
    for old, new in (("runbook: light", "runbook: heavy"), ("secondary: bordeaux", "secondary: bayonne")):
        edit(sites, "runbook.yaml", (old, new))
        done = sites.call("abort", "last")
        assert done.returncode == 8
        assert "when the run began it was light of strasbourg and bordeaux" in done.stderr
        assert "put the name and the sites back" in done.stderr
        edit(sites, "runbook.yaml", (new, old))
    assert sites.call("abort", "last").returncode == 130
