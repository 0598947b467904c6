"""Failover by hand: promote, start the application, move the door. Nothing is proved, verified or written down."""

from __future__ import annotations

from benchmarks.by_hand.calls import application, door, sql, wait_until_primary

if __name__ == "__main__":
    sql("bordeaux", "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf(), pg_promote(false)")
    wait_until_primary("bordeaux")
    application("start", "bordeaux")
    door("strasbourg", "maint")
    door("bordeaux", "ready")
