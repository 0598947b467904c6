"""What people read of a status: at every width, in both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from albus_dr.check.compliance import Compliance
from albus_dr.cli.common import load_runbook
from albus_dr.cli.folding import UNFOLDED
from albus_dr.cli.live.standing import lines as status_lines
from albus_dr.cli.live.standing import text
from albus_dr.cli.status import History, Status
from albus_dr.cli.witness import Held, lines
from albus_dr.report.french import FRENCH
from albus_dr.report.words import ENGLISH, Words
from albus_dr.runbook.model import Runbook
from albus_dr.safety.record import Claim, Record, RunLease, WriteLease
from albus_dr.safety.rule import PROMOTION
from albus_dr.safety.witness import Seen
from albus_dr.workloads.standing import Replication, concerns
from tests.cli.test_status import GONE, NOW, STREAMS, TOP, standings
from tests.report.run_states import passed

AT = NOW.timestamp()
LEASE = WriteLease("strasbourg", "root@db1", kept=True, ttl_s=30.0, renewed_at=AT)
RUN = RunLease("failover-7f3a", "ines@desk", "failover of albus", "desk", 30.0, AT)
RECORD = Record(
    "albus", ("strasbourg", "bordeaux"), 2, "strasbourg", "switchover-1", AT, unfinished="switchover-1",
    claim=Claim("failover-7f3a", "bordeaux", AT), write_lease=LEASE, run_lease=RUN,
)  # fmt: skip


@pytest.fixture(scope="module")
def runbook() -> Runbook:
    return load_runbook(Path(TOP / "playbooks" / "albus.yaml"), None, acts=False).runbook


def held(record: Record | None = RECORD, later_s: float = 0.0) -> Held:
    return Held("the directory /srv/witness on this machine", Seen(record, "1", AT + later_s, 0.0), 5.0)


def status(runbook: Runbook) -> Status:
    found = standings(roles={("door", "bordeaux"): "open"}, replication=GONE, ages={"documents": timedelta(days=2)})
    drill = passed()
    drill.operation, drill.run = "drill", "drill-20260309T031200Z-7f3a1b2c"
    drill.clocks["ended_at"] = NOW - timedelta(days=1)
    reason = "no drill has passed yet"
    compliance = Compliance("albus", NOW, "overdue", reason, NOW, drill, 365 * 86400.0, "9f")
    history = History("strasbourg", "bordeaux", drill, compliance, drill, None, "", (drill, passed()), ())
    wrong = (*concerns(found, runbook, "strasbourg", NOW), f"a drill is due: {reason}; one is promised every 365 d")
    limits_s = {name: 900.0 if name == "documents" else None for name in runbook.workloads}
    return Status("albus", NOW, found, history, ("patients",), wrong, held(), runbook.objectives, limits_s)


@pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])
@pytest.mark.parametrize("width", [80, 100])
def test_it_fits_the_terminal_and_breaks_no_word(runbook: Runbook, words: Words, width: int) -> None:
    shown, whole = text(status(runbook), words, width), text(status(runbook), words, UNFOLDED)
    assert [line for line in shown.splitlines() if len(line) > width] == []
    assert shown.split() == whole.split()


def test_a_pipe_has_one_line_for_what_belongs_together(runbook: Runbook) -> None:
    shown = text(status(runbook), ENGLISH, UNFOLDED)
    assert "documents    bordeaux" not in shown
    assert re.search(
        r"^documents +strasbourg +present +newest recovery point 2 d old \(at most 15 min\)$", shown, re.MULTILINE
    )
    assert re.search(r"^patients +strasbourg +primary +newest recovery point [0-9.]+ \w+ old$", shown, re.MULTILINE)
    assert re.search(
        r"^  - patients at strasbourg: no standby named bordeaux streams; WRITERS WAIT .* is set$", shown, re.MULTILINE
    )
    assert re.search(r"^last drill +passed, ended 2026-03-09 03:12:00 UTC; the next must pass by ", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("replication", "said"),
    [
        (STREAMS, "; each commit waited 14 ms for it lately"),
        (replace(STREAMS, confirmed_after_s=0.0002), "; each commit waited 1 ms for it lately"),
        (replace(STREAMS, confirmed_after_s=None), "0 B behind, 64 B to be replayed"),
        (replace(STREAMS, synchronous=False, sync_state="async"), "0 B behind, 64 B to be replayed"),
        (replace(STREAMS, sync_state="potential"), "0 B behind, 64 B to be replayed"),
    ],
    ids=["far away", "next door", "nobody wrote", "nobody waits", "they wait for another"],
)
def test_what_a_commit_costs_is_said_where_it_waits(runbook: Runbook, replication: Replication, said: str) -> None:
    shown = text(replace(status(runbook), standings=standings(replication=replication)), ENGLISH, UNFOLDED)
    (line,) = [line for line in shown.splitlines() if "synchronous: " in line]
    assert line.endswith(said)


def test_what_needs_attention_is_last_in_a_scroll_and_first_on_a_screen(runbook: Runbook) -> None:
    scroll = [line for _, line in status_lines(status(runbook), ENGLISH, 80)]
    screen = [line for _, line in status_lines(status(runbook), ENGLISH, 80, urgent_first=True)]
    assert "a drill is due" in scroll[-1]
    assert screen[2] == "Not as it should be:"
    assert sorted(scroll) == sorted(screen)


def test_it_is_told_in_french(runbook: Runbook) -> None:
    shown = text(status(runbook), FRENCH, UNFOLDED)
    assert "albus : strasbourg assure le service" in shown.replace("\N{NO-BREAK SPACE}", " ")
    assert "LES ÉCRITURES ATTENDENT" in shown
    assert re.search(r"^dernier exercice +réussi, terminé le 09/03/2026 à 03:12:00", shown, re.MULTILINE)
    told = re.findall(r"\b(?:the|of|at|is|by|not|since|old|behind|passed|unless|left)\b", shown)
    assert told == []


class Marked(Words):
    def say(self, english: str, /, **values: object) -> str:
        return "§"

    def retold(self, english: str) -> str:
        return "§"


def test_nothing_is_said_past_the_language(runbook: Runbook) -> None:
    shown = text(status(runbook), Marked(), UNFOLDED)
    for name in (
        "strasbourg",
        "bordeaux",
        "patients",
        "documents",
        "application",
        "door",
        *(r.run for r in status(runbook).history.runs),
    ):
        shown = shown.replace(name, "")
    assert re.findall(r"[A-Za-z]{2,}", shown) == []


@pytest.mark.parametrize(
    ("lease", "later_s", "said"),
    [
        (LEASE, 0, "root@db1 at strasbourg keeps a lease, which lapses in 35 s unless it is renewed"),
        (LEASE, 60, "its guard has ended the server or is gone; where strasbourg is to serve, look at its guard"),
        (WriteLease("bordeaux", PROMOTION, False, 30.0, AT), 0, "bordeaux: a server may still be started as the primary, for 35"),
        (WriteLease("bordeaux", PROMOTION, False, 30.0, AT), 60, "is over. Nothing to do: a guard asks again"),
    ],
)  # fmt: skip
def test_a_lease_says_what_it_means_and_what_to_do(lease: WriteLease, later_s: float, said: str) -> None:
    record = Record("albus", ("strasbourg", "bordeaux"), 2, "bordeaux", "failover-1", AT, write_lease=lease)
    assert said in dict(lines(held(record, later_s)))["guard"]


def test_a_run_whose_lease_has_lapsed_stands_in_nobodys_way() -> None:
    assert dict(lines(held()))["run"] == (
        "failover of albus by ines@desk (failover-7f3a); its lease lapses in 35 s unless it is renewed"
    )
    assert dict(lines(held(later_s=60)))["run"].endswith("and another may begin")


def test_a_witness_that_holds_nothing_says_so() -> None:
    assert dict(lines(held(None)))["primary"] == "nothing is written here before the first change of primary"
