"""A run as people may be shown it: what a database or an application answered may name somebody, and is left out.

Errors of steps and the reason of a run repeat such answers; they are taken out there, too. The same goes for what a
terminal, cron's mail or a CI log is told while a run goes on. What a database answered is left out of the journal already; this
is for what another kind of workload says, and for runs of an older albus-dr. The JSON of a run has what its journal has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from albus_dr.journal.event import Event
from albus_dr.journal.state import RunState, VerificationState
from albus_dr.journal.texts import LEFT_OUT, is_plain

_QUESTION = re.compile(
    r"(?:GET|POST) /|(?:[(\s;]|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
    r"(?:\\|(?:SELECT|WITH|VALUES|TABLE|SHOW|EXPLAIN|EXECUTE|FETCH|CALL|INSERT|UPDATE|DELETE|MERGE|SET|RESET|BEGIN|START|COMMIT|END"
    r"|ROLLBACK|ABORT|SAVEPOINT|RELEASE|DECLARE|MOVE|CLOSE|DO|PREPARE|DEALLOCATE|ANALYZE|VACUUM|REFRESH|LOCK|DISCARD|LOAD|COPY"
    r"|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|COMMENT|CHECKPOINT|CLUSTER|REINDEX|IMPORT|SECURITY|LISTEN|UNLISTEN|NOTIFY|REASSIGN)\b)",
    re.IGNORECASE | re.DOTALL,
)
# What our own comparison says of an application's answer, in words of ours.
_OURS = re.compile(
    r"status \d{3}(?: \(redirects are not followed\))?|the body is not JSON|https?://\S+ does not answer(?: at [^:\s]+)?: .*|no answer"
    r"|not asked: [^\n]*|the expression can't be applied: (?:(?:[a-z_]+\(\): )?[A-Za-z]+Error|the body is nested too deeply)",
    re.DOTALL,
)
_JUDGED = re.compile(
    r"(?:the body does not contain )?(?P<runbooks>.+?)(?: is (?:null|not true|neither text nor a number))?", re.DOTALL
)


def discreet(state: RunState) -> RunState:
    """The run without the answers that may name somebody; the same object where there are none."""
    answers = {*chain.from_iterable(map(_answers, state.verifications))}
    if not answers:
        return state

    def without(text: str) -> str:
        return _without(answers, text)

    return replace(
        state,
        verifications=[
            replace(found, expected=_cleared(found, found.expected), actual=_cleared(found, found.actual))
            for found in state.verifications
        ],
        steps={
            id_: replace(step, error=step.error and without(step.error), hint=without(step.hint))
            for id_, step in state.steps.items()
        },
        reason=without(state.reason),
        notes=[without(note) for note in state.notes],
        residue=[without(item) for item in state.residue],
    )


class Discretion:
    """The events of one run, in order, as a screen may show them: a later one may repeat what an earlier one answered."""

    def __init__(self) -> None:
        self._answers: set[str] = set()

    def of(self, event: Event) -> Event:
        """The event without such answers; the same object where there are none."""
        if not isinstance(event.data, Mapping):
            return event
        told = event.data.get("verifications")
        found = [_verification(event.step, each) for each in told] if isinstance(told, list | tuple) else []
        self._answers.update(chain.from_iterable(map(_answers, found)))
        if not self._answers:
            return event
        data: dict[str, Any] = dict(event.data)
        for key in ("error", "hint", "reason"):
            if isinstance(data.get(key), str):
                data[key] = _without(self._answers, data[key])
        if found:
            shown = ((each, _cleared(each, each.expected), _cleared(each, each.actual)) for each in found)
            data["verifications"] = [
                {"kind": each.kind, "verdict": each.verdict, "expected": expected, "actual": actual}
                for each, expected, actual in shown
            ]
        return replace(event, data=data)


def _verification(step: str, data: object) -> VerificationState:
    """What is garbled or missing in it is empty: a screen never raises because of an event."""
    told = data if isinstance(data, Mapping) else {}
    workload, kind, expected, actual, verdict = (
        str(told.get(key, "")) for key in ("workload", "kind", "expected", "actual", "verdict")
    )
    return VerificationState(step, workload, kind, expected, actual, verdict)


def _without(answers: Iterable[str], text: str) -> str:
    for answer in sorted(answers, key=len, reverse=True):
        text = text.replace(answer, LEFT_OUT)
    return text


def _cleared(found: VerificationState, text: str) -> str:
    return LEFT_OUT if text in _answers(found) else text


def _answers(found: VerificationState) -> set[str]:
    """What must not be shown of it. Comparisons of our own (rows, checksums, files) hold nobody's words."""
    if not _QUESTION.match(found.kind):
        return set()
    asked_by_runbook = (
        found.expected if found.kind.startswith(("GET ", "POST ")) else ""
    )  # what a good answer looks like
    return {text for text in (found.expected, found.actual) if text and not _may_be_shown(text, asked_by_runbook)}


def _may_be_shown(text: str, runbooks: str) -> bool:
    judged = _JUDGED.fullmatch(text)
    return (
        is_plain(text)
        or (runbooks != "" and text == runbooks)
        or _OURS.fullmatch(text) is not None
        or (runbooks != "" and judged is not None and judged["runbooks"] in runbooks)
    )
