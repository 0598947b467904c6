"""Two databases of one server: what is done to the server is done once, and neither is in the other's way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.real.operator_desk import Desk

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

SECOND = """workloads:
  ledger:
    kind: postgres
    server: database
    database: ledger
    replication: synchronous
    recovery_points: {dump: backups}
    marker: SELECT max(at) FROM entry
    verify:
      - sql: SELECT count(*) FROM entry
        expect: manifest
"""


@pytest.fixture
def both(desk: Desk) -> Path:
    """The playbook with a second database, which the server has."""
    with desk.bench.sites["strasbourg"].server.connect("postgres") as admin:
        admin.execute("CREATE DATABASE ledger OWNER albus")
    with desk.bench.sites["strasbourg"].server.connect("ledger") as connection:
        connection.execute("CREATE TABLE entry AS SELECT number, now() AS at FROM generate_series(1, 1000) AS number")
    return desk.variant("both.yaml", desk.playbook, ("workloads:\n", SECOND))


def test_a_switchover_a_failover_and_a_reprotect_pass_at_their_first_attempt(desk: Desk, both: Path) -> None:
    assert desk.operate("replicate", playbook=both).code == 0
    moved = desk.operate("switchover", playbook=both)
    assert moved.code == 0, moved.said
    assert desk.sync_state("bordeaux", "strasbourg") == "sync"

    disrupted_at = datetime.now(UTC).isoformat()
    desk.bench.cut_power("bordeaux")
    lost = desk.operate("failover", "--disrupted-at", disrupted_at, "--accept-data-loss", playbook=both)
    assert lost.code == 0, lost.said
    with desk.bench.sites["strasbourg"].server.connect("ledger") as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (1000,)

    desk.bench.start_site("bordeaux")  # as it was: a second primary
    followed = desk.operate("reprotect", playbook=both)
    assert followed.code == 0, followed.said
    assert desk.sync_state("strasbourg", "bordeaux") == "sync"
    for run in (moved, lost, followed):
        attempts = {step["id"]: step["attempts"] for step in run.document["steps"]}
        assert max(attempts.values()) == 1, "nothing was tried twice"
