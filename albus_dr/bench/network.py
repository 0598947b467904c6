"""A network of the bench's own: four places, each a network namespace with one address, and a router between them.

    strasbourg 10.91.1.2   bordeaux 10.91.2.2   witness 10.91.3.2   users 10.91.4.2

The router is a namespace too, so nothing of it can be seen from the machine's own network, and two benches don't meet
although their addresses are the same. What is cut is dropped in silence, as by a broken line: nobody is told.
Delay and loss are made packet by packet in albus_dr.bench.distance; the kernel's own means is not everywhere.
Needs root and iproute2.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from albus_dr.bench.place import NAMESPACES, Place
from albus_dr.bench.processes import Running, end, look, spawn, wait_until_ready
from albus_dr.errors import NotReadyError
from albus_dr.tools import process
from albus_dr.tools.inventory import require_program

STRASBOURG, BORDEAUX, WITNESS, USERS = PLACES = ("strasbourg", "bordeaux", "witness", "users")
ALL = "10.91.0.0/16"
_ROUTER = "router"
_PREFIX = "albus"
_CUT, _FAR = "100", "200"  # priorities of the router's rules: what is cut is cut, however far it would go
_FAR_TABLE = "91"
_DEVICE = "far0"
TIMEOUT_S = 10.0


def require_root() -> None:
    """Raises NotReadyError where network namespaces can't be made."""
    if os.geteuid() != 0:
        raise NotReadyError(
            "two sites with addresses of their own need network namespaces, which only root can make",
            hint="run it as root (sudo -E env PATH=$PATH …); everything that it makes is removed at the end",
        )
    for program in ("ip", "nsenter"):
        require_program(program)


@dataclass(frozen=True)
class Network:
    """``id`` is the bench's own: it stands in the name of every namespace."""

    id: str

    def namespace(self, place: str) -> str:
        """Its name, for ip(8)."""
        return f"{_PREFIX}-{self.id}-{place}"

    def address(self, place: str) -> str:
        """The only one that the place has, beside loopback."""
        return f"10.91.{PLACES.index(place) + 1}.2"

    def place(self, name: str) -> Place:
        """Where the bench's parts run."""
        return Place(self.address(name), self.namespace(name), ALL)

    # ------------------------------------------------------------------------------------------ make and remove

    def make(self) -> None:
        """All places, connected. Raises StepError; then, too, ``remove`` removes what was made."""
        for name in (_ROUTER, *PLACES):
            _ip("netns", "add", self.namespace(name))
            self._inside(name, "link", "set", "lo", "up")
        for name in PLACES:
            mine, gateway = self.namespace(name), self.address(name)[:-1] + "1"
            _ip(
                "link",
                "add",
                "eth0",
                "netns",
                mine,
                "type",
                "veth",
                "peer",
                "name",
                name,
                "netns",
                self.namespace(_ROUTER),
            )
            self._inside(_ROUTER, "address", "add", f"{gateway}/24", "dev", name)
            self._inside(_ROUTER, "link", "set", name, "up")
            self._inside(name, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
            self._inside(name, "link", "set", "eth0", "up")
            self._inside(name, "route", "add", "default", "via", gateway)
        script = (
            "echo 1 >/proc/sys/net/ipv4/ip_forward; for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done"
        )
        Place(namespace=self.namespace(_ROUTER)).run(("sh", "-c", script), timeout_s=TIMEOUT_S).check(
            "making the router"
        )

    def remove(self) -> list[str]:
        """Kill whatever still runs in it, and delete it. Returns what could not be removed. Twice does no harm."""
        left = []
        for name in (*PLACES, _ROUTER):
            if not (NAMESPACES / self.namespace(name)).exists():
                continue
            left += [f"process {one.pid} in {self.namespace(name)}" for one in end(self.processes(name), patience_s=2)]
            if _ip_or_fail("netns", "delete", self.namespace(name)) != 0:
                left.append(f"the network namespace {self.namespace(name)}")
        return left

    def processes(self, place: str) -> list[Running]:
        """Everything that runs there."""
        done = process.run(("ip", "netns", "pids", self.namespace(place)), timeout_s=TIMEOUT_S)
        return [running for pid in done.stdout.split() if (running := look(int(pid)))] if done.code == 0 else []

    # ------------------------------------------------------------------------------------------------- break it

    def partition(self, one: Iterable[str], other: Iterable[str]) -> None:
        """No packet passes between the places of ``one`` and those of ``other``, in either direction."""
        others = tuple(other)
        for here in one:
            for there in others:
                self.drop(here, there)
                self.drop(there, here)

    def isolate(self, place: str) -> None:
        """The place is cut off from every other."""
        self.partition((place,), (other for other in PLACES if other != place))

    def drop(self, source: str, target: str) -> None:
        """What ``source`` sends to ``target`` gets lost; the other direction is as it was."""
        where = ("iif", source, "to", f"{self.address(target)}/32")
        self._inside(_ROUTER, "rule", "add", "priority", _CUT, *where, "blackhole")

    def heal(self) -> None:
        """Every packet passes again; distances stay."""
        self._forget(_CUT)

    def separate(self, one: str, other: str, *, round_trip_s: float, loss: float, log: Path) -> None:
        """Every packet between the two takes half of ``round_trip_s``; a share ``loss`` (0 to 1) never arrives."""
        self.bring_together()
        router = Place(namespace=self.namespace(_ROUTER))
        started = spawn(
            router.command((sys.executable, "-m", "albus_dr.bench.distance", _DEVICE, f"{round_trip_s / 2:g}", f"{loss:g}")),
            log=log, cwd=Path("/"),
        )  # fmt: skip

        def is_up() -> bool:
            return router.run(("ip", "link", "show", _DEVICE, "up"), timeout_s=TIMEOUT_S).out != b""

        wait_until_ready("the distance", started, is_up, log=log)
        self._inside(_ROUTER, "route", "replace", "default", "dev", _DEVICE, "table", _FAR_TABLE)
        for source, target in ((one, other), (other, one)):
            where = ("iif", source, "to", f"{self.address(target)}/32")
            self._inside(_ROUTER, "rule", "add", "priority", _FAR, *where, "lookup", _FAR_TABLE)

    def bring_together(self) -> None:
        """No delay and no loss any more."""
        self._forget(_FAR)
        end(self.processes(_ROUTER), polite=signal.SIGTERM, patience_s=5)

    # -------------------------------------------------------------------------------------------------- plumbing

    def _forget(self, priority: str) -> None:
        while _ip_or_fail("-n", self.namespace(_ROUTER), "rule", "delete", "priority", priority) == 0:
            pass

    def _inside(self, place: str, *arguments: str) -> None:
        _ip("-n", self.namespace(place), *arguments)


def _ip(*arguments: str) -> None:
    process.run(("ip", *arguments), timeout_s=TIMEOUT_S).check("making the network")


def _ip_or_fail(*arguments: str) -> int:
    return process.run(("ip", *arguments), timeout_s=TIMEOUT_S).code
