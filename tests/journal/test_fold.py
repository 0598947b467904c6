"""The fold of any journal: every prefix has a state, the same events give the same state, unmeasured stays None."""

from __future__ import annotations

import copy
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albus_dr.journal.event import EVENT_KINDS, Event
from albus_dr.journal.fold import fold, parse_time
from albus_dr.journal.state import CLOCKS, RunState

STEPS = ("ready", "fence", "promote", "open")
ZERO = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
OF_STEPS = frozenset(kind for kind in EVENT_KINDS if kind.startswith(("Step", "Approval")))
FIGURES = ("rta_s", "rpa_s", "client_downtime_s", "acknowledged_writes", "lost_writes")
NOTHING: dict[str, Any] = {**dict.fromkeys(FIGURES), "rpa_by_workload": {}}
DECLARED = {
    "runbook": "albus", "operation": "failover", "plan_digest": "d", "source": "a", "target": "b",
    "objectives": {"rto_s": 14400.0, "rpo_s": 900.0, "clock": "disruption"}, "notes": ["declared"],
    "plan": {"steps": [{"id": id_, "title": id_, "workload": "w", "site": "b", "action": "x.y", "needs": []} for id_ in STEPS]},
}  # fmt: skip

words = st.text(max_size=8)
figures = st.none() | st.integers(0, 10**6)
moments = st.integers(0, 10**5).map(lambda seconds: (ZERO + timedelta(seconds=seconds)).isoformat())
verifications = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(("workload", "kind", "expected", "actual"), words)
        | {"verdict": st.sampled_from(["passed", "failed", "not_evaluated"])}
    ),
    max_size=3,
)
DATA: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "ClockRecorded": st.fixed_dictionaries({"clock": st.sampled_from(CLOCKS), "at": moments}),
    "StepIntended": st.fixed_dictionaries({"attempt": st.integers(1, 5)}),
    "StepAttemptFailed": st.fixed_dictionaries({"error": words}),
    "StepSucceeded": st.fixed_dictionaries(
        {"facts": st.dictionaries(words, figures, max_size=2), "adopted": st.booleans()},
        optional={"verifications": verifications, "duration_s": st.floats(0, 1e6)},
    ),
    "StepFailed": st.fixed_dictionaries({"error": words}, optional={"hint": words, "verifications": verifications}),
    "StepSkipped": st.fixed_dictionaries({"reason": words}),
    "StepUnknown": st.fixed_dictionaries({"reason": words}, optional={"hint": words}),
    "StepDecided": st.fixed_dictionaries({"decision": st.sampled_from(["done", "not_done"]), "who": words, "why": words}),
    "ApprovalGiven": st.fixed_dictionaries({"who": words, "why": words}),
    "AbortRequested": st.fixed_dictionaries({"who": words, "why": words}),
    "NotificationFailed": st.fixed_dictionaries({"channel": words, "reason": words}),
    "CreationAnnounced": st.fixed_dictionaries(dict.fromkeys(("workload", "site", "host", "path"), words)),
    "StepUndone": st.fixed_dictionaries({"outcome": words}),
    "RunEnded": st.fixed_dictionaries({
        "verdict": st.sampled_from(["passed", "failed", "incomplete"]), "exit_code": st.integers(0, 10), "reason": words,
        "proof_level": st.sampled_from(["L0", "L1", "L4"]), "residue": st.lists(words, max_size=2),
        "notes": st.lists(words, max_size=2),
        "actuals": st.fixed_dictionaries(
            dict.fromkeys(FIGURES, figures) | {"rpa_by_workload": st.dictionaries(words, st.floats(0, 9), max_size=2)}
        ),
    }),
}  # fmt: skip


def event(seq: int, kind: str, step: str = "", data: dict[str, Any] | None = None) -> Event:
    at = (ZERO + timedelta(seconds=seq)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Event("failover-1", seq, kind, step, at, float(seq), data or {}, "", f"hash {seq}")


@st.composite
def journals(draw: st.DrawFn) -> list[Event]:
    """A declared run, and then anything that may stand in a journal, in any order."""
    kinds = draw(st.lists(st.sampled_from([kind for kind in EVENT_KINDS if kind != "RunDeclared"]), max_size=25))
    events = [event(0, "RunDeclared", data=DECLARED)]
    for seq, kind in enumerate([*kinds, "FromALaterVersion"], start=1):
        step = draw(st.sampled_from(STEPS)) if kind in OF_STEPS else ""
        events.append(event(seq, kind, step, draw(DATA.get(kind, st.just({})))))
    return events


@settings(max_examples=100, deadline=None)
@given(journals())
def test_every_prefix_has_a_state_and_the_same_events_the_same_state(events: list[Event]) -> None:
    before = copy.deepcopy(events)
    for length in range(1, len(events) + 1):
        state = fold(events[:length])
        assert (state.events, state.last_hash) == (length, events[length - 1].hash)
        assert list(state.steps) == list(STEPS), "in the plan's order, whatever happened"
        assert asdict(fold(iter(events[:length]))) == asdict(state)
        assert all(found.step in STEPS for found in state.verifications)
    assert events == before, "to fold is to read"


@settings(max_examples=100, deadline=None)
@given(journals())
def test_what_nobody_measured_is_none(events: list[Event]) -> None:
    state = fold(events)
    ends = [event_ for event_ in events if event_.kind in ("RunEnded", "RunResumed")]
    ended = ends[-1].data if ends and ends[-1].kind == "RunEnded" else None
    measured = ended["actuals"] if ended else NOTHING
    assert {key: getattr(state, key) for key in FIGURES} == {key: measured[key] for key in FIGURES}
    assert state.rpa_by_workload == measured["rpa_by_workload"]
    assert state.exit_code == (ended["exit_code"] if ended else None)
    recorded = {"declared_at", *(event_.data["clock"] for event_ in events if event_.kind == "ClockRecorded")}
    approved = any(event_.kind == "ApprovalGiven" for event_ in events)
    own = {"started_at"} | ({"ended_at"} if ended else set()) | ({"approved_at"} if approved else set())
    assert {clock for clock, at in state.clocks.items() if at is not None} <= recorded | own
    for step in state.steps.values():
        mine = [event_ for event_ in events if event_.step == step.id]
        outcomes = [event_ for event_ in mine if event_.kind in ("StepSucceeded", "StepFailed")]
        assert step.duration_s == (outcomes[-1].data.get("duration_s") if outcomes else None)
        if not any(event_.kind in ("StepIntended", "StepSucceeded", "StepFailed") for event_ in mine):
            assert step.started_at is None
            assert step.attempts == 0


@settings(max_examples=100, deadline=None)
@given(journals())
def test_the_last_word_of_a_step_is_its_status(events: list[Event]) -> None:
    says = {
        "StepIntended": "running", "StepSucceeded": "succeeded", "StepFailed": "failed", "StepSkipped": "skipped",
        "StepUnknown": "unknown", "ApprovalRequested": "waiting",
    }  # fmt: skip
    state = fold(events)
    for step in state.steps.values():
        spoken = [says[each.kind] for each in events if each.step == step.id and each.kind in says]
        assert step.status == (spoken[-1] if spoken else "pending")


def of(*events: tuple[str, str, dict[str, Any]]) -> RunState:
    numbered = (event(seq, kind, step, data) for seq, (kind, step, data) in enumerate(events, start=1))
    return fold([event(0, "RunDeclared", data=DECLARED), *numbered])


def test_a_resumed_run_has_nothing_of_its_earlier_end() -> None:
    actuals = {**dict.fromkeys(FIGURES, 7), "rpa_by_workload": {"w": 7.0}}
    end = {
        "verdict": "failed", "exit_code": 6, "reason": "too late", "proof_level": "L3", "residue": ["/scratch"], "notes": [],
        "actuals": actuals,
    }  # fmt: skip
    ended = of(("RunEnded", "", end))
    assert (ended.rta_s, ended.proof_level, ended.residue) == (7, "L3", ["/scratch"])
    going_on = of(("RunEnded", "", end), ("RunResumed", "", {}))
    assert going_on.resumed == 1
    assert (going_on.verdict, going_on.exit_code, going_on.reason, going_on.proof_level) == (
        "incomplete",
        None,
        "",
        "L0",
    )
    assert [getattr(going_on, key) for key in FIGURES] == [None] * len(FIGURES)
    assert (going_on.rpa_by_workload, going_on.residue, going_on.clocks["ended_at"]) == ({}, [], None)


def test_a_step_that_is_done_again_keeps_only_its_last_verifications() -> None:
    check = {"workload": "w", "kind": "rows", "expected": "1", "actual": "2", "verdict": "failed"}
    right = {**check, "actual": "1", "verdict": "passed"}
    state = of(
        ("StepFailed", "open", {"error": "no", "verifications": [check]}),
        ("StepSucceeded", "fence", {"facts": {}, "adopted": False, "verifications": [right]}),
        ("StepSucceeded", "open", {"facts": {}, "adopted": False, "verifications": [right]}),
    )
    assert [(found.step, found.verdict) for found in state.verifications] == [("fence", "passed"), ("open", "passed")]


@pytest.mark.parametrize("events", [[], [event(0, "RunStarted")]])
def test_a_journal_that_does_not_begin_with_the_declaration_is_refused(events: list[Event]) -> None:
    with pytest.raises(ValueError, match="begins with RunDeclared"):
        fold(events)


def test_what_a_drill_made_and_who_destroyed_it() -> None:
    def said(kind: str, step: str, **data: Any) -> tuple[str, str, dict[str, Any]]:
        return kind, step, data

    place = {"site": "bordeaux", "host": "all"}
    done = {"adopted": False, "attempts": 1, "verifications": []}
    left = {"run": "drill-0", "host": "all", "path": "/scratch/old", "at": "2026-01-31T09:00:01Z"}
    made = said("CreationAnnounced", "restore", workload="patients", path="/scratch/5c4a/patients", **place)
    told = [
        said("CreationAnnounced", "isolate", workload="", path="/scratch/5c4a", **place),
        said("StepSucceeded", "isolate", facts={"cleared": [left]}, **done),
        made,
        made,  # by a step that was tried again
    ]
    unfinished = fold_of(told)
    assert [(each.run, each.workload, each.path, each.destroyed_at is None) for each in unfinished.creations] == [
        ("drill-1", "", "/scratch/5c4a", True),
        ("drill-0", "", "/scratch/old", False),
        ("drill-1", "patients", "/scratch/5c4a/patients", True),
    ]
    assert (
        fold_of([*told, said("StepFailed", "cleanup", error="it is held", exit_code=7)]).creations[0].destroyed_at
        is None
    )
    removed_at = "2026-01-31T10:00:00Z"
    ended = fold_of(
        [
            *told,
            said("RunResumed", "", operator="ben@ops1"),
            said("StepSucceeded", "cleanup", facts={"removed_at": removed_at}, **done),
        ]
    )
    assert {each.destroyed_by for each in ended.creations if each.run == "drill-1"} == {"ben@ops1"}
    assert {each.destroyed_at for each in ended.creations if each.run == "drill-1"} == {parse_time(removed_at)}

    itself = {"removed_at": removed_at, "removed_by": "expiry"}
    expired = fold_of(
        [
            told[0],
            said("StepSucceeded", "isolate", facts={"cleared": [{**left, "by": "expiry"}]}, **done),
            said("StepSucceeded", "cleanup", facts=itself, **done),
        ]
    )
    assert [(each.run, each.destroyed_by) for each in expired.creations] == [
        ("drill-1", "expiry"),
        ("drill-0", "expiry"),
    ]


def fold_of(told: list[tuple[str, str, dict[str, Any]]]) -> RunState:
    """A drill with three steps, of which this was told."""
    steps = [
        {"id": id_, "title": id_, "workload": "", "site": "bordeaux", "action": action, "needs": []}
        for id_, action in (("isolate", "site.isolate"), ("restore", "x.restore"), ("cleanup", "site.cleanup"))
    ]
    declared = {
        "runbook": "albus", "operation": "drill", "plan": {"steps": steps}, "plan_digest": "", "source": "a", "target": "b",
        "objectives": {"rto_s": 1, "rpo_s": 1, "clock": "disruption"}, "operator": "ana@ops1",
    }  # fmt: skip
    events = [("RunDeclared", "", declared), *told]
    return fold(
        Event("drill-1", seq, kind, step, f"2026-01-31T09:00:{seq:02}.000Z", float(seq), data, "", "")
        for seq, (kind, step, data) in enumerate(events)
    )
