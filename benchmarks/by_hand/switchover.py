"""Switchover by hand: python -m benchmarks.by_hand.switchover FROM TO

Documents are brought nearly up to date and hashed first; then the door closes, and what changed since is carried over
and hashed again. Before the door opens, both trees are compared by SHA-256 and the application is asked, as albus-dr
does. Afterwards the old primary follows, and commits wait for it again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
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


def stamps(site: str, *still: str) -> dict[str, str]:
    """Size, both times and inode of every document by its name."""
    tree = str(DEMO / site / "documents")
    found = run("find", tree, "-type", "f", *still, "-printf", "%P\\t%s %T@ %C@ %i\\n")
    return dict(line.split("\t") for line in found.splitlines())


def hashes(site: str, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the documents."""
    found = run("xargs", "-0r", "-n", "256", "sha256sum", "-z", "--", cwd=DEMO / site / "documents",
                stdin="".join(f"{name}\0" for name in sorted(names)))  # fmt: skip
    return {name: digest for digest, name in (line.split("  ", 1) for line in found.split("\0")[:-1])}


def hash_ahead(site: str) -> dict[str, tuple[str, str]]:
    """Stamp and SHA-256 of every document that has not changed in the last two seconds."""
    still = stamps(site, "!", "-newerct", "2 seconds ago")
    return {name: (still[name], digest) for name, digest in hashes(site, still).items()}


def hash_rest(site: str, ahead: dict[str, tuple[str, str]]) -> dict[str, str]:
    """SHA-256 of every document: those that changed since are read again."""
    now = stamps(site)
    known = {name: ahead[name][1] for name, stamp in now.items() if ahead.get(name, ("", ""))[0] == stamp}
    return {**known, **hashes(site, now.keys() - known.keys())}


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
    with ThreadPoolExecutor(2) as pool:
        ahead = list(pool.map(hash_ahead, (old, new)))
    door(old, "maint")
    application("stop", old)
    carry(old, new)
    postgres("pg_ctl", "stop", "-m", "fast", "-w", "-s", "-D", str(DEMO / old / "postgres"))
    with ThreadPoolExecutor(3) as pool:
        promoted = pool.submit(promote, new, shutdown_position(old))
        here, there = pool.map(hash_rest, (old, new), ahead)
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
