"""Commands of the documentation that need nothing but this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from albus_dr.cli.common import load_runbook
from albus_dr.plan.build import build
from albus_dr.workloads.registry import kinds
from tests.docs.doc_shell import run_block
from tests.docs.documents import TOP, Block, all_blocks, blocks

PLAIN = [block for block in all_blocks("console") if block.treatment == ""]
NEEDS = ("restic", "git")


def require(block: Block) -> None:
    for program in NEEDS:
        if any(program in command.split() for command in block.commands) and shutil.which(program) is None:
            pytest.skip(f"the program {program} is not installed here")


@pytest.mark.parametrize("page", sorted({block.page for block in PLAIN}), ids=lambda page: str(page.relative_to(TOP)))
def test_its_commands_work_in_an_empty_directory(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for block in PLAIN:
        if block.page == page:
            require(block)
            run_block(block, block.commands, folder, {"ALBUS_DR_STATE": str(tmp_path / "state")})


def test_the_example_of_a_kind_works(tmp_path: Path) -> None:
    page = TOP / "docs" / "how-to" / "add-a-kind.md"
    folder = tmp_path / "kind"
    folder.mkdir()
    found = list(blocks(page))
    for block in found:
        if "file" in block.options:
            (folder / block.options["file"]).write_text(block.text)
    _install(folder)
    for block in found:
        if block.treatment == "kind":
            require(block)
            more = {"ALBUS_DR_STATE": str(tmp_path / "state"), "PYTHONPATH": str(folder)}
            said = run_block(block, block.commands, folder, more)
            assert "first" in said.splitlines()[-1], said


def _install(folder: Path) -> None:
    """What pip would leave beside the module: its name and its entry point, as the page's pyproject.toml has them."""
    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("block", [block for block in all_blocks("yaml") if block.treatment == "steps"], ids=str)
def test_own_steps_fit_into_the_playbook(block: Block, tmp_path: Path) -> None:
    runbook = tmp_path / "albus.yaml"
    runbook.write_text((TOP / "playbooks" / "albus.yaml").read_text() + "\n" + block.text)
    loaded = load_runbook(runbook, TOP / "configs" / "demo.yaml", acts=False)
    written = yaml.safe_load(block.text)["steps"]
    assert len(loaded.runbook.steps) == len(written)
    for operation in ("failover", "switchover"):
        plan = build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())
        own = [step for step in plan.steps if step.action.startswith("own.")]
        assert len(own) == sum(operation in step["in"] for step in written)
