"""albus-dr validate, as people and scripts call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from albus_dr.report.french import WIDE
from tests.runbook.runbook_files import ENVIRONMENT, RUNBOOK, Files

TOP = Path(__file__).resolve().parents[2]
WITH_A_MARKER = ("    recovery_points:", "    marker: SELECT max(at) FROM visits\n    recovery_points:")
HEAVY = ("boto3", "botocore", "sqlalchemy", "dbos", "psycopg", "rich", "faker")


def validate(
    *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """In an environment without the demo's variables."""
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        (sys.executable, "-c", "from albus_dr.cli.main import main; main()", "validate", *arguments),
        cwd=cwd, env={**kept, **(environment or {})}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_what_ships_is_valid_without_the_demos_variables() -> None:
    done = validate("playbooks/albus.yaml", cwd=TOP)

    assert (done.returncode, done.stdout) == (
        0, "playbooks/albus.yaml is valid: 4 workloads, strasbourg -> bordeaux 758 km apart\n",
    )  # fmt: skip
    assert "environment variables that configs/demo.yaml uses are not set here" in done.stderr


def test_it_is_said_in_french(files: Files) -> None:
    done = validate("playbooks/albus.yaml", cwd=TOP, environment={"ALBUS_DR_LANG": "fr"})

    assert done.stdout == (
        f"playbooks/albus.yaml est valide{WIDE}: 4 composants, strasbourg -> bordeaux, distants de 758 km\n"
    )
    assert "variables d'environnement que configs/demo.yaml utilise, à partir de la ligne " in done.stderr
    one = validate("runbook.yaml", "--lang", "fr", environment={"PORT": ENVIRONMENT["PORT"]})
    assert one.stderr.startswith(f"remarque{WIDE}: une variable d'environnement que config.yaml utilise à la ligne ")


def test_the_production_example_is_valid_with_the_playbook() -> None:
    done = validate("playbooks/albus.yaml", "--config", "configs/production.example.yaml", cwd=TOP)

    assert (done.returncode, done.stderr) == (0, "")


def test_sites_by_ssh_without_a_witness_are_noted(files: Files) -> None:
    Path("config.yaml").write_text(Path("config.yaml").read_text().replace("{all: {}}", "{all: {ssh: root@db}}"))
    done = validate("runbook.yaml", environment=ENVIRONMENT)
    noted = json.loads(validate("runbook.yaml", "--json", environment=ENVIRONMENT).stdout)["notes"]
    french = validate("runbook.yaml", "--lang", "fr", environment=ENVIRONMENT)

    assert done.returncode == 0
    assert done.stderr.startswith("note: config.yaml names no witness: ")
    assert ("config.yaml", 2, "no witness is named") in [
        (note["file"], note["line"], note["message"].partition(":")[0]) for note in noted
    ]
    assert french.stderr.startswith(f"remarque{WIDE}: config.yaml ne désigne aucun témoin{WIDE}: ")
    assert validate("runbook.yaml", "-q", environment=ENVIRONMENT).stderr == ""

    Path("config.yaml").write_text(
        Path("config.yaml").read_text() + 'witness: {etcd: ["https://etcd.example.org:2379"]}\n'
    )
    assert "witness" not in validate("runbook.yaml", environment=ENVIRONMENT).stderr


def test_quiet_success_prints_nothing() -> None:
    done = validate("playbooks/albus.yaml", "-q", cwd=TOP)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_problems_go_to_stderr_and_the_code_is_2(files: Files) -> None:
    files.replace("runbook.yaml", "rto: 4h", "rto: 4")
    files.replace("config.yaml", "probe: all", "probe: al")
    done = validate("runbook.yaml", environment=ENVIRONMENT)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "config.yaml:10:21: site strasbourg has no host al; did you mean all?",
        "runbook.yaml:4:19: rto is not a duration; a duration needs a number and a unit (ms, s, m, h, d, w, y), "
        "for example 15m or 1h30m",
    ]


def test_json_is_one_document(files: Files) -> None:
    files.replace("config.yaml", "proxies:\n", "    fence: [{statement: true}]\nproxies:\n")
    files.replace("runbook.yaml", *WITH_A_MARKER)
    valid = validate("runbook.yaml", "--json", environment=ENVIRONMENT)
    files.replace("config.yaml", "probe: all", "probe: al")
    invalid = validate("runbook.yaml", "--json", environment=ENVIRONMENT)

    assert (valid.returncode, invalid.returncode) == (0, 2)
    assert json.loads(valid.stdout) == {
        "schema": "albus-dr/validate/1", "runbook": "runbook.yaml", "valid": True, "problems": [], "notes": [],
    }  # fmt: skip
    assert json.loads(invalid.stdout) == {
        "schema": "albus-dr/validate/1", "runbook": "runbook.yaml", "valid": False, "notes": [],
        "problems": [{"file": "config.yaml", "line": 10, "column": 21, "message": "site strasbourg has no host al",
                      "hint": "did you mean all?"}],
    }  # fmt: skip


def test_a_site_that_nothing_can_prove_to_be_off_is_noted(files: Files) -> None:
    """The config of this test has a fence for one of its sites alone."""
    files.replace("runbook.yaml", *WITH_A_MARKER)
    said, written = (
        validate("runbook.yaml", environment=ENVIRONMENT),
        validate("runbook.yaml", "--json", environment=ENVIRONMENT),
    )

    assert (said.returncode, written.returncode) == (0, 0)
    [line] = said.stderr.splitlines()
    assert line.startswith("note: a failover from bordeaux would be refused, whatever anybody states")
    assert line.endswith("(config.yaml, line 11) add  fence: [{probe: all}, {statement: true}]")
    [note] = json.loads(written.stdout)["notes"]
    assert (note["file"], note["line"], note["hint"]) == (
        "config.yaml", 11, "add fence: [{probe: all}, {statement: true}]",
    )  # fmt: skip
    french = validate("runbook.yaml", "--lang", "fr", environment=ENVIRONMENT)
    assert french.stderr.startswith(f"remarque{WIDE}: une bascule d'urgence depuis bordeaux serait refusée")
    files.replace("config.yaml", "proxies:\n", "    fence: [{statement: true}]\nproxies:\n")
    assert validate("runbook.yaml", environment=ENVIRONMENT).stderr == ""


STEPS = """\
  - {name: One, wait: 1s, before: patients.promot, in: [failover]}
  - {name: Two, wait: 1s, before: fence, in: [drill, failover]}
  - {name: Three, wait: 1s, after: own.one, in: [failover]}
  - {name: Four, wait: 1s, after: own.three, in: [switchover]}
"""


def test_a_place_that_an_operation_does_not_have_is_told_before_that_day(files: Files) -> None:
    files.write(RUNBOOK + STEPS)
    done = validate("runbook.yaml", environment=ENVIRONMENT)

    assert (done.returncode, done.stdout) == (2, "")
    one, two, four = done.stderr.splitlines()
    assert one == (
        "runbook.yaml:30:35: there is no workload or step patients.promot in a failover to be before; did you mean patients.promote?"
    )
    assert two.startswith("runbook.yaml:31:35: there is no workload or step fence in a drill to be before; ")
    assert four.startswith("runbook.yaml:33:35: there is no workload or step own.three in a switchover to be after; ")


def test_steps_beside_each_other_in_a_circle_are_told_before_that_day(files: Files) -> None:
    circle = "  - {name: One, wait: 1s, after: own.two, in: [drill]}\n  - {name: Two, wait: 1s, after: own.one, in: [drill]}\n"
    files.write(RUNBOOK + circle)
    done = validate("runbook.yaml", environment=ENVIRONMENT)

    assert done.returncode == 2
    assert done.stderr.startswith("runbook.yaml:25:3: own steps stand before or after each other in a circle: ")


def test_nothing_heavy_is_imported(files: Files) -> None:
    code = (
        "import sys; from albus_dr.cli.validate import command; from pathlib import Path\n"
        "command(Path('runbook.yaml'))\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["runbook", "config", "run", "check", "demo", "compliance", "evidence"])
def test_the_schemas_are_printed(name: str) -> None:
    done = subprocess.run(
        (sys.executable, "-c", "from albus_dr.cli.main import main; main()", "schema", name),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    Draft202012Validator.check_schema(json.loads(done.stdout))
