"""compliance: a year of weekly drills, the answer on every day, and the command itself."""

from __future__ import annotations

import functools
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from albus_dr.check.compliance import Promise, decide, document, told_at
from albus_dr.cli import status
from albus_dr.cli.charge import witness_of
from albus_dr.cli.common import load_runbook
from albus_dr.cli.compliance import look
from albus_dr.cli.schema import SCHEMAS
from albus_dr.engine.history import runs_of
from albus_dr.engine.promise import promised_rpo_s
from albus_dr.engine.verdict import judge
from albus_dr.journal import store as store_module
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState, StepState
from albus_dr.journal.store import JournalStore
from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.report.french import FRENCH
from albus_dr.runbook.loader import Loaded
from albus_dr.runbook.model import Objectives, Operation
from albus_dr.workloads.registry import kinds
from tests.tools import faked_clock

TOP = Path(__file__).resolve().parents[2]
FIRST = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)  # a Monday; a drill begins at four and is over at half past
OVER, BACK = timedelta(minutes=30), timedelta(minutes=9)
MISSED, OVER_BUDGET, FAILED, SLOW, CHANGED = 70, 105, 140, 210, 250  # days
STRICTER = (316, 322)  # from the day after a drill to the next one, the runbook has a smaller budget
DIGEST = "d1" * 32
THERE, BACK_AGAIN = ("strasbourg", "bordeaux"), ("bordeaux", "strasbourg")  # source and target


class Book:
    """The shipped runbook with another period, and a journal whose clock is wherever the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "albus.yaml"
        text = (TOP / "playbooks" / "albus.yaml").read_text()
        self.path.write_text(re.sub(r"drill_every: 1y", "drill_every: 10d", text))
        self.config = TOP / "configs" / "demo.yaml"
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.store = JournalStore(f"sqlite:///{self.state / 'engine.sqlite'}", self.state)
        self.at = FIRST
        monkeypatch.setattr(store_module, "now", lambda: self.at.isoformat(timespec="milliseconds"))

    @property
    def loaded(self) -> Loaded:
        return load_runbook(self.path, self.config, acts=False)

    def plan(
        self, loaded: Loaded | None = None, operation: Operation = "drill", sites: tuple[str, str] = THERE
    ) -> Plan:
        source, target = sites
        return build((loaded or self.loaded).runbook, operation, source=source, target=target, kinds=kinds())

    def change(self) -> None:
        """One more question to the restored database."""
        text = self.path.read_text()
        question = "      - sql: SELECT count(*) FROM invoice\n        expect: manifest\n"
        assert question in text
        self.path.write_text(text.replace(question, f"{question}{question.replace('invoice', 'visit')}", 1))

    def allow(self, data_recovered: str) -> None:
        """Another budget for the data to be back."""
        text = self.path.read_text()
        assert len(re.findall(r"data_recovered: \w+", text)) == 1
        self.path.write_text(re.sub(r"data_recovered: \w+", f"data_recovered: {data_recovered}", text))

    def declare(
        self, begins: datetime, plan: Plan, objectives: Objectives, *, epoch_seen: int = 0, point: str = ""
    ) -> str:
        """A run that was declared, and nothing more."""
        run = f"{plan.operation}-{begins:%Y%m%dT%H%M%SZ}-00000001"
        self.at = begins
        self.store.append(run, "RunDeclared", {
            "runbook": "albus", "operation": plan.operation, "plan": plan.to_json(), "plan_digest": plan.digest,
            "source": plan.source, "target": plan.target,
            "options": {"epoch_seen": epoch_seen, **({"point": point} if point else {})},
            "objectives": {
                "rto_s": objectives.rto, "rpo_s": objectives.rpo, "clock": "disruption", "budgets": dict(objectives.budgets),
            },
        })  # fmt: skip
        return run

    def drill(
        self, begins: datetime, *, sites: tuple[str, str] = THERE, epoch_seen: int = 0, failed: bool = False,
        took: timedelta = BACK, point: str = "", **answered: Any,
    ) -> str:  # fmt: skip
        """A drill as the journal would have it: events at their times, judged by the engine's own rule."""
        loaded = self.loaded
        plan = self.plan(loaded, sites=sites)
        run = self.declare(begins, plan, loaded.runbook.objectives, epoch_seen=epoch_seen, point=point)
        self.store.append(run, "ClockRecorded", {"clock": "disrupted_at", "at": begins.isoformat()})
        broken = plan.steps[-2].id if failed else ""
        for step in plan.steps:
            if step.id == broken:
                failure = {"error": "the data came back wrong", "exit_code": 5, **answered}
                self.store.append(run, "StepFailed", failure, step=step.id)
                continue
            facts = {"newest_write_at": (begins - timedelta(minutes=3)).isoformat()} if step.workload else {}
            self.store.append(run, "StepSucceeded", {"facts": facts, "adopted": False}, step=step.id)
        if not failed:
            at = (begins + took).isoformat()
            for clock in ("data_recovered_at", "service_verified_at"):
                self.store.append(run, "ClockRecorded", {"clock": clock, "at": at})
        self.at = begins + max(OVER, took)
        promised = promised_rpo_s(loaded.runbook, "drill")
        judgement = judge(
            fold(self.store.events(run)),
            failure_codes={broken: 5},
            tolerated=frozenset(),
            rpo_by_workload=promised,
            clocks=frozenset({"service_verified_at"}),
            may_lose=True,
        )
        self.store.append(run, "RunEnded", judgement.to_json())
        return run


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    book = Book(tmp_path, monkeypatch)
    yield book
    book.store.close()


def expected(day: int) -> tuple[int, timedelta]:
    """The exit code at noon of the day, and when the next drill is due, counted from the first one's begin."""
    last = day - day % 7
    if day < 0 or CHANGED <= day < 252:
        return 9, timedelta(days=day, hours=8)  # at once
    if FAILED <= day < FAILED + 7:
        return 9, timedelta(days=FAILED) + OVER
    if MISSED <= day < MISSED + 7:
        return (0 if day < 73 else 9), timedelta(days=63 + 10) + BACK
    if OVER_BUDGET <= day < OVER_BUDGET + 7:
        return 6, timedelta(days=OVER_BUDGET + 10, hours=3)
    if SLOW <= day < SLOW + 7:
        return 6, timedelta(days=SLOW + 10, hours=5)
    return (6 if day in range(*STRICTER) else 0), timedelta(days=last + 10) + BACK


@pytest.mark.timeout(600)
def test_a_year_of_weekly_drills_is_answered_rightly_on_every_day(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command answers: it gets the journal, and the runbook as it is on that day."""
    validator = Draft202012Validator(SCHEMAS["compliance"](), format_checker=Draft202012Validator.FORMAT_CHECKER)
    loaded, first = book.loaded, book.plan().digest
    read_once = functools.cache(book.store.events)  # of a run that has ended nothing changes any more
    wrong = []
    for day in range(-3, 365):
        if day in (CHANGED, *STRICTER):
            book.change() if day == CHANGED else book.allow("5m" if day == STRICTER[0] else "2h")
            loaded = book.loaded
        if day >= 0 and day % 7 == 0 and day != MISSED:
            took = {SLOW: timedelta(hours=5), OVER_BUDGET: timedelta(hours=3)}.get(day, BACK)
            book.drill(FIRST + timedelta(days=day), failed=day == FAILED, took=took)
        with monkeypatch.context() as patch:
            patch.setattr(book.store, "events", read_once)
            found = look(book.store, loaded, FIRST + timedelta(days=day, hours=8))
        validator.validate(document(found))
        if (int(found.exit_code), found.due_at - FIRST) != expected(day):
            wrong.append((day, int(found.exit_code), found.due_at - FIRST, found.reason))
    assert wrong == []
    assert book.plan().digest != first
    assert len(list(runs_of(book.store, "albus"))) == 52
    # Asked about a day that is over, it knows nothing of what came later.
    for day in (CHANGED, 253, 300):
        assert int(look(book.store, loaded, FIRST + timedelta(days=day, hours=8)).exit_code) == expected(day)[0]


@pytest.mark.skipif(not faked_clock.LIBFAKETIME, reason="libfaketime is not installed")
def test_the_command_says_the_same_on_a_machine_whose_clock_is_shifted(book: Book) -> None:
    """One drill on time, one missed, one that passed again, one failed, one slow; then the plan changes."""
    book.drill(FIRST)
    answers = {day: told_at_noon(book, day) for day in (9, 10)}
    book.drill(FIRST + timedelta(days=14))
    answers[14] = told_at_noon(book, 14)
    book.drill(FIRST + timedelta(days=21), failed=True)
    answers[21] = told_at_noon(book, 21)
    book.drill(FIRST + timedelta(days=28), took=timedelta(hours=5))
    answers[28] = told_at_noon(book, 28)
    book.drill(FIRST + timedelta(days=35))
    answers[35] = told_at_noon(book, 35)
    book.change()
    answers[36] = told_at_noon(book, 36)
    passed = {day: timedelta(days=day + 10) + BACK for day in (0, 14, 35)}
    assert answers == {
        9: (0, passed[0]), 10: (9, passed[0]), 14: (0, passed[14]), 21: (9, timedelta(days=21) + OVER),
        28: (6, timedelta(days=38, hours=5)), 35: (0, passed[35]), 36: (9, timedelta(days=36, hours=8)),
    }  # fmt: skip


def told_at_noon(book: Book, day: int) -> tuple[int, timedelta]:
    """The exit code, and when the next drill is due; at once is within the minute."""
    clock = book.state / "clock"
    clock.write_text(f"@{FIRST + timedelta(days=day, hours=8):%Y-%m-%d %H:%M:%S}")
    with faked_clock.faked_clock(clock) as variables:
        done = compliance(book, "--json", environment={**variables, "TZ": "UTC"})
    due_at = datetime.fromisoformat(json.loads(done.stdout)["due_at"])
    return done.returncode, timedelta(minutes=(due_at - FIRST) // timedelta(minutes=1))


# --- who is the primary ---------------------------------------------------------------------------------------------


def test_status_judges_the_drills_of_the_direction_that_the_witness_names(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change of primary was made on another machine: this journal has not heard of it, and the witness has."""
    monkeypatch.setenv("ALBUS_DEMO", str(tmp_path))
    now = datetime.now(UTC)
    book.drill(now - timedelta(days=2))
    assert status.look(book.store, book.loaded).history.compliance.exit_code == 0
    witness_of(book.loaded).establish("bordeaux", run="elsewhere", epoch_seen=0, identities={}, other_ended=True)
    seen = status.look(book.store, book.loaded)
    assert (seen.history.primary, seen.history.compliance.exit_code) == ("bordeaux", 9)
    assert any("none has shown yet that strasbourg can recover" in concern for concern in seen.concerns)

    drill = book.drill(now - timedelta(days=1), sites=BACK_AGAIN)  # told of no epoch: the witness alone says so
    found = status.look(book.store, book.loaded).history.compliance
    assert found.drill is not None
    assert (found.exit_code, found.drill.run) == (0, drill)


def test_without_asking_anybody_the_drills_count_of_the_direction_that_the_last_run_was_told(book: Book) -> None:
    def answer(day: float) -> tuple[int, str]:
        found = look(book.store, book.loaded, FIRST + timedelta(days=day))
        return int(found.exit_code), found.drill.run if found.drill else ""

    there = book.drill(FIRST)
    assert answer(1) == (0, there)

    replicate = book.plan(operation="replicate", sites=BACK_AGAIN)
    book.declare(FIRST + timedelta(days=2), replicate, book.loaded.runbook.objectives, epoch_seen=1)
    assert answer(3) == (9, "")

    back = book.drill(FIRST + timedelta(days=4), sites=BACK_AGAIN, epoch_seen=1)
    assert answer(9) == (0, back)

    book.drill(FIRST + timedelta(days=9))  # while the witness was silent: as the journal alone would have it
    assert answer(10) == (0, back)
    assert answer(15) == (9, back)

    again = book.drill(FIRST + timedelta(days=16), epoch_seen=2)
    assert answer(17) == (0, again)


# --- the rule at its edges ------------------------------------------------------------------------------------------


def ended(verdict: str = "passed", code: int | None = 0, *, day: float = 0, **more: Any) -> RunState:
    """A drill that ended ``day`` days after the first one began."""
    state = RunState(
        run=f"drill-{day}", runbook="albus", description="", operation="drill", scenario=None, plan_digest=DIGEST, source="a",
        target="b", rto_s=100, rpo_s=100, clock="disruption", verdict=verdict, exit_code=code, reason="why", rta_s=50, rpa_s=5,
        rpa_by_workload={"db": 5},
    )  # fmt: skip
    state.clocks["ended_at"] = FIRST + timedelta(days=day)
    return replace(state, **more)


PROMISE = Promise("albus", 10 * 86400, 100, {"db": 10}, DIGEST, "b")


def code(*runs: RunState, day: float = 9, promise: Promise = PROMISE) -> int:
    return int(decide(promise, runs, FIRST + timedelta(days=day)).exit_code)


def test_the_period_ends_after_its_last_moment() -> None:
    assert code(ended(), day=10) == 0
    assert code(ended(), day=10.0001) == 9


def resumed(day: float, *, cleaned_up: float) -> RunState:
    """A drill whose cleanup was done by a resume, so many days after the first one began."""
    steps = {
        id_: StepState(id_, id_, "", "b", action, (), status="succeeded", ended_at=FIRST + timedelta(days=at))
        for id_, action, at in (("db.verify", "postgres.verify", day), ("cleanup", "site.cleanup", cleaned_up))
    }
    return replace(ended(day=cleaned_up), run=f"drill-{day}", steps=steps)


def test_a_cleanup_that_is_done_later_proves_nothing_anew() -> None:
    early = resumed(0, cleaned_up=2)
    assert code(early, ended("failed", 5, day=1)) == 9
    assert decide(PROMISE, [early, ended("failed", 5, day=1)], FIRST + timedelta(days=9)).drill != early
    assert code(replace(early, verdict="failed", exit_code=5), ended(day=1)) == 0
    assert code(early, ended(day=1), day=10.5) == 0, "the newer one is still within the period"
    assert told_at(early) == FIRST


def test_a_later_failed_drill_disproves_an_earlier_one_and_a_later_pass_mends_it() -> None:
    assert code(ended(), ended("failed", 5, day=1)) == 9
    assert code(ended(), ended("failed", 7, day=1)) == 9  # something was left behind
    assert code(ended(), ended("failed", 5, day=1), ended(day=2)) == 0


def test_a_later_drill_that_did_not_measure_the_recovery_counts_as_one_that_failed() -> None:
    assert code(ended(), ended("incomplete", 4, day=1)) == 9
    tolerated = ended("incomplete", 4, day=1)
    tolerated.steps["own.tell"] = StepState("own.tell", "Tell", "", "b", "own.run", (), status="failed")
    assert code(ended(), tolerated) == 0, "a step that may fail has: nothing is said of the recovery"


def test_a_drill_counts_from_when_the_data_were_back_and_not_from_its_cleanup() -> None:
    drill = ended(day=9)
    drill.clocks["service_verified_at"] = FIRST
    assert (code(drill, day=9.5), code(drill, day=10.5)) == (0, 9)


def test_a_drill_proves_nothing_about_the_other_site() -> None:
    there = ended(source="b", target="a", plan_digest="other")
    found = decide(PROMISE, (there,), FIRST + timedelta(days=1))
    assert (found.exit_code, found.drill) == (9, None)
    assert found.reason.startswith("the sites have changed places")
    assert "none has shown yet that b can recover" in found.reason


@pytest.mark.parametrize(("verdict", "exit_code"), [("incomplete", 130), ("failed", 8), ("incomplete", None)])
def test_what_proved_nothing_changes_nothing(verdict: str, exit_code: int | None) -> None:
    assert code(ended(), ended(verdict, exit_code, day=1)) == 0
    assert code(ended(verdict, exit_code)) == 9


def test_what_proved_nothing_is_named_where_the_period_is_over() -> None:
    """Each of these drills was refused, or broken off: nobody would see why they don't count."""
    overdue = decide(
        PROMISE, (ended(), ended("failed", 8, day=7), ended("incomplete", 130, day=14)), FIRST + timedelta(days=15)
    )
    assert overdue.reason == (
        "the last drill (drill-0) is older than 10 d, the period; drill-14 ended later, and proved nothing"
    )
    assert "n'a rien prouvé" in FRENCH.retold(overdue.reason)
    assert decide(PROMISE, (ended(),), FIRST + timedelta(days=15)).reason.endswith("the period")


def test_a_missed_objective_is_told_until_the_period_is_over() -> None:
    assert code(ended(), ended("failed", 6, day=1)) == 6
    assert code(ended("failed", 6), day=11) == 9


def test_objectives_that_became_stricter_hold_for_the_last_drill_too() -> None:
    assert code(ended(), promise=replace(PROMISE, rto_s=49)) == 6
    assert code(ended(), promise=replace(PROMISE, rpo_s={"db": 4})) == 6
    assert code(ended(), promise=replace(PROMISE, rpo_s={"db": 10, "scans": 10})) == 6  # nobody measured it


def test_budgets_that_became_stricter_hold_for_the_last_drill_too() -> None:
    drill = ended()
    drill.clocks["started_at"] = FIRST - timedelta(seconds=60)
    drill.clocks["data_recovered_at"] = FIRST - timedelta(seconds=20)
    assert code(drill, promise=replace(PROMISE, budgets={"data_recovered": 40})) == 0
    assert code(drill, promise=replace(PROMISE, budgets={"data_recovered": 39, "fenced": 1})) == 6


def test_another_plan_another_operation_and_the_future_do_not_count() -> None:
    assert code(ended(plan_digest="other")) == 9
    assert code(ended(), ended("failed", 5, day=1, plan_digest="other")) == 0
    assert code(ended(operation="replicate")) == 9
    assert code(ended(day=9.5)) == 9


def test_a_drill_of_a_point_that_was_asked_for_is_not_the_one_that_is_promised() -> None:
    assert code(ended(), ended(day=1, point="20260106T040000Z-aaaaaa"), day=10.5) == 9
    assert code(ended(), ended("failed", 5, day=1, point="20260106T040000Z-aaaaaa")) == 0


# --- the command ----------------------------------------------------------------------------------------------------


def compliance(
    book: Book, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "albus_dr", "compliance", str(book.path), "--config", str(book.config), *options),
        env={**os.environ, **(environment or {}), "ALBUS_DR_STATE": str(book.state)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_command_is_quiet_when_all_is_well_and_tells_the_due_date_when_not(book: Book) -> None:
    def ago(days: int) -> datetime:
        return datetime.now(UTC) - timedelta(days=days)

    never = compliance(book)
    assert (never.returncode, never.stdout) == (9, "albus: a drill is due at once: no drill has passed yet\n")

    begun = ago(12)
    old = book.drill(begun)
    late = compliance(book)
    due = f"{begun + timedelta(days=10) + BACK:%Y-%m-%d %H:%M}"
    assert late.returncode == 9
    assert f"a drill is due since {due}" in late.stdout
    assert old in late.stdout

    book.drill(ago(3), took=timedelta(hours=5))
    slow = compliance(book, "--json")
    assert slow.returncode == 6
    told = json.loads(slow.stdout)
    Draft202012Validator(SCHEMAS["compliance"]()).validate(told)
    assert (told["exit_code"], told["result"], told["drill"]["exit_code"]) == (6, "objective_missed", 6)

    run = book.drill(ago(1))
    well = compliance(book)
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    assert run in compliance(book, "-v").stdout


def damage(book: Book, run: str) -> None:
    with sqlite3.connect(book.state / "engine.sqlite") as connection:
        connection.execute("UPDATE albus_event SET data = '{}' WHERE run = ? AND seq = 2", (run,))
    connection.close()


def test_a_drill_that_can_not_be_read_counts_against_the_earlier_ones_only(book: Book) -> None:
    first, second, third = (book.drill(datetime.now(UTC) - timedelta(days=days)) for days in (5, 4, 3))
    damage(book, second)
    assert (compliance(book).returncode, compliance(book).stderr) == (0, "")

    damage(book, third)
    late = compliance(book)
    assert late.returncode == 9
    assert f"the journal of {third} was changed at event 2" in " ".join(late.stdout.split())
    assert first not in late.stdout
    told = json.loads(compliance(book, "--json").stdout)
    Draft202012Validator(SCHEMAS["compliance"]()).validate(told)
    assert (told["result"], told["drill"]) == ("overdue", None)
    assert "le journal de" in compliance(book, "--lang", "fr").stdout

    book.drill(datetime.now(UTC) - timedelta(days=1))
    assert compliance(book).returncode == 0


def test_status_names_a_run_that_can_not_be_read_and_shows_the_rest(book: Book) -> None:
    damage(book, book.drill(datetime.now(UTC) - timedelta(days=2)))
    good = book.drill(datetime.now(UTC) - timedelta(days=1))
    seen = status.look(book.store, book.loaded)
    assert seen.history.drill is not None
    assert seen.history.drill.run == good
    assert [concern for concern in seen.concerns if "was changed at event 2" in concern]


def test_an_answer_of_the_database_is_neither_mailed_by_cron_nor_shown(book: Book) -> None:
    kind, patient = "SELECT name FROM patient LIMIT 1", "Zéphyrine Quarkmarten"
    found = {"workload": "db", "kind": kind, "expected": patient, "actual": f"{patient} 2", "verdict": "failed"}
    error = f"db: {kind}: expected {patient}, found {patient} 2"
    run = book.drill(datetime.now(UTC) - timedelta(days=1), failed=True, error=error, verifications=[found])
    environment = {**os.environ, "ALBUS_DR_STATE": str(book.state), "PYTHONUTF8": "1"}
    for words in (["compliance", str(book.path)], ["compliance", str(book.path), "--json"], ["runs", "show", run]):
        config = ["--config", str(book.config)]
        done = subprocess.run(
            (sys.executable, "-m", "albus_dr", *words, *config), env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        shown = f"{done.stdout}{done.stderr}"
        assert "db: SELECT name FROM patient LIMIT 1: expected [" in " ".join(shown.split()), words
        assert "Quarkmarten" not in shown, words
    assert "Quarkmarten" not in json.dumps(status.document(status.look(book.store, book.loaded), book.loaded))


def test_every_answer_is_told_in_french(book: Book) -> None:
    drill = ended()
    drill.clocks["started_at"] = FIRST - timedelta(seconds=60)
    answers = [
        decide(promise, runs, FIRST + timedelta(days=day)).reason
        for promise, runs, day in (
            (PROMISE, [], 0), (PROMISE, [ended(plan_digest="other")], 1), (PROMISE, [ended("failed", 5)], 1),
            (PROMISE, [ended()], 11), (PROMISE, [ended("failed", 6)], 1), (PROMISE, [ended()], 1),
            (replace(PROMISE, rto_s=49), [ended()], 1), (replace(PROMISE, rpo_s={"db": 4}), [ended()], 1),
            (replace(PROMISE, rpo_s={"scans": 4}), [ended()], 1), (replace(PROMISE, budgets={"ended": 1}), [drill], 1),
        )
    ]  # fmt: skip
    assert len(set(answers)) == len(answers)
    assert [answer for answer in answers if FRENCH.retold(answer) == answer] == []
    assert not re.search(r"\b(its|the|was|is|not)\b", " ".join(FRENCH.retold(answer) for answer in answers))
    said = compliance(book, "--lang", "fr").stdout
    assert said == "albus : un exercice est dû immédiatement : aucun exercice n'a encore réussi\n".replace(
        " :", "\N{NO-BREAK SPACE}:"
    )


def test_it_imports_neither_the_engine_nor_a_client() -> None:
    heavy = ("dbos", "boto3", "rich", "psycopg")
    source = f"import sys, albus_dr.cli.compliance; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run((sys.executable, "-c", source), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
