"""The questions that the runbook puts to a recovered database. Their answers are compared; what may name somebody is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from albus_dr.errors import StepError, TransientError
from albus_dr.journal.texts import plain_or_left_out
from albus_dr.tools.postgres import Server
from albus_dr.workloads.postgres.access import model_of, name_of
from albus_dr.workloads.step import StepContext, Verdict, Verification

REFUSED = "no single value: PostgreSQL refused the question, or gave none or several"
NOTHING = "nothing"


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
        known = "" if check.expect == "manifest" else expected  # the runbook's own words
        wanted, found, verdict = _told(expected, known), REFUSED, Verdict.FAILED
        try:
            actual = server.answer(check.sql, model.database, timeout_s=ctx.remaining_s)
        except TransientError:
            raise
        except StepError:  # what else was compared is told beside it
            pass
        else:
            found = _told(actual, known)
            if actual == expected or _is_number(actual, check.expect):
                verdict = Verdict.PASSED
        result.append(Verification(name_of(ctx), check.sql, wanted, found, verdict))
    return tuple(result)


def _told(text: str, known: str) -> str:
    return plain_or_left_out(text, known=known) or NOTHING


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
