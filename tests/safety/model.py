"""A small world around the rule, whose every state can be visited.

Two sites, each a server (off with a primary's data, off with a standby's, standby, primary), its timeline, the number
of its process, and a guard; the witness's record; two operators who run failovers, switchovers and failbacks step by
step. Whatever somebody decided may happen arbitrarily later: between any two transitions of one of them, everybody
else's may come. Messages (a guard's write to the witness, a promotion) wait in the network, arrive late, or never.

Time is small integers. In the record every time is relative to the witness's present moment (0), so that a tick makes
them older; what is older than every limit stays as old as that. At a tick the witness counts 1; a site's clock counts
1 or, at most RATE times while a lease lives, nothing. A guard's lease lives for 1 of its own ticks.

A compare-and-set that succeeds saw the record as it is, so reading, deciding and writing are one transition, except
where time matters: a guard's write carries the moment of its read. A write that lost the race changes nothing, and is
left out. The engine, not this model, sees to it that a killed run goes on where it was; here that is only a delay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from albus_dr.safety import rule
from albus_dr.safety.record import Record, RunLease, WriteLease
from albus_dr.safety.rule import Decision, OldData, Proven
from albus_dr.tools.fence import Identity

SITES = ("A", "B")
RUNS = ("run 1", "run 2")
PLANNED = ", planned"
GONE = "a run that is gone"
STARTED = "promote an old primary by starting it"
LEASED_ON = "promote without ending the lease"
TOLD_ON = "tell the witness without ending the proof of the lease"
BESIDE = "write the record anew beside a standby that runs"
KEPT_ON = "commit without ending the proof of the lease"
LIVES, MARGIN, RATE = 1, 1, 2
OLD = LIVES + MARGIN + 1  # lapsed, and nothing changes any more
OFF_PRIMARY, OFF_STANDBY, STANDBY, PRIMARY = range(4)
MODES = ("off (primary's data)", "off (standby's data)", "standby", "PRIMARY")
IDLE, ASKED, GRANTED, HOLDING = range(4)  # a guard
METHODS = ("probe", "command", "lease")
(REST, LEASED, CLAIMED, STOPPED, PROVED, COMMITTED, SEEN, SENT, LOOKED) = range(9)
STEPS = ("at rest", "leased", "claimed", "stopped", "proved", "committed", "identity seen", "sent", "looked")


class Write(NamedTuple):
    """A guard's write under way to the witness. ``age``: since the read, by the witness; ``skipped``: by the guard."""

    kind: str
    age: int
    skipped: int
    base: int  # the record that was read; only an unconditional write needs it


class Site(NamedTuple):
    mode: int
    timeline: int
    process: int
    guard: int
    skipped: int  # ticks that the guard's clock did not count since its lease began
    write: Write | None


class Promotion(NamedTuple):
    """Under way to a server."""

    target: int
    timeline: int
    process: int
    planned: bool


class Operator(NamedTuple):
    step: int
    target: int
    planned: bool
    method: int
    seen: tuple[int, ...]  # timeline and process; empty: nothing
    sent: tuple[int, ...]  # a Promotion; empty: nothing


class State(NamedTuple):
    record: int
    sites: tuple[Site, Site]
    operators: tuple[Operator, Operator]
    ahead: int  # 0: both sites have every acknowledged write; 1 or 2: only site A or B has; 3: each has some alone
    witness: bool
    held: int  # the site (1, 2) that a person keeps off until the witness has been told; 0: none


@dataclass(frozen=True)
class Bounds:
    """What can happen; how often is not bounded. ``kept``: does the guard of A, of B keep its lease?"""

    kept: tuple[bool, bool] = (True, True)
    planned: bool = True  # switchovers, too, and whether acknowledged writes have arrived
    witness_fails: bool = False
    operators: int = 2
    anew: bool = False  # a person looks at both sites and writes the record anew, whatever is under way
    mutation: str = ""


class Records:
    """Records by number, and what the rule says about them: it is pure, so it is asked once."""

    def __init__(self) -> None:
        self.all: list[Record] = []
        self._numbers: dict[Any, int] = {}
        self._said: dict[Any, int] = {}

    def number(self, record: Record) -> int:
        key = (record.epoch, record.primary, record.changed_by, record.unfinished, record.claim, record.write_lease,
               record.run_lease)  # fmt: skip
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.all)
            self.all.append(record)
        return found

    def ask(self, key: tuple[Any, ...], decide: Callable[[], Decision]) -> int:
        """-1: refused; otherwise the number of the record that follows (the same one where none does)."""
        said = self._said.get(key)
        if said is None:
            decision = decide()
            said = -1 if not decision.allowed else key[1]
            if decision.allowed and decision.record is not None:
                said = self.number(_bounded(decision.record))
            self._said[key] = said
        return said

    def without(self, number: int, here: tuple[str, ...], promoting: tuple[str, ...]) -> int:
        """The record in which every run that is over has the same name, and what nobody asks for is left out."""
        key = ("without", number, here, promoting)
        if key not in self._said:
            record = self.all[number]
            claim, run, lease = record.claim, record.run_lease, record.write_lease
            if run is not None and run.run not in here:
                run = replace(run, run=GONE) if run.renewed_at == 0 else None
            if lease is not None and not lease.kept and lease.renewed_at == -OLD:
                lease = None
            self._said[key] = self.number(replace(
                record, changed_by=record.changed_by if record.changed_by in promoting else GONE, run_lease=run,
                claim=claim if claim is None or claim.run in here else replace(claim, run=GONE), write_lease=lease,
            ))  # fmt: skip
        return self._said[key]

    def swapped(self, number: int) -> int:
        """The record in which the operators have each other's names."""
        key = ("swapped", number)
        if key not in self._said:
            record = self.all[number]
            claim, run = record.claim, record.run_lease
            names = dict(
                zip((*RUNS, "operator 1", "operator 2"), (*RUNS[::-1], "operator 2", "operator 1"), strict=True)
            )
            self._said[key] = self.number(replace(
                record, changed_by=names.get(record.changed_by, GONE),
                claim=claim and replace(claim, run=names.get(claim.run, GONE)),
                run_lease=run and replace(run, run=names.get(run.run, GONE), holder=names[run.holder], place=names[run.place]),
            ))  # fmt: skip
        return self._said[key]

    def older(self, number: int) -> int:
        """The record one tick later."""
        key = ("older", number)
        if key not in self._said:
            lease = self.all[number].write_lease
            aged = replace(lease, renewed_at=max(lease.renewed_at - 1, -OLD)) if lease else None
            self._said[key] = self.number(replace(self.all[number], write_lease=aged))
        return self._said[key]


def _bounded(record: Record) -> Record:
    """What nothing depends on, left out; ages no older than OLD."""
    lease, run, claim = record.write_lease, record.run_lease, record.claim
    return replace(
        record, epoch=1, changed_at=0, unfinished=None, claim=replace(claim, at=0) if claim else None,
        write_lease=replace(lease, renewed_at=max(lease.renewed_at, -OLD)) if lease else None,
        run_lease=replace(run, renewed_at=0 if run.renewed_at > -OLD else -OLD) if run else None,
    )  # fmt: skip


def same(state: State, records: Records, *, alike: bool, stale_counts: bool) -> State:
    """One of all states that behave alike: what nobody compares any more is left out.

    Numbers of processes and timelines are only ever compared for equality, and the runs of an operator at rest are
    over: so there is no end to how often things happen, and yet an end to the states. An operator who has lost the
    run lease or the claim, or whose change was followed by another, can do nothing any more that a crash can't do; nor
    can a promotion that will find another server than it names. ``stale_counts``: in this world they can. ``alike``: the
    operators differ in nothing but their names.
    """
    a, b = state.sites
    lines = (1, 1) if a.timeline == b.timeline else (1, 2) if a.timeline < b.timeline else (2, 1)
    record = records.all[state.record]
    one, two = (_same_operator(state, RUNS[i], me, record, lines, stale_counts) for i, me in enumerate(state.operators))
    here = tuple(run for run, me in zip(RUNS, (one, two), strict=True) if me.step != REST)
    promoting = tuple(run for run, me in zip(RUNS, (one, two), strict=True) if me.step in (COMMITTED, SEEN))
    if (a.timeline, a.process) != (lines[0], 0):
        a = a._replace(timeline=lines[0], process=0)
    if (b.timeline, b.process) != (lines[1], 0):
        b = b._replace(timeline=lines[1], process=0)
    number = records.without(state.record, here, promoting)
    if alike:
        swapped = records.swapped(number)
        if two < one or (one == two and swapped < number):
            number, one, two = swapped, two, one
    return State(number, (a, b), (one, two), state.ahead, state.witness, state.held)


def _same_operator(
    state: State, run: str, me: Operator, record: Record, lines: tuple[int, int], stale_counts: bool
) -> Operator:
    if me.step == REST and not me.sent:
        return me
    seen, sent, step = me.seen, me.sent, me.step
    if seen:
        site = state.sites[me.target]
        seen = (lines[me.target] if seen[0] == site.timeline else 0, 0 if seen[1] == site.process else -1)
    if sent:
        target, timeline, process, planned = sent
        site = state.sites[target]
        fits = timeline == site.timeline, process == site.process
        sent = Promotion(target, lines[target] if fits[0] else 0, 0 if fits[1] else -1, bool(planned))
        if not stale_counts and fits != (True, True):
            sent = ()
    if not stale_counts and step not in (REST, SENT):
        charge = record.run_lease is not None and record.run_lease.run == run
        claimed = record.claim is not None and record.claim.run == run
        useful = charge and (claimed if step in (CLAIMED, STOPPED, PROVED) else True)
        if not useful or (step in (COMMITTED, SEEN) and record.changed_by != run):
            step = REST
    if step == REST:
        return Operator(REST, 0, False, 0, (), sent)
    method = me.method if step == PROVED or stale_counts else 0
    return Operator(step, me.target, me.planned, method, seen, sent)


Moves = Iterator[tuple[str, State]]


class World:
    """The transitions. ``mutation`` names what is wrong with this world, so that the search can be seen to find it."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.records = Records()
        self._wrong = bounds.mutation
        self._alike = not bounds.mutation and bounds.operators == 2  # a trace shall name its operators
        self._stale_counts = bounds.mutation.startswith(("promote", "prove"))

    def first(self) -> State:
        """A is primary, B its standby, nobody does anything."""
        record = self.records.number(Record("albus", SITES, 1, "A", "", 0, identities={"db": "7"}))
        server = Site(PRIMARY, 1, 0, IDLE, 0, None)
        rest = Operator(REST, 0, False, 0, (), ())
        return State(record, (server, server._replace(mode=STANDBY)), (rest, rest), 0, True, 0)

    def moves(self, state: State) -> Moves:
        """Everything that can happen next."""
        for label, after in self._moves(state):
            yield label, same(after, self.records, alike=self._alike, stale_counts=self._stale_counts)

    def _moves(self, state: State) -> Moves:
        for s in (0, 1):
            yield from self._server(state, s)
            yield from self._guard(state, s)
            if s < self.bounds.operators:
                yield from self._operator(state, s)
        yield from self._tick(state)
        run = self.records.all[state.record].run_lease
        if run is not None and run.renewed_at == 0:
            lapsed = replace(self.records.all[state.record], run_lease=replace(run, renewed_at=-OLD))
            yield f"the run lease of {run.run} lapses", self._recorded(state, self.records.number(lapsed))
        if self.bounds.witness_fails:
            yield f"the witness {'goes' if state.witness else 'comes back'}", state._replace(witness=not state.witness)

    def wrong(self, before: State, label: str, after: State) -> str:
        """What may never be, if it is so now; empty otherwise."""
        a, b = after.sites
        if a.mode == b.mode == PRIMARY:
            return "two writable primaries"
        if label.endswith(PLANNED):
            target = 0 if a.mode == PRIMARY else 1
            if before.ahead & (2 - target):
                return "an acknowledged write is lost in a switchover"
        return ""

    # --- what changes the state -----------------------------------------------------------------------------------

    def _recorded(self, state: State, record: int) -> State:
        """Writes under way that were conditional on the record before are worth nothing now."""
        sites = state.sites
        if self._wrong != "renewal not conditional":
            sites = (_unasked(sites[0]), _unasked(sites[1]))
        return state._replace(record=record, sites=sites)

    def _site(self, state: State, s: int, **changed: Any) -> State:
        one = state.sites[s]._replace(**changed)
        return state._replace(sites=(one, state.sites[1]) if s == 0 else (state.sites[0], one))

    def _op(self, state: State, i: int, **changed: Any) -> State:
        one = state.operators[i]._replace(**changed)
        return state._replace(operators=(one, state.operators[1]) if i == 0 else (state.operators[0], one))

    def _off(self, state: State, s: int) -> State:
        """The site's server and its guard end. What is under way in the network stays."""
        mode = state.sites[s].mode
        off = {PRIMARY: OFF_PRIMARY, STANDBY: OFF_STANDBY}.get(mode, mode)
        return self._site(state, s, mode=off, guard=IDLE, skipped=0)

    def _started(self, state: State, s: int, mode: int) -> State:
        return self._site(state, s, mode=mode, process=state.sites[s].process + 1)

    # --- servers --------------------------------------------------------------------------------------------------

    def _server(self, state: State, s: int) -> Moves:
        site, other, name = state.sites[s], state.sites[1 - s], SITES[s]
        if site.mode == PRIMARY and self.bounds.planned:
            ahead = state.ahead | (s + 1)
            if ahead != state.ahead:
                yield f"{name} acknowledges a write", state._replace(ahead=ahead)
            if other.mode == STANDBY and other.timeline == site.timeline and state.ahead == s + 1:
                yield f"{name} replicates", state._replace(ahead=0)
        if site.mode in (STANDBY, PRIMARY) or site.guard != IDLE:
            yield f"{name} crashes", self._off(state, s)
        if site.mode == OFF_STANDBY and state.held != s + 1:
            yield f"{name} starts as a standby", self._started(state, s, STANDBY)
        if site.mode == OFF_PRIMARY and state.held != s + 1:  # ordered after a commit, and arrived whenever
            yield f"{name}, a primary before, starts as a standby of nobody", self._started(state, s, STANDBY)

    # --- guards ---------------------------------------------------------------------------------------------------

    def _lease(self, s: int) -> WriteLease:
        return WriteLease(SITES[s], f"guard {SITES[s]}", self.bounds.kept[s], LIVES, 0)

    def _may_start(self, record: int, s: int, age: int) -> int:
        held = self.records.all[record]
        if self._wrong == "start without looking at the claim" and held.claim is not None:
            free = self.records.number(replace(held, claim=None))
            started = self._may_start(free, s, age)
            return -1 if started < 0 else self.records.number(replace(self.records.all[started], claim=held.claim))
        return self.records.ask(("start", record, s, age), lambda: rule.start(held, self._lease(s), -age, 0))

    def _may_renew(self, record: int, s: int, age: int) -> int:
        held = self.records.all[record]
        return self.records.ask(
            ("renew", record, s, age), lambda: rule.renew(held, SITES[s], f"guard {SITES[s]}", -age)
        )

    def _guard(self, state: State, s: int) -> Moves:
        site, name = state.sites[s], f"the guard of {SITES[s]}"
        kept, held = self.bounds.kept[s], state.held == s + 1
        if site.write is None and state.witness and not held:
            wants = site.guard == IDLE and (site.mode == OFF_PRIMARY or (kept and site.mode == PRIMARY))
            if wants and self._may_start(state.record, s, 0) >= 0:
                asked = Write("start", 0, 0, state.record)
                guard = HOLDING if site.mode == PRIMARY else ASKED  # a primary that runs: bound from the first sending
                yield f"{name} asks", self._site(state, s, guard=guard, skipped=0, write=asked)
            if site.guard == HOLDING and self._may_renew(state.record, s, 0) >= 0:
                yield f"{name} renews", self._site(state, s, write=Write("renew", 0, 0, state.record))
        if site.write is not None:
            yield from self._guards_write(state, s, site, site.write, name)
        if site.guard == GRANTED and site.mode == OFF_PRIMARY and not held:
            started = self._started(state, s, PRIMARY)
            yield f"{name} starts its server", self._site(started, s, guard=HOLDING if kept else IDLE)

    def _guards_write(self, state: State, s: int, site: Site, write: Write, name: str) -> Moves:
        lost = {"guard": IDLE} if site.guard == ASKED else {}
        yield f"{name}'s write is lost", self._site(state, s, write=None, **lost)
        if not state.witness:
            return
        present = write.base if self._wrong == "renewal not conditional" and write.kind == "renew" else state.record
        ask = self._may_start if write.kind == "start" else self._may_renew
        record = ask(present, s, write.age)
        if record < 0:
            return
        gone = self._site(state, s, write=None)
        if site.guard != IDLE:
            answered = {"skipped": write.skipped, **({"guard": GRANTED} if site.guard == ASKED else {})}
            yield f"{name}'s write arrives", self._recorded(self._site(gone, s, **answered), record)
        yield f"{name}'s write arrives, the answer is lost", self._recorded(self._site(gone, s, **lost), record)

    def _tick(self, state: State) -> Moves:
        record = self.records.older(state.record)
        for slow_a in (False, True):
            for slow_b in (False, True):
                sites = (self._ticked(state.sites[0], slow_a), self._ticked(state.sites[1], slow_b))
                if sites[0] is not None and sites[1] is not None:
                    later = state._replace(record=record, sites=(sites[0], sites[1]))
                    if later != state:
                        yield f"a tick{', A slow' * slow_a}{', B slow' * slow_b}", later

    def _ticked(self, site: Site, slow: bool) -> Site | None:
        """One tick later; None where this clock can't be slow any more, or where it makes no difference."""
        clocked = site.guard != IDLE or site.write is not None
        skipped = max(site.skipped, site.write.skipped if site.write else 0)
        if slow and (not clocked or skipped >= RATE):
            return None
        write = site.write and site.write._replace(age=min(site.write.age + 1, OLD))
        if slow:
            write = write and write._replace(skipped=write.skipped + 1)
            return site._replace(write=write, skipped=site.skipped + (site.guard != IDLE))
        ended = {"mode": OFF_PRIMARY} if site.guard == HOLDING and site.mode == PRIMARY else {}
        return site._replace(write=write, guard=IDLE, skipped=0, **ended)  # its time is over

    # --- operators ------------------------------------------------------------------------------------------------

    def _operator(self, state: State, i: int) -> Moves:
        me = state.operators[i]
        name, run = f"operator {i + 1}", RUNS[i]
        if me.sent:
            yield from self._promotion(state, i, Promotion(me.sent[0], me.sent[1], me.sent[2], bool(me.sent[3])))
        if me.step == REST:
            yield from self._begin(state, i, name)
            yield from self._without(state, i, name)
            return
        yield f"{name} gives up for ever", self._op(state, i, step=REST, target=0, planned=False, method=0, seen=())
        if state.witness:
            yield from self._on_record(state, i, me, name, run)
        else:
            yield from self._unanswered(state, i, me, name, run)
        source = state.sites[1 - me.target]
        if me.step == CLAIMED and me.planned:
            stopped = self._off(state, 1 - me.target) if source.mode == PRIMARY else state
            yield f"{name} stops {SITES[1 - me.target]} cleanly", self._op(stopped, i, step=STOPPED)
        if me.step == (STOPPED if me.planned else CLAIMED):
            off = self._off(state, 1 - me.target)
            yield f"{name} powers {SITES[1 - me.target]} off", self._op(off, i, step=PROVED, method=1)
        before = PROVED if self._wrong == "promote before commit" else COMMITTED
        target = state.sites[me.target]
        if self._wrong == STARTED and me.step == COMMITTED and target.mode == OFF_PRIMARY:
            started = self._started(state, me.target, PRIMARY)
            yield f"{name} starts {SITES[me.target]} as it is", self._op(started, i, step=SENT, seen=())
        if me.step == before and target.mode == STANDBY and not (me.planned and self._behind(state, me.target)):
            seen = (target.timeline, target.process)
            yield f"{name} sees who {SITES[me.target]} is", self._op(state, i, step=SEEN, seen=seen)

    def _unanswered(self, state: State, i: int, me: Operator, name: str, run: str) -> Moves:
        """The witness was told, and is silent now: an identity that was read before the commit must do, while nobody else can
        have had the run lease (``albus_dr.workloads.primary.require_promotable``)."""
        lease = self.records.all[state.record].run_lease
        in_charge = lease is not None and lease.run == run and lease.renewed_at == 0
        if me.step != COMMITTED or me.sent or (me.planned and self._behind(state, me.target)):
            return
        if me.seen and in_charge:
            sent = Promotion(me.target, me.seen[0], me.seen[1], me.planned)
            yield f"{name} sends the promotion, unanswered", self._op(state, i, step=SENT, seen=(), sent=sent)

    def _behind(self, state: State, target: int) -> bool:
        return bool(state.ahead & (2 - target)) and self._wrong != "switchover without waiting"

    def _begin(self, state: State, i: int, name: str) -> Moves:
        lease = RunLease(RUNS[i], name, "change", name, LIVES, 0)
        held = self.records.all[state.record]
        record = self.records.ask(
            ("take_run", state.record, i), lambda: rule.take_run(held, lease, 0, MARGIN)
        ) if state.witness else -1  # fmt: skip
        if record >= 0:
            begun = self._recorded(state, record)
            yield f"{name} begins", self._op(begun, i, step=LEASED)

    def _on_record(self, state: State, i: int, me: Operator, name: str, run: str) -> Moves:
        """What a run does to the record, each by compare-and-set."""
        held, ask, n = self.records.all[state.record], self.records.ask, state.record
        if me.step == LEASED:
            yield from self._claim(state, i, name, run)
            yield from self._rejoin(state, i, name, run)
            yield from self._tell(state, i, name, run)
            yield from self._write_anew(state, i, name, run)
            return
        source, target = SITES[1 - me.target], SITES[me.target]
        site = state.sites[1 - me.target]
        if me.step == (STOPPED if me.planned else CLAIMED):
            gone = site.mode in (OFF_PRIMARY, OFF_STANDBY)
            if gone and ask(("look", n, run, source), lambda: rule.look(held, run, source, 0, MARGIN)) >= 0:
                yield f"{name} finds nothing at {source}", self._op(state, i, step=PROVED, method=0)
            margin = 0 if self._wrong == "no margin" else MARGIN
            over = ask(("lapsed", n, run, source), lambda: rule.lease_lapsed(held, run, source, 0, margin))
            if over >= 0:
                yield f"{name} sees the lease of {source} lapsed", self._op(state, i, step=PROVED, method=2)
        if me.step in (CLAIMED, STOPPED, PROVED):
            released = ask(("release_claim", n, run), lambda: rule.release_claim(held, run))
            if released >= 0 and held.claim is not None and held.claim.run == run:
                yield f"{name} releases its claim", self._end(self._recorded(state, released), i, run)
        if me.step == PROVED or (self._wrong == "promote before commit" and me.step == SENT):
            proof, margin = Proven(source, run, METHODS[me.method]), 0 if self._wrong == "no margin" else MARGIN  # type: ignore[arg-type]
            done = ask(("commit", n, run, proof), lambda: rule.commit(held, run, target, proof, 0, margin))
            if (
                done >= 0
                and self._wrong == KEPT_ON
                and (lease := self.records.all[done].write_lease)
                and held.write_lease
            ):
                done = self.records.number(
                    replace(self.records.all[done], write_lease=replace(lease, kept=held.write_lease.kept))
                )
            if done >= 0:
                step = SENT if me.step == SENT else COMMITTED
                yield f"{name} commits {target}", self._op(self._recorded(state, done), i, step=step)
        if me.step == SEEN and me.seen:
            may = ask(("promote", n, run, target), lambda: rule.promote(held, run, target, 0))
            if may >= 0 or self._wrong in ("promote before commit", "promote without asking again"):
                sent = Promotion(me.target, me.seen[0], me.seen[1], me.planned)
                ended = self._recorded(state, may) if may >= 0 and self._wrong != LEASED_ON else state
                if not me.sent:
                    yield f"{name} sends the promotion", self._op(ended, i, step=SENT, seen=(), sent=sent)
        if me.step == LOOKED:
            claimed = ask(("claim", n, run, me.target), lambda: rule.claim(held, run, target, 0))
            if claimed >= 0:
                yield f"{name} claims {target}", self._op(self._recorded(state, claimed), i, step=PROVED)
        if (me.step == SENT and not me.sent) or (me.step == COMMITTED and state.sites[me.target].mode == OFF_PRIMARY):
            yield f"{name} ends", self._end(state, i, run)

    def _end(self, state: State, i: int, run: str) -> State:
        me, held = state.operators[i], self.records.all[state.record]
        promoted = state.sites[me.target].mode == PRIMARY
        key = ("release_run", state.record, run, promoted)
        record = self.records.ask(key, lambda: rule.release_run(held, run, promoted=promoted))
        after = self._recorded(state, record) if record >= 0 else state
        return self._op(after, i, step=REST, target=0, planned=False, method=0, seen=())

    def _claim(self, state: State, i: int, name: str, run: str) -> Moves:
        held = self.records.all[state.record]
        for target in (0, 1):
            source = state.sites[1 - target]
            if state.sites[target].mode in (OFF_STANDBY, PRIMARY) and held.primary != SITES[target]:
                continue  # neither a standby nor an old primary whose guard will start it once the witness says so
            key = ("claim", state.record, run, target)
            record = self.records.ask(key, lambda target=target: rule.claim(held, run, SITES[target], 0))  # type: ignore[misc]
            if record < 0:
                continue
            there = state.sites[target]
            is_needed = self.bounds.witness_fails and there.mode == STANDBY  # nobody else asks so early who it is
            seen = (there.timeline, there.process) if is_needed else ()
            claimed = self._op(self._recorded(state, record), i, step=CLAIMED, target=target, seen=seen)
            yield f"{name} claims {SITES[target]} for a failover", claimed
            if self.bounds.planned and source.mode == PRIMARY and state.sites[target].mode == STANDBY:
                yield f"{name} claims {SITES[target]} for a switchover", self._op(claimed, i, planned=True)
            if self._wrong == "prove before claim" and source.mode in (OFF_PRIMARY, OFF_STANDBY):
                early = self._op(state, i, step=LOOKED, target=target)
                yield f"{name} finds nothing at {SITES[1 - target]}, before it claims", early

    def _rejoin(self, state: State, i: int, name: str, run: str) -> Moves:
        """A site that is off becomes the standby of the other, after what it had was kept."""
        held = self.records.all[state.record]
        for s in (0, 1):
            site, other = state.sites[s], state.sites[1 - s]
            if site.mode not in (OFF_PRIMARY, OFF_STANDBY) or other.mode != PRIMARY or state.held == s + 1:
                continue
            old = OldData(SITES[s], "7", "nothing", "/kept")
            key = ("overwrite", state.record, run, s)
            if self.records.ask(key, lambda old=old: rule.overwrite(held, run, "db", old)) >= 0:  # type: ignore[misc]
                follows = self._site(self._started(state, s, STANDBY), s, timeline=other.timeline)
                yield f"{name} makes {SITES[s]} a standby again", self._end(follows._replace(ahead=0), i, run)

    def _promotion(self, state: State, i: int, sent: Promotion) -> Moves:
        """It arrives, at whatever server is there now, or never."""
        gone = self._op(state, i, sent=())
        yield "a promotion is lost", gone
        target = state.sites[sent.target]
        asked = Identity("7", sent.timeline, str(sent.process))
        found = Identity("7", target.timeline, str(target.process))
        if self._wrong == "promote without asserting the timeline":
            asked = found
        if self._wrong == "promote asserting the timeline alone":
            asked = replace(asked, started=found.started)
        up = target.mode in (STANDBY, PRIMARY)
        if up and rule.promotes(asked, found, in_recovery=target.mode == STANDBY, behind=False).allowed:
            timeline = max(site.timeline for site in state.sites) + 1
            promoted = self._site(gone, sent.target, mode=PRIMARY, timeline=timeline)
            yield f"a promotion of {SITES[sent.target]} arrives{PLANNED * sent.planned}", promoted

    # --- a person, without the witness ----------------------------------------------------------------------------

    def _without(self, state: State, i: int, name: str) -> Moves:
        """``--without-witness``: a person keeps one site off until the witness has been told, and promotes the other."""
        me = state.operators[i]
        if state.witness or state.held or me.sent:
            return
        for target in (0, 1):
            site = state.sites[target]
            if site.mode == STANDBY:
                sent = Promotion(target, site.timeline, site.process, False)
                stated = self._off(state, 1 - target)._replace(held=2 - target)
                changed = self._op(stated, i, step=SENT, target=target, sent=sent)
                yield (
                    f"{name} states that {SITES[1 - target]} stays off, promotes {SITES[target]} without a witness",
                    changed,
                )

    def _tell(self, state: State, i: int, name: str, run: str) -> Moves:
        """The witness learns what was done without it."""
        held = self.records.all[state.record]
        if not state.held:
            return
        primary = SITES[2 - state.held]
        told = self.records.ask(
            ("establish", state.record, run, primary),
            lambda: rule.establish(
                held,
                "albus",
                SITES,
                primary,
                run=run,
                epoch_seen=held.epoch,
                identities=held.identities,
                now=0,
                margin_s=MARGIN,
                other_ended=True,
            ),
        )
        if told >= 0 and self._wrong == TOLD_ON and (lease := self.records.all[told].write_lease):
            told = self.records.number(replace(self.records.all[told], write_lease=replace(lease, kept=True)))
        if told >= 0:
            yield f"{name} tells the witness that {primary} is primary", self._end(
                self._recorded(state, told)._replace(held=0), i, run
            )  # fmt: skip

    def _write_anew(self, state: State, i: int, name: str, run: str) -> Moves:
        """``witness set``, by a person who sees a primary, or one that is stopped, and no other; a claim goes first."""
        held, n = self.records.all[state.record], state.record
        if not self.bounds.anew or state.held:
            return
        if held.claim is not None:
            n = self.records.ask(("release_claim", n, run), lambda: rule.release_claim(held, run))
        for s in (0, 1):
            mode, other = state.sites[s].mode, state.sites[1 - s].mode
            if n < 0 or mode == STANDBY or other == PRIMARY:
                continue
            ended = other != STANDBY or self._wrong == BESIDE
            told = self.records.ask(("anew", n, run, s, ended), lambda s=s, ended=ended: rule.establish(  # type: ignore[misc]
                self.records.all[n], "albus", SITES, SITES[s], run=run, epoch_seen=1, identities=held.identities, now=0,
                margin_s=MARGIN, other_ended=ended,
            ))  # fmt: skip
            if told >= 0:
                written = self._end(self._recorded(state, told), i, run)
                yield f"{name} writes the record anew: {SITES[s]} is primary", written


def _unasked(site: Site) -> Site:
    """Its write has lost the race: it knows, or will, that it has nothing."""
    if site.write is None:
        return site
    knows = site.guard == ASKED or (site.guard == HOLDING and site.write.kind == "start")
    return site._replace(write=None, guard=IDLE if knows else site.guard)
