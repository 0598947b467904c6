"""A network of loopback alone on a host, and whether anything gets out of it.

A process that waits there keeps the network; it is gone when the last of its processes is. Linux, util-linux and
iproute2. As root a network namespace is enough; anybody else needs a user namespace around it, which some hosts forbid.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from albus_dr.errors import NotReadyError, StepError
from albus_dr.tools.host import Host, LocalHost, within

QUICK_S = 15.0
ANSWER_S = 3.0

# Constant text; its arguments are the directory that the keeper works in, and the keeper. Prints the keeper's id, its
# network, and `user` where a user namespace was needed.
_MAKE = r"""
PATH=$PATH:/usr/sbin:/sbin; cd "$1" || exit 1; shift
for program in unshare nsenter setpriv ip curl; do
  command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 3; }
done
if [ "$(id -u)" = 0 ]; then how=-n kind=root; else how='-c -n --keep-caps' kind=user; fi
pid=$(unshare $how sh -c 'ip link set lo up && { setsid "$@" </dev/null >/dev/null 2>&1 & echo $!; }' sh "$@") || exit 3
net=$(readlink "/proc/$pid/ns/net") || { echo "its network can't be read" >&2; exit 3; }
echo "$pid $net $kind"
"""
# Whoever has the keeper's id now, it is not entered when its network is another.
_ENTER = (
    '[ "$(readlink "/proc/$1/ns/net")" = "$2" ] || { echo "the network of this drill is gone" >&2; exit 125; }; '
    'shift 2; exec nsenter "$@"'
)
_LINK_LOCAL = re.compile("fe[89ab][0-9a-f]:", re.IGNORECASE)  # RFC 4291: fe80::/10
_GONE = 125
_NOT_CONNECTED = (6, 7, 28)  # curl(1): no such host, no connection, no answer in time
_CONNECTED = (0, 52, 56)  # an answer, an empty one, one that broke off


@dataclass(frozen=True)
class Namespace:
    """``keeper`` is a process id, ``net`` what /proc calls the network; ``user``: it lies in a user namespace."""

    keeper: int
    net: str
    user: bool


def make(host: Host, directory: str, keeper: Sequence[str], *, environment: Mapping[str, str]) -> Namespace:
    """A new network that lasts as long as the program ``keeper``, which is started in ``directory`` with these variables.

    Raises NotReadyError that says why there is none.
    """
    done = host.run(("sh", "-c", _MAKE, "sh", directory, *keeper), timeout_s=QUICK_S, environment=environment)
    if done.code == 0:
        keeper, net, kind = done.stdout.split()
        return Namespace(int(keeper), net, kind == "user")
    raise NotReadyError(f"{host.name} can't make a network namespace: {done.last_words}")


def enter(host: Host, namespace: Namespace) -> Host:
    """The host as it is seen from inside."""
    user = ("-U", "--preserve-credentials") if namespace.user else ()
    keeper = str(namespace.keeper)
    # The kernel forgets --pdeathsig where a process enters a user namespace, so it is said again.
    again = ("setpriv", "--pdeathsig", "KILL", "--")
    return within(
        host, ("sh", "-c", _ENTER, "sh", keeper, namespace.net, "-t", keeper, *user, "-n", "--", *again)
    )  # fmt: skip


def written(address: str, port: int) -> str:
    """Both in one text, as a URL has them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def connects(host: Host, address: str, port: int) -> bool:
    """True when a TCP connection from there was made. Raises StepError when that can't be tried."""
    url = f"http://{written(address, port)}/"
    done = host.run(
        ("curl", "-gsS", "--http0.9", "-o", "/dev/null", "--noproxy", "*", "--max-time", f"{ANSWER_S:g}", "--", url),
        timeout_s=QUICK_S,
    )
    if done.code not in (*_CONNECTED, *_NOT_CONNECTED):
        raise StepError(f"a connection from {host.name} to {written(address, port)} can't be tried: {done.last_words}")
    return done.code in _CONNECTED


@contextmanager
def listening_outside(host: Host) -> Iterator[tuple[tuple[str, int], ...]]:
    """Addresses and ports that answer on the host while the block lasts.

    On this machine we listen ourselves, on loopback and on the address that leads out. Far away it is the ssh server
    that we came in by: nothing else is sure to be there that could listen. Not by a link-local address: it means nothing
    without an interface, and the target has another one.
    """
    if not isinstance(host, LocalHost):
        said = host.run(("sh", "-c", 'echo "$SSH_CONNECTION"'), timeout_s=QUICK_S).check("ssh").stdout.split()
        yield ((said[2], int(said[3])),) if len(said) == 4 and not _LINK_LOCAL.match(said[2]) else ()
        return
    with contextlib.ExitStack() as stack:
        listeners = []
        for address in _addresses():
            listener = stack.enter_context(socket.socket())
            listeners.append(listener)
            listener.bind((address, 0))
            listener.listen()
            threading.Thread(target=_answer, args=(listener,), daemon=True).start()
        yield tuple(listener.getsockname() for listener in listeners)
        for listener in listeners:
            with contextlib.suppress(OSError):  # it wakes the thread that waits for the next one
                listener.shutdown(socket.SHUT_RDWR)


def _addresses() -> tuple[str, ...]:
    """Loopback, and the address that this machine has towards the world, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737; a datagram socket sends nothing when it connects
        except OSError:
            return ("127.0.0.1",)
        outward: str = probe.getsockname()[0]
    return ("127.0.0.1", outward) if outward != "127.0.0.1" else ("127.0.0.1",)


def _answer(listener: socket.socket) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return  # closed
        with caller, contextlib.suppress(OSError):
            caller.settimeout(ANSWER_S)
            caller.recv(4096)
            caller.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
