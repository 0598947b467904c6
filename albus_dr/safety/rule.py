"""The dangerous rule: who may claim, prove, commit, promote, serve again, start, renew, write, rewind, wipe. No I/O, no clock.

A change of primary has one order: **claim, prove, commit, promote**. Each function takes the witness's record (and the
witness's own time) and returns a Decision; where one follows, the new record, which the caller writes by compare-and-set
on the version that it read. A write that lost the race changed nothing: read again, ask again. So every decision that
is a change of the record is as good as one taken at the moment of the write. What is done elsewhere (a server started,
a promotion sent) may happen arbitrarily later, and that is what the order is for.

Why claim comes before prove. A proof says that no server at the other site can write *now*. It stays true only as long
as nothing can start there. A guard starts a server as a primary only after it has written a start window or a lease
into the record while no claim was there. So once the claim is in, every start that is still possible is in the record:
``look`` waits until that window has lapsed, and only then is what the probe doesn't find really absent. Were the proof
taken first, a guard that asked in between would start what had been proved dead.

Why prove comes before commit. The commit takes the old site's right to write away, which stops nobody who writes
already. And a failover that is refused, because the primary lives, has only claimed: it releases the claim, and the
primary has lost nothing, not even its lease, for a claim does not stop a holder from renewing.

A commit that makes a primary the primary again (a change that came to no end is done once more) keeps that site's start
window: its guard may still start the server, and the next change has to wait for it. A lease becomes such a window, as it does
at a promotion and for the same reason: this run may promote without an answer of the witness, and what it promotes is bound
by no lease from before. A guard that still has its server renews it, and it is a proof again.

Why commit comes before promote. Between proof and promotion the claim alone keeps the old site down, and the claim can
be lost: a run whose lease has lapsed may be replaced, its claim released, the old site started again. The commit goes
through only while the claim is still this run's; whoever lost it has promoted nothing. After it the old site is refused
by the epoch, not by the claim, whatever becomes of this run. A proof belongs to a run's claim: a run that claims again
proves again. In a planned change it looks, too, whether the old primary is still where it was when the run stopped it:
without the claim it may have served (``albus_dr.workloads.let_go``; that is a matter of loss, not of two primaries).

Why a promotion asserts what it saw. It is sent to a server, and may arrive after another change of primary. So the
server's identity (system identifier, timeline, and the moment when its process started) is read *first*, then the
witness says that the target is still the primary, that no one has claimed, and then one SQL statement promotes only a
server with that identity. A later change of primary needs proof that this server's process has ended, or a lease that
only a primary can have taken, and a record that a person writes anew needs the first (``name_primary``): so either the
promotion arrives before that look, which then finds a primary, or it finds another process, or one that is out of recovery,
and does nothing. Where the witness can't be asked, a run promotes only while nobody else can have had its run lease, by a
clock that goes on while its machine sleeps: then there was no later change. The timeline alone is not enough: the old primary
may have been started again without being promoted, on the timeline that it had.

Why a promotion ends the site's lease. A guard may have taken one for a server that it never started, or that has ended
since; the server that is promoted is not bound by that, and its lapse must not prove that this one can't write. So asking
whether to promote is a write: a lease that is there becomes a start window that nobody can renew, and a guard's write that
was under way is conditional on the record before. The guard of what was promoted takes a new lease.

Why a record that a person writes takes the proof from a lease. While the witness was away a person may have promoted the
server of the very site that the lease is of: the guard's server had ended in time, and the promoted one is not bound. So
the lease becomes a start window. A guard that still has its server renews it, by compare-and-set, and it is a proof again.

Why a site that was the primary before is promoted, and not started. The new primary may be lost before anything follows
it (the second strike). Then the old one is the best that there is, and it serves again by the same order; what it lacks,
everything that the new primary acknowledged, is named, and a person accepts its loss first. It could simply be started:
its data are a primary's. But an order to start asserts nothing, and may arrive after yet another change of primary. So
after the commit it is started as a standby of nobody, which takes no writes whenever that arrives, and promoted as every
standby is: only the process that was seen. If its guard is faster, that is a start under the record, as any other.

Why a lapsed lease is a proof. Its holder stops its site's server by its own clock, counted from before it read the
time that it wrote; the witness counts the same time to live from that time, and a margin for the rates of two clocks
and for clocks that show whole seconds. So the holder has stopped before the witness says so, without a message. It is
a proof only of a lease that was *kept* in this epoch by the site in question: a start window that is over proves no
death, and a site that took no lease has promised nothing. The commit judges the lapse again, on the version it replaces.

Why renewing is conditional. An unconditional write by a guard that was cut off would put its old record, and with it
its old epoch, over the commit.

Why a claim without its run can be replaced. A machine can be lost with its run. Whoever holds the run lease (which
lapses) may replace or release another run's claim: the proof of the run that lost it is worth nothing any more.

What a guard owes, for this to hold: it asks before it starts anything as a primary; it starts it before its own clock
has counted the time to live from *before* its read, or not at all, even when it was stopped in between (a timer that
ends it); with a kept lease it stops whatever server runs at its site when that time is over, from the moment when it
*sends* its first write, whether or not the answer came; and when it ends itself, the server ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from albus_dr.safety.record import Claim, Record, RunLease, WriteLease
from albus_dr.tools.fence import Identity

PROMOTION = "a promotion"  # the holder of a lease that nobody renews
Method = Literal["command", "probe", "lease", "statement"]


@dataclass(frozen=True)
class Decision:
    """``reason`` says why, for people, naming who holds what. ``record`` is what to write where that follows."""

    allowed: bool
    reason: str
    record: Record | None = None

    def __bool__(self) -> bool:
        raise TypeError("a decision is not true or false; look at allowed")


@dataclass(frozen=True)
class Proven:
    """That ``site`` can't write: found under the claim of ``run``, by ``method``."""

    site: str
    run: str
    method: Method


@dataclass(frozen=True)
class OldData:
    """What was seen at a site that was the primary before. ``kept``: where the copy of what diverged is."""

    site: str
    system_identifier: str
    running_as: Literal["nothing", "standby", "primary"]
    kept: str | None


def lapsed(lease: WriteLease | RunLease, now: float, margin_s: float) -> bool:
    """The lease is over by the witness's clock, and its holder knows that by its own."""
    return now - lease.renewed_at > lease.ttl_s + margin_s


def left_s(lease: WriteLease | RunLease, now: float, margin_s: float) -> float:
    """Seconds until ``lapsed``, at least 0."""
    return max(0.0, lease.renewed_at + lease.ttl_s + margin_s - now)


# --- the record itself --------------------------------------------------------------------------------------------


def accept(record: Record, runbook: str, sites: tuple[str, str], epoch_seen: int) -> Decision:
    """May this record be believed at all? ``epoch_seen`` is the highest that anybody here remembers."""
    if record.runbook != runbook or set(record.sites) != set(sites):
        return _no(f"the witness speaks of {record.runbook} ({' and '.join(record.sites)}), not of {runbook}")
    if record.primary not in sites:
        return _no(f"the witness names a primary that {runbook} does not have: {record.primary}")
    if record.epoch < epoch_seen:
        return _no(
            f"the witness's epoch went backwards: it says {record.epoch}, and {epoch_seen} was seen here before; "
            "it was restored from a copy or replaced, so what it says about the primary may be old"
        )
    return Decision(True, f"epoch {record.epoch}, primary {record.primary}")


def same_identity(record: Record, workload: str, system_identifier: str, backed_up: str | None) -> Decision:
    """Is this database the one that the record knows? The first one seen is remembered, unless another one than that was
    ``backed_up`` last, as far as anybody here knows."""
    known = record.identities.get(workload)
    if known is None and backed_up not in (None, system_identifier):
        return _no(
            f"{workload}: the server has system identifier {system_identifier}, and the database that was backed up last has "
            f"{backed_up}: it is another database"
        )
    if known is None:
        identities = {**record.identities, workload: system_identifier}
        return Decision(True, f"{workload}: seen for the first time", replace(record, identities=identities))
    if known != system_identifier:
        return _no(
            f"{workload}: the server has system identifier {system_identifier}, the witness knows {known}: "
            "it is another database"
        )
    return Decision(True, f"{workload}: system identifier {known}")


def name_primary(record: Record | None, primary: str, *, other_ended: bool) -> Decision:
    """May a person name this primary? ``other_ended``: the other site's server was seen stopped, and that while the run lease
    was the person's: from then on no run passes ``promote``, and what passed it before asserts a process that has ended.

    A record that names the other site may have been written by a run whose promotion is still under way to that standby.
    """
    if record is None or record.primary == primary or other_ended:
        return Decision(True, f"no promotion can be under way to the other site of {primary}")
    return _no(
        f"the witness names {record.primary} as the primary, by {record.changed_by}, whose promotion may still arrive there: a "
        f"standby that runs at {record.primary} could be promoted after this"
    )


def establish(
    record: Record | None, runbook: str, sites: tuple[str, str], primary: str, *, run: str, epoch_seen: int,
    identities: Mapping[str, str], now: float, margin_s: float, other_ended: bool = False,
) -> Decision:  # fmt: skip
    """Write the record anew from what a person sees at the sites: a register that was empty, lost or set back.

    The person has asserted that ``primary`` is the only one. What a guard there may still do stays in the record, but its
    lapse proves nothing until it has renewed; what one at the other site may still do has to be over. ``other_ended``: as
    for ``name_primary``.
    """
    if record is not None and record.claim is not None:
        return _no(f"{record.claim.run} has claimed {record.claim.target}: end it first")
    named = name_primary(record, primary, other_ended=other_ended)
    if not named.allowed:
        return named
    if record is not None and record.run_lease is not None and record.run_lease.run != run:
        return _no(f"the run lease is {_whose(record.run_lease)}, not {run}'s")
    epoch = max(epoch_seen, record.epoch if record else 0) + 1
    window = record.write_lease if record else None
    if window is not None and window.site != primary and not lapsed(window, now, margin_s):
        return _no(
            f"a guard at {window.site} ({window.holder}) may write, for {left_s(window, now, margin_s):.0f} s more"
        )
    open_still = replace(window, kept=False) if window is not None and window.site == primary else None
    lease = record.run_lease if record else None
    return Decision(
        True, f"epoch {epoch}, primary {primary}",
        Record(runbook, sites, epoch, primary, run, now, None, dict(identities), None, open_still, lease),
    )  # fmt: skip


# --- one run at a time --------------------------------------------------------------------------------------------


def take_run(record: Record, lease: RunLease, now: float, margin_s: float) -> Decision:
    """Take the run lease: it is free, lapsed, this run's own, or of this place, whose lock the caller holds."""
    held = record.run_lease
    free = held is None or held.run == lease.run or held.place == lease.place or lapsed(held, now, margin_s)
    if not free and held is not None:
        return _no(
            f"another run is in progress: {held.purpose} by {held.holder} ({held.run}); "
            f"its lease lapses in {left_s(held, now, margin_s):.0f} s unless it is renewed"
        )
    return Decision(True, "the run lease is taken", replace(record, run_lease=replace(lease, renewed_at=now)))


def renew_run(record: Record, run: str, now: float) -> Decision:
    """Only by the run that has it; lapsed or not, nobody has taken it since."""
    held = record.run_lease
    if held is None or held.run != run:
        return _no(f"the run lease is {_whose(held)} now")
    return Decision(True, "renewed", replace(record, run_lease=replace(held, renewed_at=now)))


def release_run(record: Record, run: str, *, promoted: bool) -> Decision:
    """Give the run lease back. ``promoted``: the change of primary that this run committed has been seen through."""
    if record.run_lease is None or record.run_lease.run != run:
        return _no(f"the run lease is {_whose(record.run_lease)} now")
    unfinished = None if promoted and record.unfinished == run else record.unfinished
    return Decision(True, "released", replace(record, run_lease=None, unfinished=unfinished))


def _in_charge(record: Record, run: str) -> Decision:
    if record.run_lease is None or record.run_lease.run != run:
        return _no(f"the run lease is {_whose(record.run_lease)}, not {run}'s")
    return Decision(True, "it holds the run lease")


def _whose(lease: RunLease | None) -> str:
    return f"{lease.run}'s ({lease.purpose} by {lease.holder})" if lease else "nobody's"


# --- claim, prove, commit, promote --------------------------------------------------------------------------------


def claim(record: Record, run: str, target: str, now: float) -> Decision:
    """Stop every start of a primary. ``target`` may be the primary already: a change that came to no end is done again."""
    charge = _in_charge(record, run)
    if not charge.allowed:
        return charge
    if target not in record.sites:
        return _no(f"{target} is not a site of {record.runbook}")
    return Decision(True, f"{target} is claimed", replace(record, claim=Claim(run, target, now)))


def release_claim(record: Record, run: str) -> Decision:
    """Give up before the commit: the old primary may start again. Also another run's, by whoever has the run lease."""
    if record.claim is None:
        return _no("nothing is claimed")
    if record.claim.run != run:
        charge = _in_charge(record, run)
        if not charge.allowed:
            return charge
    return Decision(True, "the claim is released", replace(record, claim=None))


def _claimed(record: Record, run: str) -> Decision:
    if record.claim is None or record.claim.run != run:
        whose = f"{record.claim.run}'s" if record.claim else "nobody's"
        return _no(f"the claim is {whose} now: what {run} has proved is worth nothing any more")
    return Decision(True, "it holds the claim")


def look(record: Record, run: str, site: str, now: float, margin_s: float) -> Decision:
    """Is what a probe doesn't find at the site really absent? Only under the claim, with no start window open."""
    claimed = _claimed(record, run)
    if not claimed.allowed:
        return claimed
    lease = record.write_lease
    if lease is not None and lease.site == site and not lapsed(lease, now, margin_s):
        return _no(f"a guard at {site} ({lease.holder}) may still start it, for {left_s(lease, now, margin_s):.0f} s")
    return Decision(True, f"no guard at {site} may start anything")


def lease_lapsed(record: Record, run: str, site: str, now: float, margin_s: float) -> Decision:
    """Does a lapsed lease prove that the site can't write?"""
    claimed = _claimed(record, run)
    if not claimed.allowed:
        return claimed
    lease = record.write_lease
    if lease is None or lease.site != site or not lease.kept:
        return _no(f"no guard at {site} keeps a lease, so its lapse proves nothing")
    if not lapsed(lease, now, margin_s):
        return _no(f"the lease of {site} ({lease.holder}) lapses in {left_s(lease, now, margin_s):.0f} s")
    return Decision(
        True,
        f"the lease of {site} ({lease.holder}) lapsed: {now - lease.renewed_at:.0f} s since its last renewal, "
        f"for a time to live of {lease.ttl_s:g} s and a margin of {margin_s:g} s",
    )


def commit(record: Record, run: str, target: str, proof: Proven, now: float, margin_s: float) -> Decision:
    """The change of primary. From here on the other site's starts and renewals are refused; one goes forward only."""
    charge = _in_charge(record, run)
    if not charge.allowed:
        return charge
    claimed = _claimed(record, run)
    if not claimed.allowed or record.claim is None:
        return claimed
    if record.claim.target != target:
        return _no(f"{run} has claimed {record.claim.target}, not {target}")
    if proof.site != record.other(target) or proof.run != run:
        return _no(f"the proof is of {proof.site} under the claim of {proof.run}")
    if proof.method == "lease":
        still = lease_lapsed(record, run, proof.site, now, margin_s)
        if not still.allowed:
            return still
    lease = record.write_lease
    open_still = replace(lease, kept=False) if lease is not None and lease.site == target else None
    changed = replace(
        record, epoch=record.epoch + 1, primary=target, changed_by=run, changed_at=now, unfinished=run, claim=None,
        write_lease=open_still,
    )  # fmt: skip
    return Decision(True, f"{target} is primary in epoch {changed.epoch}", changed)


def promote(record: Record, run: str, target: str, now: float) -> Decision:
    """May the run promote at the target? Asked after the target's Identity was read, which the promotion asserts.

    What follows ends every lease that the site had: it spoke of another process.
    """
    charge = _in_charge(record, run)
    if not charge.allowed:
        return charge
    if record.claim is not None:
        return _no(f"{record.claim.run} has claimed {record.claim.target}")
    if record.primary != target or record.changed_by != run:
        return _no(f"{record.primary} is primary in epoch {record.epoch}, by {record.changed_by}: nothing to promote")
    lease = record.write_lease
    if lease is None or lease.site != target:
        lease = WriteLease(target, PROMOTION, False, 0.0, now)
    ended = replace(record, write_lease=replace(lease, holder=PROMOTION, kept=False))
    return Decision(True, f"{target} is primary in epoch {record.epoch}", ended)


def serve_again(record: Record | None, run: str, workload: str, old: OldData, *, accepted: bool) -> Decision:
    """May a site that was the primary before become it again, although it has not followed the present one?

    ``accepted``: a person has accepted the loss, which the reason names. ``record`` is None where a person goes on without
    the witness.
    """
    when = "meanwhile"
    if record is not None:
        charge = _in_charge(record, run)
        if not charge.allowed:
            return charge
        if record.identities.get(workload) != old.system_identifier:
            return _no(_foreign(record, workload, old))
        if record.primary != old.site:
            when = f"after {record.primary} became the primary (epoch {record.epoch}, {_utc(record.changed_at)})"
    return Decision(
        accepted,
        f"{workload}: {old.site} was the primary before, and has not followed since: what was written at the other site "
        f"{when} is lost",
    )


def promotes(seen: Identity, present: Identity, *, in_recovery: bool, behind: bool) -> Decision:
    """What the one SQL statement asserts, and, in a switchover, that everything has been replayed (``behind`` is False)."""
    if not in_recovery:
        return _no("it is not in recovery")
    if seen.system_identifier != present.system_identifier:
        return _no(f"it is another database: {present.system_identifier}, not {seen.system_identifier}")
    if seen.timeline != present.timeline:
        return _no(f"it is on timeline {present.timeline}, not on {seen.timeline}")
    if seen.started != present.started:
        return _no(f"its process started at {present.started}, not at {seen.started}")
    if behind:
        return _no("it has not replayed everything that the old primary wrote")
    return Decision(True, "it is the server that was seen")


# --- guards -------------------------------------------------------------------------------------------------------


def start(record: Record, lease: WriteLease, now: float, epoch_seen: int) -> Decision:
    """May a guard start its command as the primary, or take a lease for a primary that runs?

    ``now`` is the time that was read; ``epoch_seen`` the highest epoch that this guard's site remembers. An earlier
    lease of the same site is replaced: one data directory has one server.
    """
    if record.epoch < epoch_seen:
        return _no(f"the witness's epoch went backwards: {record.epoch}, after {epoch_seen}")
    if record.primary != lease.site:
        return _no(f"{record.primary} is the primary in epoch {record.epoch}, since {record.changed_by}")
    if record.claim is not None:
        return _no(f"{record.claim.run} is changing the primary: it has claimed {record.claim.target}")
    return Decision(
        True, f"{lease.site} is primary in epoch {record.epoch}",
        replace(record, write_lease=replace(lease, renewed_at=now)),
    )  # fmt: skip


def renew(record: Record, site: str, holder: str, now: float) -> Decision:
    """May the guard go on? A claim does not stop it: a failover that will be refused has harmed nobody.

    Whoever renews has a server that ends with the lease, so this lease is kept.
    """
    lease = record.write_lease
    if record.primary != site:
        return _no(f"{record.primary} is the primary in epoch {record.epoch}")
    if lease is None or lease.site != site or lease.holder != holder:
        return _no(f"the lease is {lease.holder if lease else 'nobody'}'s now")
    return Decision(True, "renewed", replace(record, write_lease=replace(lease, kept=True, renewed_at=now)))


def release_write(record: Record, site: str, holder: str) -> Decision:
    """A guard whose command has ended for good gives its lease back, so that nobody has to wait for its lapse."""
    lease = record.write_lease
    if lease is None or lease.site != site or lease.holder != holder:
        return _no("it is not this guard's lease")
    return Decision(True, "released", replace(record, write_lease=None))


def write(record: Record, site: str) -> Decision:
    """May this site take writes?"""
    if record.primary != site:
        return _no(f"{record.primary} is the primary in epoch {record.epoch}, not {site}")
    return Decision(True, f"{site} is primary in epoch {record.epoch}")


# --- what destroys ------------------------------------------------------------------------------------------------


def overwrite(record: Record, run: str, workload: str, old: OldData) -> Decision:
    """May the site's data be rewound or wiped? Never the primary's, never what runs, never unkept.

    The caller asserts at the site, in the step that destroys, that the data are still those that were seen.
    """
    charge = _in_charge(record, run)
    if not charge.allowed:
        return charge
    if old.site not in record.sites or record.primary == old.site:
        return _no(f"{old.site} is not the standby of {record.runbook}: {record.primary} is its primary")
    if record.claim is not None and record.claim.run != run:
        return _no(f"{record.claim.run} is changing the primary")
    if old.running_as != "nothing":
        return _no(f"a {old.running_as} runs at {old.site}")
    if record.identities.get(workload) != old.system_identifier:
        return _no(_foreign(record, workload, old))
    if old.kept is None:
        return _no(f"nothing of what {old.site} has is kept yet")
    return Decision(True, f"{old.site} is not the primary, nothing runs, and its data are kept in {old.kept}")


def _foreign(record: Record, workload: str, old: OldData) -> str:
    return (
        f"{workload}: the data at {old.site} have system identifier {old.system_identifier}, "
        f"the witness knows {record.identities.get(workload, 'none')}: it is another database"
    )


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _no(reason: str) -> Decision:
    return Decision(False, reason)
