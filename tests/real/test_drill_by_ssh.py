"""A drill on a host that is reached by ssh: as isolated as on this one, and nothing of it is left there, killed or not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.bench.network import BORDEAUX, STRASBOURG
from albus_dr.bench.sites import Bench
from albus_dr.journal.state import NETWORK
from tests.real.operator_desk import Called, Desk, ended, kill, running

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def desk_apart(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The sites in network namespaces of their own, each behind an sshd, replicated once."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    try:
        with Bench.create(directory, "small", seed=13, apart=True) as bench:
            bench.start()
            bench.start_traffic()
            desk = Desk(bench, tmp_path_factory.mktemp("desk"))
            first = ended(desk.begin(*desk.operation("replicate")), 300)
            assert first.code == 0, first.said
            yield desk
        assert bench.processes() == []
    finally:
        shutil.rmtree(directory)


def drill(desk: Desk) -> Called:
    """Every command is a connection: a slow machine needs minutes."""
    return ended(desk.begin(*desk.operation("drill", "--json")), 300)


def assert_nothing_is_left(desk: Desk) -> None:
    assert desk.scratch() == []
    assert desk.processes_in_scratch() == []


def test_it_is_isolated_verified_and_cleaned_up(desk_apart: Desk) -> None:
    called = drill(desk_apart)
    assert called.code == 0, called.said
    found = [(one["workload"], one["verdict"]) for one in called.document["verifications"] if one["kind"] == NETWORK]
    assert sorted(found) == [("application", "passed"), ("patients", "passed")]
    assert called.document["proof_level"] == "L3"
    assert_nothing_is_left(desk_apart)


def test_nobody_need_reach_the_primary_s_site(desk_apart: Desk) -> None:
    network = desk_apart.bench.network
    assert network is not None
    network.isolate(STRASBOURG)
    try:
        called = drill(desk_apart)
    finally:
        network.heal()
    assert called.code == 0, called.said
    assert_nothing_is_left(desk_apart)


def test_killed_while_it_restores_it_is_resumed_to_a_good_end(desk_apart: Desk) -> None:
    known = desk_apart.runs()
    with running(desk_apart.begin(*desk_apart.operation("drill"))) as child:
        run = desk_apart.new_run(known, child)
        desk_apart.wait_for_event(run, "StepIntended", "patients.restore", child)
        kill(child)
    assert desk_apart.scratch() != []
    last = ended(desk_apart.begin("resume", run, "--json"), 300)
    assert last.code == 0, last.said
    assert_nothing_is_left(desk_apart)


def test_an_own_step_runs_on_its_host_and_is_taken_back_there(desk_apart: Desk) -> None:
    mark = desk_apart.bench.sites["bordeaux"].directory / "told"
    run_it = f"run: [sh, -c, 'printf %s \"$SSH_CONNECTION\" > {mark}'], host: all, undo: [rm, {mark}]"
    playbook = desk_apart.with_step("told.yaml", f"  - {{name: Tell, {run_it}, before: patients, in: [drill]}}")
    known = desk_apart.runs()
    with running(desk_apart.begin(*desk_apart.operation("drill", playbook=playbook))) as child:
        run = desk_apart.new_run(known, child)
        desk_apart.wait_for_event(run, "StepIntended", "patients.restore", child)
        kill(child)
    network = desk_apart.bench.network
    assert network is not None
    assert f" {network.address(BORDEAUX)} " in mark.read_text(), "it ran over the connection to that site"
    last = ended(desk_apart.begin("abort", run, "--why", "the telephone rang", "--json"), 300)
    assert last.code == 130, last.said
    assert not mark.exists()
    assert_nothing_is_left(desk_apart)
