"""A run as a report may show it: what a database or an application answered may name somebody, and is left out.

Errors of steps and the reason of a run repeat such answers; they are taken out there, too. The JSON of a run has everything.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain

from albus_dr.journal.state import RunState, VerificationState
from albus_dr.report.texts import is_plain

LEFT_OUT = "[…]"
_QUESTION = re.compile(r"(?:GET|POST) /|[(\s]*(?:SELECT|WITH|VALUES|TABLE|SHOW)\b", re.IGNORECASE)
# What our own comparison says of an application's answer, in words of ours.
_OURS = re.compile(
    r"status \d{3}(?: \(redirects are not followed\))?|the body is not JSON|https?://\S+ does not answer: .*|no answer|not asked: [^\n]*",
    re.DOTALL,
)
_JUDGED = re.compile(
    r"(?:the body does not contain )?(?P<runbooks>.+?)(?: is (?:null|not true|neither text nor a number))?", re.DOTALL
)


def discreet(state: RunState) -> RunState:
    """The run without the answers that may name somebody; the same object where there are none."""
    answers = sorted({*chain.from_iterable(map(_answers, state.verifications))}, key=len, reverse=True)
    if not answers:
        return state

    def without(text: str) -> str:
        for answer in answers:
            text = text.replace(answer, LEFT_OUT)
        return text

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
