"""A primary that was lost comes back with writes that nobody else has: kept, listed, rebuilt, and the planned return."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from albus_dr.bench.__main__ import main as rebuild
from albus_dr.bench.sites import Bench
from tests.real.operator_desk import (
    PLAYBOOK,
    ROOT,
    Called,
    Desk,
    assert_no_secret_in,
    kill,
    left_in_english,
    running,
    wait_for,
)

pytestmark = pytest.mark.real

SCHEMA = json.loads((ROOT / "albus_dr" / "journal" / "run.schema.json").read_text())
ALONE = "written while nobody listened"


@pytest.fixture(scope="module")
def desk(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Two sites under traffic that replicate asynchronously: a primary acknowledges what never leaves it."""
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    try:
        with Bench.create(directory, "small", seed=17, replication="asynchronous") as bench:
            bench.start()
            bench.start_traffic()
            desk = Desk(bench, tmp_path_factory.mktemp("desk"))
            desk.playbook = desk.variant(
                "albus.yaml",
                PLAYBOOK,
                ("    rpo: 1m ", "    rpo: 15m "),
                ("replication: synchronous ", "replication: asynchronous "),
            )
            first = desk.operate("replicate")
            assert first.code == 0, first.said
            yield desk
            assert desk.bench.stop() == []
            assert desk.bench.processes() == []
    finally:
        shutil.rmtree(directory)


def rows(desk: Desk, site: str, query: str) -> list[tuple[Any, ...]]:
    with desk.bench.sites[site].server.connect() as connection:
        return connection.execute(query).fetchall()


def ids(desk: Desk, site: str, table: str) -> set[tuple[Any, ...]]:
    return set(rows(desk, site, f"SELECT * FROM {table}"))


def acknowledged(desk: Desk) -> int:
    record = desk.bench.directory / "traffic" / "acknowledged.jsonl"
    return sum(1 for line in record.read_text().splitlines() if line and '"number": 0,' not in line)


def step(called: Called, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in called.document["steps"] if step["id"] == id_)
    return found


def facts(desk: Desk, run: str, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        event["data"]["facts"] for event in desk.events(run) if (event["kind"], event["step"]) == ("StepSucceeded", id_)
    )
    return found


def listed(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of the list, by table."""
    found = {}
    for path in folder.glob("*-*.csv"):
        with path.open(newline="") as file:
            found[path.name.split("-", 1)[1].removesuffix(".csv")] = list(csv.DictReader(file))
    return found


def lose_power_behind_a_cut_line(desk: Desk) -> str:
    """The line fails, the primary goes on acknowledging, then it has no power; when that was."""
    desk.bench.cut_line()
    before = acknowledged(desk)
    wait_for(lambda: acknowledged(desk) > before + 60 or None)
    desk.bench.cut_power("strasbourg")
    return datetime.now(UTC).isoformat()


def lose_strasbourg(desk: Desk) -> Called:
    """It has no power any more, and acknowledged what never left it; fail over."""
    called = desk.operate("failover", "--disrupted-at", lose_power_behind_a_cut_line(desk))
    assert called.code == 0, called.said
    assert called.document["actuals"]["lost_writes"] > 0, "nothing diverged: this tests nothing"
    return called


def write_alone(desk: Desk) -> None:
    """At strasbourg, which takes itself for the primary: new rows, a changed one, deleted ones, and a rollback."""
    with desk.bench.sites["strasbourg"].server.connect() as connection:
        for _ in range(3):
            connection.execute("INSERT INTO visit (patient_id, note) VALUES (1, %s)", (ALONE,))
        connection.execute("UPDATE patient SET street = %s WHERE id = 2", (ALONE,))
        connection.execute("DELETE FROM appointment WHERE id IN (SELECT id FROM appointment ORDER BY id LIMIT 4)")
        with connection.transaction(force_rollback=True):
            connection.execute("INSERT INTO visit (patient_id, note) VALUES (1, 'taken back')")


def test_a_standby_far_behind_is_promoted_once_the_loss_that_is_named_is_accepted(desk: Desk) -> None:
    disrupted_at = lose_power_behind_a_cut_line(desk)
    strict = desk.variant("strict.yaml", desk.playbook, ("    rpo: 15m ", "    rpo: 500ms "))

    called = desk.operate("failover", "--disrupted-at", disrupted_at, playbook=strict)

    assert called.code == 8, called.said
    for words in ("patients: the newest write at bordeaux is", "(objective 500 ms)", "is lost", "--accept-data-loss"):
        assert words in " ".join(called.err.split())
    assert desk.is_standby("bordeaux")

    called = desk.operate("failover", "--disrupted-at", disrupted_at, "--accept-data-loss", playbook=strict)

    assert called.code == 6, called.said
    assert called.document["actuals"]["lost_writes"] > 0, "users were told that these were saved"
    assert "(--accept-data-loss)" in " ".join(called.document["notes"])


def test_what_diverged_is_kept_and_listed_and_the_old_primary_follows(desk: Desk, tmp_path: Path) -> None:
    where = (str(desk.playbook), "--config", str(desk.config))
    colleague = Desk(desk.bench, tmp_path)  # on a machine that has no journal of the failover
    for each in (desk, colleague):
        status = each.call("status", *where, "--json")
        assert status.code == 3
        assert status.document["unprotected"] == ["patients"]
        assert status.document["unprotected_since"] is not None
        assert "UNPROTECTED since" in " ".join(status.document["concerns"])
    desk.bench.start_site("strasbourg")
    assert sorted(desk.primaries()) == ["bordeaux", "strasbourg"]
    write_alone(desk)
    tables = ("patient", "appointment", "visit", "invoice", "document")
    there, here = ({table: ids(desk, site, table) for table in tables} for site in ("strasbourg", "bordeaux"))
    expected = {f"public.{table}": {row[0] for row in there[table] - here[table]} for table in tables}
    assert expected["public.visit"]
    assert expected["public.patient"] == {2}

    called = desk.operate("reprotect")

    assert called.code == 0, called.said
    jsonschema.validate(called.document, SCHEMA)
    kept = facts(desk, called.document["run"], "patients.keep")
    found = listed(Path(kept["list"]).parent)
    assert {table: {int(row["id"]) for row in rows} for table, rows in found.items()} == {
        table: keys for table, keys in expected.items() if keys
    }
    assert kept["diverged"]["rows"] == {table: len(keys) for table, keys in expected.items() if keys}
    assert kept["diverged"]["deleted"] == {"public.appointment": 4}
    assert kept["diverged"]["not_shown"] == []
    assert sum(row["note"] == ALONE for row in found["public.visit"]) == 3
    assert desk.primaries() == ["bordeaux"]
    assert desk.sync_state("bordeaux", "strasbourg") == "async"
    assert facts(desk, called.document["run"], "patients.rebuild")["rebuilt_by"] == "pg_rewind"
    for path in Path(kept["list"]).parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0
    for path in (desk.state / "runs" / called.document["run"]).iterdir():
        assert ALONE not in path.read_text(), path
    assert_no_secret_in(Path(kept["folder"]) / "conf", desk, called.said)


def test_the_planned_return_loses_nothing(desk: Desk) -> None:
    """What reprotect did is found done; the failover's losses are not the failback's."""
    called = desk.operate("failback")
    assert called.code == 0, called.said
    jsonschema.validate(called.document, SCHEMA)
    assert called.document["verdict"] == "passed"
    assert called.document["proof_level"] == "L5"
    assert called.document["actuals"]["lost_writes"] == 0
    assert called.document["actuals"]["acknowledged_writes"] > 0
    assert desk.primaries() == ["strasbourg"]
    assert desk.sync_state("strasbourg", "bordeaux") == "async"
    adopted = {
        event["step"] for event in desk.events(called.document["run"])
        if event["kind"] == "StepSucceeded" and event["data"]["adopted"]
    }  # fmt: skip
    assert {"patients.quiesce", "patients.keep", "patients.rebuild", "patients.rejoin"} <= adopted
    status = desk.call("status", str(desk.playbook), "--config", str(desk.config), "--json")
    assert status.document["unprotected"] == []
    assert status.document["unprotected_since"] is None


def refused(desk: Desk, code: int, *words: str) -> None:
    """A reprotect that ends with the code, says the words, and changed nothing at either site."""
    before = sorted(path.name for path in desk.bench.sites["strasbourg"].directory.iterdir())
    called = desk.operate("reprotect")
    assert called.code == code, called.said
    for word in words:
        assert word in called.err, called.said
    assert {step["status"] for step in called.document["steps"] if ".ready" not in step["id"]} == {"skipped"}
    assert sorted(path.name for path in desk.bench.sites["strasbourg"].directory.iterdir()) == before


def test_too_small_a_disk_is_refused_before_anything(desk: Desk) -> None:
    """Strasbourg is lost once more, and takes itself for the primary when it is back."""
    lose_strasbourg(desk)
    desk.bench.start_site("strasbourg")
    write_alone(desk)
    data = desk.bench.sites["strasbourg"].server.data
    huge = data / "as-large-as-the-disk"
    with huge.open("wb") as file:
        file.truncate(shutil.disk_usage(data).free)
    refused(desk, 3, "needs", "to keep what is in", "are free", "nothing was changed")
    huge.unlink()
    assert sorted(desk.primaries()) == ["bordeaux", "strasbourg"]


MOMENTS = (
    ("StepIntended", "patients.quiesce"),
    ("StepIntended", "patients.keep"),
    ("StepSucceeded", "patients.keep"),
    ("StepIntended", "patients.rebuild"),
    ("StepSucceeded", "patients.rebuild"),
    ("StepIntended", "patients.rejoin"),
    ("StepIntended", "patients.dump"),
)


def stage(desk: Desk, run: str) -> str:
    """How far the run's folder says that the rebuild is."""
    data = desk.bench.sites["strasbourg"].server.data
    found: str = json.loads(
        data.with_name(f"{data.name}.albus-dr-{run.partition('-')[2]}").joinpath("state.json").read_text()
    )["stage"]
    return found


def test_a_reprotect_that_is_killed_at_every_step_keeps_and_lists_the_same_rows(desk: Desk) -> None:
    alone = {
        row[0]
        for row in rows(desk, "strasbourg", f"SELECT id FROM visit WHERE note = '{ALONE}' ORDER BY id DESC LIMIT 3")
    }
    known = desk.runs()
    with running(desk.begin(*desk.operation("reprotect"))) as child:
        run = desk.new_run(known, child)
        desk.wait_for_event(run, *MOMENTS[0], child)
        kill(child)
    for kind, step_ in MOMENTS[1:]:
        with running(desk.begin("resume", run)) as child:
            desk.wait_for_event(run, kind, step_, child)
            if (kind, step_) == ("StepIntended", "patients.rebuild"):
                wait_for(lambda: stage(desk, run) == "rebuilding" or None, child)
            kill(child)
    last = desk.call("resume", run, "--json")
    assert last.code == 0, last.said
    kept = facts(desk, run, "patients.keep")
    found = listed(Path(kept["list"]).parent)
    assert alone <= {int(row["id"]) for row in found["public.visit"]}
    assert facts(desk, run, "patients.rebuild")["rebuilt_by"] == "pg_basebackup", (
        "a rewind that was cut off was trusted"
    )
    assert stage(desk, run) == "ready"
    assert kept["diverged"]["not_shown"] == []
    assert desk.primaries() == ["bordeaux"]
    assert desk.sync_state("bordeaux", "strasbourg") == "async"


@contextmanager
def strasbourg_stopped(desk: Desk) -> Iterator[Path]:
    """Its PostgreSQL is away for as long as the block lasts; its data directory."""
    server = desk.bench.sites["strasbourg"].server
    server.run("pg_ctl", "stop", "-D", str(server.data), "-m", "fast", "-w").check("stop")
    yield server.data


def test_a_foreign_cluster_is_refused_and_a_newer_one(desk: Desk) -> None:
    server = desk.bench.sites["strasbourg"].server
    with strasbourg_stopped(desk) as data:
        aside = data.with_name("aside")
        data.rename(aside)
        data.mkdir(mode=0o700)
        server.give(data)
        server.run("initdb", "-D", str(data), "-A", "trust", "-N").check("initdb")
        refused(desk, 8, "belongs to another cluster", "system identifier")

        shutil.rmtree(data)
        aside.rename(data)
        history = data / "pg_wal" / "00000063.history"
        history.write_text("1\t0/3000148\tno recovery target specified\n")
        server.give(history)
        refused(desk, 8, "timeline 99", "was promoted after", "a person to decide")
        history.unlink()


def test_an_emptied_site_is_filled_anew(desk: Desk) -> None:
    desk.bench.destroy_site("strasbourg")
    assert rebuild(["rebuild", str(desk.bench.directory), "strasbourg"]) == 0
    desk.bench = Bench.attach(desk.bench.directory)  # it knows the new machines' S3 server
    assert rebuild(["rebuild", str(desk.bench.directory), "strasbourg"]) == 8, "a site that stands is not built over"
    called = desk.operate("reprotect")
    assert called.code == 0, called.said
    assert facts(desk, called.document["run"], "patients.keep")["way"] == "fresh"
    assert facts(desk, called.document["run"], "patients.rebuild")["rebuilt_by"] == "pg_basebackup"
    assert desk.sync_state("bordeaux", "strasbourg") == "async"
    assert {point.split("/")[0] for point in desk.points("strasbourg")} == {"patients", "documents"}
    back = desk.operate("failback")
    assert back.code == 0, back.said
    assert back.document["actuals"]["lost_writes"] == 0
    assert desk.primaries() == ["strasbourg"]


def test_all_that_these_runs_did_is_said_in_french_too(desk: Desk) -> None:
    """Whatever they were: done, refused, failed, killed and resumed. An error within a sentence may be a program's own words."""
    assert len(desk.runs()) > 10
    assert left_in_english(desk) == set()


def test_their_french_pages_in_a_real_browser(desk: Desk, tmp_path: Path) -> None:
    """Of runs that happened, whose names and sentences are as long as they are: nothing sticks out, nothing is loaded."""
    from tests.report import test_report_in_chromium as chromium  # skips this test where there is no browser

    if chromium.CHROMIUM is None:
        pytest.skip("chromium is not installed here")
    heard: list[str] = []
    with chromium.sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.CHROMIUM)
        page = browser.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if not request.url.startswith("file:") else None)
        for run in desk.runs():
            path = tmp_path / f"{run}.html"
            assert desk.call("report", run, "--format", "html", "--lang", "fr", "--output", str(path)).code == 0
            for width in chromium.WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(path.as_uri())
                assert page.evaluate("document.documentElement.lang") == "fr"
                assert page.evaluate(chromium.STICKS_OUT) == [], f"{run} at {width} pixels"
        browser.close()
    assert heard == []
