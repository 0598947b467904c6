"""Questions over HTTP and their right answers."""

from __future__ import annotations

import json
from collections.abc import Iterable

from albus_dr.errors import TransientError
from albus_dr.runbook.model import HttpCheck
from albus_dr.tools import http
from albus_dr.tools.host import Host, LocalHost
from albus_dr.workloads.step import StepContext, Verdict, Verification

ANSWER_S = 15.0
_HERE = LocalHost()


def ask(ctx: StepContext, checks: Iterable[HttpCheck], url: str, *, host: Host = _HERE) -> tuple[Verification, ...]:
    """One verification for each check. Bodies are not kept: they are patients' data."""
    return tuple(_ask(ctx, check, url.rstrip("/"), host) for check in checks)


def _ask(ctx: StepContext, check: HttpCheck, url: str, host: Host) -> Verification:
    expected = _expected(check)
    try:
        answer = http.get(url + check.http, timeout_s=min(ANSWER_S, ctx.remaining_s), host=host)
    except TransientError as error:
        return Verification(ctx.spec.workload, f"GET {check.http}", expected, error.message, Verdict.FAILED)
    wrong = _wrong(check, answer)
    verdict = Verdict.FAILED if wrong else Verdict.PASSED
    return Verification(ctx.spec.workload, f"GET {check.http}", expected, wrong or expected, verdict)


def _expected(check: HttpCheck) -> str:
    parts = [f"status {check.expect.status}"]
    if check.expect.json_ is not None:
        parts.append(check.expect.json_)
    if check.expect.contains is not None:
        parts.append(f"contains {check.expect.contains!r}")
    return ", ".join(parts)


def _wrong(check: HttpCheck, answer: http.Answer) -> str:
    """What is wrong with the answer; empty when nothing is."""
    import jmespath

    if answer.status != check.expect.status:
        return f"status {answer.status}"
    if check.expect.contains is not None and check.expect.contains.encode() not in answer.body:
        return f"the body does not contain {check.expect.contains!r}"
    if check.expect.json_ is not None:
        try:
            document = json.loads(answer.body)
        except ValueError:
            return "the body is not JSON"
        try:
            found = jmespath.search(check.expect.json_, document)
        except jmespath.exceptions.JMESPathError as error:
            return f"the expression can't be applied: {str(error).splitlines()[0]}"
        if found is not True:
            return f"{check.expect.json_} is {'null' if found is None else 'not true'}"
    return ""
