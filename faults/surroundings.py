"""What a site stands on gives way: its disk, its clock, its archive of WAL; and a door that does not answer."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from albus_dr.bench.sites import Bench
from albus_dr.errors import NotReadyError
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.process import Completed
from faults.ground import Ground, Operation, Stuck, fresh, ground
from faults.outcome import Outcome

DISK_MB = 512
WAL_LIMIT_MB = 64
CLOCK_OFF = {"ahead": "+10m", "behind": "-10m"}
PATIENCE_S = 120.0
REFUSED = 8
# libfaketime breaks clock_nanosleep(2), which Python sleeps with.
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], max(0.0, seconds))\n"


# --- a full disk --------------------------------------------------------------------------------------------------


def full_disk(site: str, operation: Operation) -> Outcome:
    """The site's PostgreSQL runs out of disk under traffic; then the operation is tried, and again once there is room."""
    with ground(prepare=lambda bench: small_disk(bench, site)) as here:
        ballast = here.bench.sites[site].server.data / "ballast"
        fill(ballast)
        if site == here.source:
            until(lambda: _has_no_room(here), "the primary goes on although its disk is full")
        if operation == "failover":
            here.lose_power()
        run, last = here.run(operation)
        if last.code != 0:
            ballast.unlink()
            for name in here.bench.sites if operation == "switchover" else (here.target,):
                here.bring_back("PostgreSQL", name)  # as whatever starts servers does after a crash
        return here.outcome(here.go_on(run, last))


def _has_no_room(here: Ground) -> bool:
    """True once it takes no writes. Until then it is asked for a new segment of WAL, sooner than traffic would."""
    with contextlib.suppress(psycopg.Error), here.bench.sites[here.source].server.connect("postgres") as admin:
        admin.execute("SELECT pg_switch_wal()")
    return here.source not in here.observer.writable()


def small_disk(bench: Bench, site: str) -> Callable[[], None]:
    """A tmpfs under the site's PostgreSQL, before there is anything. Raises NotReadyError without root."""
    if os.geteuid() != 0:
        raise NotReadyError("a small disk is a tmpfs, which only root can mount", hint="run it as root")
    data = bench.sites[site].server.data
    owner = data.stat()
    options = f"size={DISK_MB}m,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(data)), check=True, timeout=10)

    def undo() -> None:
        subprocess.run(("umount", str(data)), check=True, timeout=10)

    return undo


def fill(path: Path) -> None:
    """Until there is no room for one more byte."""
    with path.open("wb") as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    os.write(file.fileno(), b"\0" * size)
            except OSError:
                continue


# --- a clock ------------------------------------------------------------------------------------------------------


def wrong_clock_of_albus_dr(operation: Operation, off: str) -> Outcome:
    """The operator's machine is ten minutes off. What is refused for that reason goes on once the clock is right."""
    with ground() as here, tempfile.TemporaryDirectory() as shims:
        (Path(shims) / "sitecustomize.py").write_text(_SLEEP)
        environment = {**faked(off), "PYTHONPATH": shims}
        here.before(operation)
        here.disrupted_at = None  # the operator reads it from that clock, too
        run, last = here.run(operation, environment=environment)
        if (
            last.code == REFUSED and "was set back" in last.err
        ):  # the witness is a file here: that clock is its own, too
            return here.outcome(here.go_on(run, last))
        return here.outcome(here.go_on(run, last, environment))


def wrong_clock_of_a_site(site: str, operation: Operation, off: str) -> Outcome:
    """One site's PostgreSQL is ten minutes off. Its times are the only measure of a loss: a person accepts what it says."""

    def prepare(bench: Bench) -> Callable[[], None]:
        mine = bench.sites[site].server

        def run_with_wrong_clock(program: str, *arguments: str, timeout_s: float = 60) -> Completed:
            # Behind setpriv: what root's libfaketime begins, another user's may not go on with.
            clock = ("env", *(f"{key}={value}" for key, value in faked(off).items()))
            argv = (*clock, str(postgres_program(program)), *arguments)
            return mine.place.run(argv, timeout_s=timeout_s, run_as=mine.system_user)

        object.__setattr__(mine, "run", run_with_wrong_clock)
        return lambda: None

    with ground(prepare=prepare) as here:
        if operation == "failover":
            here.lose_power()
        run, last = here.run(operation)
        if last.code == 8:  # it says that the newest write is old; the operator knows about the clock
            run, last = here.run(operation, "--accept-data-loss")
        return here.outcome(here.go_on(run, last))


def faked(off: str) -> dict[str, str]:
    """libfaketime, for one program and its children; the monotonic clock stays. Raises NotReadyError."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if found is None:
        raise NotReadyError("libfaketime is not installed here", hint="apt-get install faketime")
    return {"LD_PRELOAD": str(found), "FAKETIME": off, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


# --- a slot -------------------------------------------------------------------------------------------------------


def idle_slot() -> Outcome:
    """The standby is away until the primary has thrown away the WAL that it needs. Then it is seeded again, by hand."""
    with ground(prepare=fresh) as here:
        server = here.bench.sites[here.source].server
        with server.connect("postgres") as admin:
            for setting in (f"max_slot_wal_keep_size = '{WAL_LIMIT_MB}MB'", "wal_keep_size = 0", "max_wal_size = '64MB'",
                            "min_wal_size = '32MB'"):  # fmt: skip
                admin.execute(f"ALTER SYSTEM SET {setting}".encode())
            admin.execute("SELECT pg_reload_conf()")
            here.bench.stop_site(here.target)
            # Users wait for the lost standby; what fills the log does not ask for it.
            admin.execute("CREATE TABLE filler (text text); SET synchronous_commit = local")

            def is_lost() -> bool:
                admin.execute(
                    "INSERT INTO filler SELECT repeat(md5(random()::text), 30) FROM generate_series(1, 20000)"
                )
                admin.execute("TRUNCATE filler")
                admin.execute("CHECKPOINT")
                row = admin.execute(
                    "SELECT wal_status FROM pg_replication_slots WHERE slot_type = 'physical'"
                ).fetchone()
                return row == ("lost",)

            until(is_lost, "the slot keeps WAL without a limit")
            admin.execute("DROP TABLE filler")
        here.bench.start_site(here.target)
        run, refused = here.run("switchover")
        if refused.code not in (3, 8):
            raise Stuck(f"a switchover to a standby that can't follow ended with {refused.code}")
        _seed_again(here)
        return here.outcome(here.go_on(run, refused))


def _seed_again(here: Ground) -> None:
    """As the bench made the standby in the first place; users' writes wait for it by its name all the time."""
    server, standby = (here.bench.sites[name].server for name in (here.source, here.target))
    here.bench.stop_site(here.target)
    shutil.rmtree(standby.data)
    standby.data.mkdir(mode=0o700)
    standby.give(standby.data)
    with server.connect("postgres") as admin:
        admin.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    here.bench.start_store(here.target)
    standby.follow(server, here.target)


# --- the door -----------------------------------------------------------------------------------------------------


def silent_door(operation: Operation) -> Outcome:
    """HAProxy hangs from before the operation until a while after it gave up."""
    with ground() as here:
        here.before(operation)
        here.hit("door", "", signal.SIGSTOP)
        run, last = here.run(operation)
        if last.code == 0:
            raise Stuck("it passed although no user could come in")
        here.hit("door", "", signal.SIGCONT)
        return here.outcome(here.go_on(run, last))


# --- in common ----------------------------------------------------------------------------------------------------


def until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait for it. Raises Stuck with ``otherwise``."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise Stuck(otherwise)
        time.sleep(0.1)
