"""A network that was made is used, also where nobody could prove that nothing leaves it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.errors import RefusedError
from albus_dr.journal.state import NETWORK
from albus_dr.tools import namespace
from albus_dr.tools.host import Host
from albus_dr.workloads import site
from albus_dr.workloads.service import rehearsal
from albus_dr.workloads.step import StepContext, Verdict
from tests.workloads.test_small_pieces import context

UNPROVED = "nothing at all could be reached from outside the target either"


@contextmanager
def nobody_to_try(_: Host) -> Iterator[tuple[tuple[str, int], ...]]:
    """As by ssh to a link-local address."""
    yield ()


@pytest.fixture
def unproved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepContext]:
    """A drill whose network was made and not tried."""
    monkeypatch.setattr(namespace, "listening_outside", nobody_to_try)
    ctx = context(tmp_path)
    run = replace(ctx.run, id="drill-0-5c4a", operation="drill", directory=tmp_path / "runs" / "0")
    ctx = replace(ctx, run=run)
    facts = site._isolate(ctx)
    try:
        if "can't make a network namespace" in facts["network_reason"]:
            pytest.skip(facts["network_reason"])
        yield replace(ctx, facts_of=lambda step: facts if step == "isolate" else {})
    finally:
        site._cleanup(ctx)


def test_what_was_restored_runs_in_it_and_only_the_proof_is_missing(unproved: StepContext) -> None:
    isolated = unproved.facts_of("isolate")
    within = site.drill_host(unproved).run(("readlink", "/proc/self/ns/net"), timeout_s=10).stdout.strip()
    assert within == isolated["network"]["net"] != str(Path("/proc/self/ns/net").readlink())
    assert isolated["notes"] == [
        f"not verified: that nothing leaves the drill's target ({UNPROVED}). Its own network was made and not tried"
    ]
    (found,) = site.verify_isolated(unproved, {})
    assert (found.kind, found.actual, found.verdict) == (NETWORK, UNPROVED, Verdict.NOT_EVALUATED)


def test_a_process_outside_it_is_refused_all_the_same(unproved: StepContext) -> None:
    directory = site.drill_directory(unproved)
    with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)"), cwd=directory) as stranger:
        try:
            with pytest.raises(RefusedError, match=f"outside the network that nothing leaves: {stranger.pid}"):
                site.verify_isolated(unproved, {})
        finally:
            stranger.kill()


def test_nothing_is_rehearsed_in_it(unproved: StepContext) -> None:
    assert UNPROVED in rehearsal.rehearse(unproved, ())["not_asked"]
