"""The guard in front of a real PostgreSQL: nothing is acknowledged after the end of its lease, whoever is hurt."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from albus_dr.safety import rule
from albus_dr.safety.guard import SHOWS_WITHIN_S, Guard, _Keeping
from albus_dr.safety.record import Claim, Record, WriteLease
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.guarded import Moments, clock
from albus_dr.tools.register import Held, TrustedRegister
from tests.safety.guarded_site import (
    HERE,
    LEASE_S,
    THERE,
    Client,
    Site,
    Witness,
    leash_of,
    made_site,
    wait_for,
)
from tests.tools import faked_clock
from tests.tools.lossy_line import line_to
from tests.tools.witness_servers import etcd_member

WHOLE_SECONDS_S = 1.0  # of the witness's Date header


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def witness(home: Path) -> Iterator[Witness]:
    with etcd_member(home) as (endpoint, pid):
        yield Witness(endpoint, pid)


@pytest.fixture(scope="module")
def made(home: Path, witness: Witness) -> Iterator[Site]:
    with made_site(home, witness) as site:
        yield site


@pytest.fixture
def site(made: Site) -> Iterator[Site]:
    """Stopped; the witness says that it is the primary."""
    made.witness.establish()
    yield made
    made.end()


def kept(site: Site, **variables: str) -> subprocess.Popen[bytes]:
    guard = site.guard("--keep-lease", command=None, **variables)
    wait_for(lambda: guard.poll() is not None or site.answers(), told=site.said)
    assert guard.poll() is None, site.said()
    return guard


def lease_end(site: Site) -> float:
    """By the witness's clock, which is this machine's."""
    lease = site.witness.record().write_lease
    assert lease
    assert lease.kept
    return lease.renewed_at + WHOLE_SECONDS_S + lease.ttl_s


def ended(guard: subprocess.Popen[bytes], site: Site, code: int) -> str:
    try:
        assert guard.wait(60) == code, site.said()
    except subprocess.TimeoutExpired:
        pytest.fail(site.said())
    return site.said()


# --- plain: it becomes the command, or says why not -----------------------------------------------------------------


def test_where_the_site_is_primary_the_guard_becomes_the_command(site: Site) -> None:
    guard = site.guard()
    wait_for(lambda: guard.poll() is not None or site.answers(), told=site.said)
    assert guard.pid == int((site.data / "postmaster.pid").read_text().split("\n", 1)[0]), site.said()
    lease = site.witness.record().write_lease
    assert lease
    assert (lease.site, lease.kept, lease.ttl_s) == (HERE, False, 35.0)
    guard.send_signal(signal.SIGINT)
    assert guard.wait(60) == 0


class WatchedPlace(FilePlace):
    """A place that remembers when it was asked about the key that it is tried out on."""

    tried: ClassVar[list[float]] = []

    def read(self, key: str) -> Held:
        if "canary" in key:
            self.tried.append(clock())
        return super().read(key)


def test_trying_out_the_witness_takes_none_of_the_time_to_start_in(tmp_path: Path) -> None:
    """One of its members may be silent for seconds."""
    place = WatchedPlace(tmp_path / "witness")
    record = rule.establish(
        None, "albus", (HERE, THERE), HERE, run="test", epoch_seen=0, identities={}, now=time.time(), margin_s=0.0
    ).record
    assert record
    no_servers: Any = None
    place.write("albus", record.to_text("1"), None)
    guard = Guard(
        TrustedRegister(place, "albus"), "albus", (HERE, THERE), HERE, no_servers, tmp_path / "memory",
        LEASE_S, say=print,
    )  # fmt: skip
    asked_at = guard._asked_to_start(guard.lease(5.0, kept=False))
    assert place.tried
    assert asked_at >= max(place.tried)


def test_where_another_site_is_primary_nothing_starts(site: Site) -> None:
    site.witness.move()
    for options in ((), ("--keep-lease",)):
        said = ended(site.guard(*options), site, 8)
        assert "not started: bordeaux is the primary in epoch 2" in said
        assert "with failover-1" in said
        assert not site.processes()
    assert site.witness.record().write_lease is None


def test_under_a_claim_nothing_starts(site: Site) -> None:
    site.witness.change(lambda record, now: replace(record, claim=Claim("failover-2", "bordeaux", now)))
    said = ended(site.guard(), site, 8)
    assert "failover-2 is changing the primary: it has claimed bordeaux" in said
    assert not site.processes()


def test_without_a_record_nothing_starts(site: Site) -> None:
    from albus_dr.tools.etcd_register import EtcdPlace

    EtcdPlace((site.witness.endpoint,)).remove("albus")
    assert "nobody has said who is primary" in ended(site.guard(), site, 8)


def test_an_epoch_that_went_backwards_is_not_believed(site: Site) -> None:
    site.witness.change(lambda record, _: replace(record, epoch=7))
    assert ended(site.guard(command=("true",)), site, 0) == ""
    site.witness.establish()
    told = ended(site.guard(), site, 8)
    assert "epoch went backwards: it says 1, and 7 was seen here before" in told
    assert "as often as it takes for the epoch to be above 7" in told


def test_a_witness_that_does_not_answer_starts_nothing_and_stops_nothing(site: Site) -> None:
    guard = site.guard()
    wait_for(lambda: guard.poll() is not None or site.answers(), told=site.said)
    os.kill(site.witness.pid, signal.SIGSTOP)
    try:
        said = ended(site.guard(command=("true",)), site, 3)
        assert "not started: etcd at" in said
        assert "does not answer" in said
        assert "what to do: what runs goes on; start it once the witness answers" in said
        assert site.answers()
    finally:
        os.kill(site.witness.pid, signal.SIGCONT)


def test_a_probe_is_not_believed_before_a_started_server_has_had_time_to_show(site: Site, tmp_path: Path) -> None:
    """What the guard has become may look at its disk first: there is no process and no port to be found meanwhile."""
    begun = tmp_path / "begun"
    guard = site.guard(command=("sh", "-c", 'touch "$0"; exec sleep 60', str(begun)))
    wait_for(lambda: guard.poll() is not None or begun.exists(), told=site.said)
    assert guard.poll() is None, site.said()
    record = site.witness.record()
    claimed = replace(record, claim=Claim("failover-1", THERE, time.time()))
    assert record.write_lease
    started = record.write_lease.renewed_at
    assert not rule.look(claimed, "failover-1", HERE, started + SHOWS_WITHIN_S, margin_s=5.0).allowed
    guard.kill()
    guard.wait()


def test_a_standby_starts_at_either_site(site: Site) -> None:
    site.witness.move()
    (site.data / "standby.signal").touch()
    guard = site.guard()
    wait_for(lambda: guard.poll() is not None or site.answers(), told=site.said)
    assert "starts as a standby" in site.said()
    with site.connect() as connection:
        row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    assert row == (True,)
    assert site.witness.record().write_lease is None


def test_a_program_that_is_not_there(site: Site) -> None:
    for options in ((), ("--keep-lease",)):
        assert "there is no program /nowhere/postgres" in ended(
            site.guard(*options, command=("/nowhere/postgres",)), site, 3
        )


def test_a_guard_that_is_stopped_before_it_starts_the_command_never_starts_it(site: Site, tmp_path: Path) -> None:
    """Stopped between the witness's answer and the start: after the window it is killed, and not continued."""
    slow = tmp_path / "sitecustomize.py"  # the guard stops itself at the last moment
    slow.write_text(
        "import os, signal, sys\n"
        "if 'guard' in sys.argv:\n"
        "    execv = os.execv\n"
        "    def late(*args):\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
        "        execv(*args)\n"
        "    os.execv = late\n"
    )
    mark = tmp_path / "started"
    guard = site.guard(command=("touch", str(mark)), PYTHONPATH=f"{tmp_path}")
    wait_for(lambda: guard.poll() is not None or _state(guard.pid) == "T", told=site.said)
    assert _state(guard.pid) == "T", site.said()
    assert guard.wait(30) == -signal.SIGKILL
    assert not mark.exists()


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


# --- with a lease ---------------------------------------------------------------------------------------------------


def test_the_lease_is_renewed_and_given_back(site: Site) -> None:
    guard = kept(site)
    first = site.witness.record().write_lease
    assert first
    assert first.ttl_s == LEASE_S
    wait_for(lambda: (now := site.witness.record().write_lease) and now.renewed_at > first.renewed_at + LEASE_S)
    assert site.answers()
    guard.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
    assert guard.wait(60) == 0, site.said()
    assert not site.processes()
    assert site.witness.record().write_lease is None


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("sleep 1 & exit 3", 3)])
def test_the_exit_code_is_the_commands(site: Site, command: str, code: int) -> None:
    ended(site.guard("--keep-lease", command=("sh", "-c", command)), site, code)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_are_passed_on(site: Site, tmp_path: Path, name: str) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'exit 42' {name[3:]}; touch {ready}; while :; do sleep 0.1; done"
    guard = site.guard("--keep-lease", command=("sh", "-c", script))
    wait_for(ready.exists, told=site.said)
    guard.send_signal(getattr(signal, name))
    ended(guard, site, 42)


def test_a_claim_does_not_stop_the_holder(site: Site) -> None:
    guard = kept(site)
    with Client(site) as client:
        site.witness.change(lambda record, now: replace(record, claim=Claim("failover-2", "bordeaux", now)))
        end = lease_end(site)
        wait_for(lambda: client.last > end + 1)
    assert guard.poll() is None


def test_a_person_who_tells_the_witness_anew_does_not_stop_the_holder(site: Site) -> None:
    """Its lease proves nothing then, until it has renewed it."""

    def told(record: Record, now: float) -> Record:
        anew = rule.establish(
            record, "albus", (HERE, THERE), HERE, run="test", epoch_seen=1, identities={}, now=now, margin_s=1
        )
        assert anew.record
        assert anew.record.write_lease
        assert not anew.record.write_lease.kept
        return anew.record

    guard = kept(site)
    with Client(site) as client:
        site.witness.change(told)
        wait_for(lambda: (lease := site.witness.record().write_lease) and lease.kept, told=site.said)
        end = lease_end(site)
        wait_for(lambda: client.last > end + 1, told=site.said)
    assert site.witness.record().epoch == 2
    assert guard.poll() is None


def test_the_epoch_moved(site: Site) -> None:
    """The commit of a failover that rests on a lapsed lease can't come before the lapse; every other ends it at once."""
    guard = kept(site)
    with Client(site) as client:
        moved_at = time.time()
        site.witness.move()
        said = ended(guard, site, 8)
        assert not site.processes()
        assert client.last < moved_at + LEASE_S + WHOLE_SECONDS_S
    assert "ended what it guarded: bordeaux is the primary in epoch 2" in said


@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_guard_is_hurt(site: Site, sign: signal.Signals) -> None:
    guard = kept(site)
    with Client(site) as client:
        guard.send_signal(sign)
        assert site.last_seen() < lease_end(site)
        time.sleep(0.2)
        assert client.last < lease_end(site)
    # A guard that is gone is not waited for; one that stands still may go on, and PostgreSQL may end in its own way.
    assert ("received fast shutdown request" in site.said()) == (sign == signal.SIGSTOP)
    if sign == signal.SIGSTOP:
        guard.send_signal(signal.SIGCONT)
        ended(guard, site, 8)


@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_leash_is_hurt(site: Site, sign: signal.Signals) -> None:
    """The guard ends everything itself: at once when the leash is gone, in time when it stands still."""
    guard = kept(site)
    with Client(site) as client:
        if sign == signal.SIGSTOP:
            os.kill(site.witness.pid, signal.SIGSTOP)
        try:
            os.kill(leash_of(guard), sign)
            seen = site.last_seen()
        finally:
            os.kill(site.witness.pid, signal.SIGCONT)
        assert seen < lease_end(site)
        assert client.last < lease_end(site)
    ended(guard, site, 8)


def test_the_witness_is_gone_for_a_while(site: Site) -> None:
    guard = kept(site)
    with Client(site) as client:
        os.kill(site.witness.pid, signal.SIGSTOP)
        try:
            seen = site.last_seen()
            said = ended(guard, site, 8)
        finally:
            os.kill(site.witness.pid, signal.SIGCONT)
        assert seen < lease_end(site)
        assert client.last < lease_end(site)
    assert "the lease of 6 s could not be renewed: etcd at" in said
    kept(site)  # and comes back with the witness


def test_the_answers_to_its_renewals_are_lost(site: Site) -> None:
    """It reads what became of each, and goes on."""
    with line_to(int(site.witness.endpoint.rpartition(":")[2])) as line:
        by_line = site.home / "by-line.yaml"
        config = (site.home / "config.yaml").read_text()
        by_line.write_text(config.replace(site.witness.endpoint, f"http://127.0.0.1:{line.port}"))
        guard = kept(site, ALBUS_DR_CONFIG=str(by_line))
        with Client(site) as client:
            line.loses = b"/v3/kv/txn"
            end = lease_end(site)
            wait_for(lambda: client.last > end + 1, told=site.said)
            assert line.lost
        assert guard.poll() is None


def test_a_stopped_server_is_killed_all_the_same(site: Site) -> None:
    """PostgreSQL that hears no signal: every process of it is stopped."""
    kept(site)
    with Client(site):
        pids = site.processes()
    for pid in pids:
        with suppress(ProcessLookupError):  # the client's backend has gone
            os.kill(pid, signal.SIGSTOP)
    os.kill(site.witness.pid, signal.SIGSTOP)
    try:
        seen = site.last_seen()
    finally:
        os.kill(site.witness.pid, signal.SIGCONT)
    assert seen < lease_end(site)


@pytest.mark.skipif(not faked_clock.LIBFAKETIME, reason="libfaketime is not installed")
@pytest.mark.parametrize("step", ["-600", "+600"])
def test_the_clock_of_the_machine_is_set_while_it_runs(site: Site, step: str) -> None:
    """A step of ten minutes ends nothing too late and nothing too early: only CLOCK_BOOTTIME counts."""
    clock = site.home / "clock"
    clock.write_text("+0")
    with ExitStack() as until_the_end:
        guard = kept(site, **until_the_end.enter_context(faked_clock.faked_clock(clock)))
        client = until_the_end.enter_context(Client(site))
        clock.write_text(step)
        with site.connect() as connection:
            row = connection.execute(
                "SELECT abs(extract(epoch FROM clock_timestamp()) - %s) > 500", (time.time(),)
            ).fetchone()
            assert row == (True,)  # it is set for everything that the guard started
        end = lease_end(site)
        wait_for(lambda: client.last > end + 1, told=site.said)  # goes on: renewed meanwhile
        os.kill(site.witness.pid, signal.SIGSTOP)
        try:
            seen = site.last_seen()
            ended(guard, site, 8)
        finally:
            os.kill(site.witness.pid, signal.SIGCONT)
        assert seen < lease_end(site)
        assert client.last < lease_end(site)


def test_a_standby_that_is_promoted_takes_a_lease(site: Site) -> None:
    (site.data / "standby.signal").touch()
    guard = kept(site)
    assert "takes a lease when promoted" in site.said()
    assert site.witness.record().write_lease is None
    with site.connect() as connection:
        connection.execute("SELECT pg_promote()")
    wait_for(lambda: site.witness.record().write_lease, told=site.said)
    with Client(site) as client:
        guard.send_signal(signal.SIGKILL)
        assert site.last_seen() < lease_end(site)
        assert client.last < lease_end(site)


def of_two_servers(directory: Path) -> tuple[Guard, FilePlace, Record]:
    """The second is a standby still. The place holds nothing yet."""
    one, other = (directory / name for name in ("one", "other"))
    for data in (one, other):
        data.mkdir()
    (other / "standby.signal").touch()
    servers: Any = SimpleNamespace(servers={data.name: SimpleNamespace(data=str(data)) for data in (one, other)})
    place = FilePlace(directory / "witness")
    record = rule.establish(
        None, "albus", (HERE, THERE), HERE, run="failover-1", epoch_seen=0, identities={}, now=time.time(), margin_s=0.0
    ).record
    assert record
    register = TrustedRegister(place, "albus")
    return (
        Guard(register, "albus", (HERE, THERE), HERE, servers, directory / "memory", LEASE_S, say=print),
        place,
        record,
    )


def test_of_two_servers_the_one_promoted_first_outlives_the_promotion_of_the_other(tmp_path: Path) -> None:
    """A promotion ends the lease of its site: it is taken once both were promoted. Until then nothing proves by time."""
    guard, place, record = of_two_servers(tmp_path)
    promoted = replace(record, write_lease=WriteLease(HERE, rule.PROMOTION, False, 0.0, float(int(time.time()))))
    place.write("albus", promoted.to_text("1"), None)
    assert not guard.is_standby()
    extended: list[Moments] = []
    running: Any = SimpleNamespace(extend=extended.append, end=lambda: pytest.fail("it was ended"))
    keeping = _Keeping(guard, running, has_lease=False)

    keeping._renew()
    assert (len(extended), keeping.has_lease) == (1, False)
    assert Record.from_text(place.read("albus").text or "").write_lease == promoted.write_lease

    (tmp_path / "other" / "standby.signal").unlink()
    keeping._renew()
    assert (len(extended), keeping.has_lease) == (2, True)


def test_beside_a_standby_a_lease_is_taken_where_an_earlier_one_could_be_taken_for_lapsed(tmp_path: Path) -> None:
    """Promoted by hand: what the witness holds is the lease of an earlier day, and its end would prove that nobody writes."""
    guard, place, record = of_two_servers(tmp_path)
    place.write("albus", replace(record, write_lease=WriteLease(HERE, "earlier", True, 5.0, 1.0)).to_text("1"), None)
    running: Any = SimpleNamespace(extend=lambda _: None, end=lambda: pytest.fail("it was ended"))
    keeping = _Keeping(guard, running, has_lease=False)
    keeping._renew()
    assert keeping.has_lease


def test_a_standby_that_is_promoted_by_hand_at_the_wrong_site_is_ended(site: Site) -> None:
    site.witness.move()
    (site.data / "standby.signal").touch()
    guard = kept(site)
    with site.connect() as connection:
        connection.execute("SELECT pg_promote()")
    assert "bordeaux is the primary in epoch 2" in ended(guard, site, 8)
    assert not site.processes()


def test_one_guard_at_a_time_and_no_server_beside_it(site: Site) -> None:
    guard = kept(site)
    log = site.said()
    assert "another guard of this site runs on this machine" in ended(site.guard("--keep-lease"), site, 8), log
    assert "another guard of this site runs on this machine" in ended(site.guard(command=("true",)), site, 8)
    end = lease_end(site)
    wait_for(lambda: guard.poll() is not None or lease_end(site) > end + 1, told=site.said)  # it was renewed
    assert guard.poll() is None
    assert site.answers()
    site.end()
    site.witness.establish()
    plain = site.guard()
    wait_for(lambda: plain.poll() is not None or site.answers(), told=site.said)
    assert "already, without this guard" in ended(site.guard("--keep-lease"), site, 8)
    assert site.answers()


def test_wrong_usage(site: Site) -> None:
    runbook = str(site.home / "runbook.yaml")
    for options, said in (
        (("--site", "strasburg", "--", "true"), "the runbook has no site strasburg"),
        (("--site", HERE), "Missing argument"),
        (("--", "true"), "Missing option"),
    ):
        done = subprocess.run(
            (sys.executable, "-m", "albus_dr", "guard", runbook, *options), capture_output=True, text=True, timeout=60,
            env={**os.environ, "PORT": "1", "USER_NAME": "x", "ALBUS_DR_STATE": str(site.home / "state")}, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr
