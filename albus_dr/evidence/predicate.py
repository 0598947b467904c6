"""What an evidence file says about a run: the predicate of its statement. Pure: from the run's events and what is around.

It holds no text that a program printed or a database answered (``texts``): those may name a patient or repeat a secret.
The journal's hashes bind them all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from albus_dr.evidence.profiles import answered
from albus_dr.journal.event import Event
from albus_dr.journal.fold import fold
from albus_dr.journal.state import HOW_DESTROYED, RunState, StepState
from albus_dr.journal.texts import plain_or_withheld
from albus_dr.report.findings import limits, lost_promised, objectives, over_budget, unmeasured
from albus_dr.report.json import run_document
from albus_dr.units import format_duration, rfc3339

SCHEMA = "albus-dr/evidence/1"
_LIMITS = (
    "It shows what the journal says. Whoever can write the journal's database can write another history before it is signed.",
    "The signature shows who held the key, not when it was made: every time is that of a machine's own clock.",
    "Under `programs` stand the versions of albus-dr, PostgreSQL, restic and HAProxy that the run met, with their hosts. Those under "
    "`tools` are of the machine that made this file, at that moment.",
    "Texts that programs printed are left out, because they may hold personal data; the journal's hashes bind them. What a "
    "database answered and may name somebody was compared; but for the runbook's own words it is not even in the journal.",
    "Whether this satisfies a law, a standard or a contract is for an auditor to say.",
)
_NO_REPOSITORY = {  # of a run that an older version declared
    "commit": None, "runbook_is_committed": None, "reason": "the journal does not say which commit it was planned from",
}  # fmt: skip
# A short text is guessed from its hash: what a command of the runbook's own printed, and the name of the first file that differs.
_GUESSED = ("output", "first_")
# What a person says on the command line. The other options are what albus-dr found in its own history, or drew by chance.
_SAID = ("accept_data_loss", "accept_shrunken", "fenced_by", "without_witness")
_NOT_OVERWRITTEN = "Removed data can be read from a disk until it is overwritten or its encryption key is gone."


@dataclass(frozen=True)
class Tool:
    """A program or package, as found when the evidence was made."""

    name: str
    version: str | None
    problem: str | None


@dataclass(frozen=True)
class Surroundings:
    """What the journal does not know."""

    made_at: datetime
    version: str
    """Of albus-dr."""
    tools: tuple[Tool, ...]


def predicate(events: Sequence[Event], around: Surroundings, profiles: Sequence[str] = ()) -> dict[str, Any]:
    """The predicate, as JSON-serialisable data (``evidence.schema.json``). Null is not measured or not known."""
    state = fold(events)
    run = run_document(state)
    kept = (
        "run", "runbook", "operation", "scenario", "source", "target", "verdict", "exit_code", "proof_level", "proof_levels",
        "resumed", "point",
    )  # fmt: skip
    outputs = _outputs(events)
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "made_at": rfc3339(around.made_at, "seconds"),
        "made_by": {"program": "albus-dr", "version": around.version},
        "run": {key: run[key] for key in kept} | {"description": state.description, "seed": _options(events).get("seed")},
        "plan_digest": state.plan_digest,
        "plan": events[0].data["plan"],
        "repository": events[0].data.get("repository", _NO_REPOSITORY),
        "programs": list(_programs(events)),
        "tools": [asdict(tool) for tool in around.tools],
        "people": list(_people(events)),
        "sites": {name: site for name, site in state.sites.items() if isinstance(site, Mapping)},
        "distance_km": state.sites.get("distance_km"),
        "objectives": [
            {"objective": each.key, "promised_s": each.promised_s, "actual_s": each.actual_s, "margin_s": each.margin_s,
             "verdict": each.verdict}
            for each in objectives(state)
        ],
        "promised": {key: events[0].data["objectives"].get(key) for key in ("drill_every_s", "distance_km")},
        "actuals": run["actuals"],
        "clock": state.clock,
        "clocks": run["clocks"],
        "stages": run["stages"],
        "waited_s": run["waited_s"],
        "steps": [
            _step(step, document, outputs.get(step.id, {}))
            for step, document in zip(state.steps.values(), run["steps"], strict=True)
        ],
        "restored": run["restored"],
        "verifications": list(_verifications(state)),
        "compared": sorted(_compared(state)),
        "not_verified": _not_verified(state),
        "deviations": list(_deviations(state, events)),
        "change_of_primary": _change_of_primary(state),
        "destruction": _destruction(state),
        "journal": {
            "events": state.events, "head": state.last_hash, "first_at": events[0].at, "last_at": events[-1].at,
            "mirror_sha256": mirror_sha256(events),
        },
    }  # fmt: skip
    found["profiles"] = [answered(name, found) for name in profiles]
    found["does_not_show"] = [
        *unmeasured(state), *limits(state), *_LIMITS, *([_NOT_OVERWRITTEN] if found["destruction"]["applies"] else []),
    ]  # fmt: skip
    return found


def mirror_sha256(events: Sequence[Event]) -> str:
    """Of the run's ``journal.jsonl``, as ``sha256sum`` prints it."""
    digest = hashlib.sha256()
    for event in events:
        digest.update((json.dumps(event.to_json(), sort_keys=True) + "\n").encode())
    return digest.hexdigest()


def canonical_sha256(data: object) -> str:
    """Of the data as JSON without blanks, keys sorted: how a plan's digest is made."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _programs(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Each version that worked in the run, once, with its host and the first step that met it. Of albus-dr no step."""
    met: set[tuple[str, str, str]] = set()
    for event in events:
        found = [{**each, "step": event.step} for each in event.data.get("facts", {}).get("programs", ())]
        if version := event.data.get("version"):
            host = event.data["operator"].rpartition("@")[2]
            found.append({"name": "albus-dr", "version": version, "host": host, "step": None})
        for each in found:
            key = each["name"], each["version"], each["host"]
            if key not in met:
                met.add(key)
                yield each


def _people(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Who ordered, resumed, approved, decided, stated and gave up, in order. Names are those of system accounts."""
    roles = {
        "RunResumed": "resumed", "ApprovalGiven": "approved", "StepDecided": "decided", "AbortRequested": "aborted",
    }  # fmt: skip
    declared = events[0].data
    operator = declared.get("operator", "")
    yield {
        "role": "ordered",
        "who": operator,
        "at": events[0].at,
        "step": None,
        "what": declared["operation"],
        "why": None,
    }
    for key, said in sorted(_said(events).items()):
        if said:
            yield _stated(events[0], operator, key if said is True else f"{key}: {said}")
    for event in events:
        if event.kind in roles:
            yield {
                "role": roles[event.kind], "who": event.data.get("who") or event.data.get("operator") or "", "at": event.at,
                "step": event.step or None, "what": event.data.get("decision"), "why": event.data.get("why"),
            }  # fmt: skip
        if event.kind == "RunResumed" and (said := event.data.get("without_witness")):
            yield _stated(event, event.data.get("operator", ""), f"without_witness: {said}")


def _options(events: Sequence[Event]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = events[0].data.get("options", {})
    return found


def _said(events: Sequence[Event]) -> dict[str, Any]:
    """What the operator stated by an option, a time too. A point that was drawn by chance (there is a seed) is nobody's word."""
    declared, options = events[0].data, _options(events)
    return {
        **{key: options.get(key) for key in _SAID},
        "point": options.get("point") if options.get("seed") is None else None,
        "disrupted_at": declared.get("disrupted_at"),
        "detected_at": declared.get("clocks", {}).get("detected_at"),
    }


def _stated(event: Event, who: str, what: str) -> dict[str, Any]:
    return {"role": "stated", "who": who, "at": event.at, "step": None, "what": what, "why": None}


def _outputs(events: Sequence[Event]) -> dict[str, Mapping[str, Any]]:
    """The facts of each step, as it ended last. Those of a comparison that failed say what was wrong; the fold drops them."""
    ended = ("StepSucceeded", "StepFailed")
    return {event.step: event.data.get("facts", {}) for event in events if event.kind in ended}


def _step(step: StepState, document: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "id", "title", "workload", "site", "action", "needs", "status", "started_at", "ended_at", "duration_s", "attempts",
        "adopted",
    )  # fmt: skip
    found = {key: value for key, value in output.items() if not key.startswith(_GUESSED)}
    digest = canonical_sha256(found) if found else None
    return {**{key: document[key] for key in kept}, "output_sha256": digest, "told_an_error": step.error is not None}


def _verifications(state: RunState) -> Iterator[dict[str, Any]]:
    for found in state.verifications:
        asked_by_runbook = found.kind.startswith(("GET ", "POST "))  # what a good answer looks like stands in the plan
        expected = found.expected if asked_by_runbook else plain_or_withheld(found.expected)
        yield {
            "step": found.step, "workload": found.workload, "kind": found.kind, "expected": expected,
            "actual": plain_or_withheld(found.actual, known=expected), "verdict": found.verdict,
        }  # fmt: skip


def _compared(state: RunState) -> set[str]:
    """Workloads of which data were compared, whatever was found."""
    return {found.workload for found in state.verifications if found.is_about_data and found.verdict != "not_evaluated"}


def _not_verified(state: RunState) -> list[str]:
    """Workloads of which nothing was compared, and comparisons that were not made."""
    compared = _compared(state)
    workloads = dict.fromkeys(step.workload for step in state.steps.values() if step.workload)
    return [name for name in workloads if name not in compared] + [
        f"{found.workload}: {found.kind}" for found in state.verifications if found.verdict == "not_evaluated"
    ]


def _deviations(state: RunState, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Where the run did not go as the plan says."""

    def deviation(kind: str, what: str) -> dict[str, Any]:
        return {"kind": kind, "what": what}

    for objective in objectives(state):
        if objective.verdict != "passed":
            yield deviation(f"objective_{'missed' if objective.verdict == 'failed' else 'not_measured'}", objective.key)
    if lost_promised(state):
        yield deviation("promised_writes_lost", str(state.lost_writes))
    for stage in over_budget(state):
        yield deviation("stage_over_budget", stage.clock.removesuffix("_at"))
    if state.set_back_s:
        yield deviation("clock_set_back", format_duration(state.set_back_s))
    if (forward_s := state.clock_moved_s + state.set_back_s) > 0:
        yield deviation("clock_went_forward", format_duration(forward_s))
    for step in state.steps.values():
        if step.status != "succeeded":
            yield deviation(f"step_{step.status}", step.id)
        if step.attempts > 1:
            yield deviation("step_tried_again", f"{step.id}: {step.attempts} attempts")
        if step.adopted:
            yield deviation("step_found_done", step.id)
        if step.action == "own.approve" and step.status == "succeeded" and not step.facts.get("approved_by"):
            yield deviation("not_approved", step.id)  # nobody answered, and the runbook says: go on
        if left_out := step.facts.get("left_out"):
            yield deviation("recovery_points_left_out", f"{step.workload}: {left_out} dated in the future")
    for found in state.verifications:
        if found.verdict != "passed":
            yield deviation(f"verification_{found.verdict}", f"{found.workload}: {found.kind}")
    if state.resumed:
        yield deviation("resumed", f"{state.resumed} times")
    for event in events:
        if event.kind == "StepUndone":
            yield deviation("step_undone", event.step)
    for item in state.residue:
        yield deviation("left_behind", item)


def _change_of_primary(state: RunState) -> dict[str, Any]:
    """On what proof the old primary was held to be unable to write, in albus-dr's words, and in which epoch the new one is."""
    facts = {step.action: step.facts for step in state.steps.values() if step.status == "succeeded"}
    proof, commit = facts.get("site.fence", {}).get("fence"), facts.get("site.commit", {})
    return {
        "applies": any(step.action == "site.commit" for step in state.steps.values()),
        "fence": {key: proof[key] for key in ("site", "method", "rests_on", "at")} if proof else None,
        "epoch": commit.get("epoch") if commit.get("is_witnessed", True) else None,
    }


def _destruction(state: RunState) -> dict[str, Any]:
    """What was restored aside, and how and when it was removed. It applies to runs that restore into a target of their own."""
    step = next((step for step in state.steps.values() if step.action == "site.cleanup"), None)
    if step is None:
        return {
            "applies": False,
            "status": None,
            "removed": None,
            "how": None,
            "at": None,
            "left_behind": [],
            "items": [],
        }
    done = step.status == "succeeded"
    return {
        "applies": True, "status": step.status, "removed": step.facts.get("removed"), "how": HOW_DESTROYED if done else None,
        "at": step.facts.get("removed_at"), "left_behind": list(state.residue),
        "items": run_document(state)["destruction"],
    }  # fmt: skip
