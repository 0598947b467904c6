"""A day's work with a drill's copy of the service, on the restored data. It writes: never anywhere else."""

from __future__ import annotations

import json
import time

from albus_dr.errors import RefusedError, TransientError
from albus_dr.tools import http
from albus_dr.tools.postgres_log import visits_of_others
from albus_dr.workloads import http_checks, site
from albus_dr.workloads.service.request import UNIQUE, Request
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

ANSWER_S = 15.0
NOT_ASKED = "not asked: an earlier answer was wrong"
REACHES_OUT = "not asked: the copy has its host's network, and could write elsewhere"
NOT_TRIED = "not asked: nobody could try whether anything leaves the copy's network"


def rehearse(ctx: StepContext, requests: tuple[Request, ...]) -> Facts:
    """Every request in turn, up to the first wrong answer. Facts: what each expected and what was wrong with it.

    Nothing is asked where the copy could reach another network than its own. Raises RefusedError before anything is
    written where the copy has not opened the restored databases.
    """
    if ctx.run.operation != "drill":
        raise RefusedError(f"{ctx.spec.workload}: only a drill's copy may be worked with")
    isolated = ctx.facts_of("isolate")
    if not isolated.get("network"):
        return {"answers": [], "not_asked": f"{REACHES_OUT} ({isolated.get('network_reason', 'it was not cut off')})"}
    if unproved := isolated.get("network_reason"):
        return {"answers": [], "not_asked": f"{NOT_TRIED} ({unproved})"}
    url = ctx.facts_of(f"{ctx.spec.workload}.start_copy")["url"].rstrip("/")
    kept: dict[str, str | int | float | bool] = {UNIQUE: time.time_ns() // 1000}
    answers: list[dict[str, str]] = []
    for request in requests:
        if request.post is not None:
            _refuse_elsewhere(ctx)
        wrong = _ask(ctx, request, url, kept)
        answers.append({"kind": request.kind, "expected": _expected(request), "wrong": wrong})
        if wrong:
            break
    return {"answers": answers}


def verify_rehearsed(ctx: StepContext, facts: Facts, requests: tuple[Request, ...]) -> tuple[Verification, ...]:
    """One for each request; those behind a wrong answer were not asked."""
    workload, answers = ctx.spec.workload, facts["answers"]
    result = [
        Verification(
            workload, answer["kind"], answer["expected"], answer["wrong"] or answer["expected"],
            Verdict.FAILED if answer["wrong"] else Verdict.PASSED,
        )
        for answer in answers
    ]  # fmt: skip
    result += [
        Verification(
            workload, request.kind, _expected(request), facts.get("not_asked", NOT_ASKED), Verdict.NOT_EVALUATED
        )
        for request in requests[len(answers) :]
    ]
    return tuple(result)


def _expected(request: Request) -> str:
    return ", ".join([http_checks.expected(request.expect), *(f"gives {each}" for each in request.keep.values())])


def _refuse_elsewhere(ctx: StepContext) -> None:
    """A copy that was told to use another database would write there."""
    for need in ctx.workload.needs:
        if "uri" in ctx.facts_of(f"{need}.restore") and not visits_of_others(site.drill_server(ctx, need)):
            raise RefusedError(
                f"{ctx.spec.workload}: the copy has answered and has not opened the restored {need}: it works on something else",
                hint=f"what starts it in a drill (services.*.drill in the config) must give it {{{need}}}; nothing was written",
            )


def _ask(ctx: StepContext, request: Request, url: str, kept: dict[str, str | int | float | bool]) -> str:
    """What is wrong with the answer; empty when nothing is. What the request keeps is added."""
    filled, host = request.filled(kept), site.drill_host(ctx)
    within_s = min(ANSWER_S, ctx.remaining_s)
    try:
        if filled.post is None:
            answer = http.get(url + filled.http, timeout_s=within_s, host=host)
        else:
            answer = http.post(url + filled.http, json.dumps(filled.post), timeout_s=within_s, host=host)
    except TransientError:
        return "no answer"  # the error shows the path, with what was kept in it
    if what := http_checks.wrong(filled.expect, answer, shown=request.expect):
        return what
    for name, expression in request.keep.items():
        found, problem = http_checks.look_up(expression, answer.body)
        if problem:
            return problem
        if not isinstance(found, str | int | float):  # a bool is an int
            return f"{expression} is {'null' if found is None else 'neither text nor a number'}"
        kept[name] = found
    return ""
