"""Declare a run, run it in front of somebody, and say how it ended. Every operation's verb ends here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from threading import Event as Signal
from typing import Any

import typer

from albus_dr import __version__
from albus_dr.cli.charge import (
    Standpoint,
    begun,
    give_up_claim,
    in_charge,
    require_same_sites,
    resumed_standpoint,
    standpoint,
)
from albus_dr.cli.common import account, engine_address, journal, load_runbook, runs_beside, state_directory, with_zone
from albus_dr.cli.consent import question, require_yes
from albus_dr.cli.folding import fitted
from albus_dr.cli.live import Screen, screen_for, summary
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.cli.notify import Notifier
from albus_dr.engine.history import (
    CHANGES_SITES,
    aborted,
    backed_up,
    open_runs_of,
    require_nothing_unfinished,
    require_same_primary,
    returned_unkept,
)  # fmt: skip
from albus_dr.engine.lock import exclusive, place_of
from albus_dr.engine.run import Execution, execute
from albus_dr.errors import AlbusError, ExitCode, RefusedError, UsageError
from albus_dr.journal.errors import JournalError
from albus_dr.journal.event import this_boot
from albus_dr.journal.fold import fold, parse_time
from albus_dr.journal.state import RunState
from albus_dr.journal.store import JournalStore
from albus_dr.plan.build import build
from albus_dr.plan.model import Plan
from albus_dr.report import FORMATS
from albus_dr.report.json import run_document
from albus_dr.report.words import ENGLISH, Words
from albus_dr.runbook.loader import Loaded
from albus_dr.runbook.model import Operation
from albus_dr.tools.git import Commit, commit_of
from albus_dr.units import format_duration, great_circle_km
from albus_dr.workloads import own, primary, site
from albus_dr.workloads.registry import kinds
from albus_dr.workloads.step import Action, RunInfo

STOP_REPLICATION_S = 15.0
HH_MM_AT_MOST = timedelta(hours=12)
_TIME_OF_DAY = re.compile(r"\d\d:\d\d(:\d\d)?")
_NO_DISRUPTION = "the time of the disruption was not given (--disrupted-at): times count from the declaration, and users waited longer"
REPORT_FILES = {"html": "report.html", "json": "report.json", "markdown": "report.md", "junit": "junit.xml"}


@dataclass(frozen=True)
class Manner:
    """How a verb was called, beside what it is to do."""

    engine: str | None
    as_json: bool
    verbose: bool
    quiet: bool
    yes: bool = False
    words: Words = ENGLISH
    """The language of the reports, and of what others are told."""


@dataclass(frozen=True)
class Order:
    """What a person ordered."""

    operation: Operation
    runbook: Path
    config: Path | None
    disrupted_at: datetime | None = None
    options: dict[str, Any] = field(default_factory=dict)
    detected_at: datetime | None = None
    notes: tuple[str, ...] = ()
    """For whoever reads the report."""


def operate(order: Order, manner: Manner) -> None:
    """Plan, ask, run, report; ends the program with the run's exit code."""
    raise typer.Exit(conclude(carry_out(order, manner), manner))


def carry_out(order: Order, manner: Manner) -> RunState:
    """Plan, ask, run, write the reports; how the run ended."""
    loaded = load_runbook(order.runbook, order.config)
    runbook = loaded.runbook
    commit = commit_of((loaded.path.absolute(), loaded.config_path.absolute()))  # of what was read just now
    run = f"{order.operation}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    stopped = Signal()
    with journal(manner.engine) as store:
        before = None
        if order.operation in CHANGES_SITES and not manner.yes:
            with _lock(manner, order.operation, runbook.runbook, run, stopped):  # nobody is asked in vain
                before, plan = _ordered(store, loaded, order, run)
            # Without the lock: a question that nobody answers keeps nobody else out.
            _ask(plan, loaded, order.options, manner)
        with _lock(manner, order.operation, runbook.runbook, run, stopped):
            at, plan = _ordered(store, loaded, order, run)
            if before is not None:  # a person takes their time, and others may be faster
                require_same_sites(before, at.source)
            at = begun(at, order.operation, run)
            with _in_charge(at, store, run, plan, manner, stopped):
                _declare(store, run, loaded, plan, order, at, commit)
                info = _run_info(store, run, plan, _declared(store, run, None), manner)
                with _replication_stopped(store, plan, run, manner, stopped):
                    return _run(store, loaded, plan, info, manner, at, stopped)


def _ordered(store: JournalStore, loaded: Loaded, order: Order, run: str) -> tuple[Standpoint, Plan]:
    """From where the order starts as things are now, and what it comes to. Raises RefusedError."""
    if order.operation != "drill":
        require_nothing_unfinished(store, loaded.runbook.runbook)
    at = standpoint(store, loaded, order.operation, order.options, run)
    return at, build(loaded.runbook, order.operation, source=at.source, target=at.target, kinds=kinds())


def resume(
    run: str, manner: Manner, *, stop: bool = False, without_witness: str | None = None,
    decisions: Mapping[str, str] | None = None, why: str = "",
) -> None:  # fmt: skip
    """Go on with a run (or, with ``stop``, only clean up and end it); ends the program with its exit code.

    ``without_witness``: a person's statement, now that the witness does not answer any more. ``decisions``: ``done`` or
    ``not_done`` by step, what a person saw of those whose state is unknown, and ``why``: how that person knows.
    """
    with journal(manner.engine) as store:
        declared = _declared(store, run, without_witness)
        _require_something_to_do(fold(store.events(run)))
        stopped = Signal()
        with _lock(manner, declared["operation"], declared["runbook"], run, stopped):
            state = fold(store.events(run))  # it may have ended while another process had it
            _require_something_to_do(state)
            _require_undecided(state, decisions or {})
            # It was killed before it could say how it ended. What is not done is not begun again: nobody would clean up.
            cleaned = "cleanup" in state.steps and state.steps["cleanup"].status == "succeeded"
            stop = stop or (cleaned and any(step.status != "succeeded" for step in state.steps.values()))
            loaded = load_again(declared)
            # What only ends is cleaned up and taken back by the plan that it was done by, whatever the runbook says by now.
            plan = Plan.from_json(declared["plan"]) if stop else _same_plan(loaded, declared)
            info = replace(_run_info(store, run, plan, declared, manner), resumed=True)
            at = resumed_standpoint(store, loaded, declared, state, stop=stop, stated_now=bool(without_witness))
            if stop:
                stopped.set()
            with _in_charge(at, store, run, plan, manner, stopped):
                if not stop:
                    require_same_primary(store, loaded.runbook, state)
                    for step, decision in (decisions or {}).items():
                        store.append(
                            run, "StepDecided", {"decision": decision, "who": account(), "why": why}, step=step
                        )
                    stated = {"without_witness": without_witness} if without_witness else {}
                    store.append(run, "RunResumed", {"operator": account(), "version": __version__, **stated})
                store.mirror_again(run)
                with _replication_stopped(store, plan, run, manner, stopped):
                    state = _run(store, loaded, plan, info, manner, at, stopped)
    raise typer.Exit(conclude(state, manner))


def _require_something_to_do(state: RunState) -> None:
    if state.exit_code is None:
        return
    if state.verdict == "passed":
        raise UsageError(f"{state.run} has ended: {state.verdict}", hint=f"albus-dr report {state.run}")
    if "cleanup" in state.steps and state.steps["cleanup"].status == "succeeded":
        raise UsageError(
            f"{state.run} has removed what it restored; there is nothing to go on with", hint="start a new drill"
        )


def _require_undecided(state: RunState, decisions: Mapping[str, str]) -> None:
    """Raises UsageError for a step that nobody is asked about: what is done, and what failed, is not a matter of opinion."""
    asked = [step.id for step in state.steps.values() if step.status == "unknown"]
    for name in decisions:
        if name in asked:
            continue
        was = f"its step {name} is {state.steps[name].status}" if name in state.steps else f"it has no step {name}"
        hint = (
            f"those that wait for a decision: {', '.join(asked)}"
            if asked
            else "resume without --decide looks at each step"
        )
        raise UsageError(f"{state.run} does not wait for a decision about {name}: {was}", hint=hint)


def _declared(store: JournalStore, run: str, without_witness: str | None) -> dict[str, Any]:
    """What the run was declared with, and what was stated when it was resumed."""
    first, *later = store.events(run)
    stated = [event.data.get("without_witness") for event in later if event.kind == "RunResumed"]
    known = next((text for text in (without_witness, *reversed(stated)) if text), None)
    options = {**first.data["options"], **({"without_witness": known} if known else {})}
    return {**first.data, "options": options}


def conclude(state: RunState, manner: Manner) -> ExitCode:
    """Print how it ended; the exit code."""
    if manner.as_json:
        print(json.dumps(run_document(state), indent=2))
    if not (manner.quiet and state.verdict == "passed"):
        summary(
            state,
            sys.stderr if manner.as_json else sys.stdout,
            directory=state_directory() / "runs" / state.run,
            words=manner.words,
        )
    if state.exit_code is not None:
        return ExitCode(state.exit_code)
    return ExitCode.WAITING if state.waiting_for else ExitCode.INTERRUPTED


@contextlib.contextmanager
def _lock(manner: Manner, operation: str, runbook: str, run: str, stopped: Signal) -> Iterator[None]:
    """One change of the sites at a time; drills and replication don't stand in its way, only in their own. A run that has
    lost its lock stops: from then on it is not alone."""
    name = f"{runbook}.{'primary' if operation in CHANGES_SITES else operation}"
    purpose = f"{run} by {account()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    with exclusive(
        engine_address(manner.engine), state_directory(), name, purpose=purpose, lost=_stops(manner, stopped)
    ):
        yield


def _stops(manner: Manner, stopped: Signal) -> Callable[[str], None]:
    """For whoever notices that the run is not alone any more."""

    def lost(reason: str) -> None:
        print(manner.words.say(PHRASES["stop.lost"], reason=reason), file=sys.stderr)
        stopped.set()

    return lost


@contextlib.contextmanager
def _in_charge(
    at: Standpoint, store: JournalStore, run: str, plan: Plan, manner: Manner, stopped: Signal
) -> Iterator[None]:
    """Beside the local lock, the run lease at the witness: one run at a time, whatever machine it is started on."""
    lost = _stops(manner, stopped)
    with in_charge(at, store, run, plan.operation, plan.runbook, operator=account(), engine=manner.engine, lost=lost):
        yield


@contextlib.contextmanager
def _replication_stopped(store: JournalStore, plan: Plan, run: str, manner: Manner, stopped: Signal) -> Iterator[None]:
    """While the primary changes nobody replicates: a run that does is told to stop, and none may begin.

    One that does not stop in time (it may hang on the lost site) does not hold up the change.
    """
    if plan.operation not in CHANGES_SITES:
        yield
        return
    for state in open_runs_of(store, plan.runbook, ("replicate",)):
        if not aborted(store, state.run):
            store.append(state.run, "AbortRequested", {"who": account(), "why": f"a {plan.operation} begins"})
    deadline = time.monotonic() + STOP_REPLICATION_S
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(_lock(manner, "replicate", plan.runbook, run, stopped))
                break
            except RefusedError:
                if time.monotonic() > deadline:
                    print(manner.words.say(PHRASES["stop.replication"]), file=sys.stderr)
                    break
                time.sleep(0.2)
        yield


def _ask(plan: Plan, loaded: Loaded, options: Mapping[str, Any], manner: Manner) -> None:
    """Nothing has been written anywhere by then. Raises UsageError where there is nobody, RefusedError where they say no."""
    if not sys.stdin.isatty():
        raise UsageError(f"a {plan.operation} changes a site and asks first", hint="where nobody can answer, say --yes")
    require_yes(fitted(question(plan, loaded, options, manner.words), sys.stderr, rest="  "))


def _declare(
    store: JournalStore, run: str, loaded: Loaded, plan: Plan, order: Order, at: Standpoint, commit: Commit
) -> None:
    objectives = loaded.runbook.objectives
    options = {**order.options, "epoch_seen": at.epoch}
    if plan.operation in CHANGES_SITES:
        options["backed_up"] = backed_up(store, plan.runbook)
    clocks = _clocks_of(order)
    if plan.operation == "replicate":
        options["returned_unkept"] = returned_unkept(store, plan.runbook)
    data = {
        "runbook": plan.runbook, **loaded.runbook.model_dump(include={"description"}), "operation": plan.operation,
        "scenario": os.environ.get("ALBUS_DR_SCENARIO") or None, "plan": plan.to_json(), "plan_digest": plan.digest,
        "source": plan.source, "target": plan.target, "operator": account(), "version": __version__,
        "options": options,
        "objectives": {"rto_s": objectives.rto, "rpo_s": objectives.rpo, "clock": objectives.clock,
                       "budgets": dict(objectives.budgets), "drill_every_s": objectives.drill_every,
                       "distance_km": objectives.distance},
        "sites": _sites(loaded), "runbook_file": str(loaded.path.absolute()),
        "config_file": str(loaded.config_path.absolute()),
        "repository": {"commit": commit.id, "runbook_is_committed": commit.holds_them, "reason": commit.reason},
        "disrupted_at": order.disrupted_at.isoformat() if order.disrupted_at else None, "clocks": clocks,
        "notes": [*order.notes, *at.notes, *([_NO_DISRUPTION] if plan.operation == "failover" and order.disrupted_at is None else [])],
    }  # fmt: skip
    store.append(run, "RunDeclared", data)
    for clock, set_at in clocks.items():
        store.append(run, "ClockRecorded", {"clock": clock, "at": set_at})


def _clocks_of(order: Order) -> dict[str, str]:
    """What is known before the run begins. It is in the run's first event, too: whoever dies before the next one has said it."""
    disrupted = order.disrupted_at or (datetime.now(UTC) if order.operation == "failover" else None)
    known = {"disrupted_at": disrupted, "detected_at": order.detected_at}
    return {clock: at.isoformat() for clock, at in known.items() if at}


def _sites(loaded: Loaded) -> dict[str, Any]:
    pair = (loaded.runbook.sites.primary, loaded.runbook.sites.secondary)
    sites = {name: loaded.config.sites[name] for name in pair}
    a, b = (site_.location for site_ in sites.values())
    described = {
        name: {**site_.location.model_dump(), "provider": site_.provider.name, "account": site_.provider.account,
               "certificate": site_.provider.certificate}
        for name, site_ in sites.items()
    }  # fmt: skip
    distance = great_circle_km(a.latitude, a.longitude, b.latitude, b.longitude)
    return {**described, "distance_km": round(distance, 1)}


def _run_info(store: JournalStore, run: str, plan: Plan, declared: Any, manner: Manner) -> RunInfo:
    state = fold(store.events(run))
    declared_at = state.clocks["declared_at"]
    assert declared_at is not None
    return RunInfo(
        id=run, operation=plan.operation, source=plan.source, target=plan.target, declared_at=declared_at,
        disrupted_at=parse_time(declared["disrupted_at"]) if declared["disrupted_at"] else None,
        directory=store.run_directory(run), options=declared["options"], operator=declared["operator"],
        lock_place=place_of(engine_address(manner.engine), state_directory()),
    )  # fmt: skip


def load_again(declared: Mapping[str, Any]) -> Loaded:
    """The runbook and config that the run was ordered with, as they are now. Raises RefusedError where they are of another
    runbook, or of other sites: nothing of the run would be found by them."""
    loaded = load_runbook(Path(declared["runbook_file"]), Path(declared["config_file"]))
    name, sites = loaded.runbook.runbook, loaded.runbook.sites
    if (name, {sites.primary, sites.secondary}) != (declared["runbook"], {declared["source"], declared["target"]}):
        raise RefusedError(
            f"{loaded.path} is the runbook {name} of {sites.primary} and {sites.secondary} now; when the run began it was "
            f"{declared['runbook']} of {declared['source']} and {declared['target']}",
            hint="put the name and the sites back as they were: version control knows",
        )
    return loaded


def _same_plan(loaded: Loaded, declared: Any) -> Plan:
    plan = build(
        loaded.runbook, declared["operation"], source=declared["source"], target=declared["target"], kinds=kinds()
    )
    if plan.digest != declared["plan_digest"]:
        begun = Plan.from_json(declared["plan"])
        if _of_the_runbook(begun) == _of_the_runbook(plan):  # a newer albus-dr plans other steps for the same
            return begun
        raise RefusedError(
            "the runbook has changed since the run began; its plan is another one now",
            hint="put the runbook back as it was and resume, or abort the run and start a new one",
        )
    return plan


def _of_the_runbook(plan: Plan) -> str:
    """What a plan has from the runbook: what is protected, and its own steps, but for what albus-dr derives of them."""
    own = sorted((step for step in plan.steps if step.id.startswith("own.")), key=lambda step: step.id)
    derived = {"needs": (), "repeatable": True, "estimate_s": 0.0}
    return json.dumps([plan.protects, [{**asdict(step), **derived} for step in own]], sort_keys=True)


def _run(
    store: JournalStore, loaded: Loaded, plan: Plan, info: RunInfo, manner: Manner, at: Standpoint, stopped: Signal
) -> RunState:
    with _signals(stopped, manner.words):  # to the report: whoever is told last may take a while
        with screen_for(
            sys.stderr,
            quiet=manner.quiet or (manner.as_json and not manner.verbose),
            verbose=manner.verbose,
            words=manner.words,
        ) as screen:
            state, left = _shown(screen, store, loaded, plan, info, manner, at, stopped)
        if left:
            print(manner.words.say(PHRASES["stop.claim_left"], run=info.id, why=left), file=sys.stderr)
        _mirror_whole(store, info.id)
        write_reports(store, state, manner.words)
    return state


def _shown(
    screen: Screen, store: JournalStore, loaded: Loaded, plan: Plan, info: RunInfo, manner: Manner, at: Standpoint,
    stopped: Signal,
) -> tuple[RunState, str]:  # fmt: skip
    """Execute it in front of the user; how it ended, and why its claim is left, where it is."""
    for event in store.events(info.id):
        screen.on_event(event)
    store.listen(screen.on_event)
    started = store.append(info.id, "RunStarted", {"process": os.getpid(), "boot": this_boot()})
    if plan.operation == "drill" and fold(store.events(info.id)).clocks["disrupted_at"] is None:
        # A drill supposes that the site is lost at the moment it begins.
        store.append(info.id, "ClockRecorded", {"clock": "disrupted_at", "at": started.at})
    execution = Execution(
        store=store, url=engine_address(manner.engine), plan=plan, info=info, runbook=loaded.runbook,
        config=loaded.config, base=loaded.path.parent, config_base=loaded.config_path.parent,
        actions=_actions(ahead=not stopped.is_set()), progress=screen.on_progress, witness=at.witness, cancelled=stopped,
    )  # fmt: skip
    notifier = Notifier(store, loaded, info, manner.words)
    try:
        state = execute(execution)
        left = give_up_claim(at, state)
    except BaseException as error:  # its start was told
        notifier.broke_off(error)
        raise
    return notifier.end(state), left


def _actions(*, ahead: bool) -> dict[str, Action]:
    """``ahead``: some begin to read before their turn. In a run that only ends it does not come, and what they are about may
    not be in the runbook any more."""
    actions: dict[str, Action] = {**site.ACTIONS, **primary.ACTIONS, **own.ACTIONS}
    for kind in kinds().values():
        actions.update(kind.ACTIONS)
    return actions if ahead else {name: replace(action, look_ahead=None) for name, action in actions.items()}


@contextlib.contextmanager
def _signals(stopped: Signal, words: Words) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM, or a terminal that is closed) stops in order; the second leaves at once, and resume
    finds out where."""

    def on_signal(number: int, _: object) -> None:
        if stopped.is_set():
            if number == signal.SIGHUP:
                return  # the terminal and the shell both say it
            os._exit(int(ExitCode.INTERRUPTED))
        stopped.set()
        print("\n" + words.say(PHRASES["stop.asked"]), file=sys.stderr)

    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = (signal.SIGINT, signal.SIGTERM) if under_nohup else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _others(store: JournalStore, state: RunState) -> list[RunState]:
    """Runs to put beside this one. What is wrong with an old journal is said, and is not this run's fault."""
    try:
        return runs_beside(store, state)
    except AlbusError as error:
        print(f"the report shows no earlier runs: {error.message}", file=sys.stderr)
        return []


def _mirror_whole(store: JournalStore, run: str) -> None:
    """What another machine has added, an approval perhaps, is not in this one's journal.jsonl yet."""
    try:
        store.mirror_again(run)
    except JournalError as error:
        print(f"{error.message}\n  what to do: make room; albus-dr evidence create writes it anew", file=sys.stderr)


def write_reports(store: JournalStore, state: RunState, words: Words) -> None:
    """All formats into the run's directory, private. What can't be written is said, and does not change the verdict."""
    try:
        directory, others = store.run_directory(state.run), _others(store, state)
        for name, file in REPORT_FILES.items():
            descriptor = os.open(directory / file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(FORMATS[name](state, words, others))
    except OSError as error:
        print(
            f"the report can't be written: {error.filename or state.run}: {error.strerror}\n"
            f"  what to do: make room, then: albus-dr report {state.run}",
            file=sys.stderr,
        )


def _the_last(at: time_of_day, now: datetime) -> datetime:
    """When this machine's clock last showed it. The zone's offset is that of then: it may have changed since."""
    for day in (now.date(), now.date() - timedelta(days=1)):
        for fold_ in (1, 0):  # the later one, of an hour that came twice
            found = datetime.combine(day, at.replace(fold=fold_)).astimezone()
            if found <= now:
                return found
    raise ValueError("not within a day")


def _require_recent(option: str, text: str, found: datetime, now: datetime) -> None:
    """A minute too many, or a watch in another zone, must not become a day ago: the run would count a day too much."""
    if now - found > HH_MM_AT_MOST:
        ago = format_duration((now - found).total_seconds())
        raise UsageError(
            f"{option} {text} was {ago} ago at the last: it is {now:%H:%M:%S} here ({now:%Z})",
            hint=f"if that is what you mean, give it in full: {found.isoformat(timespec='seconds')}",
        )


def parse_moment(option: str, text: str | None, *, now: datetime | None = None) -> datetime | None:
    """RFC 3339, or HH:MM or HH:MM:SS by this machine's clock and zone: the last one. Raises UsageError, also where that
    would be more than half a day ago."""
    if text is None:
        return None
    now = (now or datetime.now(UTC)).astimezone()
    try:
        if _TIME_OF_DAY.fullmatch(text):
            found = _the_last(time_of_day.fromisoformat(text), now)
            _require_recent(option, text, found, now)
        else:
            found = with_zone(option, text)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text} is not a time", hint="for example 2026-03-10T00:47:00+01:00, or 00:47"
        ) from None
    if found > now:
        raise UsageError(f"{option} {text} is in the future", hint="give the zone: 2026-03-10T00:47:00+01:00")
    return found
