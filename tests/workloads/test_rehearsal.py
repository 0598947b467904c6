"""A nurse's day with a drill's copy of the bench's application, as the playbook has it, on a real server."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml
from pydantic import ValidationError

from albus_dr.bench.patients import SCHEMA, document_path
from albus_dr.errors import NotReadyError, RefusedError, StepError
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import HttpExpectation, Runbook
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server
from albus_dr.workloads import service, site
from albus_dr.workloads.postgres import Model as Postgres
from albus_dr.workloads.service import rehearsal
from albus_dr.workloads.service.request import Request, unknown_name
from albus_dr.workloads.step import Facts, StepContext, StepSpec, Verdict, Verification
from tests.workloads.test_small_pieces import B, context

ROOT = os.geteuid() == 0
PLAYBOOK = Path(__file__).resolve().parents[2] / "playbooks" / "albus.yaml"
DOCUMENT = b"a prescription"
ROWS = f"""
INSERT INTO patient (given_name, family_name, born, street, town) SELECT 'A', 'B', '1950-01-01', 'c', 'd' FROM generate_series(1, 3);
INSERT INTO appointment (patient_id, starts_at, reason) SELECT n, date_trunc('day', now(), 'UTC') + interval '9 hours', 'insulin'
  FROM generate_series(1, 3) n;
INSERT INTO document (patient_id, name, sha256, size) VALUES (1, 'x', '{hashlib.sha256(DOCUMENT).hexdigest()}', 14);
"""


@dataclass
class Copy:
    """The context of the rehearsal, and the server that the copy was told to use."""

    ctx: StepContext
    server: Server
    documents: Path

    @property
    def day(self) -> tuple[Request, ...]:
        model = self.ctx.workload
        assert isinstance(model, service.Model)
        return model.rehearse

    def worked(self) -> list[Verification]:
        return list(rehearsal.verify_rehearsed(self.ctx, rehearsal.rehearse(self.ctx, self.day), self.day))

    def count(self, table: str) -> int:
        return int(self.server.value(f"SELECT count(*) FROM {table}", database="albus"))


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    try:
        postgres_program("initdb")
    except NotReadyError as error:
        pytest.skip(error.message)
    base = Path(tempfile.mkdtemp(prefix="albus-"))
    base.chmod(0o711)
    facts: dict[str, Facts] = {}
    ctx = the_context(base, facts)
    try:
        Path(site.scratch_of(ctx).path).mkdir(parents=True)
        for path in (base / B, Path(site.scratch_of(ctx).path)):
            path.chmod(0o711)
        facts["isolate"] = site.ACTIONS["site.isolate"].act(ctx)
        if not facts["isolate"]["network"]:
            pytest.skip(facts["isolate"]["network_reason"])
        server = started_server(ctx)
        server.query("CREATE DATABASE albus")
        server.query(SCHEMA + ROWS, database="albus")
        documents = Path(site.drill_directory(ctx)) / "documents"
        document_path(documents, 1).parent.mkdir(parents=True)
        document_path(documents, 1).write_bytes(DOCUMENT)
        facts["patients.restore"] = {"uri": server.uri("albus")}
        facts["documents.restore"] = {"path": str(documents)}
        facts["application.start_copy"] = service.ACTIONS["service.start_copy"].act(ctx)
        yield Copy(ctx, server, documents)
    finally:
        site.ACTIONS["site.cleanup"].act(ctx)
        shutil.rmtree(base)


def the_context(base: Path, facts: dict[str, Facts]) -> StepContext:
    made = context(base)
    workload = yaml.safe_load(PLAYBOOK.read_text())["workloads"]["application"]
    database = {"kind": "postgres", "server": "database", "database": "albus", "recovery_points": {"dump": "backups"}}
    runbook = Runbook.model_construct(
        **{**dict(made.runbook), "workloads": {
            **made.runbook.workloads, "patients": Postgres.model_validate(database),
            "application": service.Model.model_validate(workload),
        }}
    )  # fmt: skip
    config: Any = made.config.model_dump(mode="json", exclude_none=True)
    config["sites"][B]["scratch"]["run_as"] = "postgres" if ROOT else None
    config["sites"][B]["services"] = {"albus": {
        "host": "all", "start": ["true"], "stop": ["true"], "status": ["true"], "url": "http://127.0.0.1:9", "health": "/health",
        "drill": {
            "command": [sys.executable, "-m", "albus_dr.bench.application", "serve", "--port", "{port}"],
            "environment": {"DATABASE_URL": "{patients}", "DOCUMENTS": "{documents}", "PYTHONPATH": str(PLAYBOOK.parents[1])},
            "health": "/health",
        },
    }}  # fmt: skip
    return replace(
        made, runbook=runbook, config=Config.model_validate(config), deadline=time.monotonic() + 240,
        spec=StepSpec("application.rehearse", "application", B, "service.rehearse", ""),
        run=replace(made.run, id="drill-20260101-ab12", operation="drill"), facts_of=lambda step: facts.get(step, {}),
    )  # fmt: skip


def started_server(ctx: StepContext) -> Server:
    server = site.drill_server(ctx, "patients")
    Path(site.drill_directory(ctx)).mkdir(mode=0o711, parents=True, exist_ok=True)
    site.fresh_directory(ctx, f"{site.drill_directory(ctx)}/patients", server.run_as)
    server.create(timeout_s=120)
    server.start(timeout_s=60)
    return server


def test_a_nurse_works_a_day_and_another_one_after_a_crash(copy: Copy) -> None:
    for day in (1, 2):  # a resumed drill sends another number
        worked = copy.worked()
        assert [(one.kind, one.verdict) for one in worked] == [
            ("GET /agenda/today", Verdict.PASSED),
            ("GET /patients/{patient}", Verdict.PASSED),
            ("GET /patients/{patient}/documents/{document}", Verdict.PASSED),
            ("POST /visits", Verdict.PASSED),
            ("GET /invoices/{invoice}", Verdict.PASSED),
        ]
        assert (copy.count("visit"), copy.count("invoice WHERE amount_cents = 4200")) == (day, day)


DAMAGES = {
    "an empty agenda": (
        "ALTER TABLE appointment RENAME TO kept; CREATE TABLE appointment (LIKE kept)",
        "DROP TABLE appointment; ALTER TABLE kept RENAME TO appointment",
        "GET /agenda/today", "length(appointments) > `0` is not true",
    ),
    "a document that was replaced": (
        "UPDATE document SET sha256 = 'other'", f"UPDATE document SET sha256 = '{hashlib.sha256(DOCUMENT).hexdigest()}'",
        "GET /patients/{patient}/documents/{document}", "status 503",
    ),
    "visits that can't be saved": (
        "ALTER TABLE visit RENAME note TO remark", "ALTER TABLE visit RENAME remark TO note", "POST /visits", "status 500",
    ),
    "bills over another amount": (
        "CREATE FUNCTION less() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.amount_cents := 1; RETURN NEW; END';"
        "CREATE TRIGGER less BEFORE INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION less()",
        "DROP TRIGGER less ON invoice; DROP FUNCTION less",
        "GET /invoices/{invoice}", "amount_cents == `4200` is not true",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_nurse_can_not_do_is_named_and_the_day_ends_there(copy: Copy, damage: str) -> None:
    damaged, mended, kind, said = DAMAGES[damage]
    visits = copy.count("visit")
    copy.server.query(damaged, database="albus")
    try:
        worked = copy.worked()
    finally:
        copy.server.query(mended, database="albus")

    (failed,) = (one for one in worked if one.verdict is Verdict.FAILED)
    assert (failed.kind, failed.actual) == (kind, said)
    behind = worked[worked.index(failed) + 1 :]
    assert {one.verdict for one in behind} <= {Verdict.NOT_EVALUATED}
    assert {one.actual for one in behind} <= {"not asked: an earlier answer was wrong"}
    assert copy.count("visit") == visits + (kind == "GET /invoices/{invoice}")


def test_a_copy_that_works_on_something_else_is_not_written_with(copy: Copy) -> None:
    """Its own drill's server was never opened: what it was told to use is another database."""
    ctx = replace(copy.ctx, run=replace(copy.ctx.run, id="drill-20260101-cd34"))
    visits = copy.count("visit")
    Path(site.drill_directory(ctx)).mkdir(mode=0o711)
    started_server(ctx)  # in the network of the first, so that the copy can be asked
    try:
        with pytest.raises(RefusedError, match="has not opened the restored patients: it works on something else"):
            rehearsal.rehearse(ctx, copy.day)
    finally:
        site.ACTIONS["site.cleanup"].act(ctx)
    assert copy.count("visit") == visits


def test_what_a_copy_that_fails_has_written_is_not_repeated(copy: Copy) -> None:
    """Its log may name patients, and what an environment holds; an error stands in the journal and in every report."""
    said = "Zéphyrine Canarienne, with canary-5f2e"
    config: Any = copy.ctx.config.model_dump(mode="json", exclude_none=True)
    drill = config["sites"][B]["services"]["albus"]["drill"]
    drill["command"] = [sys.executable, "-c", f"print({said!r}); raise LookupError({said!r})"]
    workloads = {**copy.ctx.runbook.workloads, "other": copy.ctx.workload}  # in a directory of its own
    ctx = replace(
        copy.ctx, config=Config.model_validate(config), deadline=time.monotonic() + 15,
        runbook=Runbook.model_construct(**{**dict(copy.ctx.runbook), "workloads": workloads}),
        spec=replace(copy.ctx.spec, id="other.start_copy", workload="other"),
    )  # fmt: skip
    with pytest.raises(StepError, match="other: the copy did not become healthy") as failed:
        service.ACTIONS["service.start_copy"].act(ctx)
    assert "its log names LookupError" in failed.value.message
    assert not [word for word in ("phyrine", "Canarienne", "canary") if word in failed.value.message]


def test_nothing_but_a_drill_may_write(copy: Copy) -> None:
    visits = copy.count("visit")
    with pytest.raises(RefusedError, match="only a drill's copy"):
        rehearsal.rehearse(replace(copy.ctx, run=replace(copy.ctx.run, operation="failover")), copy.day)
    assert copy.count("visit") == visits


def test_a_copy_that_could_write_elsewhere_is_asked_nothing(copy: Copy) -> None:
    visits = copy.count("visit")
    outside = {"network": None, "network_reason": "scratch.network is `host`"}
    ctx = replace(copy.ctx, facts_of=lambda step: outside if step == "isolate" else copy.ctx.facts_of(step))
    worked = rehearsal.verify_rehearsed(ctx, rehearsal.rehearse(ctx, copy.day), copy.day)
    assert {(one.verdict, one.actual) for one in worked} == {
        (Verdict.NOT_EVALUATED, f"{rehearsal.REACHES_OUT} (scratch.network is `host`)"),
    }  # fmt: skip
    assert copy.count("visit") == visits


def test_an_application_that_is_gone_is_a_failure_without_what_was_kept(copy: Copy) -> None:
    gone = replace(copy.ctx, facts_of=lambda step: {**copy.ctx.facts_of("isolate"), "url": "http://127.0.0.1:9"})
    worked = rehearsal.verify_rehearsed(gone, rehearsal.rehearse(gone, copy.day), copy.day)
    assert [one.verdict for one in worked] == [Verdict.FAILED, *[Verdict.NOT_EVALUATED] * 4]
    assert worked[0].actual == "no answer"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("appointments[99].id", "appointments[99].id is null"),
        ("appointments", "appointments is neither text nor a number"),
        ("][", "the expression can't be applied: "),
    ],
)
def test_what_can_not_be_kept_is_wrong(copy: Copy, expression: str, said: str) -> None:
    asked = (Request(http="/agenda/today", keep={"it": expression}),)
    (found,) = rehearsal.verify_rehearsed(copy.ctx, rehearsal.rehearse(copy.ctx, asked), asked)
    assert found.verdict is Verdict.FAILED
    assert found.actual.startswith(said)


def test_what_was_kept_goes_into_the_next_request_with_its_type() -> None:
    request = Request(
        http="/p/{name}?q={name}",
        post={"id": "{id}", "list": ["{ok}", {"text": "no. {id} of {name}"}], "same": 1, "braces": "{not a name}"},
        expect=HttpExpectation.model_validate({"json": "a == {name} && {b: id}.b == {id}", "contains": "{name}"}),
    )
    filled = request.filled({"id": 7, "ok": True, "name": 'a/b "c"'})

    assert filled.http == "/p/a%2Fb%20%22c%22?q=a%2Fb%20%22c%22"
    assert filled.post == {"id": 7, "list": [True, {"text": 'no. 7 of a/b "c"'}], "same": 1, "braces": "{not a name}"}
    assert (filled.expect.json_, filled.expect.contains) == ('a == `"a/b \\"c\\""` && {b: id}.b == `7`', 'a/b "c"')
    asked = Request(http="/", expect=HttpExpectation.model_validate({"json": "a == {it}"}))
    assert jmespath.search(asked.filled({"it": "`'\"\\"}).expect.json_ or "", {"a": "`'\"\\"}) is True
    assert request.kind == "POST /p/{name}?q={name}"


@pytest.mark.parametrize(
    "later",
    [{"http": "/{other}"}, {"http": "/", "post": {"a": [{"b": "{other}"}]}}, {"http": "/", "expect": {"json": "a == {other}"}},
     {"http": "/", "expect": {"contains": "{other}"}}, {"http": "/{own}/{other}", "keep": {"other": "a"}}],
)  # fmt: skip
def test_a_name_that_nobody_keeps_is_a_problem_of_the_runbook(later: dict[str, Any]) -> None:
    first = {"http": "/{unique}", "keep": {"own": "a"}}
    with pytest.raises(ValidationError, match=r"\{other\} is not kept by an earlier request, in rehearse"):
        service.Model.model_validate({"kind": "service", "service": "albus", "rehearse": [first, later]})
    fine = [
        Request.model_validate(each)
        for each in (first, {"http": "/{own}", "keep": {"other": "a"}}, {"http": "/{other}"})
    ]
    assert unknown_name(fine) == ""
