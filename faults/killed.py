"""Every part is killed, or stopped and let go on, at the start, the middle and the end of every operation."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from faults.ground import Ground, Operation, Part, ground
from faults.outcome import Outcome
from tests.real.operator_desk import Called

STOPPED_S = 12.0  # longer than a health check, a query or HAProxy's answer is waited for
# Where each operation is, by its journal.
MOMENTS: dict[Operation, dict[str, tuple[str, str]]] = {
    "switchover": {
        "start": ("StepIntended", "documents.ready_to_back_up"), "middle": ("StepIntended", "patients.promote"),
        "end": ("StepSucceeded", "door.open"),
    },
    "failover": {
        "start": ("StepIntended", "patients.ready_to_promote"), "middle": ("StepIntended", "patients.promote"),
        "end": ("StepSucceeded", "door.open"),
    },
    "failback": {
        "start": ("StepIntended", "patients.keep"), "middle": ("StepIntended", "patients.promote"),
        "end": ("StepSucceeded", "door.open"),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Victim:
    """A part, at the operation's source or target, and the moments in which it runs."""

    part: Part
    side: str
    moments: dict[Operation, tuple[str, ...]]

    @property
    def is_apart(self) -> bool:
        """It is a server of its own only where the places are apart."""
        return self.part == "witness"


ALL = ("start", "middle", "end")
VICTIMS = (
    Victim("albus-dr", "", {"switchover": ALL, "failover": ALL, "failback": ALL}),
    Victim("PostgreSQL", "source", {"switchover": ("start",), "failback": ("start",)}),
    Victim("PostgreSQL", "target", {"switchover": ALL, "failover": ALL, "failback": ("middle", "end")}),
    Victim("application", "source", {"switchover": ("start",), "failback": ("start",)}),
    Victim("application", "target", {"switchover": ("end",), "failover": ("end",), "failback": ("end",)}),
    Victim("s3", "source", {"switchover": ALL, "failback": ALL}),
    Victim("s3", "target", {"switchover": ALL, "failover": ALL, "failback": ALL}),
    Victim("door", "", {"switchover": ALL, "failover": ALL, "failback": ALL}),
    Victim("witness", "", {"switchover": ALL, "failover": ALL, "failback": ALL}),
)
SIGNS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


def trials() -> Iterator[tuple[str, str, tuple[Callable[[], Outcome], ...], bool]]:
    """Name, what happens, one try for each moment, and whether that takes root."""
    for operation in MOMENTS:
        for victim in VICTIMS:
            for word, sign in SIGNS.items():
                moments = victim.moments.get(operation, ())
                if not moments:
                    continue
                who = f"{victim.part} at the {victim.side}" if victim.side else victim.part
                name = "-".join((operation, victim.part.lower(), *((victim.side,) if victim.side else ()), word))
                after = "" if sign is signal.SIGKILL else f", goes on after {STOPPED_S:g} s"
                tells = f"{who} is {word} at the {', '.join(moments)} of a {operation}{after}"
                tries = tuple(partial(strike, operation, victim, sign, moment) for moment in moments)
                yield name, tells, tries, victim.is_apart


def strike(operation: Operation, victim: Victim, sign: signal.Signals, moment: str) -> Outcome:
    """One try on fresh ground. What was killed is started again, what was stopped goes on; then a person resumes."""
    with ground(apart=victim.is_apart) as here:
        here.before(operation)
        known = here.desk.runs()
        child = here.desk.begin(*here.arguments(operation))
        try:
            run = here.new_run(child, known)
            here.wait_until(run, MOMENTS[operation][moment], child)
            last = _hit(here, victim, sign, child)
        finally:
            if child.poll() is None:
                child.kill()
        return here.outcome(here.go_on(run, last))


def _hit(here: Ground, victim: Victim, sign: signal.Signals, child: subprocess.Popen[str]) -> Called:
    """How albus-dr ended after the blow, once the part is back."""
    site = here.source if victim.side == "source" else here.target
    if victim.part == "albus-dr":
        child.send_signal(sign)
    else:
        here.hit(victim.part, site, sign)
    if sign is signal.SIGSTOP:
        time.sleep(STOPPED_S)
        if victim.part == "albus-dr":
            child.send_signal(signal.SIGCONT)
        else:
            here.hit(victim.part, site, signal.SIGCONT)
        return here.finish(child)
    last = here.finish(child)
    if victim.part != "albus-dr":
        here.bring_back(victim.part, site)
    return last
