"""The steps that change who is primary: claim, fence, commit. Their order is argued in albus_dr.safety.rule.

Where a person stated that the run goes on without the witness, claim and commit say so and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from albus_dr.errors import AlbusError, NotReadyError, RefusedError, StepError, TransientError
from albus_dr.journal.event import now
from albus_dr.runbook.config import FenceMethod, ServerConfig
from albus_dr.runbook.model import PLANNED
from albus_dr.safety import rule
from albus_dr.safety.record import Record
from albus_dr.safety.rule import OldData, Proven
from albus_dr.safety.witness import Seen, Witness
from albus_dr.tools.fence import FenceProof
from albus_dr.tools.host import Host
from albus_dr.tools.process import TimeoutExpired
from albus_dr.units import format_duration
from albus_dr.workloads import access, let_go
from albus_dr.workloads.command import Model as CommandModel
from albus_dr.workloads.registry import kinds
from albus_dr.workloads.step import Action, Facts, Observation, RunInfo, State, StepContext

QUICK_S = 15.0
POLL_S = 0.5
LAST_RENEWALS = 2  # one may be seen as it was, and one be on its way while what the guard started ends


# --- claim and commit ---------------------------------------------------------------------------------------------


def _observe_claim(ctx: StepContext) -> Observation:
    if ctx.witness is None:
        return Observation(State.NOT_DONE, "there is no witness to ask")
    record = ctx.witness.read().record
    if record and record.claim and record.claim.run == ctx.run.id:
        return Observation(State.DONE, "it holds the claim", _claim_facts(record))
    return Observation(State.NOT_DONE, "it holds no claim")


def _claim(ctx: StepContext) -> Facts:
    """From here on nothing starts as a primary, at either site. The one that runs goes on."""
    if ctx.run.operation in PLANNED and not _servers(ctx, ctx.run.source):
        raise RefusedError(
            f"nothing could prove that {ctx.run.source} can't write: a planned change looks at the databases of the runbook "
            f"there, and there are none. Nothing was stopped at {ctx.run.source}",
            hint=f"albus-dr abort {ctx.run.id}; then stop the application at {ctx.run.source} by hand, then albus-dr replicate, "
            'then albus-dr failover with --fenced-by "who, how, when"',
        )
    if ctx.witness is None:
        return {"notes": [_without(ctx)]}
    if ctx.run.operation in PLANNED:  # after the stop users would wait for it
        _refuse_a_clock_set_back(ctx, ctx.witness.read())
    return _claim_facts(claim(ctx))


def _refuse_a_clock_set_back(ctx: StepContext, seen: Seen) -> None:
    if said := _set_back(ctx, seen):
        raise RefusedError(
            said, hint="compare that clock with a watch (date -u), and set it; else try again when the moment is over"
        )


def _set_back(ctx: StepContext, seen: Seen) -> str:
    """A lease that was renewed in the future is over when that has come: in minutes, or in days. Empty where that is no more
    than clocks differ by, or where a failover, which shuts nobody out, has the time to wait for it."""
    assert ctx.witness is not None
    lease, margin_s = seen.record.write_lease if seen.record else None, ctx.witness.margin_s
    if lease is None or lease.site != ctx.run.source or (ahead_s := lease.renewed_at - seen.now) <= margin_s:
        return ""
    if ctx.run.operation not in PLANNED and rule.left_s(lease, seen.now, margin_s) <= ctx.remaining_s:
        return ""
    return (
        f"the clock of {ctx.witness.name} was set back: it holds a moment that lies {format_duration(ahead_s)} ahead, until "
        f"which {ctx.run.source} might be started"
    )


def claim(ctx: StepContext) -> Record | None:
    """The run's claim on its target, taken or still there; None without a witness. A run that has proof claims no more."""
    run, target = ctx.run.id, ctx.run.target
    if ctx.witness is None:
        return None
    return ctx.witness.change(
        lambda record, at: (
            rule.Decision(True, "it holds the claim")
            if record.claim and record.claim.run == run
            else rule.claim(record, run, target, at)
        )
    )


def _claim_facts(record: Record | None) -> Facts:
    return {"epoch": record.epoch} if record else {}


def _without(ctx: StepContext) -> str:
    return f"without the witness: {ctx.run.operator} stated: {ctx.run.options.get('without_witness')}"


def release_claim(witness: Witness, run: str) -> None:
    """Give up before the commit: the old primary may start again. A run that has no claim has nothing to give up."""
    witness.change(
        lambda record, _: (
            rule.release_claim(record, run)
            if record.claim and record.claim.run == run
            else rule.Decision(True, "it holds no claim")
        )
    )


def _observe_commit(ctx: StepContext) -> Observation:
    if ctx.witness is None:
        return Observation(State.NOT_DONE, "there is no witness to ask")
    record = ctx.witness.read().record
    if record and record.primary == ctx.run.target and record.changed_by == ctx.run.id:
        return Observation(State.DONE, "the witness says so", _commit_facts(ctx, record))
    return Observation(State.NOT_DONE, "the witness says otherwise")


def _commit(ctx: StepContext) -> Facts:
    """The target is primary in a new epoch. The proof counts only while the claim that it was made under is there."""
    if ctx.run.operation in PLANNED:  # once more: the run may have lain there since the fence
        with _unless_others_act(ctx):
            _require_databases_as_stopped(ctx, otherwise=_commits_no_more(ctx))
    if ctx.witness is None:
        epoch = int(ctx.run.options.get("epoch_seen") or 0) + 1
        notes = [f"the witness does not know yet that {ctx.run.target} is the primary"]
        return {"epoch": epoch, "is_witnessed": False, "notes": notes}
    proof, margin_s = fence_proof(ctx), ctx.witness.margin_s
    proven = Proven(proof.site, proof.run, proof.method)
    seen: list[Record] = []

    def decide(record: Record, at: float) -> rule.Decision:
        seen.append(record)
        if (record.primary, record.changed_by) == (ctx.run.target, ctx.run.id):
            return rule.Decision(True, "it is committed: the answer to an earlier attempt did not arrive")
        return rule.commit(record, ctx.run.id, ctx.run.target, proven, at, margin_s)

    try:
        record = ctx.witness.change(decide)
    except RefusedError as refused:
        if seen:
            refused.hint = _after_a_refused_commit(ctx, seen[-1])
        raise
    return _commit_facts(ctx, record)


def _after_a_refused_commit(ctx: StepContext, record: Record) -> str:
    """The source is told to serve only where nobody else is about to make, or has made, the target the primary."""
    run = ctx.run
    if run.operation not in PLANNED:
        return f"nothing was promoted. Give this run up (albus-dr abort {run.id}) and start a new one"
    return _start_nothing(run) if _others_act(run, record) else let_go.way_forward(ctx)


def _others_act(run: RunInfo, record: Record) -> bool:
    of_others = {held.run for held in (record.claim, record.run_lease) if held is not None} - {run.id}
    return record.primary != run.source or bool(of_others)


def _start_nothing(run: RunInfo) -> str:
    return (
        f"this run promoted nothing. Start nothing at {run.source}: somebody else changes, or has changed, the primary (albus-dr "
        f"witness show RUNBOOK says who). Give this run up: albus-dr abort {run.id}"
    )


@contextmanager
def _unless_others_act(ctx: StepContext) -> Iterator[None]:
    """What would tell the operator how to let the source serve tells it only while that is the primary, and no other run's."""
    try:
        yield
    except AlbusError as error:
        record = ctx.witness.read().record if ctx.witness else None
        if record is not None and _others_act(ctx.run, record):
            error.hint = _start_nothing(ctx.run)
        raise


def _commits_no_more(ctx: StepContext) -> str:
    """Its claim goes when the run ends, and what it proved with it."""
    run = ctx.run
    return (
        f"is it switched off? This run can't commit any more: albus-dr abort {run.id}. Once {run.source} is back, and albus-dr "
        f"witness show still names it: let PostgreSQL and the application run there, then albus-dr door. If it is lost: albus-dr failover"
    )


def _commit_facts(ctx: StepContext, record: Record) -> Facts:
    assert ctx.witness is not None
    return {
        "epoch": record.epoch,
        "notes": [f"epoch {record.epoch}: {record.primary} is primary, by {ctx.witness.name}"],
    }


# --- the fence ----------------------------------------------------------------------------------------------------


def _fence(ctx: StepContext) -> Facts:
    """Try the site's methods in order until one proves that it can't write. Alive is refused; silence is no proof.

    Without proof the claim is given back: whoever was refused has harmed nobody.
    """
    claim(ctx)
    try:
        if ctx.spec.params["planned"]:
            with _unless_others_act(ctx):
                _require_let_go(ctx)
        proof = _prove(ctx)
    except AlbusError as error:
        try:
            if ctx.witness:
                release_claim(ctx.witness, ctx.run.id)
        except AlbusError as kept:
            error.hint = (
                f"{error.hint}. The claim is still at the witness ({kept.message}): albus-dr abort {ctx.run.id} gives it back "
                "when the witness answers"
            )
        raise
    return {"fence": proof.to_json(), "notes": [f"{proof.site} is fenced by {proof.method}: {proof.rests_on}"]}


def _require_let_go(ctx: StepContext) -> None:
    """Before a planned change is proved: the claim may have been given back since the source was stopped. What a guard
    started until this claim is in the record; after that it starts nothing."""
    _require_databases_as_stopped(ctx)
    _wait_for_start_window(ctx)
    _require_databases_as_stopped(ctx)
    try:
        let_go.require_files_as_carried(ctx)
    except TimeoutExpired as late:  # it had all of the fence's time: once is enough
        raise StepError(late.message, hint=_resume_or_give_up(ctx)) from None


def _require_databases_as_stopped(ctx: StepContext, *, otherwise: str = "") -> None:
    """As ``let_go`` has it; where it can't be looked at, with the way on."""
    try:
        let_go.require_databases_as_stopped(ctx)
    except (TransientError, NotReadyError) as error:
        kind = TransientError if isinstance(error, TransientError) else NotReadyError
        raise kind(
            f"whether {ctx.run.source} has served since it was stopped can't be looked at: {error.message}",
            hint=otherwise
            or f"is it switched off? Switch it on, leave PostgreSQL stopped, then: {_resume_or_give_up(ctx)}",
        ) from None


def _resume_or_give_up(ctx: StepContext) -> str:
    run = ctx.run.id
    return f"albus-dr resume {run}. If {ctx.run.source} is lost: albus-dr abort {run}, then albus-dr failover"


def _prove(ctx: StepContext) -> FenceProof:
    site = ctx.spec.site
    tried: list[str] = []
    methods = ctx.config.sites[site].fence
    if ctx.spec.params["planned"]:
        return _prove_stopped(ctx, methods, tried)
    probed = tuple(dict.fromkeys(method.probe for method in methods if method.probe))
    proofs = (_try(ctx, method, probed, tried) for method in methods)
    proof = next((found for found in proofs if found), None)
    if proof is None:
        raise RefusedError(
            f"nothing proves that {site} can't write: " + ("; ".join(tried) or "no fence method is configured"),
            hint=f'make sure of it yourself, then say so: --fenced-by "who, how, when" (sites.{site}.fence must allow statement)',
        )
    return proof


def _prove_stopped(ctx: StepContext, methods: Sequence[FenceMethod], tried: list[str]) -> FenceProof:
    """In a planned change the run stopped the servers itself, and looks at each of those, whatever ``fence:`` lists. A command
    is never run: it would switch off a healthy machine, which is still compared with and becomes the standby."""
    servers = _servers(ctx, ctx.spec.site)
    hosts = tuple(dict.fromkeys(server.host for server in servers.values()))
    proof = _probe_servers(ctx, servers, hosts, tried)
    others = (_try(ctx, method, (), tried) for method in methods if not method.probe and not method.command)
    proof = proof or next((found for found in others if found), None)
    if proof is None:
        if any(method.command for method in methods):
            tried.append("a planned change does not run the fence's command")
        raise RefusedError(
            f"nothing proves that {ctx.spec.site} can't write: " + "; ".join(tried),
            hint=f"let every host of its servers answer, with PostgreSQL stopped, then: {_resume_or_give_up(ctx)}",
        )
    return proof


def _try(ctx: StepContext, method: FenceMethod, probed: tuple[str, ...], tried: list[str]) -> FenceProof | None:
    """``probed``: the hosts of all probes; together they say something of the site, one alone only of its own servers."""
    if method.command:
        from albus_dr.tools import process

        try:
            done = process.run(
                method.command,
                timeout_s=method.timeout,
                cwd=ctx.base,
                cancelled=ctx.cancelled,
                keep=process.WORDS_LIMIT,
            )
        except (TransientError, NotReadyError) as error:  # what would power a lost site off hangs for that very reason
            if ctx.cancelled.is_set():
                raise
            tried.append(error.message)
            return None
        if done.code == 0:
            return FenceProof(ctx.spec.site, "command", f"{method.command[0]} ended with 0", now(), ctx.run.id)
        tried.append(f"{method.command[0]} ended with {done.code}: {done.last_words}")
        return None
    if method.probe:
        return _probe_servers(ctx, ctx.site.servers, probed, tried) if method.probe == probed[0] else None
    if method.lease:
        return _lease(ctx, tried)
    return _statement(ctx, tried)


def _statement(ctx: StepContext, tried: list[str]) -> FenceProof | None:
    """Whoever goes on without the witness was asked for the word that the site stays off, too; it may be about the witness
    alone, so whoever reads the proof is told which word it is."""
    site, operator, options = ctx.spec.site, ctx.run.operator, ctx.run.options
    if made_sure := options.get("fenced_by"):
        rests_on = f"{operator} stated: {made_sure}"
    elif alone := options.get("without_witness"):
        rests_on = f"{operator} went on without the witness, by the word that {site} is off and stays off: {alone}"
    else:
        tried.append("nobody stated it")
        return None
    return FenceProof(site, "statement", rests_on, now(), ctx.run.id)


def _lease(ctx: StepContext, tried: list[str]) -> FenceProof | None:
    """Wait until the site's kept lease has lapsed. One that is renewed belongs to a guard that lives."""
    if ctx.witness is None:
        tried.append("a lease can't be looked at without the witness")
        return None
    first: float | None = None
    while True:
        seen = ctx.witness.read()
        if seen.record is None:
            tried.append(f"{ctx.witness.name} holds nothing")
            return None
        lease = seen.record.write_lease
        decided = rule.lease_lapsed(seen.record, ctx.run.id, ctx.spec.site, seen.now, ctx.witness.margin_s)
        if decided.allowed:
            return FenceProof(ctx.spec.site, "lease", decided.reason, now(), ctx.run.id)
        kept = lease is not None and lease.site == ctx.spec.site and lease.kept
        if not kept or lease is None:
            tried.append(decided.reason)
            return None
        first = lease.renewed_at if first is None else first
        if lease.renewed_at != first:
            tried.append(f"the guard of {ctx.spec.site} ({lease.holder}) renews its lease: it lives")
            return None
        said = _set_back(ctx, seen)
        if said or ctx.remaining_s <= 1 or ctx.cancelled.wait(POLL_S):
            tried.append(said or decided.reason)
            return None


def _wait_for_start_window(ctx: StepContext) -> None:
    """A guard that asked before the claim may still start its server: what a probe doesn't find then is not absent."""
    if ctx.witness is None:
        return
    renewals: set[float] = set()
    while True:
        seen = ctx.witness.read()
        if seen.record is None:
            raise RefusedError(f"{ctx.witness.name} holds nothing about {ctx.runbook.runbook}")
        decided = rule.look(seen.record, ctx.run.id, ctx.spec.site, seen.now, ctx.witness.margin_s)
        if decided.allowed:
            return
        _refuse_a_clock_set_back(ctx, seen)
        lease = seen.record.write_lease
        if lease is not None and lease.site == ctx.spec.site:
            renewals.add(lease.renewed_at)
            if len(renewals) > LAST_RENEWALS:
                raise RefusedError(
                    f"the guard of {ctx.spec.site} ({lease.holder}) renews its lease: what it started lives, PostgreSQL or not",
                    hint=f"stop the guard's own unit there, then: {_resume_or_give_up(ctx)}",
                )
        claimed = seen.record.claim is not None and seen.record.claim.run == ctx.run.id
        if not claimed or ctx.remaining_s <= 1 or ctx.cancelled.wait(POLL_S):
            raise RefusedError(decided.reason, hint="try again when that is over")


def _servers(ctx: StepContext, site: str) -> Mapping[str, ServerConfig]:
    """Those that the runbook's workloads name: another runbook's may share the config, and no run of this one stops it. All
    of them where a command lets go of something: nobody knows of what."""
    every, models = ctx.config.sites[site].servers, ctx.runbook.workloads.values()
    if any(isinstance(model, CommandModel) and model.switchover and model.switchover.release for model in models):
        return every
    named = {
        each.name for model in models for each in kinds()[model.kind].references(model) if each.section == "servers"
    }
    return {name: server for name, server in every.items() if name in named}


def _probe_servers(
    ctx: StepContext, servers: Mapping[str, ServerConfig], hosts: tuple[str, ...], tried: list[str]
) -> FenceProof | None:
    """Hosts that answer, and on which no server's process or port is left. A server elsewhere may still write: no proof."""
    gone: list[str] = []
    elsewhere = [f"{name} at {config.host}" for name, config in servers.items() if config.host not in hosts]
    for name, config in servers.items():
        if config.host not in hosts:
            continue
        where = access.host(ctx, ctx.spec.site, config.host)
        try:
            alive = _alive(where, config.data, config.port)
            if not alive:
                _wait_for_start_window(ctx)
                alive = _alive(where, config.data, config.port)
        except (TransientError, NotReadyError) as error:
            tried.append(f"{config.host} can't be looked at, which proves nothing: {error.message}")
            return None
        if alive:
            raise RefusedError(
                f"{ctx.spec.site} is not fenced: its server {name} is alive ({alive})",
                hint=f"stop it, then: albus-dr resume {ctx.run.id}"
                if ctx.spec.params["planned"]
                else "stop it or power it off; for a planned change use: albus-dr switchover",
            )
        gone.append(f"server “{name}”: no process owns {config.data}, nothing listens on port {config.port}")
    if not gone:
        tried.append("there is no server to look for" if not hosts else "the probe's host has no server to look for")
        return None
    if elsewhere:
        tried.append(f"the probe says nothing of the server {', '.join(elsewhere)}")
        return None
    named = ", ".join(f"“{host}”" for host in hosts)  # a host may be called "all"
    said = f"host {named} answered; " if len(hosts) == 1 else f"hosts {named} answered; "
    return FenceProof(ctx.spec.site, "probe", said + "; ".join(gone), now(), ctx.run.id)


# Constant text; the data directory and the port are its arguments. It prints what is alive, and nothing otherwise.
# A file that a killed server left names a process that may be somebody else's by now: a server works in its directory.
# Where that can't be seen it is taken for alive, unless it is a zombie or gone by then: a zombie's place can't be seen, and it
# may be buried between two looks. Whoever may not look into the directory has seen nothing.
_ALIVE = r"""
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
  place=$(readlink "/proc/$pid/cwd" 2>/dev/null)
  if [ -z "$place" ] || [ "$place" = "$(readlink -f "$1")" ]; then
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
      Z*) ;;
      *) [ ! -d "/proc/$pid" ] || echo "process $pid" ;;
    esac
  fi
fi
hex=$(printf '%04X' "$2")
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p {f = 1} END {if (f) print "port"}'
[ ! -e "$1" ] || [ -x "$1" ] || echo unreadable
exit 0
"""


def _alive(host: Host, data: str, port: int) -> str:
    done = host.run(("sh", "-c", _ALIVE, "sh", data, str(port)), timeout_s=QUICK_S).check("the host can't be looked at")
    seen, _, unreadable = done.stdout.partition("unreadable")
    if unreadable and not seen:
        raise NotReadyError(f"whoever albus-dr is at {host.name} may not look into {data}")
    return seen.replace("\n", " ").replace("port", f"port {port} listens").strip()


def fence_proof(ctx: StepContext) -> FenceProof:
    """The proof that the run's fence step left. Raises RefusedError without it."""
    facts = ctx.facts_of("fence")
    if "fence" not in facts:
        raise RefusedError("there is no fence proof in this run", hint="nothing is promoted without one")
    return FenceProof.from_json(facts["fence"])


def require_promotable(ctx: StepContext) -> bool:
    """Does the witness say that the target is the primary, by this run? Asked after the target's identity was read.

    False when it can't be asked: then an identity that was read before the commit must do, as long as nobody else can have
    taken the run lease. Raises RefusedError.
    """
    witness, run = ctx.witness, ctx.run
    if witness is None:
        return True  # a person stated that the other site stays off until the witness has been told
    hint = f"albus-dr abort {run.id} gives this run up; albus-dr status shows who serves"
    try:
        witness.change(lambda record, at: rule.promote(record, run.id, run.target, at), hint=hint)
    except RefusedError:
        raise
    except AlbusError as error:
        if witness.in_charge_for_s() > 0:
            return False
        raise RefusedError(
            f"the witness does not answer, and the run lease has not been renewed for so long that somebody else may have changed "
            f"the primary: {run.target} is not promoted ({error.message})",
            hint=_without_an_answer(ctx),
        ) from None
    return True


def _without_an_answer(ctx: StepContext) -> str:
    run = ctx.run
    stated = (
        " If it stays away and you are sure that nobody has: add "
        '--without-witness "who keeps the old primary off, how, since when"'
    )
    return f"once it answers: albus-dr resume {run.id}.{stated if run.operation == 'failover' else ''}"


def require_known(ctx: StepContext, workload: str, system_identifier: str) -> None:
    """Is this the database that the witness knows? The first one is remembered. Raises RefusedError."""
    if ctx.witness is not None:
        backed_up = ctx.run.options.get("backed_up", {}).get(workload)
        ctx.witness.change(
            lambda record, _: rule.same_identity(record, workload, system_identifier, backed_up),
            hint="compare servers in the config with the sites; a new database needs a new entry at the witness: albus-dr witness set",
        )


def require_may_serve_again(ctx: StepContext, workload: str, old: OldData) -> str:
    """May a site that was the primary before, and has not followed since, become it again? What that loses, for the
    record. Raises RefusedError, naming the loss, while nobody has accepted it."""
    record = ctx.witness.read().record if ctx.witness else None
    accepted = bool(ctx.run.options.get("accept_data_loss"))
    decided = rule.serve_again(record, ctx.run.id, workload, old, accepted=accepted)
    if not decided.allowed:
        raise RefusedError(
            decided.reason,
            hint=f"is there anything better: a disk of {ctx.run.source} that can be saved, a site that will be back in an "
            "hour? If not, and the loss is accepted: --accept-data-loss",
        )
    return decided.reason


def require_may_overwrite(ctx: StepContext, workload: str, old: OldData) -> None:
    """May the data of the step's site be rewound or wiped? Raises RefusedError with the rule's reason."""
    if ctx.witness is not None:
        ctx.witness.change(
            lambda record, _: rule.overwrite(record, ctx.run.id, workload, old),
            hint="albus-dr witness show tells who is primary, and who changes it; where that run has ended, albus-dr abort gives "
            "its claim back",
        )


ACTIONS = {
    "site.claim": Action(_claim, observe=_observe_claim),
    "site.fence": Action(_fence),
    "site.commit": Action(_commit, observe=_observe_commit),
}
