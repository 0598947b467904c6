"""Commands that could not be started, and placeholders that nothing fills, are found before they are needed."""

from __future__ import annotations

import pytest

from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK, Files

DRILLED = '{host: all, systemd: albus.service, url: "http://127.0.0.1:8000"}'


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ('""', "run is empty"),
        ('"  "', "run is empty"),
        ("[]", "run has too few items"),
        ("echo 'half a quote", "run can't be taken apart into a command and its arguments: no closing quotation"),
    ],
)
def test_an_own_step_without_a_command(files: Files, run: str, said: str) -> None:
    files.write()
    files.replace("runbook.yaml", "run: [./tell.sh, now]", f"run: {run}")

    [problem] = files.problems()
    assert problem.startswith("runbook.yaml:26:")
    assert said in problem


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("runbook.yaml", "run: [./tell.sh, now]", "run: [./tell.sh, now]\n    undo: []"),
        ("runbook.yaml", "  door:\n", "  door2: {kind: command, failover: {take: []}}\n  door:\n"),
        ("config.yaml", "fence: [{probe: all}]", "fence: [{command: []}]"),
        ("config.yaml", DRILLED, '{host: all, start: [], stop: [a], status: [a], url: "http://127.0.0.1:8000"}'),
        ("config.yaml", 'url: "http://127.0.0.1"}', 'url: "http://127.0.0.1", clients: []}'),
    ],
)
def test_an_empty_command(files: Files, file: str, old: str, new: str) -> None:
    files.write()
    files.replace(file, old, new)

    [problem] = files.problems()
    assert problem.endswith("has too few items; at least 1")


@pytest.mark.parametrize(
    ("drill", "said"),
    [
        ('command: [serve, --port, "{prot}"]', "{prot} stands for nothing; one of: {port}, {dir}, {patients}"),
        ('command: [serve, "{port"]', "the placeholders can't be read: expected '}' before end of string"),
        ('command: [serve, "{}"]', "{} stands for nothing; one of: {port}, {dir}, {patients}"),
        ('command: [serve, "{port.real}"]', "{port.real} stands for nothing; one of: {port}, {dir}, {patients}"),
        ("command: [serve], environment: {LOG: '{\"level\": 1}'}", "braces that are meant as such are written twice"),
    ],
)
def test_a_placeholder_that_nothing_fills(files: Files, drill: str, said: str) -> None:
    files.write(RUNBOOK, CONFIG.replace(DRILLED, DRILLED[:-1] + f", drill: {{{drill}}}}}"))

    [problem] = files.problems()
    assert problem.startswith("config.yaml:15:")
    assert said in problem


def test_placeholders_that_are_filled(files: Files) -> None:
    drill = 'command: [serve, "{port}", "{dir}/x"], environment: {DB: "{patients}", LOG: \'{{"level": 1}}\'}'
    files.write(RUNBOOK, CONFIG.replace(DRILLED, DRILLED[:-1] + f", drill: {{{drill}}}}}"))

    assert files.problems() == []


@pytest.mark.parametrize("secret", ["{5f2e9c71}", "x{5f2e9", "a{{b}}c", "{patients}", "}"])
def test_what_a_variable_holds_is_no_placeholder(files: Files, secret: str) -> None:
    """A secret for the copy comes that way: it is not told, not refused, and given as it is."""
    drill = '{command: [serve, "{port}", "${TOKEN}"], environment: {TOKEN: "${TOKEN}", DATA: "{patients}"}}'
    files.write()
    files.replace("config.yaml", DRILLED, DRILLED[:-1] + f", drill: {drill}}}")
    environment = {**ENVIRONMENT, "TOKEN": secret}
    assert files.problems(environment) == []
    copy = files.load(environment).config.sites["bordeaux"].services["albus"].drill
    assert copy is not None
    places = {"port": "1", "patients": "uri"}
    given = [text.format_map(places) for text in (*copy.command, *copy.environment.values())]
    assert given == ["serve", "1", secret, secret, "uri"]
