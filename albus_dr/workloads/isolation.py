"""Nothing leaves a drill's target: what was restored there must not write to patients, partners or production.

Restored servers and the application's copy run in a network of their own that has loopback alone. Where a host can't make
one, or nobody can try it, the drill goes on and names what it did not verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.journal.state import NETWORK
from albus_dr.tools import namespace
from albus_dr.tools.host import Host
from albus_dr.tools.namespace import Namespace
from albus_dr.workloads.step import Facts, StepContext, Verdict, Verification

ALONE = "loopback alone"
QUICK_S = 15.0


def cut_off(
    ctx: StepContext, outside: Host, directory: str, keeper: Sequence[str], *, wanted: bool
) -> dict[str, Any]:  # fmt: skip
    """Make the target's own network and prove that nothing leaves it; the facts that ``inside`` and ``verify`` read.

    ``keeper`` is started in the directory, in that network if there is one.

    Raises RefusedError when something got out.
    """
    marks = {"ALBUS_DR_DRILL": directory}
    if not wanted:
        _start(outside, directory, keeper, marks)
        return _not_verified(ctx, "scratch.network is `host`")
    try:
        made = namespace.make(outside, directory, keeper, environment=marks)
    except NotReadyError as error:
        _start(outside, directory, keeper, marks)
        return _not_verified(ctx, error.message)
    within = namespace.enter(outside, made)
    with namespace.listening_outside(outside) as places:
        known = [place for place in places if namespace.connects(outside, *place)]
        leaks = [namespace.written(*place) for place in known if namespace.connects(within, *place)]
    if leaks:
        raise RefusedError(
            f"{_inhabitants(ctx)}: the drill's target can reach the network: from inside it {' and '.join(leaks)} answered, "
            "where this drill listened outside",
            hint=f"does unshare work at {outside.name}? Nothing was restored",
        )
    if not known:
        return _not_proved(made, f"nothing at {outside.name} could be reached from outside the target either")
    return {"network": asdict(made), "tried_outside": [namespace.written(*place) for place in known]}


def _start(outside: Host, directory: str, keeper: Sequence[str], marks: dict[str, str]) -> None:
    script = 'cd "$1" && shift && setsid "$@" </dev/null >/dev/null 2>&1 &'
    outside.run(("sh", "-c", script, "sh", directory, *keeper), timeout_s=QUICK_S, environment=marks).check(
        "the drill's keeper can't be started"
    )


def _not_verified(ctx: StepContext, reason: str) -> dict[str, Any]:
    note = (
        f"not verified: that nothing leaves the drill's target ({reason}). {_inhabitants(ctx)} had the host's network"
    )
    return {"network": None, "network_reason": reason, "notes": [note]}


def _not_proved(made: Namespace, reason: str) -> dict[str, Any]:
    """All runs in the network that was made: only the proof is missing."""
    note = f"not verified: that nothing leaves the drill's target ({reason}). Its own network was made and not tried"
    return {"network": asdict(made), "network_reason": reason, "notes": [note]}


def _inhabitants(ctx: StepContext) -> str:
    return ", ".join(name for name, model in ctx.runbook.workloads.items() if model.kind in ("postgres", "service"))


def inside(outside: Host, isolated: Facts) -> Host:
    """The host as what was restored sees it."""
    made = isolated.get("network")
    return namespace.enter(outside, Namespace(**made)) if made else outside


# Constant text; the network's name and process ids follow. Prints the ids of those that are in another network.
_STRANGERS = r"""
net=$1; shift
for pid; do found=$(readlink "/proc/$pid/ns/net") || continue; [ "$found" = "$net" ] || echo "$pid"; done
"""


def verify(ctx: StepContext, outside: Host, isolated: Facts, processes: Sequence[str]) -> tuple[Verification, ...]:
    """Every process of the drill is in the network that was made; passed only where it was tried that nothing leaves it.

    Raises RefusedError where one is outside.
    """
    workload, made = ctx.spec.workload, isolated.get("network")
    if not made:
        reason = str(isolated.get("network_reason", "it was not made"))
        return (Verification(workload, NETWORK, ALONE, reason, Verdict.NOT_EVALUATED),)
    done = outside.run(("sh", "-c", _STRANGERS, "sh", made["net"], *processes), timeout_s=QUICK_S)
    strangers = done.check("the drill's processes can't be looked at").stdout.split()
    if strangers:
        raise RefusedError(
            f"{workload}: of what the drill started, {len(strangers)} processes are outside the network that nothing leaves: "
            f"{', '.join(strangers)}",
            hint="does its drill: command start it through another program (docker, systemd-run)? scratch.network",
        )
    if unproved := isolated.get("network_reason"):
        return (Verification(workload, NETWORK, ALONE, str(unproved), Verdict.NOT_EVALUATED),)
    return (Verification(workload, NETWORK, ALONE, ALONE, Verdict.PASSED),)
