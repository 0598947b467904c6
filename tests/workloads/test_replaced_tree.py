"""What the other site's tree holds alone outlives every refresh of it; what is merely old is replaced without asking."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import pytest

from albus_dr.errors import AlbusError, NotReadyError, RefusedError, StepError
from albus_dr.safety import rule
from albus_dr.safety.record import RunLease
from albus_dr.safety.rule import Proven
from albus_dr.safety.witness import Witness
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.inventory import find_program
from albus_dr.tools.register import TrustedRegister, Unreachable
from albus_dr.tools.restic import Repository
from albus_dr.workloads import recovery_points
from albus_dr.workloads.files import by_name, recovery, restore, serving, switchover
from albus_dr.workloads.files.access import path_of, repository_of
from albus_dr.workloads.files.alone import alone_at_target
from albus_dr.workloads.step import State, StepContext
from tests.cli.two_directories import DOCUMENTS, TwoDirectories
from tests.workloads.test_links import at, with_repositories
from tests.workloads.test_small_pieces import A, B, content_of, tree

pytestmark = pytest.mark.skipif(find_program("restic") is None, reason="restic is not installed")
CONTENTS = {b"plain": b"content", b"dir/deep": b"more", b"old": b"1"}
Steps = Callable[[], Any]


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepContext:
    """A replicate from A to B; a witness that was told of no change."""
    tree(tmp_path, A, CONTENTS)
    made = with_repositories(tmp_path, monkeypatch)
    witness = Witness(TrustedRegister(FilePlace(tmp_path / "witness"), "albus"), "albus", (A, B), 1.0)
    return replace(made, run=replace(made.run, operation="replicate"), witness=witness)


def back_up(ctx: StepContext) -> None:
    recovery.back_up(ctx)
    recovery.copy(ctx)


def replicate(ctx: StepContext) -> Any:
    back_up(ctx)
    return recovery.warm(ctx)


def kept(tmp_path: Path) -> dict[str, bytes]:
    lots = (tmp_path / B).glob("documents.albus-dr-*/tree*")
    return {name: content for lot in lots for name, content in content_of(lot).items()}


def serves(ctx: StepContext, site: str, *, committed: bool = True) -> None:
    """The witness is told that a run has made the site the primary, or only that it is about to."""
    assert ctx.witness is not None
    ctx.witness.begin(ctx.witness._sites[site == A], run="first")
    lease = RunLease("failover-1", "x@y", "failover", "here", 30.0, 0.0)
    ctx.witness.change(lambda record, now: rule.take_run(record, lease, now, 1.0))
    ctx.witness.change(lambda record, now: rule.claim(record, "failover-1", site, now))
    if committed:
        proof = Proven(A if site == B else B, "failover-1", "command")
        ctx.witness.change(lambda record, now: rule.commit(record, "failover-1", site, proof, now, 1.0))


def changed_while_it_was_backed_up(ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hash_files = by_name.hash_files

    def meanwhile(*arguments: Any) -> dict[str, str]:
        with (at(tmp_path, A) / "log").open("a") as log:
            log.write("one line more\n")
        os.utime(at(tmp_path, A) / "log", (1, int(time.monotonic() * 10)))
        return hash_files(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(recovery, "hash_files", meanwhile)
        replicate(ctx)


def test_what_is_merely_old_is_replaced_and_nothing_is_kept(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = at(tmp_path, A), at(tmp_path, B)
    (source / "link").symlink_to("plain")
    (source / "log").write_text("a line\n")
    changed_while_it_was_backed_up(ctx, tmp_path, monkeypatch)
    assert (target / "log").exists()
    for number in range(6):  # meanwhile the copy could not be refreshed
        (source / "plain").write_text(f"content {number}")
        back_up(ctx)
    (source / "old").unlink()
    (source / "link").unlink()
    (source / "link").symlink_to("dir/deep")
    (source / "log").write_text("begun anew")

    facts = replicate(ctx)

    assert content_of(target) == content_of(source)
    assert (kept(tmp_path), "notes" in facts) == ({}, False)


def test_a_copy_as_it_should_be_is_not_looked_for_in_older_recovery_points(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicate(ctx)
    (at(tmp_path, A) / "new").write_text("new")
    asked: list[str] = []
    run = Repository.run

    def counted(self: Repository, arguments: Any, **more: Any) -> Any:
        asked.append(arguments[0])
        return run(self, arguments, **more)

    back_up(ctx)
    monkeypatch.setattr(Repository, "run", counted)
    recovery.warm(ctx)
    assert asked == ["snapshots", "restore"]


def test_on_the_worst_day_what_changed_while_it_was_backed_up_is_looked_for_nowhere_else(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (at(tmp_path, A) / "log").write_text("a line\n")
    changed_while_it_was_backed_up(ctx, tmp_path, monkeypatch)
    opened = recovery_points.open_point(repository_of(ctx, B), "albus", "documents", timeout_s=60)
    assert "log" not in opened.manifest["files"], "or this shows nothing"

    monkeypatch.setattr(Repository, "run", lambda *_, **__: pytest.fail("it asked the repository once more"))
    assert alone_at_target(ctx, opened.manifest) == {}
    (at(tmp_path, B) / "log").write_text("written here")
    monkeypatch.undo()
    assert list(alone_at_target(ctx, opened.manifest)) == ["log"]


def test_a_recovery_point_does_not_depend_on_that_list(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise StepError("it can't be listed")

    (at(tmp_path, A) / "log").write_text("a line\n")
    monkeypatch.setattr(Repository, "entries", refuse)
    changed_while_it_was_backed_up(ctx, tmp_path, monkeypatch)
    opened = recovery_points.open_point(repository_of(ctx, B), "albus", "documents", timeout_s=60)
    assert opened.manifest["unclaimed"] == {}


def test_a_time_that_is_kept_to_the_second_is_no_other_file(ctx: StepContext, tmp_path: Path) -> None:
    replicate(ctx)
    for path in at(tmp_path, B).rglob("*"):
        os.utime(path, (int(path.stat().st_mtime), int(path.stat().st_mtime)))
    replicate(ctx)
    assert kept(tmp_path) == {}


def test_what_is_there_alone_is_kept_and_told(ctx: StepContext, tmp_path: Path) -> None:
    replicate(ctx)
    target = at(tmp_path, B)
    (target / "dir" / "of a patient").write_text("nowhere else")
    (target / "plain").write_text("written there since")
    (target / "link").symlink_to("plain")

    facts = replicate(ctx)

    assert content_of(target) == content_of(at(tmp_path, A))
    assert kept(tmp_path) == {"dir/of a patient": b"nowhere else", "plain": b"written there since", "link": b"-> plain"}
    assert "3 files" in facts["notes"][0]
    (target / "later").write_text("found when the same run went on")
    recovery.warm(ctx)
    assert kept(tmp_path).keys() == {"dir/of a patient", "plain", "link", "later"}


def test_without_room_for_it_nothing_is_replaced(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicate(ctx)
    (at(tmp_path, B) / "alone").write_text("nowhere else")
    monkeypatch.setattr("albus_dr.workloads.site.free_bytes", lambda *_: 3)
    with pytest.raises(NotReadyError, match=r"1 files in .* must be kept aside"):
        replicate(ctx)
    assert (at(tmp_path, B) / "alone").exists()


def test_a_disk_too_small_for_the_copy_is_told_before_anything_is_written(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By replicate, by a switchover that brings the copy forward, and by a failover. What is there already needs no room."""
    replicate(ctx)
    before = content_of(at(tmp_path, B))
    (at(tmp_path, A) / "large").write_bytes(b"x" * 3_000_000)
    back_up(ctx)
    monkeypatch.setattr("albus_dr.workloads.site.free_bytes", lambda *_: 2_900_000)
    told = r"documents: the restore needs 3\.0 MiB more in .*/bordeaux/documents at bordeaux; 2\.8 MiB are free"
    with pytest.raises(NotReadyError, match=told):
        recovery.warm(ctx)
    with pytest.raises(NotReadyError, match=told):
        switchover.bring_forward(ctx)
    with pytest.raises(NotReadyError, match=told):
        restore.ready_to_restore(failing_over(ctx))
    assert content_of(at(tmp_path, B)) == before
    monkeypatch.setattr("albus_dr.workloads.site.free_bytes", lambda *_: 3_300_000)
    recovery.warm(ctx)
    assert (at(tmp_path, B) / "large").stat().st_size == 3_000_000
    monkeypatch.setattr("albus_dr.workloads.site.free_bytes", lambda *_: 1_000)
    recovery.warm(ctx)
    restore.ready_to_restore(failing_over(ctx))


@pytest.mark.parametrize("committed", [True, False], ids=["serves", "is about to"])
def test_the_tree_of_the_site_that_serves_is_left_as_it_is(ctx: StepContext, tmp_path: Path, committed: bool) -> None:
    replicate(ctx)
    back_up(ctx)
    serves(ctx, B, committed=committed)
    (at(tmp_path, B) / "written by a user").write_text("1")

    with pytest.raises(RefusedError, match="documents at bordeaux is left as it is"):
        recovery.warm(ctx)
    assert (at(tmp_path, B) / "written by a user").exists()
    assert kept(tmp_path) == {}


def left_by_a_run_that_ended(ctx: StepContext) -> None:
    """The claim of a run that has given its lease back; the witness was away while it should have given that back, too."""
    serves(ctx, B, committed=False)
    assert ctx.witness is not None
    ctx.witness.change(lambda record, _: rule.release_run(record, "failover-1", promoted=False))


def test_a_claim_that_was_left_stops_no_run_that_may_replace_it(ctx: StepContext, tmp_path: Path) -> None:
    replicate(ctx)
    (at(tmp_path, A) / "new").write_text("1")
    back_up(ctx)
    left_by_a_run_that_ended(ctx)
    assert ctx.witness is not None
    lease = RunLease(ctx.run.id, "x@y", "switchover", "here", 30.0, 0.0)
    ctx.witness.change(lambda record, now: rule.take_run(record, lease, now, 1.0))

    recovery.warm(replace(ctx, run=replace(ctx.run, operation="switchover")))

    assert (at(tmp_path, B) / "new").exists()


def test_a_claim_that_was_left_is_named_with_what_gives_it_back(ctx: StepContext) -> None:
    replicate(ctx)
    left_by_a_run_that_ended(ctx)
    with pytest.raises(RefusedError) as raised:
        recovery.warm(ctx)
    assert "failover-1 is making bordeaux the primary" in raised.value.message
    assert "albus-dr abort failover-1 gives its claim back" in raised.value.hint


def silent(_: object, __: int = 0) -> Any:
    raise Unreachable("the witness is away")


@pytest.mark.parametrize("at_first", [True, False], ids=["from the beginning", "by now"])
def test_while_the_witness_is_silent_the_copy_is_left_as_it_is(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_first: bool
) -> None:
    replicate(ctx)
    (at(tmp_path, A) / "new").write_text("1")
    if at_first:
        ctx = replace(ctx, witness=None)
    monkeypatch.setattr(Witness, "read", silent)

    facts = replicate(ctx)

    assert "nobody knows whether strasbourg still serves (the witness does not answer" in facts["notes"][0]
    assert not (at(tmp_path, B) / "new").exists()


def long_restore(ctx: StepContext, meanwhile: Steps) -> None:
    with serving.while_source_serves(ctx) as stopped:
        meanwhile()
        if stopped.wait(20):
            raise StepError("restic was stopped")


def test_a_failover_elsewhere_stops_a_refresh_that_has_begun(ctx: StepContext) -> None:
    with pytest.raises(RefusedError, match="bordeaux serves"):
        long_restore(ctx, lambda: serves(ctx, B))


def test_a_witness_that_falls_silent_stops_it_too(ctx: StepContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "EVERY_S", 0.1)
    with pytest.raises(StepError, match="the witness is away"):
        long_restore(ctx, lambda: monkeypatch.setattr(Witness, "read", silent))


def test_whoever_stops_the_run_stops_it(ctx: StepContext) -> None:
    stop = threading.Event()
    with pytest.raises(AlbusError, match="restic was stopped"):
        long_restore(replace(ctx, cancelled=stop), stop.set)


def test_a_failover_that_another_machine_made_costs_the_returned_site_nothing(tmp_path: Path) -> None:
    sites = TwoDirectories(tmp_path, DOCUMENTS)
    sites.make_repositories()
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "witness: {file: witness}\n")
    (tmp_path / "witness").mkdir()
    (sites.documents(A) / "first").write_text("replicated")
    assert sites.operate("replicate")["verdict"] == "passed"
    (sites.documents(A) / "of a patient").write_text("not replicated")
    assert sites.operate("failover", "--fenced-by", "a person, by hand, now")["verdict"] == "passed"

    sites.environment["ALBUS_DR_STATE"] = str(tmp_path / "state of the other machine")
    run = sites.operate("replicate")

    assert run["verdict"] == "passed"
    assert [path.name for path in sites.documents(A).iterdir()] == ["first"]
    assert [path.read_text() for path in (tmp_path / A).glob("documents.albus-dr-*/tree/*")] == ["not replicated"]


def failing_over(ctx: StepContext) -> StepContext:
    return replace(ctx, run=replace(ctx.run, operation="failover"), facts_of=lambda _: {"alone": 0})


def test_what_came_after_the_first_look_is_kept_by_a_run_that_is_resumed(ctx: StepContext, tmp_path: Path) -> None:
    """The restore broke off; somebody put rescued documents there; the run is resumed as the page says."""
    replicate(ctx)
    (at(tmp_path, A) / "newer").write_text("newer")
    back_up(ctx)
    (at(tmp_path, B) / "rescued").write_text("nowhere else")

    facts = restore.take_back(failing_over(ctx))

    assert content_of(at(tmp_path, B)) == content_of(at(tmp_path, A))
    assert kept(tmp_path) == {"rescued": b"nowhere else"}
    assert facts["kept_files"] == 1
    seen = restore.observe_taken_back(failing_over(ctx))
    assert (seen.state, seen.facts["kept_files"]) == (State.DONE, 1), "the report names it after a second resume, too"


@pytest.mark.parametrize("appended", [True, False])
def test_an_older_copy_of_what_changes_all_the_time_is_not_the_recovery_point(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, appended: bool
) -> None:
    """Nothing else changed between the point that the copy is of, and the newest one, which was not refreshed."""
    (at(tmp_path, A) / "log").write_text("a line\n")
    changed_while_it_was_backed_up(ctx, tmp_path, monkeypatch)
    assert restore.observe_taken_back(failing_over(ctx)).state is State.DONE
    with monkeypatch.context() as patched:
        patched.setattr(recovery, "warm", lambda _: {})
        if appended:
            changed_while_it_was_backed_up(ctx, tmp_path, patched)
        else:
            size = (at(tmp_path, A) / "log").stat().st_size
            (at(tmp_path, A) / "log").write_text("x" * size)
            back_up(ctx)
    assert restore.observe_taken_back(failing_over(ctx)).state is State.NOT_DONE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_tree_that_is_not_its_owners_yet_is_not_done(ctx: StepContext, tmp_path: Path) -> None:
    """It was killed between the restore and what gives the files away, or the user was not there yet."""
    replicate(ctx)
    site = ctx.config.sites[B]
    for owner, done in (("12345:12345", False), ("no-such-user", False), ("0:0", True), ("0", True)):
        paths = {"documents": site.paths["documents"].model_copy(update={"owner": owner})}
        sites = {**ctx.config.sites, B: site.model_copy(update={"paths": paths})}
        mine = failing_over(replace(ctx, config=ctx.config.model_copy(update={"sites": sites})))
        assert (restore.observe_taken_back(mine).state is State.DONE) == done, owner
    recovery.give_to_owner(mine, *path_of(ctx, B))


def test_a_failover_to_a_site_without_the_tree_makes_it(tmp_path: Path) -> None:
    sites = TwoDirectories(tmp_path, DOCUMENTS.replace("    warm: true\n", ""))
    sites.make_repositories()
    (sites.documents(A) / "first").write_text("replicated")
    assert sites.operate("replicate")["verdict"] == "passed"
    sites.documents(B).rmdir()

    run = sites.operate("failover", "--fenced-by", "a person, by hand, now")

    assert (run["verdict"], content_of(sites.documents(B))) == ("passed", {"first": b"replicated"})


def elsewhere(ctx: StepContext, tmp_path: Path) -> Path:
    """The target's path is a link to a directory of another disk."""
    real = tmp_path / "another disk" / "tree"
    real.parent.mkdir()
    at(tmp_path, B).rename(real)
    at(tmp_path, B).symlink_to(real)
    return real


def test_what_lies_behind_a_link_is_kept_on_its_own_disk(ctx: StepContext, tmp_path: Path) -> None:
    real = elsewhere(ctx, tmp_path)
    (real / "alone").write_text("nowhere else")
    replicate(ctx)
    assert [path.read_text() for path in real.parent.glob("tree.albus-dr-*/tree/alone")] == ["nowhere else"]
    assert content_of(real) == content_of(at(tmp_path, A))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_lies_behind_a_link_is_given_to_its_owner(ctx: StepContext, tmp_path: Path) -> None:
    real, other = elsewhere(ctx, tmp_path), tmp_path / "not in the tree"
    other.write_text("1")
    (real / "file").write_text("1")
    (real / "link").symlink_to(other)
    site = ctx.config.sites[B]
    paths = {"documents": site.paths["documents"].model_copy(update={"owner": "12345:12345"})}
    sites = {**ctx.config.sites, B: site.model_copy(update={"paths": paths})}
    ctx = replace(ctx, config=ctx.config.model_copy(update={"sites": sites}))
    recovery.give_to_owner(ctx, *path_of(ctx, B))
    assert [path.lstat().st_uid for path in (real, real / "file", real / "link", other)] == [12345, 12345, 12345, 0]


def test_a_failover_goes_back_beyond_points_from_the_future_only_on_a_persons_word(
    ctx: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock here that is hours behind makes the newest look forged; without them an hour of documents would be out of sight."""
    replicate(ctx)
    between = datetime.now(UTC)
    (tmp_path / A / "documents" / "new").write_bytes(b"of the last hour")
    replicate(ctx)

    class Behind(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromisoformat((between - recovery_points.CLOCK_MARGIN).isoformat())

    monkeypatch.setattr(recovery_points, "datetime", Behind)
    failover = replace(ctx, run=replace(ctx.run, operation="failover"))
    with pytest.raises(RefusedError, match="LEFT OUT") as caught:
        restore.ready_to_restore(failover)
    assert "compare the clock here" in caught.value.hint
    accepted = replace(failover, run=replace(failover.run, options={"accept_data_loss": True}))
    facts = restore.ready_to_restore(accepted)
    assert (facts["left_out"], "LEFT OUT" in facts["notes"][0]) == (1, True)
