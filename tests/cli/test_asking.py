"""A change of a site asks a person first, and writes nowhere before they have said yes."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.two_directories import PATIENCE_S, TwoDirectories

THING = """\
  thing:
    kind: command
    failover: {take: ["true"]}
"""
NOTHING_YET = "nothing is written here before the first change of primary"


@pytest.fixture
def sites(tmp_path: Path) -> TwoDirectories:
    made = TwoDirectories(tmp_path, THING)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + f"witness: {{file: {tmp_path}/witness}}\n")
    return made


def book(sites: TwoDirectories) -> str:
    return str(sites.base / "runbook.yaml")


def answered(
    sites: TwoDirectories, *words: str, answer: str, first: Callable[[], None] | None = None
) -> tuple[int, str]:
    """What the command ends with and says when a person at a terminal answers its question; ``first`` happens before that."""
    controller, terminal = pty.openpty()
    try:
        with sites.started(*words, stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            assert child.stderr is not None
            said = ""
            while "[y/N]" not in said:
                letter = child.stderr.read(1)
                assert letter, said
                said += letter
            if first is not None:
                first()
            os.write(controller, f"{answer}\n".encode())
            _, rest = child.communicate(timeout=PATIENCE_S)
    finally:
        os.close(controller)
        os.close(terminal)
    return child.returncode, said + rest


def fail_over(sites: TwoDirectories, answer: str, first: Callable[[], None] | None = None) -> tuple[int, str]:
    return answered(sites, "failover", book(sites), "--fenced-by", "ana, by telephone", answer=answer, first=first)


def test_a_no_leaves_no_run_and_nothing_at_the_witness(sites: TwoDirectories) -> None:
    code, said = fail_over(sites, "n")

    assert code == 8, said
    assert "the answer was no: nothing was done" in said
    assert "interrupted" not in said
    assert sites.call("runs", "show", "last").returncode == 2
    assert NOTHING_YET in sites.call("witness", "show", book(sites)).stdout


def test_a_yes_begins_at_the_witness_and_runs(sites: TwoDirectories) -> None:
    code, said = fail_over(sites, "y")

    assert code == 4, said  # everything was done; no clock of this runbook tells the time
    shown = sites.call("witness", "show", book(sites)).stdout
    assert "bordeaux, epoch 2" in shown


def test_a_change_while_the_question_stands_is_noticed(sites: TwoDirectories) -> None:
    def from_elsewhere() -> None:
        assert NOTHING_YET in sites.call("witness", "show", book(sites)).stdout, (
            "it was written before it was agreed to"
        )
        subprocess.run(
            sites.argv("failover", book(sites), "--fenced-by", "eva, by telephone", "--yes"), timeout=PATIENCE_S, check=False,
            env={**sites.environment, "ALBUS_DR_STATE": str(sites.base / "other")}, capture_output=True,
        )  # fmt: skip

    code, said = fail_over(sites, "y", from_elsewhere)

    assert code == 8, said
    assert "bordeaux has become the primary in the meantime" in said
    assert "bordeaux, epoch 2" in sites.call("witness", "show", book(sites)).stdout


def test_a_question_that_nobody_answers_keeps_nobody_else_out(sites: TwoDirectories) -> None:
    """Somebody opened it in another terminal and was called away; whoever is asked all the same is told of the change."""
    ended: list[int] = []

    def by_a_colleague() -> None:
        done = sites.call("failover", book(sites), "--fenced-by", "eva, by telephone", "--yes")
        ended.append(done.returncode)

    code, said = fail_over(sites, "y", by_a_colleague)

    assert ended == [4]  # everything was done; no clock of this runbook tells the time
    assert code == 8, said
    assert "bordeaux has become the primary in the meantime" in said


def test_a_no_to_witness_set_is_told_so(sites: TwoDirectories) -> None:
    code, said = answered(sites, "witness", "set", book(sites), "--primary", "strasbourg", answer="n")

    assert code == 8, said
    assert "nothing was done" in said
    assert NOTHING_YET in sites.call("witness", "show", book(sites)).stdout
