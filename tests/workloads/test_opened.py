"""Whether a drill's copy has opened what was restored, beside what it answered. The servers and the answers are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.journal.state import OPENED, VerificationState
from albus_dr.report.french import FRENCH
from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.workloads import service, site
from albus_dr.workloads.service import actions, opened
from albus_dr.workloads.step import StepContext, Verdict, Verification
from tests.workloads.test_rehearsal import the_context
from tests.workloads.test_small_pieces import B

PASSED, FAILED, NOT_EVALUATED = Verdict.PASSED, Verdict.FAILED, Verdict.NOT_EVALUATED


def drilled(folder: Path, needs: tuple[str, ...], *, asked: bool = True, day: bool = False) -> StepContext:
    """A copy of the application that needs these; each but documents is a database."""
    ctx = the_context(folder, {"application.start_copy": {"url": "http://127.0.0.1:9"}})
    database = ctx.runbook.workloads["patients"]
    more: dict[str, Any] = {} if asked else {"verify": ()}
    application = ctx.workload.model_copy(update={"needs": needs, **more, **({} if day else {"rehearse": ()})})
    workloads = {**ctx.runbook.workloads, "billing": database, "application": application}
    return replace(ctx, runbook=Runbook.model_construct(**{**dict(ctx.runbook), "workloads": workloads}))


def looked(ctx: StepContext, monkeypatch: pytest.MonkeyPatch, visits: dict[str, int]) -> list[Verification]:
    """What the step found of the databases, where as many others have come as ``visits`` says once all was asked."""
    came: dict[str, int] = {}

    def ask(ctx: StepContext, checks: Any, url: str, **_: Any) -> tuple[Verification, ...]:
        came.update(visits)  # a pool that connects for the first question
        return tuple(
            Verification(ctx.spec.workload, f"GET {check.http}", "status 200", "status 200", PASSED) for check in checks
        )

    monkeypatch.setattr(actions, "ask", ask)
    monkeypatch.setattr(site, "drill_server", lambda _, need: need)
    monkeypatch.setattr(opened, "visits_of_others", lambda need: came.get(need, 0))
    found = service.ACTIONS["service.verify_copy"].verify(ctx, {})
    model = ctx.workload
    assert isinstance(model, service.Model)
    assert [one.kind for one in found[: len(model.verify)]] == [f"GET {check.http}" for check in model.verify]
    return list(found[len(model.verify) :])


BOTH = ("patients", "billing", "documents")


@pytest.mark.parametrize(
    ("needs", "visits", "asked", "verdicts"),
    [
        (("patients", "documents"), {"patients": 2}, True, [PASSED]),
        (("patients", "documents"), {"patients": 0}, True, [FAILED]),
        (BOTH, {"patients": 1, "billing": 1}, True, [PASSED, PASSED]),
        (BOTH, {"billing": 1}, True, [NOT_EVALUATED, PASSED]),
        (BOTH, {}, True, [FAILED, FAILED]),
        (BOTH, {}, False, [NOT_EVALUATED, NOT_EVALUATED]),
        (("documents",), {}, True, []),
    ],
)
def test_the_copy_is_red_only_where_it_answered_and_opened_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: tuple[str, ...], visits: dict[str, int], asked: bool,
    verdicts: list[Verdict],
) -> None:  # fmt: skip
    found = looked(drilled(tmp_path, needs, asked=asked), monkeypatch, visits)
    assert [one.verdict for one in found] == verdicts
    assert [one.kind for one in found] == [f"{OPENED}{need}" for need in needs if need != "documents"]


@pytest.mark.parametrize(("came", "verdict"), [(1, PASSED), (0, FAILED)])
def test_a_copy_that_is_only_worked_with_shows_then_whether_it_opened_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, came: int, verdict: Verdict
) -> None:
    """Pages that need no login, say: their answers alone were called L3."""
    ctx = drilled(tmp_path, ("patients",), asked=False, day=True)
    assert looked(ctx, monkeypatch, {"patients": came}) == []
    monkeypatch.setattr(opened, "visits_of_others", lambda _: came)
    answers = [{"kind": "GET /login", "expected": "status 200", "wrong": ""}]
    found = service.ACTIONS["service.rehearse"].verify(ctx, {"answers": answers})
    assert [one.verdict for one in found if one.kind == f"{OPENED}patients"] == [verdict]
    found = service.ACTIONS["service.rehearse"].verify(ctx, {"answers": []})
    assert [one.verdict for one in found if one.kind == f"{OPENED}patients"] == [PASSED if came else NOT_EVALUATED]


def test_a_restored_server_writes_who_came_where_it_is_looked_for(tmp_path: Path) -> None:
    """Red Hat's packages start with a collector that writes into files of its own."""
    ctx = the_context(tmp_path, {})
    config: Any = ctx.config.model_dump(mode="json", exclude_none=True)
    config["sites"][B]["scratch"]["bin"] = "/usr/bin"  # nothing is started
    server = site.drill_server(replace(ctx, config=Config.model_validate(config)), "patients")
    assert {"-c log_connections=on", "-c logging_collector=off", "-c log_destination=stderr"} <= {*server.starts_with}


def test_what_it_says_can_be_acted_on_in_both_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (red,) = looked(drilled(tmp_path, ("patients",)), monkeypatch, {})
    assert f"{red.workload}: {red.kind}: expected {red.expected}, found {red.actual}" == (
        "application: opened the restored patients: expected a connection, found none: the copy works on something else, or "
        "nothing that it was asked reads from its databases"
    )
    (blank, _) = looked(drilled(tmp_path, BOTH), monkeypatch, {"billing": 1})
    assert "a question under verify: whose answer reads from it would show it" in blank.actual
    for text in (red.kind, red.expected, red.actual, blank.actual):
        assert FRENCH.retold(text) != text
    assert not VerificationState("application.verify_copy", **vars(red) | {"verdict": "failed"}).is_about_content
