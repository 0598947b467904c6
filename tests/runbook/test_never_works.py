"""Values that could never work, told before the day that they are for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK, Files
from tests.runbook.test_validate_verb import validate

R, C = "runbook.yaml", "config.yaml"
STEP = "    run: [./tell.sh, now]\n    host: all\n"
TREE = "    servers: {database: {host: all, data: /data}}\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (C, 'albus.service, url: "http://127.0.0.1:8000"', 'a, health: health, url: "http://a"', "health"),
        (C, TREE, TREE.replace("/data", "main"), "data"),
        (C, TREE, TREE.replace("/data", '""'), "data"),
        (C, TREE, TREE + "    paths: {all: {host: all, path: /}}\n", "this is the whole machine"),
        (C, TREE, TREE + "    paths: {all: {host: all, path: /srv/..}}\n", "this is the whole machine"),
        (C, "haproxy: /door", "haproxy: 10.0.0.1", "HAProxy's runtime API is the path of a socket, or address:port"),
        (C, "haproxy: /door", 'haproxy: ""', "HAProxy's runtime API is the path of a socket, or address:port"),
        (C, 'url: "http://127.0.0.1:8000"', 'url: "http://[::1"', "an address begins with http:// or https://"),
        (C, "fence: [{probe: all}]", "fence: [{probe: all, timeout: 0s}]", "nothing ends within no time"),
        (C, "fence: [{probe: all}]", "fence: [{probe: all}, {statement: false}]", "statement can only be true"),
        (R, STEP, "    http: status.example.org/up\n", "an address begins with http:// or https://"),
        (R, STEP, "    http: ftp://status.example.org/up\n", "an address begins with http:// or https://"),
        (R, STEP, STEP + "    timeout: 0s\n", "nothing ends within no time"),
        (R, STEP, "    approve: {within: 0s}\n", "nothing ends within no time"),
    ],
)  # fmt: skip
def test_it_is_a_problem_with_its_place(files: Files, file: str, old: str, new: str, said: str) -> None:
    files.replace(file, old, new)
    (problem,) = files.problems()
    assert problem.startswith(f"{file}:")
    assert said in problem


def test_an_expression_that_is_none_is_a_problem_at_its_place(files: Files) -> None:
    """A door is asked in no drill: it would be found out by the failover."""
    verify = "    proxy: front\n    verify:\n      - {http: /, expect: {json: 'length(a > `0`'}}\n"
    files.replace(R, "    proxy: front\n", verify)
    done = validate(R, "--json", environment=ENVIRONMENT)
    (problem,) = json.loads(done.stdout)["problems"]
    assert done.returncode == 2
    assert (problem["line"], problem["column"]) == (25, 34)
    assert problem["message"].startswith("this is no JMESPath expression: ")


def test_what_a_rehearsal_keeps_may_stand_in_an_expression(files: Files) -> None:
    asked = """    service: albus
    rehearse:
      - {http: /day, keep: {patient: "visits[0].patient"}}
      - {http: "/patients/{patient}", expect: {json: "id == {patient} && name == {unique}"}}
"""
    files.replace(R, "    service: albus\n", asked)
    assert "JMESPath" not in validate(R, environment=ENVIRONMENT).stderr
    files.replace(R, "visits[0].patient", "visits[0.patient")
    (problem,) = [line for line in validate(R, environment=ENVIRONMENT).stderr.splitlines() if "JMESPath" in line]
    assert problem.startswith("runbook.yaml:21:")


@pytest.mark.parametrize("text", ["---\n", "---\n# nothing yet\n", "null\n", "~\n", "# nothing yet\n", ""])
@pytest.mark.parametrize("file", [R, C])
def test_a_file_that_says_nothing_is_empty(files: Files, file: str, text: str) -> None:
    Path(file).write_text(text)
    (problem,) = files.problems()
    assert problem == f"{file}:1:1: the file is empty; albus-dr init writes a starter"
    done = validate(R, "--json", environment=ENVIRONMENT)
    assert (done.returncode, json.loads(done.stdout)["valid"]) == (2, False)


@pytest.mark.parametrize("written", ['""', '"${SBG}"'])
def test_a_host_with_an_empty_ssh_is_not_this_machine(files: Files, written: str) -> None:
    """Without ssh it would be: a probe would look here, find nothing, and prove the old primary off."""
    text = CONFIG.replace("hosts: {all: {}}", f"hosts: {{all: {{ssh: {written}}}}}", 1)
    files.write(RUNBOOK, text)
    (problem,) = files.problems({**ENVIRONMENT, "SBG": ""})
    assert problem.startswith("config.yaml:5:24: ssh ")


def test_another_kind_of_line_break_is_named_where_it_stands(files: Files) -> None:
    files.replace(R, "version: 1\n", "version: 1\n# one\u2028two\n")
    (problem,) = files.problems()
    assert problem.startswith("runbook.yaml:2:6: the file holds a control character")


def test_json_is_json_whatever_the_terminal_can_show(files: Files) -> None:
    Path(R).rename("café.yaml")
    done = validate("café.yaml", "--json", environment={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout)["runbook"] == "café.yaml"
