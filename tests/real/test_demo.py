"""The demo as a newcomer runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import pytest

from tests.real.operator_desk import ROOT, processes_with

pytestmark = pytest.mark.real


def test_demo_json_is_what_its_schema_says_and_leaves_nothing(programs: None, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="albus-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)  # PostgreSQL's user passes through
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_DR_")}
        done = subprocess.run(
            (sys.executable, "-m", "albus_dr", "demo", "--scenario", "drill", "--json"),
            env={**inherited, "ALBUS_DR_STATE": str(tmp_path), "TMPDIR": place},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 6), done.stderr  # 6: a slow machine took over a minute from copy to drill
        document = json.loads(done.stdout)
        assert sorted(Path(place).iterdir()) == []
        assert processes_with(place) == []
    schema = subprocess.run(
        (sys.executable, "-m", "albus_dr", "schema", "demo"), capture_output=True, text=True, check=True, timeout=60
    )
    jsonschema.validate(document, json.loads(schema.stdout))
    assert [run["operation"] for run in document["runs"]] == ["replicate", "drill"]
    run_schema = json.loads((ROOT / "albus_dr" / "journal" / "run.schema.json").read_text())
    for run in document["runs"]:
        jsonschema.validate(run, run_schema)
        assert run["residue"] == []
        assert run["scenario"] == "drill"
