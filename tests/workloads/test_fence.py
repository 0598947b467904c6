"""What a fence proves, method by method; a proof says nothing of what it did not look at."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import RefusedError, TransientError
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.safety.record import Claim, Record, RunLease, WriteLease
from albus_dr.safety.rule import Decision
from albus_dr.safety.witness import Seen, Witness
from albus_dr.tools.fence import FenceProof
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.host import LocalHost
from albus_dr.tools.process import Completed
from albus_dr.tools.register import TrustedRegister
from albus_dr.workloads import access, command, primary
from albus_dr.workloads.step import StepContext, StepSpec
from tests.workloads.test_small_pieces import A, B, context, with_databases

NO_PORT = 1  # nothing listens there
STATED = {"fenced_by": "ana, pulled the plug, saw it dark"}


def fencing(
    tmp_path: Path, fence: list[dict[str, Any]], *, planned: bool = False, options: Mapping[str, Any] = STATED
) -> StepContext:
    """Two servers of the lost site, on two hosts."""
    ctx = context(tmp_path)
    document = ctx.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
    document["sites"][A] |= {
        "hosts": {"one": {}, "two": {}}, "fence": fence, "paths": {}, "scratch": None,
        "servers": {name: {"host": name, "data": f"{tmp_path}/{name}", "port": NO_PORT} for name in ("one", "two")},
    }  # fmt: skip
    return replace(
        ctx, config=Config.model_validate(document), spec=StepSpec("fence", "", A, "site.fence", "Fence", params={"planned": planned}),
        run=replace(ctx.run, operation="failover", options=options), runbook=with_databases(ctx.runbook, "one", "two"),
    )  # fmt: skip


def proved(ctx: StepContext) -> FenceProof:
    return primary._prove(ctx)


@contextmanager
def living(data: Path) -> Iterator[int]:
    """A process that works in the directory, as postmaster.pid says."""
    data.mkdir()
    with subprocess.Popen(("sleep", "60"), cwd=data) as server:
        (data / "postmaster.pid").write_text(f"{server.pid}\n")
        yield server.pid
        server.kill()


def test_a_probe_of_one_host_says_nothing_of_a_server_at_another(tmp_path: Path) -> None:
    with living(tmp_path / "two"), pytest.raises(RefusedError, match="says nothing of the server two at two"):
        proved(fencing(tmp_path, [{"probe": "one"}]))


def test_probes_prove_together_and_a_server_that_lives_is_found(tmp_path: Path) -> None:
    both = [{"probe": "one"}, {"probe": "two"}]
    with living(tmp_path / "two"), pytest.raises(RefusedError, match="its server two is alive"):
        proved(fencing(tmp_path, both))
    proof = proved(fencing(tmp_path, both))
    assert proof.method == "probe"
    assert proof.rests_on.startswith("hosts “one”, “two” answered; ")


def test_a_method_after_a_probe_that_proves_nothing_is_tried(tmp_path: Path) -> None:
    assert proved(fencing(tmp_path, [{"probe": "one"}, {"statement": True}])).method == "statement"


def test_a_planned_change_looks_at_every_server(tmp_path: Path) -> None:
    with living(tmp_path / "two"), pytest.raises(RefusedError, match="its server two is alive"):
        proved(fencing(tmp_path, [{"probe": "one"}], planned=True, options={}))
    assert proved(fencing(tmp_path, [], planned=True, options={})).method == "probe"


def test_a_planned_change_never_runs_the_command_and_a_failover_does(tmp_path: Path) -> None:
    """It would switch the healthy machine off that becomes the standby."""
    mark = tmp_path / "powered off"
    methods: list[dict[str, Any]] = [{"command": ["touch", str(mark)]}, {"probe": "one"}, {"probe": "two"}]
    assert proved(fencing(tmp_path, methods, planned=True, options={})).method == "probe"
    with living(tmp_path / "two"), pytest.raises(RefusedError, match="its server two is alive") as alive:
        proved(fencing(tmp_path, methods, planned=True, options={}))
    assert alive.value.hint == "stop it, then: albus-dr resume 20260101-abc123"
    assert not mark.exists()
    assert proved(fencing(tmp_path, methods, options={})).method == "command"
    assert mark.exists()


class Silent(LocalHost):
    """A machine that does not answer."""

    def run(self, argv: Sequence[str], **more: Any) -> Completed:
        raise TransientError("no answer")


def test_a_planned_change_that_cannot_look_says_that_it_does_not_run_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "powered off"
    methods: list[dict[str, Any]] = [{"command": ["touch", str(mark)]}, {"probe": "one"}]

    monkeypatch.setattr(access, "host", lambda *_: Silent())
    with pytest.raises(RefusedError, match="no answer; a planned change does not run the fence's command") as refused:
        proved(fencing(tmp_path, methods, planned=True, options={}))
    assert "albus-dr resume 20260101-abc123. If strasbourg is lost: albus-dr abort" in refused.value.hint
    assert proved(fencing(tmp_path, [*methods, {"statement": True}], planned=True)).method == "statement"
    assert not mark.exists()


def test_a_planned_change_looks_at_no_server_of_another_runbook(tmp_path: Path) -> None:
    """They share the config: nobody has stopped that one, and nobody should. A failover speaks of the whole site."""
    of_one = partial(with_databases, context(tmp_path).runbook, "one")
    with living(tmp_path / "two"):
        planned = replace(fencing(tmp_path, [], planned=True, options={}), runbook=of_one())
        assert "two" not in proved(planned).rests_on
        lost = replace(fencing(tmp_path, [{"probe": "one"}, {"probe": "two"}]), runbook=of_one())
        with pytest.raises(RefusedError, match="its server two is alive"):
            proved(lost)


def test_where_a_command_lets_go_every_server_is_looked_at(tmp_path: Path) -> None:
    """Nobody knows of what it lets go; one that ended with 0 may have stopped nothing."""
    ctx = fencing(tmp_path, [], planned=True, options={})
    let_go = command.Model.model_validate({"kind": "command", "switchover": {"release": ["true"], "take": ["true"]}})
    runbook = Runbook.model_construct(**{**dict(context(tmp_path).runbook), "workloads": {"mysql": let_go}})
    assert proved(replace(ctx, runbook=runbook)).method == "probe"
    with living(tmp_path / "two"), pytest.raises(RefusedError, match="its server two is alive"):
        proved(replace(ctx, runbook=runbook))


def test_a_planned_change_of_a_site_without_a_database_is_refused_before_anything_is_stopped(tmp_path: Path) -> None:
    ctx = fencing(tmp_path, [{"statement": True}], planned=True)
    ctx = replace(ctx, run=replace(ctx.run, operation="switchover"), runbook=context(tmp_path).runbook)
    with pytest.raises(RefusedError, match=f"Nothing was stopped at {A}") as nothing:
        primary._claim(ctx)
    assert "then albus-dr replicate, then albus-dr failover" in nothing.value.hint
    assert primary._claim(replace(ctx, run=replace(ctx.run, operation="failover", options={"without_witness": "lost"})))


class Renewing(Witness):
    """Of a site whose guard renews each time that somebody looks; ``ends_after`` so often the guard gives its lease back."""

    ends_after = 1_000
    looks = 0

    def read(self, epoch_seen: int = 0) -> Seen:
        self.looks += 1
        seen = super().read(epoch_seen)
        if seen.record is None:
            return seen
        lease = WriteLease(A, "guard-1", True, 30.0, seen.now + self.looks / 1_000)
        kept = lease if self.looks < self.ends_after else None
        return replace(seen, record=replace(seen.record, write_lease=kept))


@pytest.mark.parametrize("ends_after", [3, 1_000])
def test_a_guard_whose_command_is_not_the_server_is_told_of_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_after: int
) -> None:
    """A script that keeps something else alive as well. A planned change would have waited for as long as the RTO."""
    monkeypatch.setattr(primary, "POLL_S", 0.01)
    ctx = fencing(tmp_path, [], planned=True, options={})
    witness = Renewing(TrustedRegister(FilePlace(tmp_path / "witness"), "albus"), "albus", (A, B), 1)
    witness.begin(A, run="first")
    witness.change(lambda record, now: Decision(True, "told", replace(record, claim=Claim(ctx.run.id, B, now))))
    witness.looks, witness.ends_after = 0, ends_after
    fence = replace(ctx, witness=witness)
    if ends_after == 3:
        primary._wait_for_start_window(fence)
        return
    with pytest.raises(
        RefusedError, match=r"the guard of strasbourg \(guard-1\) renews its lease: what it started lives"
    ) as lives:
        primary._wait_for_start_window(fence)
    assert "stop the guard's own unit there" in lives.value.hint


def by_a_clock_set_back(
    ctx: StepContext, ahead_s: float, *, kept: bool = False, ttl_s: float = 0.0
) -> StepContext:  # fmt: skip
    """A failover that holds the run lease; the witness's moment of the lost site lies ahead, as its own clock has it now."""
    directory = Path(ctx.config_base) / "witness"
    witness = Witness(TrustedRegister(FilePlace(directory), "albus"), "albus", (A, B), 1)
    witness.begin(A, run="first")
    run_lease = RunLease(ctx.run.id, "ana", "failover of albus", "here", 30, 0)

    def told(record: Record, now: float) -> Decision:
        lease = WriteLease(A, "guard-1", kept, ttl_s, now + ahead_s)
        return Decision(True, "told", replace(record, write_lease=lease, run_lease=replace(run_lease, renewed_at=now)))

    witness.change(told)
    return replace(ctx, witness=witness)


@pytest.mark.parametrize(("ahead_s", "is_refused"), [(600.0, True), (0.5, False)])
def test_a_clock_of_the_witness_that_was_set_back_is_told_before_anything_is_stopped(
    tmp_path: Path, ahead_s: float, is_refused: bool
) -> None:
    """A start window that begins in ten minutes is over after that: users would wait for it, shut out."""
    ctx = by_a_clock_set_back(fencing(tmp_path, [{"probe": "one"}], planned=True, options={}), ahead_s)
    switchover = replace(ctx, run=replace(ctx.run, operation="switchover"))
    if not is_refused:
        assert primary._claim(switchover)["epoch"] == 1
        return
    with pytest.raises(RefusedError, match="was set back: it holds a moment that lies 10 min ahead") as refused:
        primary._claim(switchover)
    assert "date -u" in refused.value.hint
    assert switchover.witness
    record = switchover.witness.read().record
    assert record is not None
    assert record.claim is None


def test_a_failover_waits_for_a_moment_that_comes_in_time_and_not_for_one_that_does_not(tmp_path: Path) -> None:
    ctx = by_a_clock_set_back(fencing(tmp_path, [{"probe": "one"}], options={}), 2.5)
    assert primary._claim(ctx)["epoch"] == 1
    primary._wait_for_start_window(ctx)
    far = by_a_clock_set_back(fencing(tmp_path / "far", [{"probe": "one"}], options={}), 600.0)
    assert primary._claim(far)["epoch"] == 1
    with pytest.raises(RefusedError, match="was set back"):
        primary._wait_for_start_window(far)
    long = by_a_clock_set_back(fencing(tmp_path / "long", [{"probe": "one"}], options={}), 2.5, ttl_s=3600.0)
    assert primary._claim(long)["epoch"] == 1
    with pytest.raises(RefusedError, match="was set back"):  # its moment comes in time, its end does not
        primary._wait_for_start_window(long)


def test_a_switchover_does_not_wait_behind_the_closed_door_for_a_clock_that_was_set_back_after_its_claim(
    tmp_path: Path,
) -> None:
    ctx = by_a_clock_set_back(fencing(tmp_path, [{"probe": "one"}], planned=True, options={}), 2.5)
    switchover = replace(ctx, run=replace(ctx.run, operation="switchover"))
    primary.claim(switchover)
    with pytest.raises(RefusedError, match="was set back"):
        primary._wait_for_start_window(switchover)


def test_a_kept_lease_of_a_clock_set_back_is_left_to_the_next_method_at_once(tmp_path: Path) -> None:
    """It would have been looked at until the step's time was over, in silence."""
    methods: list[dict[str, Any]] = [{"lease": True}, {"statement": True}]
    ctx = by_a_clock_set_back(fencing(tmp_path, methods), 600.0, kept=True)
    assert proved(ctx).method == "statement"
    with pytest.raises(RefusedError, match=r"was set back: it holds a moment that lies 10 min ahead.*nobody stated it"):
        proved(replace(ctx, run=replace(ctx.run, options={})))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sleep", "60"], "did not end within"),
        (["no-such-program-here"], "is not installed"),
        (["false"], "ended with 1"),
    ],
)
def test_a_command_that_hangs_or_is_not_there_does_not_stop_the_next_method(
    tmp_path: Path, command: list[str], said: str
) -> None:
    methods: list[dict[str, Any]] = [{"command": command, "timeout": "300ms"}, {"statement": True}]
    assert proved(fencing(tmp_path, methods)).method == "statement"
    with pytest.raises(RefusedError, match=said):
        proved(fencing(tmp_path, methods, options={}))


def test_a_run_that_was_stopped_while_the_command_hangs_tries_nothing_more(tmp_path: Path) -> None:
    ctx = fencing(tmp_path, [{"command": ["sleep", "60"], "timeout": "10s"}, {"statement": True}])
    ctx.cancelled.set()
    with pytest.raises(TransientError):
        proved(ctx)


@dataclass(frozen=True)
class Nobody(LocalHost):
    """This machine, for a user who may not look into others' directories."""

    def run(self, argv: Sequence[str], **more: Any) -> Completed:
        drop = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--") if os.geteuid() == 0 else ()
        return super().run((*drop, *argv), **more)


def test_a_directory_that_nobody_may_look_into_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        top.chmod(0o755)
        (top / "one").mkdir(mode=0)
        monkeypatch.setattr(access, "host", lambda *_: Nobody())
        with pytest.raises(RefusedError, match=r"may not look into .*/one"):
            proved(fencing(top, [{"probe": "one"}, {"probe": "two"}], options={}))
        (top / "one").rmdir()
        assert proved(fencing(top, [{"probe": "one"}, {"probe": "two"}], options={})).method == "probe"


def test_the_word_without_a_witness_is_told_from_that_of_who_made_sure(tmp_path: Path) -> None:
    """A proof that rests on it says what it was asked for: a sentence about the witness is seen to be none about the site."""
    alone = {"without_witness": "Ines, the witness does not answer"}
    rests_on = proved(fencing(tmp_path, [{"statement": True}], options=alone)).rests_on
    assert f"by the word that {A} is off and stays off: Ines, the witness does not answer" in rests_on
    assert (
        "without the witness" not in proved(fencing(tmp_path, [{"statement": True}], options=alone | STATED)).rests_on
    )
    with pytest.raises(RefusedError, match="nobody stated it"):
        proved(fencing(tmp_path, [{"statement": True}], options={}))
