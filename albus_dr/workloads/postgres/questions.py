"""The questions that the runbook puts to a recovered database."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from albus_dr.tools.postgres import Server
from albus_dr.workloads.postgres.access import model_of, name_of
from albus_dr.workloads.step import StepContext, Verdict, Verification


def ask(ctx: StepContext, server: Server, answers: Mapping[str, str] | None) -> tuple[Verification, ...]:
    """The runbook's questions. Without a manifest for this data, its questions are listed as not evaluated."""
    model, result = model_of(ctx), []
    for check in model.verify:
        expected = (answers or {}).get(check.sql) if check.expect == "manifest" else _as_sql_text(check.expect)
        if expected is None:
            result.append(
                Verification(
                    name_of(ctx),
                    check.sql,
                    "the manifest",
                    "no recovery point has an answer to compare with",
                    Verdict.NOT_EVALUATED,
                )
            )
            continue
        actual = server.answer(check.sql, model.database, timeout_s=ctx.remaining_s)
        result.append(
            Verification(
                name_of(ctx),
                check.sql,
                expected,
                actual,
                Verdict.PASSED if actual == expected or _is_number(actual, check.expect) else Verdict.FAILED,
            )
        )
    return tuple(result)


def _is_number(actual: str, expect: object) -> bool:
    """A numeric keeps its zeros: 12.50 is what YAML calls 12.5."""
    if not isinstance(expect, float):
        return False
    try:
        return Decimal(actual) == Decimal(repr(expect))
    except InvalidOperation:
        return False


def _as_sql_text(value: str | int | float | bool) -> str:
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)
