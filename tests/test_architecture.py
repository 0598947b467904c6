"""Imports go one way, and only tools (and bench) reach outside the process."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
PACKAGE = TOP / "albus_dr"
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
MAY_REACH_OUTSIDE = {"tools", "bench"}
# import-linter sees packages outside albus_dr as wholes, and these are parts of harmless ones.
REACHES_OUTSIDE = {"http.client", "http.server", "urllib.request", "asyncio.subprocess", "multiprocessing"}
STARTS_PROCESSES = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """The contracts of pyproject.toml, held against the package in this folder."""
    return subprocess.run(
        (LINT_IMPORTS, "--no-cache"), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def imported(tree: ast.AST) -> set[str]:
    """Every name that a module imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def reaching_outside(source: str) -> set[str]:
    """What in a module's source opens connections or starts processes, of what import-linter can't see."""
    tree = ast.parse(source)
    calls = {
        f"os.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        if node.attr in STARTS_PROCESSES or node.attr.startswith(("exec", "spawn"))
    }
    return calls | (imported(tree) & REACHES_OUTSIDE)


def test_the_contracts_are_kept() -> None:
    done = lint_imports(TOP)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("journal/event.py", "import albus_dr.cli"),
        ("report/__init__.py", "import albus_dr.engine"),
        ("report/__init__.py", "import albus_dr.tools.process"),
        ("plan/__init__.py", "import subprocess"),
        ("cli/status.py", "import psycopg"),
        ("engine/run.py", "import sqlalchemy"),
        ("newcomer.py", ""),
    ],
)
def test_a_wrong_import_breaks_a_contract(tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "albus_dr", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    with (tmp_path / "albus_dr" / module).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout, done.stdout


def test_only_tools_and_bench_reach_outside() -> None:
    offenders = {
        str(path.relative_to(PACKAGE)): found
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in MAY_REACH_OUTSIDE
        if (found := reaching_outside(path.read_text(encoding="utf-8")))
    }
    assert not offenders


@pytest.mark.parametrize(
    "source",
    ["from http import client", "import http.client as h", "import os\nos.system('ls')", "import os\nos.execvp"],
)
def test_reaching_outside_is_seen(source: str) -> None:
    assert reaching_outside(source)


def test_only_cli_prints_or_exits() -> None:
    offenders = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in {"cli", "bench"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func) in {"print", "exit", "quit", "sys.exit", "os._exit", "sys.stdout.write"}
    ]
    assert not offenders


RUNBOOK = ("playbooks/albus.yaml", "--config", "configs/production.example.yaml")


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("validate", *RUNBOOK),
        ("plan", RUNBOOK[0], "failover", *RUNBOOK[1:]),  # where nothing was run yet: there is no journal to ask
        ("schema", "runbook"),
        ("doctor",),
        ("init", "{}/new"),
        ("schedule", "show", *RUNBOOK),
        ("evidence", "keygen", "--output", "{}/key"),
        ("evidence", "verify", "--help"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_needs_no_engine_s3_or_database_loads_none(words: tuple[str, ...], tmp_path: Path) -> None:
    code = (
        "import sys; from albus_dr.cli.main import _run\n"
        "try:\n    code = _run()\nexcept SystemExit as error:\n    code = error.code\n"
        "loaded = {name.partition('.')[0] for name in sys.modules if sys.modules[name]}\n"
        "print(code, *sorted(loaded & {'boto3', 'botocore', 'dbos', 'psycopg', 'sqlalchemy'}), file=sys.stderr)"
    )
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_DR_")}
    done = subprocess.run(
        (sys.executable, "-c", code, *(word.format(tmp_path) for word in words)), cwd=TOP, capture_output=True, text=True,
        env={**inherited, "ALBUS_DR_STATE": str(tmp_path / "state")}, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] in ("0", "3" if words == ("doctor",) else "0"), (
        done.stderr
    )  # 3: a tool is missing


def test_checking_a_runbook_loads_no_program_that_a_step_works_with() -> None:
    """It is what people wait for at every keystroke of a runbook, and CI at every push."""
    code = (
        "import sys; sys.argv = ['albus-dr', 'validate', '-q', 'playbooks/albus.yaml', '--config', "
        "'configs/production.example.yaml']\n"
        "from albus_dr.cli.main import _run\n"
        "code = _run()\n"
        "print(code, *sorted(name for name in sys.modules if name.startswith('albus_dr.') or name in {'boto3', 'dbos', "
        "'sqlalchemy', 'psycopg'}))\n"
    )
    done = subprocess.run((sys.executable, "-c", code), cwd=TOP, capture_output=True, text=True, timeout=60, check=True)
    code_, *loaded = done.stdout.split()
    assert code_ == "0", done.stderr
    heavy = (
        "albus_dr.tools",
        "albus_dr.engine",
        "albus_dr.journal",
        "albus_dr.safety",
        "boto3",
        "dbos",
        "sqlalchemy",
        "psycopg",
    )
    assert [name for name in loaded if name.startswith(heavy) or name.endswith(".actions")] == []
    assert "albus_dr.workloads.postgres.model" in loaded
