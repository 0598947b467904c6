"""The stretches between clocks, and the waiting for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from albus_dr.journal.event import Event
from albus_dr.journal.fold import fold
from albus_dr.journal.stages import stages, waited_s
from albus_dr.journal.state import RunState, StepState

ZERO = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def step(id_: str, begin: float, end: float) -> StepState:
    return StepState(id_, id_, "", "z", "own.run", (), "succeeded", at(begin), at(end), end - begin)


def run(**clocks: float) -> RunState:
    state = RunState(
        run="r", runbook="b", description="", operation="failover", scenario=None, plan_digest="", source="a", target="z",
        rto_s=100.0, rpo_s=10.0, clock="disruption", budgets={"fenced": 30.0, "data_recovered": 30.0},
    )  # fmt: skip
    state.clocks |= {f"{name}_at": at(seconds) for name, seconds in clocks.items()}
    return state


def test_they_follow_each_other_as_they_came_and_leave_no_gap() -> None:
    found = stages(run(declared=5, disrupted=0, fenced=40, data_recovered=60, service_verified=60, ended=70))
    assert [(each.after, each.clock, each.took_s) for each in found] == [
        ("disrupted_at", "declared_at", 5.0),
        ("declared_at", "fenced_at", 35.0),
        ("fenced_at", "data_recovered_at", 20.0),
        ("data_recovered_at", "service_verified_at", 0.0),
        ("service_verified_at", "ended_at", 10.0),
    ]
    assert sum(each.took_s for each in found) == 70.0


def test_what_a_drill_assumes_is_no_stage_of_no_length() -> None:
    clocks = {"declared": 0, "disrupted": 1, "started": 1, "data_recovered": 60, "ended": 70}
    found = stages(replace(run(**clocks), operation="drill"))
    assert [(each.after, each.clock, each.took_s) for each in found] == [
        ("declared_at", "disrupted_at", 1.0),
        ("started_at", "data_recovered_at", 59.0),
        ("data_recovered_at", "ended_at", 10.0),
    ]
    assert len(stages(run(**clocks))) == 4


def test_a_stage_beyond_its_budget_names_the_step_that_took_most_of_it() -> None:
    state = run(disrupted=0, declared=5, fenced=40, data_recovered=60)
    state.steps = {each.id: each for each in (step("early", 0, 9), step("slow", 8, 39), step("later", 40, 60))}
    over = [each for each in stages(state) if each.is_over]
    assert [(each.clock, each.budget_s) for each in over] == [("fenced_at", 30.0)]
    assert over[0].longest is state.steps["slow"]


def test_exactly_the_budget_is_kept_and_without_one_nothing_is_over() -> None:
    state = run(disrupted=0, declared=10, fenced=40)
    assert not any(each.is_over for each in stages(state))
    state.budgets = {}
    assert [each.budget_s for each in stages(state)] == [None, None]


def moved(*events: tuple[str, str, float, float], **data: Any) -> RunState:
    """A run whose events (kind, step, wall clock, monotonic clock) are these; ClockRecorded sets the clock named as its step."""
    steps: list[dict[str, Any]] = [
        {"id": name, "title": name, "workload": "w", "site": "z", "action": "x.y", "needs": []}
        for name in ("one", "two")
    ]
    declared = {
        "runbook": "b", "operation": "failover", "plan_digest": "d", "source": "a", "target": "z", "plan": {"steps": steps},
        "objectives": {"rto_s": 14400.0, "rpo_s": 900.0, "clock": "disruption", "budgets": {"fenced": 60.0}},
    }  # fmt: skip
    kept: dict[str, dict[str, Any]] = {
        "StepIntended": {"attempt": 1}, "StepSucceeded": {"facts": {}, "adopted": False}, "StepAttemptFailed": {"error": ""},
        "RunResumed": {"operator": "me"}, "RunStarted": {"boot": "b0"}, "ApprovalGiven": {"who": "d", "why": ""},
        "RunEnded": {
            "verdict": "passed", "exit_code": 0, "reason": "", "proof_level": "L1", "residue": [], "notes": [],
            "actuals": dict.fromkeys(
                ("rta_s", "rpa_s", "rpa_by_workload", "client_downtime_s", "acknowledged_writes", "lost_writes")
            ),
        },
    }  # fmt: skip
    found = [Event("failover-1", 0, "RunDeclared", "", at(0).isoformat(), 0.0, declared, "", "")]
    for seq, (kind, name, wall_s, monotonic_s) in enumerate(events, start=1):
        clock = kind == "ClockRecorded"
        what = {"clock": f"{name}_at", "at": at(wall_s).isoformat()} if clock else kept[kind]
        step_id = "" if clock else name
        found.append(Event("failover-1", seq, kind, step_id, at(wall_s).isoformat(), monotonic_s, what, "", ""))
    return fold(found)


def test_a_clock_that_is_set_back_shortens_nothing_and_is_told_once() -> None:
    state = moved(
        ("ClockRecorded", "disrupted", 0, 0), ("StepIntended", "one", 1, 1), ("StepIntended", "two", 2, 2),
        ("StepSucceeded", "one", -3595, 5), ("StepSucceeded", "two", -3590, 10), ("ClockRecorded", "fenced", -3590, 10),
        ("StepIntended", "one", -3580, 20), ("StepSucceeded", "one", -3520, 80), ("ClockRecorded", "clients_verified", -3520, 80),
    )  # fmt: skip
    assert [(each.clock, each.took_s) for each in stages(state)] == [
        ("declared_at", 0.0), ("fenced_at", 10.0), ("clients_verified_at", 70.0)
    ]  # fmt: skip
    assert [note for note in state.notes if "clock" in note] == [
        "the clock of the machine was set back during one by 1 h: the recovery time is measured across that"
    ]


def test_the_end_and_an_approval_stand_where_they_belong_though_the_clock_was_set_back() -> None:
    state = moved(
        ("ClockRecorded", "disrupted", 0, 0), ("StepIntended", "one", 1, 1), ("StepSucceeded", "one", -3595, 5),
        ("ApprovalGiven", "two", -3590, 10), ("RunEnded", "", -3580, 20),
    )  # fmt: skip
    assert [(each.clock, each.took_s) for each in stages(state)] == [
        ("declared_at", 0.0), ("approved_at", 10.0), ("ended_at", 10.0)
    ]  # fmt: skip


def test_a_clock_that_goes_forward_counts_and_is_told() -> None:
    """The machine may have slept."""
    state = moved(
        ("ClockRecorded", "disrupted", 0, 0), ("StepIntended", "one", 1, 1), ("StepAttemptFailed", "one", 3602, 2),
        ("StepIntended", "one", 3603, 3), ("StepSucceeded", "one", 3604, 4), ("ClockRecorded", "fenced", 3604, 4),
    )  # fmt: skip
    assert [(each.clock, each.took_s, each.is_over) for each in stages(state)][-1] == ("fenced_at", 3604.0, True)
    assert [note for note in state.notes if "clock" in note] == [
        "the clock of the machine went forward during one by 1 h: it was set, or the machine slept; that time counts"
    ]


def test_a_clock_that_was_set_back_before_the_run_was_resumed_shortens_nothing() -> None:
    """What other processes, maybe on other machines, say in between tells nothing of this one's clock."""
    state = moved(
        ("RunStarted", "", 1, 1), ("ClockRecorded", "disrupted", 1, 1), ("StepIntended", "one", 2, 2),
        ("ApprovalGiven", "two", 30, 90000), ("RunResumed", "", 60, 3660), ("RunStarted", "", 61, 3661),
        ("StepSucceeded", "one", 62, 3662), ("ClockRecorded", "clients_verified", 62, 3662),
    )  # fmt: skip
    back, gone = state.steady("clients_verified_at"), state.steady("disrupted_at")
    assert back is not None
    assert gone is not None
    assert (back - gone).total_seconds() == 3661.0
    assert [note for note in state.notes if "clock" in note] == [
        "the clock of the machine was set back before it was resumed by 1 h: the recovery time is measured across that"
    ]


def test_another_start_of_the_machine_is_no_jump() -> None:
    state = moved(
        ("StepIntended", "one", 1, 5000), ("RunResumed", "", 60, 7), ("StepSucceeded", "one", 61, 8),
        ("StepIntended", "two", 62, 9), ("StepSucceeded", "two", 63.5, 10),
    )  # fmt: skip
    assert not [note for note in state.notes if "clock" in note]


def test_nothing_measured_is_no_stage() -> None:
    assert stages(run()) == ()
    assert stages(run(disrupted=0)) == ()


def journal(*happened: tuple[float, str, str, dict[str, Any]]) -> RunState:
    declared = {
        "runbook": "b", "operation": "failover", "plan_digest": "", "source": "a", "target": "z",
        "objectives": {"rto_s": 100.0, "rpo_s": 10.0, "clock": "disruption"},
        "plan": {"steps": [{"id": "own.agree", "title": "Agree", "workload": "", "site": "z", "action": "own.approve", "needs": []}]},
    }  # fmt: skip
    everything = [(0.0, "RunDeclared", "", declared), *happened]
    return fold(
        Event("r", number, kind, step_, at(seconds).isoformat(), seconds, data, "", "")
        for number, (seconds, kind, step_, data) in enumerate(everything)
    )


def test_the_waiting_for_an_approval_is_counted() -> None:
    state = journal(
        (10, "ApprovalRequested", "own.agree", {}), (70, "ApprovalGiven", "own.agree", {"who": "director", "why": ""}),
        (71, "StepSucceeded", "own.agree", {"facts": {}, "adopted": False}),
    )  # fmt: skip
    assert (state.steps["own.agree"].waited_s, waited_s(state)) == (60.0, 60.0)
    assert state.clocks["approved_at"] == at(70)


def test_waiting_in_vain_counts_too_and_asking_again_adds_to_it() -> None:
    state = journal(
        (10, "ApprovalRequested", "own.agree", {}), (40, "StepFailed", "own.agree", {"error": "nobody approved"}),
        (50, "RunResumed", "", {}), (60, "ApprovalRequested", "own.agree", {}),
        (65, "ApprovalGiven", "own.agree", {"who": "director", "why": ""}),
    )  # fmt: skip
    assert waited_s(state) == 35.0


def test_who_asked_nobody_did_not_wait() -> None:
    assert waited_s(journal()) is None
    assert journal().clocks["approved_at"] is None
