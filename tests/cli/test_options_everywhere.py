"""The options of every command, and one JSON document from each command that is asked for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from albus_dr.cli.main import VERBS, load
from tests.cli.two_directories import COMMAND, TwoDirectories


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for below, each in command.commands.items():
            yield from leaves(f"{name} {below}", each)
    else:
        yield name, command


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_takes_them(verb: str) -> None:
    for name, command in leaves(verb, load(verb)):
        taken = [option for each in command.params for option in each.opts]
        for option in ("--config", "--json", "--lang", "--yes", "-v", "--verbose", "-q", "--quiet"):
            assert taken.count(option) == 1, f"{name} {option}"


def test_only_what_prints_no_answer_of_its_own_takes_json_for_nothing() -> None:
    found = [(name, each) for verb in VERBS for name, each in leaves(verb, load(verb))]
    for_nothing = [name for name, command in found for each in command.params if "--json" in each.opts and each.hidden]
    assert for_nothing == ["guard", "schema"]  # one becomes another program, the other prints JSON anyway


def test_only_what_says_nothing_to_people_takes_lang_for_nothing() -> None:
    found = [(name, each) for verb in VERBS for name, each in leaves(verb, load(verb))]
    assert [name for name, command in found for each in command.params if "--lang" in each.opts and each.hidden] == [
        "schema"
    ]


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    return TwoDirectories(tmp_path, COMMAND)


def document(sites: TwoDirectories, *words: str) -> dict[str, Any]:
    return answered(sites, 0, *words)


def answered(sites: TwoDirectories, code: int, *words: str) -> dict[str, Any]:
    done = sites.call(*words, "--json", "-v")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_only_spoke_to_people_answers_scripts(sites: TwoDirectories) -> None:
    made = document(sites, "init", str(sites.base / "new"))
    assert (made["schema"], made["files"][0]) == ("albus-dr/init/1", "playbook.yaml")
    keys = document(sites, "evidence", "keygen", "--output", str(sites.base / "key"))
    assert keys["schema"] == "albus-dr/evidence-keygen/1"
    assert Path(keys["public_key"]).exists()
    sites.environment["VERIFY"] = "false"
    assert sites.call("drill", str(sites.base / "runbook.yaml"), "-q").returncode == 5
    for verb, code in ((("report", "last"), 0), (("runs", "watch", "last"), 5), (("runs", "show", "last"), 0)):
        assert answered(sites, code, *verb)["verdict"] == "failed"
    output = str(sites.base / "evidence")
    created = document(sites, "evidence", "create", "last", "--output", output, "--key", str(sites.base / "key"))
    assert (created["schema"], created["file"]) == ("albus-dr/evidence-create/1", output)
    assert created["keyid"] == keys["keyid"]


def test_quiet_success_prints_nothing(sites: TwoDirectories) -> None:
    for words in (("init", str(sites.base / "new")), ("evidence", "keygen", "--output", str(sites.base / "key"))):
        done = sites.call(*words, "-q")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
