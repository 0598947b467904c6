"""bench/install.sh says what a machine lacks, against faked machines; a real one is too slow for every run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from albus_dr.tools.inventory import TOOLS, format_version

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "albus_dr" / "bench" / "install.sh"
SHELL_TOOLS = ("awk", "cat", "cksum", "dirname", "env", "expand", "grep", "readlink", "sed", "sh", "sort", "uname")
FOUND = {
    "haproxy": "",
    "ssh": "",
    "curl": "",
    "setpriv": "",
    "chromium": "",
    "etcd": "",
    "faketime": "",
    "ip": "",
    "shellcheck": "",
    "sshd": "",
    "crontab": "",
    "socat": "",
    "systemd-analyze": "",
    "restic": "echo restic 0.18.0 compiled with go",
}


class Machine:
    """A PATH of its own. The programs of packages that stand outside PATH (PostgreSQL's) are the real machine's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        for name in SHELL_TOOLS:
            found = shutil.which(name)
            assert found, name
            (folder / name).symlink_to(found)
        self.add("id", "echo 0")
        self.add("apt-get", "exit 1")
        self.add("python3", f"echo {folder}/python3")
        for name, says in FOUND.items():
            self.add(name, says)

    def add(self, name: str, says: str) -> None:
        """A program that runs this line of shell."""
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def install(self, *arguments: str, checkout: Path = TOP) -> subprocess.CompletedProcess[str]:
        script = checkout / "albus_dr" / "bench" / "install.sh"
        return subprocess.run(
            (self.folder / "sh", script, *arguments), env={"PATH": str(self.folder)}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "bin")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which nothing was installed yet, at a path with a space."""
    folder = tmp_path / "a checkout"
    (folder / "albus_dr" / "bench").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "albus_dr" / "bench")
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(TOP / name, folder)
    return folder


def test_dry_run_says_and_changes_nothing(machine: Machine, checkout: Path) -> None:
    before = sorted(checkout.rglob("*"))
    done = machine.install("demo", "--dry-run", checkout=checkout)
    assert done.returncode == 0, done.stderr
    assert "into .venv, from requirements.lock, hashes checked" in done.stderr
    assert "restic" not in done.stderr
    assert sorted(checkout.rglob("*")) == before


@pytest.mark.parametrize(
    "says", ["exit 127", "echo restic 0.14.0 compiled with go1.19", "echo restic 0.17.0", "echo gibberish"]
)
def test_a_restic_absent_or_too_old_is_named(machine: Machine, checkout: Path, says: str) -> None:
    machine.add("restic", says)
    done = machine.install("demo", "--dry-run", checkout=checkout)
    assert "restic 0.17.1 or newer" in done.stderr


@pytest.mark.parametrize("version", ["0.17.1", "0.18.0", "0.100.2", "1.0"])
def test_a_new_enough_restic_is_left_alone(machine: Machine, checkout: Path, version: str) -> None:
    machine.add("restic", f"echo restic {version} compiled with go1.24.4 on linux/amd64")
    assert "restic" not in machine.install("demo", "--dry-run", checkout=checkout).stderr


def test_a_missing_python_is_named(machine: Machine, checkout: Path) -> None:
    machine.add("python3", "exit 1")  # there, but too old or without venv
    assert "Python 3.11 or newer, with venv" in machine.install("demo", "--dry-run", checkout=checkout).stderr


@pytest.mark.parametrize(
    ("program", "named"),
    [
        ("shellcheck", "shellcheck"),
        ("chromium", "package chromium"),
        ("crontab", "package cron"),
        ("socat", "package socat"),
        ("systemd-analyze", "package systemd"),
    ],
)
def test_what_only_the_tests_need(machine: Machine, checkout: Path, program: str, named: str) -> None:
    machine.remove(program)
    assert named in machine.install("test", "--dry-run", checkout=checkout).stderr
    assert named not in machine.install("demo", "--dry-run", checkout=checkout).stderr


def test_without_root_and_without_sudo_it_says_what_to_ask_for(machine: Machine, checkout: Path) -> None:
    machine.add("id", "echo 1000")
    machine.remove("ssh")
    done = machine.install("demo", checkout=checkout)
    assert done.returncode == 3
    assert "apt-get install --no-install-recommends openssh-client" in done.stderr
    assert not (checkout / ".venv").exists()


def test_sudo_that_says_no_is_the_same_as_none(machine: Machine, checkout: Path) -> None:
    machine.add("id", "echo 1000")
    machine.add("sudo", "exit 1")
    machine.remove("ssh")
    done = machine.install("demo", checkout=checkout)
    assert done.returncode == 3
    assert "may not use sudo" in done.stderr


def test_without_apt_it_names_the_packages_of_the_system_at_hand(machine: Machine, checkout: Path) -> None:
    machine.remove("apt-get")
    machine.remove("ssh")
    machine.remove("restic")
    machine.add("dnf", "exit 1")
    done = machine.install("demo", checkout=checkout)
    assert done.returncode == 3
    assert "package openssh-clients" in done.stderr
    assert "package restic" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("arguments", [(), ("all",), ("demo", "--dry"), ("demo", "--dry-run", "x")])
def test_wrong_usage(machine: Machine, arguments: tuple[str, ...]) -> None:
    done = machine.install(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_the_script_and_the_doctor_want_the_same_restic() -> None:
    minimum = next(tool.minimum for tool in TOOLS if tool.program == "restic")
    assert f"RESTIC_MINIMUM={format_version(minimum)} " in SCRIPT.read_text(encoding="utf-8")


def test_lock_files_name_no_host_and_every_package_has_a_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (TOP / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index-url" not in text
        entries = text.replace("\\\n", " ").splitlines()
        pinned = [entry for entry in entries if entry[:1].isalnum()]
        assert pinned
        assert [entry for entry in pinned if "--hash=sha256:" not in entry] == []


def test_the_development_lock_holds_all_of_the_other() -> None:
    def pins(name: str) -> set[str]:
        lines = (TOP / name).read_text(encoding="utf-8").splitlines()
        return {line.split(" ")[0] for line in lines if line[:1].isalnum()}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shell_scripts_are_clean() -> None:
    scripts = (SCRIPT, TOP / ".ci" / "run")
    done = subprocess.run(("shellcheck", *scripts), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_ci_runs_make_test_and_can_be_started() -> None:
    script = TOP / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
