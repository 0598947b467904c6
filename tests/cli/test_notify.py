"""Who is told how a run ends: real servers, real runs, and that a failed notification fails nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from albus_dr.cli import notify as cli_notify
from albus_dr.cli import operate, schedule
from albus_dr.cli.common import engine_address, load_runbook, state_directory
from albus_dr.cli.notify import LIMIT, Notifier, summary
from albus_dr.engine.lock import exclusive
from albus_dr.errors import RefusedError
from albus_dr.journal.errors import JournalError
from albus_dr.journal.fold import fold
from albus_dr.journal.state import RunState, StepState, VerificationState
from albus_dr.journal.store import JournalStore
from albus_dr.report.french import FRENCH, WIDE
from albus_dr.report.words import ENGLISH
from albus_dr.tools import notify
from albus_dr.workloads.step import RunInfo
from tests.check.test_compliance import Book
from tests.cli.test_resume_from_elsewhere import SITES
from tests.report.run_states import ALL, failed_drill, in_progress, lost_promised, over_budget, passed
from tests.tools.listener import Listener, listening

PATIENT = "Quarkmarten"


class Wiki:
    """A runbook whose replication ends well where there is a file ``well``, and says too much where not."""

    def __init__(self, folder: Path, server: Listener) -> None:
        self.folder, self.server, self.token = folder, server, "t0ken-kumquat"
        self.more: dict[str, str] = {}
        (folder / "copy.sh").write_text(f"[ -e well ] || {{ echo 'no row of {PATIENT}' >&2; exit 1; }}\n")
        (folder / "metrics").mkdir()
        (folder / "wiki.yaml").write_text(
            "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 1y}\n"
            "sites: {primary: lyon, secondary: nantes}\n"
            "workloads: {pages: {kind: command, replicate: {take: [sh, copy.sh], repeatable: true}}}\n"
        )

    def configure(self, notify: str) -> None:
        (self.folder / "config.yaml").write_text(f"version: 1\nsites:{SITES}\nnotify: {notify}\n")

    def do(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
        more = {
            "ALBUS_DR_STATE": str(self.folder / "state"), "PING": f"{self.server.address}/{self.token}",
            "APPRISE": f"json://user:{self.token}@127.0.0.1:{self.server.port}/hook", "no_proxy": "*",
            "HOME": str(self.folder), **self.more,
        }  # fmt: skip
        return subprocess.run(
            (sys.executable, "-m", "albus_dr", *arguments), cwd=self.folder, env=kept | more, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def replicate(self, code: int) -> dict[str, Any]:
        """The run's document, after a replication that ended with the code."""
        done = self.do("replicate", "wiki.yaml")
        assert done.returncode == code, done.stderr
        shown = self.do("runs", "show", "last", "--json")
        journal = "".join(path.read_text() for path in (self.folder / "state" / "runs").glob("*/*"))
        assert self.token not in done.stdout + done.stderr + shown.stdout + journal
        document: dict[str, Any] = json.loads(shown.stdout)
        return document


@pytest.fixture
def wiki(tmp_path: Path) -> Iterator[Wiki]:
    with listening() as server:
        yield Wiki(tmp_path, server)


PINGS = "{pings: {replicate: {env: PING}, drill: {env: NONE}}}"


def test_the_start_and_the_end_are_pinged_with_the_summary(wiki: Wiki) -> None:
    wiki.configure(PINGS)
    (wiki.folder / "well").touch()
    run = wiki.replicate(0)
    assert wiki.server.paths == ["/t0ken-kumquat/start", "/t0ken-kumquat"]
    assert all(run["run"] in body for _, body in wiki.server.heard)
    assert run["notes"] == []


def test_a_vault_that_hangs_keeps_nobody_from_the_end(wiki: Wiki, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address may be asked for by a command, one after the other; only one of them had an end of its own."""
    monkeypatch.setattr(notify, "PATIENCE_S", 0.2)
    wiki.configure(PINGS)
    over = threading.Event()
    monkeypatch.setattr(cli_notify, "reveal", lambda *_: over.wait(60))
    loaded = load_runbook(wiki.folder / "wiki.yaml", None, acts=False)
    told = cli_notify._Channels(loaded, "replicate", ENGLISH)
    begun = time.monotonic()
    assert told.tell(told._pings("fail", "text")) == [("ping fail", "it did not end within 0 s")]
    assert time.monotonic() - begun < 30, "it did not wait for the vault"
    over.set()


def test_a_failure_is_pinged_without_what_the_program_said(wiki: Wiki) -> None:
    wiki.configure(PINGS)
    run = wiki.replicate(4)
    assert PATIENT in json.dumps(run["steps"])
    assert wiki.server.paths == ["/t0ken-kumquat/start", "/t0ken-kumquat/fail"]
    body = wiki.server.heard[1][1]
    assert "\nFailed: pages.take (nantes): exit code 4\n" in body
    assert "\nSteps:\npages.take (nantes): failed, " in body
    assert PATIENT not in body


def test_a_failed_drill_is_told_with_what_broke_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wiki: Wiki
) -> None:
    """What the databases, the programs and the application said stays here: each of them may name a patient."""
    book, day = Book(tmp_path, monkeypatch), datetime(2026, 1, 5, 4, tzinfo=UTC)
    config = book.config.read_text() + "\nnotify: {pings: {drill: {env: PING}}}\n"
    book.config = tmp_path / "other.yaml"
    book.config.write_text(config)
    monkeypatch.setenv("PING", wiki.server.address)
    monkeypatch.setenv("no_proxy", "*")
    question = {"workload": "application", "kind": "GET /agenda/today", "verdict": "failed"}
    asked = [{**question, "expected": f"contains '{PATIENT}'", "actual": f"the body does not contain '{PATIENT}'"}]
    run = book.drill(day, failed=True, error=f"restored {PATIENT}", hint=f"ask {PATIENT}", verifications=asked)
    state = fold(book.store.events(run))
    state.notes.append(f"{PATIENT} was there")
    (broken,) = (step for step in state.steps.values() if step.status == "failed")
    made = state.creations = failed_drill().creations
    state.residue = [made[-1].path]
    assert PATIENT in repr(state)
    info = RunInfo(run, "drill", "strasbourg", "bordeaux", day, day, book.store.run_directory(run))
    Notifier(book.store, book.loaded, info).end(state)
    (_, begun), (path, body) = wiki.server.heard
    assert (run in begun, path) == (True, "/fail")
    lines = body.splitlines()
    assert f"Failed: {broken.id} (bordeaux): the data failed verification (exit code 5)" in lines
    assert "Verification failed: application: GET /agenda/today" in lines
    assert f"Left behind at bordeaux, host all: {made[-1].path}" in lines
    assert f"{broken.id} (bordeaux): failed" in lines
    assert all(any(line.startswith(f"{id_} (") for line in lines) for id_ in state.steps)
    assert PATIENT not in body
    book.store.close()


@pytest.mark.skipif(find_spec("apprise") is None, reason="apprise is not installed here")
def test_apprise_tells_of_trouble_or_of_everything(wiki: Wiki) -> None:
    wiki.configure("{apprise: [{env: APPRISE}]}")
    wiki.replicate(4)
    ((path, body),) = wiki.server.heard
    assert path == "/hook"
    told = json.loads(body)
    assert told["title"] == "albus-dr: replicate of wiki"
    assert "failed" in told["message"]
    assert PATIENT not in told["message"]

    (wiki.folder / "well").touch()
    wiki.replicate(0)
    assert len(wiki.server.heard) == 1
    wiki.configure("{apprise: [{env: APPRISE}], tell: always}")
    wiki.replicate(0)
    assert len(wiki.server.heard) == 2


def test_metrics_tell_of_the_last_run_and_of_the_last_that_passed(wiki: Wiki) -> None:
    wiki.configure(f"{{metrics: {wiki.folder}/metrics}}")
    (wiki.folder / "well").touch()
    wiki.replicate(0)
    (wiki.folder / "well").unlink()
    wiki.replicate(4)
    (path,) = (wiki.folder / "metrics").iterdir()
    assert path.name == "albus-dr-wiki-replicate.prom"
    values = dict(line.rsplit(" ", 1) for line in path.read_text().splitlines() if not line.startswith("#"))
    labels = '{operation="replicate",runbook="wiki"}'
    assert values[f"albus_dr_run_exit_code{labels}"] == "4.0"
    ended, last = (float(values[f"albus_dr_{name}_timestamp_seconds{labels}"]) for name in ("run_ended", "last_passed"))
    assert last < ended


def test_the_same_metrics_are_pushed_to_a_gateway(wiki: Wiki) -> None:
    wiki.configure("{pushgateway: {env: PING}}")
    (wiki.folder / "well").touch()
    wiki.replicate(0)
    ((path, body),) = wiki.server.heard
    assert path == "/t0ken-kumquat/metrics/job/albus-dr/runbook/wiki/operation/replicate"
    assert 'albus_dr_run_passed{operation="replicate",runbook="wiki"} 1.0' in body


@pytest.mark.skipif(find_spec("apprise") is None, reason="apprise is not installed here")
def test_of_a_drill_of_an_old_point_people_are_told_and_no_monitor(wiki: Wiki) -> None:
    """The monitors wait for the drill that the runbook promises; this is not the one."""
    everybody = f"pings: {{drill: {{env: PING}}}}, metrics: {wiki.folder}/metrics, pushgateway: {{env: PING}}"
    wiki.configure(f"{{{everybody}, apprise: [{{env: APPRISE}}]}}")
    wiki.do("drill", "wiki.yaml", "--point", "2026-01-01T04:00:00Z")  # nothing to restore: it fails
    assert (wiki.server.paths, list((wiki.folder / "metrics").iterdir())) == (["/hook"], [])
    wiki.do("drill", "wiki.yaml")
    assert {*wiki.server.paths} > {"/hook", "/t0ken-kumquat/start", "/t0ken-kumquat/fail"}
    assert len(list((wiki.folder / "metrics").iterdir())) == 1


def test_the_last_drill_that_passed_is_not_one_of_an_old_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, day = Book(tmp_path, monkeypatch), datetime(2026, 1, 5, 4, tzinfo=UTC)
    (tmp_path / "metrics").mkdir()
    config = book.config.read_text() + f"\nnotify: {{metrics: {tmp_path}/metrics}}\n"
    book.config = tmp_path / "config.yaml"
    book.config.write_text(config)
    book.drill(day)
    promised_at = day  # when its steps ended, in this book; what comes later of a drill is its cleanup
    book.drill(day + timedelta(days=1), point="20251201T040000Z-aaaaaa")
    last = book.drill(day + timedelta(days=2), failed=True)
    info = RunInfo(last, "drill", "strasbourg", "bordeaux", day, day, book.store.run_directory(last))
    Notifier(book.store, book.loaded, info).end(fold(book.store.events(last)))
    (path,) = (tmp_path / "metrics").iterdir()
    assert "albus_dr_last_passed_timestamp_seconds" in path.read_text()
    assert f" {promised_at.timestamp()!r}\n" in path.read_text()
    book.store.close()


@pytest.mark.skipif(find_spec("opentelemetry") is None, reason="opentelemetry is not installed here")
def test_a_run_is_a_trace_where_an_endpoint_is_set(wiki: Wiki) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    wiki.configure("{}")
    wiki.more = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": wiki.server.address,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=t0ken-kumquat",
    }
    run = wiki.replicate(4)
    assert wiki.server.paths == ["/v1/traces"]
    assert wiki.server.headers[0]["x-key"] == "t0ken-kumquat"
    (resource,) = ExportTraceServiceRequest.FromString(wiki.server.bodies[0]).resource_spans
    spans = {span.name: span for span in resource.scope_spans[0].spans}
    whole, step = spans["replicate wiki"], spans["pages.take"]
    assert (step.parent_span_id, step.trace_id) == (whole.span_id, whole.trace_id)
    assert whole.start_time_unix_nano <= step.start_time_unix_nano < step.end_time_unix_nano <= whole.end_time_unix_nano
    assert (whole.status.code, step.status.code, step.status.message) == (2, 2, "failed")
    assert {each.key: each.value.string_value for each in whole.attributes}["albus_dr.run"] == run["run"]
    assert PATIENT.encode() not in wiki.server.bodies[0]


@pytest.mark.skipif(find_spec("opentelemetry") is None, reason="opentelemetry is not installed here")
def test_a_collector_that_is_not_there_is_a_note(wiki: Wiki) -> None:
    wiki.configure("{}")
    wiki.more = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    (wiki.folder / "well").touch()
    run = wiki.replicate(0)
    assert (run["verdict"], run["notes"]) == (
        "passed", ["a notification failed: traces: the collector did not take the trace"],
    )  # fmt: skip


@pytest.mark.parametrize("status", [500, None])
def test_a_failed_notification_is_a_note_and_nothing_else(wiki: Wiki, status: int | None) -> None:
    """The service says no; or nobody is there, an address is not set, and the directory does not exist."""
    (wiki.folder / "well").touch()
    if status is None:
        wiki.server.port = 1
        wiki.configure(
            "{pings: {replicate: {env: PING}}, apprise: [{env: NOWHERE}], tell: always, metrics: /nowhere/at/all}"
        )
        channels = ["apprise", "metrics", "ping", "ping start"]
    else:
        wiki.server.status = status
        wiki.configure("{pings: {replicate: {env: PING}}}")
        channels = ["ping", "ping start"]
    run = wiki.replicate(0)
    assert (run["verdict"], run["exit_code"]) == ("passed", 0)
    assert sorted(note.split(": ")[1] for note in run["notes"]) == channels
    assert "a notification failed" in (wiki.folder / "state" / "runs" / run["run"] / "report.md").read_text()
    assert wiki.do("runs", "list").stdout.split()[1] == "passed"


def no_room_for(wiki: Wiki, kind: str) -> None:
    with sqlite3.connect(wiki.folder / "state" / "engine.sqlite") as database:
        database.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON albus_event WHEN NEW.kind = '{kind}' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    database.close()


def test_a_journal_that_can_not_take_the_note_does_not_keep_the_report_from_being_written(wiki: Wiki) -> None:
    (wiki.folder / "well").touch()
    wiki.configure("{}")
    wiki.replicate(0)
    no_room_for(wiki, "NotificationFailed")
    wiki.server.status = 500
    wiki.configure("{pings: {replicate: {env: PING}}}")
    done = wiki.do("replicate", "wiki.yaml")
    assert done.returncode == 0, done.stderr
    assert "a notification failed: ping start: " in done.stderr
    assert "a notification failed: ping: " in done.stderr
    assert "the run may have no note of it: the journal of replicate-" in done.stderr
    assert wiki.token not in done.stderr
    (run,) = (line for line in wiki.do("runs", "list").stdout.splitlines()[-1].split() if line.startswith("replicate-"))
    assert (wiki.folder / "state" / "runs" / run / "report.md").exists()


@pytest.mark.parametrize("fails", ["append", "events"])
def test_a_journal_that_is_gone_by_then_leaves_the_run_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: str
) -> None:
    book, day = Book(tmp_path, monkeypatch), datetime(2026, 1, 5, 4, tzinfo=UTC)
    config = book.config.read_text() + "\nnotify: {metrics: /nowhere/at/all}\n"
    book.config = tmp_path / "config.yaml"
    book.config.write_text(config)
    run = book.drill(day)
    state = fold(book.store.events(run))
    info = RunInfo(run, "drill", "strasbourg", "bordeaux", day, day, book.store.run_directory(run))
    notifier = Notifier(book.store, book.loaded, info)

    def gone(*_: Any, **__: Any) -> Any:
        raise JournalError("the journal can't be read: the server closed the connection")

    monkeypatch.setattr(book.store, fails, gone)
    monkeypatch.setattr(notifier, "_metrics", lambda _: "")
    assert notifier.end(state) == state
    said = capsys.readouterr().err
    assert "a notification failed: metrics: " in said
    assert "the server closed the connection" in said
    book.store.close()


def test_a_ping_of_what_is_no_operation_is_refused(wiki: Wiki) -> None:
    wiki.configure("{pings: {drills: {env: PING}}}")
    done = wiki.do("validate", "wiki.yaml")
    assert done.returncode == 2
    assert "drills is none" in done.stderr


def test_the_summary_says_how_it_stands() -> None:
    assert "RTO: 2.3 s, 4 h promised" in summary(passed())
    assert "Drill failed at" in summary(failed_drill())
    assert "waits for a person" in summary(in_progress())
    assert "restic ended" not in summary(failed_drill())


def test_the_summary_of_what_failed_names_steps_sites_questions_budgets_and_what_is_left() -> None:
    told = summary(failed_drill()).splitlines()
    assert {
        "Failed: documents.restore (bordeaux): exit code 4",
        "Not known whether it was done: patients.verify (bordeaux)",
        "Verification failed: patients: SELECT count(*) FROM patient",
        "documents.restore (bordeaux): failed, 850 ms",
        "application.start (bordeaux): skipped",
    } < {*told}
    assert "Over budget: Approved came 25 min " in summary(over_budget())
    assert "Steps:" not in summary(passed())
    late = passed()  # no objective of the whole is missed: one of a workload's own is
    late.verdict, late.exit_code, late.reason = "failed", 6, "patients: its newest write is too old"
    assert "\nObjective missed: patients: its newest write is too old\n" in summary(late)
    late.verdict, late.exit_code = "incomplete", 4
    assert "\nWhy: patients: its newest write is too old\n" in summary(late)
    assert "\nCause : " in summary(late, FRENCH).replace(WIDE, " ")
    assert "\nObjective missed: acknowledged writes were lost: 3. " in summary(lost_promised())


def test_the_summary_is_told_in_french() -> None:
    told = summary(failed_drill(), FRENCH).replace(WIDE, " ")
    assert "Échec : documents.restore (bordeaux) : code de sortie 4" in told
    assert "Vérification en échec : patients : SELECT count(*) FROM patient" in told
    assert "Étapes :\nrun.preflight (bordeaux) : faite, 270 ms\n" in told
    for make in ALL.values():
        assert summary(make(), FRENCH) != summary(make())


@pytest.mark.parametrize("name", ["step", "étape"])
def test_a_summary_is_never_longer_than_a_channel_takes(name: str) -> None:
    state: RunState = failed_drill()
    for number in range(300):
        id_ = f"{name}-{number}"
        state.steps[id_] = StepState(id_, id_, "", "bordeaux", "own.run", (), "failed")
        state.verifications.append(VerificationState(id_, "patients", "SELECT " + "é" * 900, "1", "2", "failed"))
        state.residue.append(f"/srv/{name}/{number}")
    told = summary(state)
    assert LIMIT - 600 < len(told.encode()) <= LIMIT
    lines = told.splitlines()
    assert sum(line.endswith(" lines are left out …") for line in lines) == 2
    assert lines[-1] == f"{name}-299 (bordeaux): failed"  # cut in the middle: the begin and the end are there
    assert "run.preflight (bordeaux): done, 270 ms" in lines
    assert f"albus-dr runs show {state.run}" in lines


# --- what ends without a verdict --------------------------------------------------------------------------------------


@pytest.fixture
def here(wiki: Wiki, monkeypatch: pytest.MonkeyPatch) -> Wiki:
    """The same in this process."""
    for key in [key for key in os.environ if key.startswith("ALBUS_")]:
        monkeypatch.delenv(key)
    for key, value in (
        ("ALBUS_DR_STATE", str(wiki.folder / "state")), ("PING", f"{wiki.server.address}/{wiki.token}"), ("no_proxy", "*"),
    ):  # fmt: skip
        monkeypatch.setenv(key, value)
    wiki.configure(PINGS)
    return wiki


def replicate_here(wiki: Wiki) -> RunState:
    return operate.carry_out(
        operate.Order("replicate", wiki.folder / "wiki.yaml", None), operate.Manner(None, False, False, quiet=True)
    )


def broken_by(monkeypatch: pytest.MonkeyPatch, error: BaseException, name: str = "execute") -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(operate, name, breaks)


def notes_here(wiki: Wiki) -> list[str]:
    state = wiki.folder / "state"
    store = JournalStore(f"sqlite:///{state / 'engine.sqlite'}", state)
    (run,) = store.runs()
    notes = fold(store.events(run)).notes
    store.close()
    return notes


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (JournalError(f"the disk is full of {PATIENT}"), "JournalError, exit code 4"),
        (ValueError(PATIENT), "ValueError, an error in albus-dr itself (exit code 1)"),
        (KeyboardInterrupt(), "KeyboardInterrupt, interrupted (exit code 130)"),
    ],
    ids=["journal", "bug", "interrupt"],
)
def test_a_run_that_an_error_breaks_off_is_told_as_failed(
    here: Wiki, monkeypatch: pytest.MonkeyPatch, error: BaseException, kind: str
) -> None:
    broken_by(monkeypatch, error)
    with pytest.raises(type(error)) as raised:
        replicate_here(here)
    assert raised.value is error
    assert here.server.paths == ["/t0ken-kumquat/start", "/t0ken-kumquat/fail"]
    body = here.server.heard[1][1]
    assert f"Replication of wiki broke off: {kind}. " in body
    assert "\nalbus-dr runs show replicate-" in body
    assert PATIENT not in body
    assert notes_here(here) == []


def test_a_journal_that_can_not_take_the_end_of_a_run_is_told(wiki: Wiki) -> None:
    (wiki.folder / "well").touch()
    wiki.configure("{}")
    wiki.replicate(0)
    no_room_for(wiki, "RunEnded")
    wiki.configure(PINGS)
    done = wiki.do("schedule", "run", "wiki.yaml", "replicate")
    assert done.returncode == 4, done.stderr
    assert wiki.server.paths == ["/t0ken-kumquat/start", "/t0ken-kumquat/fail"]
    assert "Replication of wiki broke off: JournalError, exit code 4. " in wiki.server.heard[1][1]


@pytest.mark.skipif(find_spec("apprise") is None, reason="apprise is not installed here")
def test_people_hear_of_it_too(here: Wiki, monkeypatch: pytest.MonkeyPatch) -> None:
    here.configure("{apprise: [{env: APPRISE}]}")
    monkeypatch.setenv("APPRISE", f"json://127.0.0.1:{here.server.port}/hook")
    broken_by(monkeypatch, JournalError("full"))
    with pytest.raises(JournalError, match="full"):
        replicate_here(here)
    ((path, body),) = here.server.heard
    assert path == "/hook"
    assert "Replication of wiki broke off: JournalError" in json.loads(body)["message"]


def test_where_that_can_not_be_told_either_the_error_stays_the_same(
    here: Wiki, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here.server.status = 500
    broken_by(monkeypatch, JournalError("full"))
    with pytest.raises(JournalError, match=r"^full$"):
        replicate_here(here)
    assert [note.split(": ")[1] for note in notes_here(here)] == ["ping start", "ping fail"]

    insert = JournalStore._insert

    def full(self: JournalStore, run: str, kind: str, *rest: Any) -> Any:
        if kind == "NotificationFailed":
            raise JournalError("no room")
        return insert(self, run, kind, *rest)

    monkeypatch.setattr(JournalStore, "_insert", full)
    with pytest.raises(JournalError, match=r"^full$"):
        replicate_here(here)
    said = capsys.readouterr().err
    assert "a notification failed: ping fail: 500 " in said
    assert "the run may have no note of it: no room" in said
    assert here.token not in said


def scheduled_here(wiki: Wiki) -> None:
    schedule.run(wiki.folder / "wiki.yaml", "replicate")


def test_a_scheduled_run_that_is_refused_is_told_as_failed(here: Wiki, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = RefusedError(f"the failover of {PATIENT} was begun and is not finished")
    broken_by(monkeypatch, refused, "require_nothing_unfinished")
    with pytest.raises(RefusedError) as raised:
        scheduled_here(here)
    assert raised.value is refused
    ((path, body),) = here.server.heard
    assert path == "/t0ken-kumquat/fail"
    assert "Replication of wiki could not begin: RefusedError, refused for safety (exit code 8). " in body
    assert PATIENT not in body


def test_one_that_broke_off_is_told_once(here: Wiki, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_by(monkeypatch, JournalError("full"))
    with pytest.raises(JournalError):
        scheduled_here(here)
    assert here.server.paths == ["/t0ken-kumquat/start", "/t0ken-kumquat/fail"]


def test_one_whose_kind_is_still_going_is_no_failure(here: Wiki) -> None:
    with (
        exclusive(engine_address(None), state_directory(), "wiki.replicate", purpose="replicate-1 by ana"),
        pytest.raises(typer.Exit) as ended,
    ):
        scheduled_here(here)
    assert (ended.value.exit_code, here.server.heard) == (0, [])


@pytest.mark.parametrize("broken", ["variable", "journal", "yaml"])
def test_one_that_can_not_begin_is_told_where_its_files_can_be_read(wiki: Wiki, broken: str) -> None:
    wiki.configure(PINGS)
    config = wiki.folder / "config.yaml"
    if broken == "variable":
        config.write_text(config.read_text() + "witness: {file: '${NOWHERE}'}\n")
    elif broken == "journal":
        (wiki.folder / "state").mkdir()
        (wiki.folder / "state" / "engine.sqlite").write_text("no database at all " * 500)
    else:
        config.write_text(config.read_text() + "sites: [\n")
    done = wiki.do("schedule", "run", "wiki.yaml", "replicate")
    assert done.returncode == 2, done.stderr
    assert wiki.server.paths == ([] if broken == "yaml" else ["/t0ken-kumquat/fail"])
    assert all("Replication of wiki could not begin: " in body for _, body in wiki.server.heard)


def test_what_can_not_be_told_of_one_is_said_and_changes_no_exit_code(wiki: Wiki) -> None:
    wiki.configure(PINGS)
    wiki.server.status = 500
    config = wiki.folder / "config.yaml"
    config.write_text(config.read_text() + "witness: {file: '${NOWHERE}'}\n")
    done = wiki.do("schedule", "run", "wiki.yaml", "replicate")
    assert done.returncode == 2
    assert "a notification failed: ping fail: 500 " in done.stderr
    assert wiki.token not in done.stderr
