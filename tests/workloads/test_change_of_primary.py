"""The steps of a change of primary, and of the old one's return, on two real servers."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import NotReadyError, RefusedError, StepError, TransientError
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.safety import witness as safety_witness
from albus_dr.safety.record import Claim, RunLease
from albus_dr.safety.rule import Decision
from albus_dr.safety.witness import Witness, run_lease
from albus_dr.tools import postgres_rebuild
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.host import write_file
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import POLL_S, Server, ServerDown
from albus_dr.tools.process import Completed
from albus_dr.tools.register import TrustedRegister
from albus_dr.workloads import primary
from albus_dr.workloads.postgres import Model, change, reprotect
from albus_dr.workloads.postgres.aside import Folder, Kept, find_begun
from albus_dr.workloads.step import Facts, RunInfo, State, StepContext, StepSpec
from tests.real.operator_desk import wait_for
from tests.tools.test_server import PROOF, a_server
from tests.workloads.test_small_pieces import A, B, context

OLD, NEW = A, B  # the old primary, and the site that serves after it
ROOT = os.geteuid() == 0


@dataclass
class Sites:
    """PostgreSQL at both sites: the old primary serves, and the new one follows it."""

    base: Path
    config: Config
    old: Server
    new: Server
    facts: dict[str, Facts]

    def context(self, operation: Any, source: str, target: str, at: str, run: str = "run-ab12") -> StepContext:
        model = Model.model_validate(
            {"kind": "postgres", "server": "database", "database": "postgres", "recovery_points": {"dump": "backups"}}
        )
        made = context(self.base)
        return replace(
            made, config=self.config, facts_of=lambda step: self.facts.get(step, {}),
            runbook=Runbook.model_construct(**{**dict(made.runbook), "workloads": {"patients": model}}),
            spec=StepSpec("patients.verb", "patients", at, "postgres.verb", ""),
            run=RunInfo(run, operation, source, target, made.run.declared_at, None, self.base, operator="a person"),
        )  # fmt: skip

    def reprotect(self, run: str) -> StepContext:
        return self.context("reprotect", NEW, OLD, OLD, run)

    def fail_over(self) -> None:
        """The new one is promoted; the old one goes on by itself, and then stops."""
        cut_line(self)
        self.new.promote(PROOF, self.new.identity(), timeout_s=60)
        self.new.query("ALTER ROLE replicator LOGIN")
        self.old.query("INSERT INTO visit VALUES ('written alone'); DELETE FROM visit WHERE note = 'both have it'")
        self.old.stop(timeout_s=60)


def cut_line(sites: Sites) -> None:
    sites.old.query("ALTER ROLE replicator NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
    while sites.old.lag_of(NEW) is not None:
        sites.old.query("SELECT pg_sleep(0.05)")


@pytest.fixture
def sites() -> Iterator[Sites]:
    try:
        postgres_program("initdb")
    except NotReadyError as error:
        pytest.skip(error.message)
    base = Path(tempfile.mkdtemp(prefix="albus-"))
    base.chmod(0o711)
    made = {at: a_server(base, at) for at in (OLD, NEW)}
    config: Any = context(base).config.model_dump(mode="json", exclude_none=True)
    for at, server in made.items():
        config["sites"][at]["servers"]["database"] |= {
            "data": server.data, "port": server.port, "socket": server.socket, "address": "127.0.0.1",
            **({"run_as": server.run_as} if server.run_as else {}),
        }  # fmt: skip
    old, new = (replace(server, starts_with=()) for server in made.values())
    found = Sites(base, Config.model_validate(config), old, new, {})
    try:
        found.old.create(timeout_s=120)
        with Path(found.old.data, "postgresql.conf").open("a") as file:
            file.write("wal_log_hints = on\nfsync = off\nlisten_addresses = '127.0.0.1'\n")
        settle(found.old)
        found.old.start(timeout_s=60)
        found.old.query("CREATE ROLE replicator SUPERUSER LOGIN REPLICATION; CREATE TABLE visit (note text)")
        found.old.query("INSERT INTO visit VALUES ('both have it')")
        copy = (f"{found.old.bin}/pg_basebackup", "-h", str(found.old.socket), "-p", str(found.old.port), "-U", "postgres",
                "-D", found.new.data, "-c", "fast", "-X", "stream", "--no-sync")  # fmt: skip
        found.old.host.run(copy, timeout_s=120, run_as=found.old.run_as).check("pg_basebackup")
        settle(found.new)
        change.become_standby(found.context("switchover", OLD, NEW, OLD), found.new, found.old, OLD)
        yield found
    finally:
        for server in (found.new, found.old):
            server.stop_at_once()
        shutil.rmtree(base)


def settle(server: Server) -> None:
    """What is the server's own in a settings file that both have."""
    with Path(server.data, "postgresql.conf").open("a") as file:
        file.write(f"port = {server.port}\nunix_socket_directories = '{server.socket}'\n")


def kept_by(sites: Sites, run: str) -> Facts:
    """What a reprotect keeps, from its first look on."""
    ctx = sites.reprotect(run)
    sites.facts["patients.ready_to_reprotect"] = reprotect.ready_to_reprotect(ctx)
    assert reprotect.observe_kept(ctx).state is State.NOT_DONE
    sites.facts["patients.keep"] = reprotect.keep(ctx)
    return sites.facts["patients.keep"]


# --- failover -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "said"),
    [("SELECT max(at) FROM no_such_table", "patients: the marker gives no time at bordeaux, so nobody knows how much was lost: "),
     ("SELECT max(at) FROM heartbeat", "patients: the marker finds no write at bordeaux, so nobody knows how much was lost")],
    ids=["dropped", "empty"],
)  # fmt: skip
def test_a_marker_that_tells_nothing_stops_a_failover_until_the_loss_is_accepted(
    sites: Sites, marker: str, said: str
) -> None:
    """A table that is empty, or was dropped: there is no time to edit the runbook on that day."""
    sites.old.query("CREATE TABLE heartbeat (at timestamptz)")
    wait_for(lambda: sites.new.value("SELECT to_regclass('heartbeat')") or None)
    made = sites.context("failover", OLD, NEW, NEW)
    model = made.runbook.workloads["patients"].model_copy(update={"marker": marker})
    book = Runbook.model_construct(**{**dict(made.runbook), "workloads": {"patients": model}})
    ctx = replace(made, runbook=book)
    with pytest.raises(RefusedError) as refused:
        change.ready_to_promote(ctx)
    assert refused.value.message.startswith(said)
    assert "--accept-data-loss" in refused.value.hint

    accepted = replace(ctx, run=replace(ctx.run, options={"accept_data_loss": True}))
    facts = change.ready_to_promote(accepted)
    assert (facts["notes"][0].startswith(said), "newest_write_at" in facts) == (True, False)
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    facts = change.verify_facts(accepted)
    assert ([note for note in facts["notes"] if note.startswith(said)] != [], "newest_write_at" in facts) == (
        True,
        False,
    )


# --- switchover ---------------------------------------------------------------------------------------------------


def test_a_switchover_gives_up_before_the_commit_while_something_has_not_arrived(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line fails just before the old primary stops: what it wrote last is at one site only."""
    monkeypatch.setattr(change, "ARRIVE_S", 0.5)
    ctx = sites.context("switchover", OLD, NEW, OLD)
    cut_line(sites)
    sites.old.query("INSERT INTO visit VALUES ('acknowledged')")

    with pytest.raises(RefusedError, match=f"{NEW} has not received everything that {OLD} wrote") as caught:
        change.stop(ctx)

    assert f"pg_ctl start -D {sites.old.data}" in caught.value.hint
    assert "albus-dr resume run-ab12" in caught.value.hint
    seen = change.observe_stopped(ctx)
    assert (seen.state, seen.reason) == (State.NOT_DONE, f"it is stopped; {NEW} has not received everything")

    sites.old.start(timeout_s=60)
    sites.old.query("ALTER ROLE replicator LOGIN")
    while sites.old.lag_of(NEW) is None:
        sites.old.query(f"SELECT pg_sleep({POLL_S})")
    monkeypatch.setattr(change, "ARRIVE_S", 30)
    stopped = change.stop(ctx)
    assert change.observe_stopped(ctx).state is State.DONE
    assert change.observe_stopped(ctx).facts == stopped
    assert sites.new.value("SELECT count(*) FROM visit WHERE note = 'acknowledged'") == "1"


def test_a_switchover_gives_up_before_the_commit_when_the_standby_is_gone(sites: Sites) -> None:
    ctx = sites.context("switchover", OLD, NEW, OLD)
    sites.new.stop(timeout_s=60)

    with pytest.raises(RefusedError, match=f"whether {NEW} has received everything .* can't be seen") as caught:
        change.stop(ctx)

    assert "albus-dr resume run-ab12" in caught.value.hint
    assert change.observe_stopped(ctx).state is State.NOT_DONE


def before_the_commit(sites: Sites) -> StepContext:
    ctx = sites.context("switchover", OLD, NEW, OLD)
    return replace(ctx, spec=StepSpec("fence", "", OLD, "site.fence", "Fence", params={"planned": True}))


def test_a_switchover_does_not_go_on_where_the_old_primary_served_since_it_was_stopped(sites: Sites) -> None:
    """The run ended after its stop, service was restored, and the run is resumed: what was written meanwhile has not arrived."""
    sites.facts["patients.stop"] = change.stop(sites.context("switchover", OLD, NEW, OLD))
    assert primary._fence(before_the_commit(sites))["fence"]["method"] == "probe", "at once, it goes on"
    primary._commit(before_the_commit(sites))

    sites.old.start(timeout_s=60)
    cut_line(sites)
    for verb in (primary._fence, primary._commit):
        with pytest.raises(RefusedError, match=f"{OLD} has served since this run stopped it") as running:
            verb(before_the_commit(sites))
        assert "albus-dr abort run-ab12" in running.value.hint
    sites.old.query("INSERT INTO visit VALUES ('acknowledged meanwhile')")
    sites.old.stop(timeout_s=60)
    for verb in (primary._fence, primary._commit):
        with pytest.raises(RefusedError, match=f"{OLD} has served since this run stopped it"):
            verb(before_the_commit(sites))
    assert sites.new.is_in_recovery()


def test_two_databases_of_one_server_stop_once(sites: Sites) -> None:
    """The second stop was tried again, after the server had to be started for it: it is the newest that counts."""
    ctx = sites.context("switchover", OLD, NEW, OLD)
    both = dict.fromkeys(("patients", "invoices"), ctx.runbook.workloads["patients"])
    sites.facts["patients.stop"] = change.stop(ctx)
    sites.old.start(timeout_s=60)
    while sites.old.lag_of(NEW) is None:
        sites.old.query(f"SELECT pg_sleep({POLL_S})")
    sites.facts["invoices.stop"] = change.stop(ctx)
    fence = before_the_commit(sites)
    primary._fence(replace(fence, runbook=fence.runbook.model_copy(update={"workloads": both})))


def test_a_planned_change_goes_no_further_where_it_cannot_look(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    sites.facts["patients.stop"] = change.stop(sites.context("switchover", OLD, NEW, OLD))

    def unreachable(_: Server) -> dict[str, str]:
        raise TransientError("can't be reached")

    monkeypatch.setattr(Server, "control", unreachable)
    ctx = before_the_commit(sites)
    for verb in (primary._fence, primary._commit):
        with pytest.raises(TransientError, match="can't be looked at") as untold:
            verb(ctx)
        assert ("Switch it on, leave PostgreSQL stopped" in untold.value.hint) == (verb == primary._fence)
        assert ("This run can't commit any more: albus-dr abort" in untold.value.hint) == (verb == primary._commit)


LEFT: dict[str, dict[str, Any]] = {
    "the claim was given back": {"claim": None},
    "a person told the witness": {"claim": None, "primary": NEW},
    "another run has claimed": {"claim": Claim("run-other", NEW, 0)},
    "another run is in charge": {"claim": None, "run_lease": RunLease("run-other", "b", "failover", "there", 30, 0)},
}


@pytest.mark.parametrize("left", LEFT)
def test_after_a_refused_commit_the_source_is_told_to_serve_only_where_nobody_else_acts(
    sites: Sites, left: str
) -> None:
    """The run slept. Another one that goes on after this hint was followed would make a second primary."""
    sites.facts["patients.stop"] = change.stop(sites.context("switchover", OLD, NEW, OLD))
    witness = Witness(TrustedRegister(FilePlace(sites.base / "witness"), "albus"), "albus", (OLD, NEW), 1)
    ctx = replace(before_the_commit(sites), witness=witness)
    witness.begin(OLD, run="first")
    lease = RunLease(ctx.run.id, "a person", "switchover of albus", "here", 30, 0)
    with run_lease(witness, lease, lambda _: None, lambda: False):
        sites.facts["fence"] = primary._fence(ctx)
        witness.change(lambda record, _: Decision(True, left, replace(record, **LEFT[left])))

        with pytest.raises(RefusedError) as refused:
            primary._commit(ctx)

    assert "albus-dr abort run-ab12" in refused.value.hint
    serve = f"Let PostgreSQL and the application run at {OLD}"
    assert (serve in refused.value.hint) == (left == "the claim was given back")
    assert (f"Start nothing at {OLD}" in refused.value.hint) == (left != "the claim was given back")
    assert sites.new.is_in_recovery()


def test_a_commit_whose_answer_did_not_arrive_is_one(sites: Sites) -> None:
    sites.facts["patients.stop"] = change.stop(sites.context("switchover", OLD, NEW, OLD))
    witness = Witness(TrustedRegister(FilePlace(sites.base / "witness"), "albus"), "albus", (OLD, NEW), 1)
    ctx = replace(before_the_commit(sites), witness=witness)
    witness.begin(OLD, run="first")
    with run_lease(
        witness, RunLease(ctx.run.id, "a person", "switchover of albus", "here", 30, 0), lambda _: None, lambda: False
    ):
        sites.facts["fence"] = primary._fence(ctx)
        first = primary._commit(ctx)
        assert primary._commit(ctx) == first


@pytest.mark.parametrize("others", [False, True])
def test_where_it_cannot_look_the_source_is_told_to_serve_only_while_it_is_the_primary(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    """Another operator's failover has promoted the target meanwhile; the source would come up as a second primary."""
    sites.facts["patients.stop"] = change.stop(sites.context("switchover", OLD, NEW, OLD))
    witness = Witness(TrustedRegister(FilePlace(sites.base / "witness"), "albus"), "albus", (OLD, NEW), 1)
    witness.begin(OLD, run="first")
    if others:
        witness.change(
            lambda record, _: Decision(True, "told", replace(record, primary=NEW, changed_by="failover-b", epoch=2))
        )
    ctx = replace(before_the_commit(sites), witness=witness)

    def unreachable(_: Server) -> dict[str, str]:
        raise TransientError("can't be reached")

    monkeypatch.setattr(Server, "control", unreachable)
    with pytest.raises(TransientError, match="can't be looked at") as untold:
        primary._commit(ctx)
    assert ("let PostgreSQL and the application run there" in untold.value.hint) != others
    assert (f"Start nothing at {OLD}" in untold.value.hint) == others


def committed(sites: Sites) -> tuple[StepContext, Witness, RunLease]:
    """A failover that the witness was told of, right before its promotion."""
    ctx = sites.context("failover", OLD, NEW, NEW)
    ready = {"identity": asdict(sites.new.identity())}
    sites.facts |= {"patients.ready_to_promote": ready, "fence": {"fence": PROOF.to_json()}}
    sites.old.stop(timeout_s=60)
    witness = Witness(TrustedRegister(FilePlace(sites.base / "witness"), "albus"), "albus", (OLD, NEW), 1)
    witness.begin(OLD, run="first")
    return replace(ctx, witness=witness), witness, RunLease(ctx.run.id, "a person", "failover of albus", "here", 30, 0)


def test_without_the_witness_nothing_is_promoted_once_somebody_else_may_have_taken_over(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The laptop slept after the commit; while it did, a person may have named the old primary again."""
    ctx, witness, lease = committed(sites)
    place, slept = sites.base / "witness", [0.0]
    monkeypatch.setattr(safety_witness, "boot_time", lambda: time.clock_gettime(time.CLOCK_BOOTTIME) + slept[0])
    with run_lease(witness, lease, lambda _: None, lambda: False):
        aside = place.rename(place.with_name("aside"))
        place.write_text("not a directory")
        slept[0] = lease.ttl_s + 1
        with pytest.raises(RefusedError, match=f"{NEW} is not promoted") as caught:
            change.promote(ctx)
        assert f"albus-dr resume {ctx.run.id}" in caught.value.hint
        assert "--without-witness" in caught.value.hint
        assert sites.new.is_in_recovery()

        slept[0] = 0.0
        change.promote(ctx)
        place.unlink()
        aside.rename(place)
    assert not sites.new.is_in_recovery(), "a witness that has just gone away does not stop it"
    assert witness.in_charge_for_s() == 0


def slots(server: Server) -> set[str]:
    return {row[0] for row in server.query("SELECT slot_name FROM pg_replication_slots")}


def test_the_old_primary_keeps_no_log_for_the_one_that_it_follows_now(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its slot for the new primary would; a slot that somebody else made is theirs."""
    ctx = sites.context("switchover", OLD, NEW, OLD)
    sites.old.make_slot("somebody_elses")
    assert slots(sites.old) == {f"albus_{NEW}", "somebody_elses"}
    change.stop(ctx)
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    drop, not_yet = Server.drop_slot, [ServerDown("the database system is starting up")]

    def once_it_can_be_asked(server: Server, slot: str) -> None:
        if not_yet:
            raise not_yet.pop()
        drop(server, slot)

    monkeypatch.setattr(Server, "drop_slot", once_it_can_be_asked)
    change.follow(ctx)

    assert slots(sites.old) == {"somebody_elses"}
    assert slots(sites.new) == {f"albus_{OLD}"}


class Killed(BaseException):
    """Of the process, at this point."""


def killed(*_: Any) -> Any:
    raise Killed


def answers(server: Server) -> bool:
    try:
        return server.value("SELECT 1") == "1"
    except ServerDown:
        return False


@pytest.mark.parametrize("operation", ["switchover", "reprotect"])
def test_its_slot_goes_also_where_the_process_was_killed_before(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Resumed, it streams already: the step was taken for done, and the slot kept the log until the disk was full."""
    sites.old.make_slot("somebody_elses")
    if operation == "switchover":
        ctx, act, observe = sites.context("switchover", OLD, NEW, OLD), change.follow, change.observe_following
        change.stop(ctx)
        sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    else:
        ctx, act, observe = sites.reprotect("run-ab12"), reprotect.rejoin, reprotect.observe_rejoined
        sites.old.stop(timeout_s=60)
        sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
        sites.facts["patients.ready_to_reprotect"] = reprotect.ready_to_reprotect(ctx)
    with monkeypatch.context() as patched:
        patched.setattr(Server, "drop_slot", killed)
        with pytest.raises(Killed):
            act(ctx)
    while sites.new.lag_of(OLD) is None or not answers(sites.old):
        time.sleep(POLL_S)
    seen = observe(ctx)
    assert (seen.state, seen.reason) == (State.NOT_DONE, "it streams, and its own slot is still there")
    process = sites.old.value("SELECT pg_postmaster_start_time()")

    act(ctx)

    assert slots(sites.old) == {"somebody_elses"}
    assert observe(ctx).state is State.DONE
    assert sites.old.value("SELECT pg_postmaster_start_time()") == process, "it need not start again"


def test_one_that_streams_and_can_not_be_asked_yet_is_not_done(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = sites.context("switchover", OLD, NEW, OLD)
    change.stop(ctx)
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    change.follow(ctx)

    def starting_up(*_: Any) -> bool:
        raise ServerDown("the database system is starting up")

    monkeypatch.setattr(Server, "has_idle_slot", starting_up)
    assert change.observe_following(ctx).state is State.NOT_DONE


# --- reprotect ----------------------------------------------------------------------------------------------------


def test_a_site_that_was_away_until_its_log_was_gone_is_rebuilt(sites: Sites) -> None:
    """It has nothing of its own, and could follow: but it would ask for ever for what nobody has."""
    change.stop(sites.context("switchover", OLD, NEW, OLD))
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    sites.new.query("ALTER ROLE replicator LOGIN")
    assert reprotect.ready_to_reprotect(sites.reprotect("run-ab12"))["way"] == "follow"
    first = sites.new.value("SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'")
    while (
        sites.new.value(f"SELECT min(substr(name, 9)) = '{first}' FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{{24}}$'")
        == "t"
    ):
        sites.new.query("INSERT INTO visit VALUES ('later')")
        sites.new.query("SELECT pg_switch_wal()")
        sites.new.query("CHECKPOINT")

    kept = kept_by(sites, "run-cd34")
    assert (kept["way"], kept["reason"]) == ("reseed", "the server that serves has no longer the log that it lacks")
    assert kept["diverged"]["rows"] == {}
    assert reprotect.rebuild(sites.reprotect("run-cd34"))["rebuilt_by"] == "pg_basebackup"
    reprotect.rejoin(sites.reprotect("run-cd34"))
    assert sites.new.lag_of(OLD) is not None


def test_the_kept_copy_shows_its_last_commits_whatever_a_restore_left(sites: Sites) -> None:
    with Path(sites.old.data, "postgresql.auto.conf").open("a") as file:
        file.write(
            "recovery_target_time = '2020-01-01 00:00:00+00'\nrecovery_target_action = 'promote'\n"
            f"archive_cleanup_command = 'touch {sites.old.socket}/cleaned'\n"
            f"recovery_end_command = 'touch {sites.old.socket}/ended'\n"
        )
    cut_line(sites)
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    sites.old.query("INSERT INTO visit VALUES ('written alone')")
    sites.old.query("INSERT INTO visit VALUES ('written last')")
    sites.old.stop_at_once()

    diverged = kept_by(sites, "run-ab12")["diverged"]

    assert diverged["rows"] == {"public.visit": 2}
    assert diverged["not_shown"] == [], "a log that ends is read to its end"
    assert not [path.name for path in Path(str(sites.old.socket)).iterdir() if path.name in ("cleaned", "ended")]


def begun_long_ago(sites: Sites, *, copied: str) -> Folder:
    """What a rebuild left that was killed before it took anything away. ``copied``: what stands for its pg_control."""
    folder = Folder(sites.old, f"{sites.old.data}.albus-dr-long-ago")
    folder.make()
    control = f"{folder.data}/global/pg_control"
    for directory in (folder.data, f"{folder.data}/global"):
        folder.make_directory(directory)
    write_file(sites.old.host, control, "of long ago", timeout_s=10, run_as=sites.old.run_as)
    identifier = sites.old.control()["Database system identifier"]
    folder.write(Kept("run-long-ago", "rebuilding", "copied", identifier, 1, rewind=True, control=copied))
    return folder


def test_each_database_of_a_server_has_its_own_rows_listed(sites: Sites) -> None:
    """The directory is kept once. What the second database has alone was told by nobody, and the run passed."""
    sites.old.query("CREATE DATABASE ledger")
    sites.old.query("CREATE TABLE entry (note text)", database="ledger")
    cut_line(sites)
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    sites.new.query("ALTER ROLE replicator LOGIN")
    sites.old.query("INSERT INTO visit VALUES ('written alone')")
    sites.old.query("INSERT INTO entry VALUES ('one'), ('two')", database="ledger")
    sites.old.stop(timeout_s=60)
    first = kept_by(sites, "reprotect-one")

    model = sites.reprotect("reprotect-one").runbook.workloads["patients"].model_copy(update={"database": "ledger"})
    ctx = sites.reprotect("reprotect-one")
    both = Runbook.model_construct(**{**dict(ctx.runbook), "workloads": {**ctx.runbook.workloads, "ledger": model}})
    of_ledger = replace(ctx, runbook=both, spec=replace(ctx.spec, id="ledger.verb", workload="ledger"))
    sites.facts["ledger.ready_to_reprotect"] = reprotect.ready_to_reprotect(of_ledger)
    assert reprotect.observe_kept(of_ledger).state is State.NOT_DONE
    second = reprotect.keep(of_ledger)

    assert first["diverged"]["rows"] == {"public.visit": 1}
    assert second["diverged"]["rows"] == {"public.entry": 2}
    assert second["notes"][0].startswith(f"ledger at {OLD}: 2 rows written there alone (public.entry 2)")
    read = sites.old.host.run(("cat", second["list"]), timeout_s=10, run_as=sites.old.run_as).stdout
    assert "2 rows written in public.entry" in read
    assert Path(second["list"]).parent == Path(first["list"]).parent / "ledger"
    for seen, facts in ((reprotect.observe_kept(of_ledger), second), (reprotect.observe_kept(ctx), first)):
        assert (seen.state, seen.facts) == (State.DONE, facts), "a run that is resumed says the same"
    sites.facts["patients.keep"] = first
    reprotect.rebuild(ctx)


def test_a_site_that_served_since_a_rebuild_was_begun_is_kept_anew(sites: Sites) -> None:
    """Long after that rebuild it was promoted itself."""
    sites.old.stop(timeout_s=60)
    copied = postgres_rebuild.control_digest(sites.old, sites.old.data)
    sites.old.follow_nobody(taken=2, timeout_s=60)
    sites.old.promote(PROOF, sites.old.identity(), timeout_s=60)
    while sites.old.lag_of(NEW) is None:
        sites.old.query(f"SELECT pg_sleep({POLL_S})")
    sites.fail_over()
    old = begun_long_ago(sites, copied=copied)

    assert find_begun(sites.old, sites.old.data) is None
    kept = kept_by(sites, "run-ab12")

    assert kept["diverged"]["rows"] == {"public.visit": 1}
    assert Path(kept["kept"], "global", "pg_control").read_bytes() != b"of long ago"
    ctx = sites.reprotect("run-ab12")
    assert reprotect.rebuild(ctx)["rebuilt_by"] == "pg_rewind"
    reprotect.rejoin(ctx)
    reprotect.catch_up(ctx)
    retired = old.read()
    assert retired is not None
    assert retired.stage == "ready", "it speaks against the directory no longer"
    assert sites.old.value("SELECT count(*) FROM visit WHERE note = 'both have it'") == "1"


def test_a_rebuild_that_was_just_cut_off_is_found_and_begins_anew(sites: Sites) -> None:
    sites.fail_over()
    folder = begun_long_ago(sites, copied=postgres_rebuild.control_digest(sites.old, sites.old.data))

    ready = reprotect.ready_to_reprotect(sites.reprotect("run-cd34"))

    assert ready["folder"] == folder.path
    assert "was begun before and not finished" in ready["notes"][0]


def test_a_run_that_is_resumed_after_the_site_has_served_touches_nothing(sites: Sites) -> None:
    sites.fail_over()
    kept_by(sites, "run-ab12")
    sites.old.follow_nobody(taken=2, timeout_s=60)
    sites.old.promote(PROOF, sites.old.identity(), timeout_s=60)
    sites.old.query("INSERT INTO visit VALUES ('written long after')")
    sites.old.stop(timeout_s=60)

    with pytest.raises(RefusedError, match="is not what this run kept") as caught:
        reprotect.rebuild(sites.reprotect("run-ab12"))

    assert "albus-dr abort run-ab12" in caught.value.hint
    sites.old.start(timeout_s=60)
    assert sites.old.value("SELECT count(*) FROM visit WHERE note = 'written long after'") == "1"


def test_settings_are_saved_before_the_state_says_that_the_directory_may_be_moved(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites.old.query("ALTER SYSTEM SET wal_log_hints = off")  # so that no rewind is possible
    sites.old.stop(timeout_s=60)
    sites.old.start(timeout_s=60)
    while sites.old.lag_of(NEW) is None:
        sites.old.query(f"SELECT pg_sleep({POLL_S})")
    sites.fail_over()

    with monkeypatch.context() as patched:
        patched.setattr(reprotect, "_save_configuration", killed)
        with pytest.raises(Killed):
            kept_by(sites, "run-ab12")
    sites.facts["patients.keep"] = reprotect.keep(sites.reprotect("run-ab12"))

    assert sites.facts["patients.keep"]["way"] == "reseed"
    folder = Path(sites.facts["patients.keep"]["folder"])
    assert {path.name for path in (folder / "conf").iterdir()} >= {"postgresql.conf", "pg_hba.conf"}
    ctx = sites.reprotect("run-ab12")
    assert reprotect.rebuild(ctx)["rebuilt_by"] == "pg_basebackup"
    reprotect.rejoin(ctx)


def test_settings_that_can_not_be_saved_stop_it_before_anything(sites: Sites) -> None:
    sites.fail_over()
    Path(sites.old.data, "pg_ident.conf").chmod(0)

    with pytest.raises(StepError, match="can't save the settings"):
        kept_by(sites, "run-ab12")

    assert reprotect.observe_kept(sites.reprotect("run-ab12")).state is State.NOT_DONE


def test_deletions_that_could_not_be_read_to_the_end_are_said_to_be_more(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites.fail_over()
    waldump = postgres_rebuild._waldump

    def broken(server: Server, timeline: int, start: str, more: tuple[str, ...], *rest: Any) -> Completed:
        done = waldump(server, timeline, start, more, *rest)
        return replace(done, code=1, err=b"could not read from file") if "Heap" in more else done

    monkeypatch.setattr(postgres_rebuild, "_waldump", broken)
    diverged = kept_by(sites, "run-ab12")["diverged"]

    assert diverged["deleted"] == {"public.visit": 1}
    assert diverged["not_shown"] == ["deletions could not be read to the end of the write-ahead log: there may be more"]
