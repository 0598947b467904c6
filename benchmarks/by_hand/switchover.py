"""Switchover by hand: python -m benchmarks.by_hand.switchover FROM TO

Documents are brought nearly up to date first; then the door closes, and what changed since is carried over. Before the
door opens, both trees are compared by SHA-256 and the application is asked, as albus-dr does. Afterwards the old
primary follows, and commits wait for it again.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.by_hand.calls import (
    DEMO,
    QUESTIONS,
    USER,
    application,
    door,
    postgres,
    run,
    sql,
    wait_for,
    wait_until_primary,
)


def carry(source: str, target: str) -> None:
    """Every document that the target lacks, or has in another size or from another moment."""
    trees = [listing(DEMO / site / "documents") for site in (source, target)]
    changed = "".join(f"{name}\0" for name, entry in trees[0].items() if trees[1].get(name) != entry)
    if changed:
        script = 'tar -C "$0" --null -T - -cf - | tar -C "$1" -xpf -'
        run("sh", "-c", script, str(DEMO / source / "documents"), str(DEMO / target / "documents"), stdin=changed)


def listing(tree: Path) -> dict[str, str]:
    """Size and time of every file by its name."""
    found = run("find", str(tree), "-type", "f", "-printf", "%P\\t%s %T@\\n")
    return dict(line.split("\t") for line in found.splitlines())


def hashes(site: str) -> str:
    """SHA-256 of every document."""
    tree = DEMO / site / "documents"
    names = run("find", str(tree), "-type", "f", "-printf", "%P\\0").split("\0")[:-1]
    return run("xargs", "-0", "-n", "256", "sha256sum", "-z", "--", cwd=tree, stdin="\0".join(sorted(names)) + "\0")


def promote(site: str, position: str) -> None:
    """Once it has replayed everything up to the position."""
    while sql(site, f"SELECT pg_last_wal_replay_lsn() >= '{position}'") != "t":
        time.sleep(0.02)
    sql(site, "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf(), pg_promote(false)")
    wait_until_primary(site)


def shutdown_position(site: str) -> str:
    """Where the stopped server ended."""
    control = postgres("pg_controldata", "-D", str(DEMO / site / "postgres"))
    return next(line.split()[-1] for line in control.splitlines() if line.startswith("Latest checkpoint location"))


def follow(old: str, new: str) -> None:
    """Make the stopped server a standby of the new primary."""
    slot = f"albus_{old}"
    if slot not in sql(new, "SELECT slot_name FROM pg_replication_slots").splitlines():
        sql(new, f"SELECT pg_create_physical_replication_slot('{slot}', true)")
    data = DEMO / old / "postgres"
    settings = data / "postgresql.auto.conf"
    kept = [line for line in settings.read_text().splitlines()
            if not line.startswith(("primary_", "synchronous_standby_names"))]  # fmt: skip
    address = (
        f"host=127.0.0.1 port={os.environ[new.upper() + '_POSTGRES_PORT']} user=replicator application_name={old} "
        f"passfile={DEMO / old / 'run' / 'replication.pgpass'}"
    )
    settings.write_text("\n".join([*kept, f"primary_conninfo = '{address}'", f"primary_slot_name = '{slot}'", ""]))
    run("install", "-m", "600", *(("-o", USER) if USER else ()), "/dev/null", str(data / "standby.signal"))
    postgres("pg_ctl", "start", "-w", "-s", "-D", str(data), "-l", str(DEMO / old / "run" / "postgres.log"))
    while (
        old not in sql(new, "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'").splitlines()
    ):
        time.sleep(0.05)
    sql(new, f"ALTER SYSTEM SET synchronous_standby_names = '\"{old}\"'", "SELECT pg_reload_conf()")


def main(old: str, new: str) -> None:
    """Change the primary."""
    carry(old, new)
    door(old, "maint")
    application("stop", old)
    carry(old, new)
    postgres("pg_ctl", "stop", "-m", "fast", "-w", "-s", "-D", str(DEMO / old / "postgres"))
    with ThreadPoolExecutor(3) as pool:
        promoted = pool.submit(promote, new, shutdown_position(old))
        here, there = pool.map(hashes, (old, new))
        promoted.result()
    if here != there:
        sys.exit("the documents differ")
    application("start", new)
    for path in QUESTIONS:
        wait_for(f"http://127.0.0.1:{os.environ[new.upper() + '_APPLICATION_PORT']}{path}")
    door(new, "ready")
    follow(old, new)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
