"""A secret and a patient, planted wherever they could be, are told to nobody: no log, journal, report, evidence or argument."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from albus_dr.evidence.envelope import payload_of
from albus_dr.journal.texts import LEFT_OUT
from albus_dr.tools.inventory import postgres_program
from tests.real.operator_desk import Called, Desk, ended, left_in_english, running

pytestmark = pytest.mark.real

SECRET = "canary-5f2e9c71d8b34a06"
PATIENT = "Zéphyrine Canarienne"
NAMES = "SELECT given_name || ' ' || family_name FROM patient WHERE id = 1"
PARTS = tuple(part.encode() for part in (SECRET, "Zéphyrine", "Canarienne", "zephyrine-canarienne"))


@pytest.fixture(scope="module")
def planted(desk: Desk) -> Iterator[Path]:
    """The secret in a config and its environment, the patient in the database, a document and its name; a config that hands
    the secret to the copy, whose answers and log are full of both."""
    bench = desk.bench
    with bench.sites["strasbourg"].server.connect("albus") as connection:
        connection.execute("UPDATE patient SET family_name = 'Canarienne', given_name = 'Zéphyrine' WHERE id <= 20")
        connection.execute("UPDATE visit SET note = %s WHERE id <= 20", (f"{PATIENT} asked for {SECRET}",))
    documents = bench.sites["strasbourg"].documents
    (documents / "zephyrine-canarienne.txt").write_text(f"{PATIENT}: {SECRET}")
    script = desk.folder / "talks.py"
    script.write_text(
        "import os, sys\n"
        f"print({PATIENT!r}, os.environ['TOKEN'], flush=True)\n"
        "os.execv(sys.executable, (sys.executable, '-m', 'albus_dr.bench.application', 'serve', *sys.argv[1:]))\n"
    )
    usual = '["${ALBUS_DEMO_PYTHON}", -m, albus_dr.bench.application, serve, --port, "{port}"]'
    config = desk.variant(
        "canary.yaml", desk.config,
        (usual, f'["${{ALBUS_DEMO_PYTHON}}", "{script}", --port, "{{port}}"]'),
        ('DOCUMENTS: "{documents}"}', f'DOCUMENTS: "{{documents}}", TOKEN: "${{CANARY}}", AGAIN: "{SECRET}"}}'),
    )  # fmt: skip
    yield config
    (documents / "zephyrine-canarienne.txt").unlink()


def watched(desk: Desk, verb: str, *more: str, config: Path, playbook: Path | None = None) -> tuple[Called, bytes]:
    """The operation, and the arguments of everything that ran on this machine meanwhile."""
    seen: set[bytes] = set()
    arguments = desk.operation(verb, "--json", "-v", *more, config=config, playbook=playbook)
    with running(desk.begin(*arguments, environment={"CANARY": SECRET})) as child:
        while child.poll() is None:
            for place in Path("/proc").iterdir():
                if place.name.isdigit():
                    with contextlib.suppress(OSError):
                        seen.add((place / "cmdline").read_bytes())
            time.sleep(0.002)
        return ended(child), b"\n".join(seen)


def told(where: str, content: bytes) -> list[str]:
    return [f"{where}: {part.decode()}" for part in PARTS if part in content]


def out_of(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout


def test_it_is_told_by_nobody(desk: Desk, planted: Path) -> None:
    who = f"        expect: true\n      - sql: {NAMES}\n        expect: "
    playbook = desk.variant("names.yaml", desk.playbook, ("        expect: true\n", f"{who}manifest\n"))
    replicated, of_replicate = watched(desk, "replicate", config=planted, playbook=playbook)
    assert replicated.code == 0, replicated.said
    passed, of_drill = watched(desk, "drill", config=planted, playbook=playbook)
    assert passed.code == 0, passed.said
    asked = [each for each in passed.document["verifications"] if each["kind"] == NAMES]
    assert [(each["verdict"], each["actual"]) for each in asked] == [("passed", LEFT_OUT)], "the question was not put"
    wrong = desk.variant("asks.yaml", playbook, ("amount_cents > `0`", "amount_cents < `0`"))
    failed, of_failed = watched(desk, "drill", config=planted, playbook=wrong)
    assert failed.code == 5, failed.said
    other = desk.variant("other.yaml", playbook, (f"{who}manifest", f"{who}Nobody"))
    differs, of_differs = watched(desk, "drill", config=planted, playbook=other)
    assert differs.code == 5, differs.said
    assert f"expected Nobody, found {LEFT_OUT}" in differs.document["reason"], (
        "the plan's own word is in the JSON alone"
    )
    assert f"expected {LEFT_OUT}, found {LEFT_OUT}" in differs.err
    assert b"pg_restore" in of_drill, "nothing was seen of what a drill starts"
    assert desk.call("evidence", "keygen").code == 0
    for called in (passed, failed, differs):
        run = called.document["run"]
        made = desk.call("evidence", "create", run, "--output", str(desk.folder / f"{run}.evidence.json"))
        assert made.code == 0, made.said

    found = told("arguments", of_replicate + of_drill + of_failed + of_differs)
    for called in (replicated, passed, failed, differs):
        found += told("said", called.said.encode())
    files = [path for path in desk.state.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".html", ".json", ".md", ".xml", ".jsonl", ".sqlite"}
    for path in files:
        found += told(str(path), path.read_bytes())
    for called in (passed, failed, differs):  # what an evidence file says is base64
        run = called.document["run"]
        evidence = payload_of((desk.folder / f"{run}.evidence.json").read_bytes())
        assert run.encode() in evidence, "nothing of what it says was read"
        met = {each["name"]: each["version"] for each in json.loads(evidence)["predicate"]["programs"]}
        assert met["restic"] in out_of("restic", "version")
        assert met["PostgreSQL"].split()[0] in out_of(str(postgres_program("pg_ctl")), "--version")
        found += told(f"evidence of {run}", evidence)
    assert found == []
    assert left_in_english(desk) == set()
