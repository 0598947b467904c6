"""What the documentation says about itself and about albus-dr is so."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from albus_dr.cli import cli_page
from albus_dr.cli.main import VERBS, app, load
from albus_dr.cli.schema import SCHEMAS
from albus_dr.errors import ExitCode
from albus_dr.journal.event import EVENT_KINDS
from tests.docs.documents import DOCUMENTS, PAGES, TOP, Block, all_blocks

REFERENCE = TOP / "docs" / "reference"
NOT_RUN = {"form": 12, "install": 5, "elsewhere": 16}
RUN = {"", "kind", "standby", "setup", "bench", "teardown"}
LANGUAGES = {"console", "text", "yaml", "toml", "python", "sql", "json"}


def read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def first_cells(name: str) -> list[str]:
    """What stands as code in the first cells of a page's tables."""
    cells = re.findall(r"^\| (.+?) \|", read(name), re.MULTILINE)
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def test_every_block_has_a_treatment_and_those_that_are_not_run_are_counted() -> None:
    console = all_blocks("console")
    treatments = Counter(block.treatment for block in console)
    assert {name: treatments[name] for name in NOT_RUN} == NOT_RUN
    assert set(treatments) <= RUN | NOT_RUN.keys()
    assert [str(block) for block in console if not block.commands] == []


def test_no_command_hides_in_another_language() -> None:
    found = Counter(match for page in DOCUMENTS for match in re.findall(r"^ *```(\w+)", page.read_text(), re.MULTILINE))
    assert set(found) <= LANGUAGES


def albus_commands() -> list[tuple[Block, str]]:
    return [
        (block, command)
        for block in all_blocks("console")
        for command in block.commands
        if command.startswith("albus-dr ")
    ]


@pytest.mark.parametrize(("block", "command"), albus_commands(), ids=str)
def test_its_verb_and_its_options_exist(block: Block, command: str) -> None:
    words = shlex.split(re.sub(r"\\\n|[|&>].*$", " ", command), comments=True)[1:]
    if words[0].startswith("-"):
        known: Any = typer.main.get_command(app)
    elif hasattr(known := load(words.pop(0)), "commands"):
        known = known.commands[words.pop(0)]
    options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= options


def targets(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(TOP)))
def test_its_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in targets(target)):
            lost.append(link)
    assert lost == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached = {TOP / "docs" / "index.md"}
    waiting = list(reached)
    while waiting:
        page = waiting.pop()
        for link in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if "://" not in link and target not in reached:
                reached.add(target)
                waiting.append(target)
    assert set(PAGES) - reached == set()


def test_the_page_of_the_commands_is_current() -> None:
    assert read("cli.md") == cli_page.page(), "python -m albus_dr.cli.cli_page docs/reference/cli.md"


def test_a_schema_that_no_command_prints_yet_is_said_to_be_of_a_planned_one() -> None:
    text = (TOP / "docs" / "explanation" / "not-guaranteed.md").read_text(encoding="utf-8")
    planned = set(re.findall(r"`(\w+)`", text.partition("planned and not in this version:")[2].partition(".")[0]))
    printed_by_none = SCHEMAS.keys() - VERBS.keys() - {"runbook", "config", "run", "comparison"}
    assert printed_by_none <= planned
    assert not planned & VERBS.keys()


def test_every_exit_code_is_explained() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", read("exit-codes.md"), re.MULTILINE)]
    assert codes == [int(code) for code in ExitCode]


def test_every_event_is_explained() -> None:
    assert set(EVENT_KINDS) <= set(first_cells("state.md"))


def test_every_key_of_a_run_is_explained() -> None:
    text = read("run-json.md")
    required = set(SCHEMAS["run"]()["required"])
    assert required <= set(first_cells("run-json.md"))
    assert [key for key in SCHEMAS["run"]()["properties"]["actuals"]["required"] if f"`{key}`" not in text] == []


def test_every_variable_is_explained() -> None:
    used: set[str] = set()
    for name in VERBS:
        verb: Any = load(name)
        for command in getattr(verb, "commands", {"": verb}).values():
            used |= {parameter.envvar for parameter in command.params if parameter.envvar}
    assert used | {"ALBUS_DR_STATE", "ALBUS_DR_SCENARIO"} == set(first_cells("environment.md"))


def test_what_is_said_to_be_missing_is_missing() -> None:
    text = (TOP / "docs" / "explanation" / "not-guaranteed.md").read_text(encoding="utf-8")
    missing = re.findall(r"`([a-z]+)`", text.partition("## Not there yet")[2])
    assert missing
    assert set(missing) & VERBS.keys() == set(), "it is there now: say so"


def test_the_program_knows_every_verb_it_lists() -> None:
    for module, _ in VERBS.values():
        assert import_module(module)


def test_every_crontab_finds_the_program_and_the_state_directory() -> None:
    found = [
        block
        for block in all_blocks("text")
        if re.search(r"^(\S+ ){5}root ", re.sub(" +", " ", block.text), re.MULTILINE)
    ]
    assert len(found) == 2
    for block in found:
        assert block.text.startswith("PATH=/usr/local/bin:/usr/bin:/bin\n"), block
        calls = [line for line in block.text.splitlines() if "albus-dr " in line]
        assert all(" root set -a; . /etc/albus-dr/environment; exec albus-dr " in line for line in calls), block
