"""Questions over HTTP and their right answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from albus_dr.errors import TransientError
from albus_dr.runbook.model import HttpCheck, HttpExpectation
from albus_dr.tools import http
from albus_dr.tools.host import Host, LocalHost
from albus_dr.workloads.step import StepContext, Verdict, Verification

ANSWER_S = 15.0
_NOT_APPLIED = "the expression can't be applied"
_HERE = LocalHost()


def ask(ctx: StepContext, checks: Iterable[HttpCheck], url: str, *, host: Host = _HERE) -> tuple[Verification, ...]:
    """One verification for each check. Bodies are not kept: they are patients' data."""
    return tuple(_ask(ctx, check, url.rstrip("/"), host) for check in checks)


def _ask(ctx: StepContext, check: HttpCheck, url: str, host: Host) -> Verification:
    wanted = expected(check.expect)
    try:
        answer = http.get(url + check.http, timeout_s=min(ANSWER_S, ctx.remaining_s), host=host)
    except TransientError as error:
        return Verification(ctx.spec.workload, f"GET {check.http}", wanted, error.message, Verdict.FAILED)
    what = wrong(check.expect, answer)
    verdict = Verdict.FAILED if what else Verdict.PASSED
    return Verification(ctx.spec.workload, f"GET {check.http}", wanted, what or wanted, verdict)


def expected(expect: HttpExpectation) -> str:
    """A right answer in a few words."""
    parts = [f"status {expect.status}"]
    if expect.json_ is not None:
        parts.append(expect.json_)
    if expect.contains is not None:
        parts.append(f"contains {expect.contains!r}")
    return ", ".join(parts)


def wrong(expect: HttpExpectation, answer: http.Answer, *, shown: HttpExpectation | None = None) -> str:
    """What is wrong with the answer; empty when nothing is. ``shown`` is what a reader sees of the expectation, where
    that itself holds data."""
    shown = shown or expect
    if answer.status != expect.status:
        return f"status {answer.status}{' (redirects are not followed)' if 300 <= answer.status < 400 else ''}"
    if expect.contains is not None and expect.contains.encode() not in answer.body:
        return f"the body does not contain {shown.contains!r}"
    if expect.json_ is not None:
        found, problem = look_up(expect.json_, answer.body)
        if problem:
            return problem
        if found is not True:
            return f"{shown.json_} is {'null' if found is None else 'not true'}"
    return ""


def look_up(expression: str, body: bytes) -> tuple[Any, str]:
    """What a JMESPath expression finds in a JSON body, and what is wrong with one of them (empty when nothing is). No word of
    the body stands in that."""
    import jmespath

    try:
        document = json.loads(body)
    except ValueError:
        return None, "the body is not JSON"
    except RecursionError:
        return None, f"{_NOT_APPLIED}: the body is nested too deeply"
    try:
        return jmespath.search(expression, document), ""
    # jmespath lets Python's own errors out where a function meets types, figures or a depth that it did not expect.
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        return None, f"{_NOT_APPLIED}: {_kind(error)}"


def _kind(error: Exception) -> str:
    """``length(): JMESPathTypeError``. The error's own words quote the body, or the expression with what was kept of one."""
    function = getattr(error, "function_name", "")
    return f"{function}(): {type(error).__name__}" if function else type(error).__name__
