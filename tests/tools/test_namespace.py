"""A network of loopback alone, made for real: as whoever runs the tests, and as another user where that is possible."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError, StepError
from albus_dr.tools import namespace
from albus_dr.tools.host import LocalHost, SshHost
from albus_dr.tools.namespace import Namespace

HERE = LocalHost()
ASLEEP = ("sleep", "infinity")
Make = Callable[[], Namespace]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes networks; their keepers end with the test."""
    keepers: list[int] = []

    def make_one() -> Namespace:
        try:
            made = namespace.make(HERE, str(tmp_path), ASLEEP, environment={"MARK": str(tmp_path)})
        except NotReadyError as error:
            pytest.skip(error.message)
        keepers.append(made.keeper)
        return made

    yield make_one
    for keeper in keepers:
        os.kill(keeper, signal.SIGKILL)


def test_what_answers_outside_does_not_answer_inside(make: Make) -> None:
    inside = namespace.enter(HERE, make())
    with namespace.listening_outside(HERE) as places:
        assert places[0][0] == "127.0.0.1"
        for address, port in places:
            assert namespace.connects(HERE, address, port)
            assert not namespace.connects(inside, address, port)


def test_when_the_block_is_left_nobody_listens_any_more() -> None:
    with namespace.listening_outside(HERE) as places:
        pass
    assert not [place for place in places if namespace.connects(HERE, *place)]


def test_a_connection_that_can_not_be_tried_is_neither_made_nor_refused(make: Make) -> None:
    made = make()
    gone = namespace.enter(HERE, Namespace(made.keeper, "net:[1]", made.user))
    with pytest.raises(StepError, match="the network of this drill is gone"):
        namespace.connects(gone, "127.0.0.1", 9)


def test_loopback_works_inside_and_the_keeper_is_marked(make: Make, tmp_path: Path) -> None:
    made = make()
    script = (
        "import socket as s; a = s.create_server(('127.0.0.1', 0)); s.create_connection(a.getsockname()); print('met')"
    )
    inside = namespace.enter(HERE, made)
    assert inside.run((sys.executable, "-c", script), timeout_s=10).stdout == "met\n"
    keeper = Path(f"/proc/{made.keeper}")
    assert (keeper / "cwd").readlink() == tmp_path
    assert f"MARK={tmp_path}".encode() in (keeper / "environ").read_bytes()


@pytest.mark.parametrize(
    ("server", "places"),
    [
        ("192.0.2.7", (("192.0.2.7", 22),)), ("2001:db8::7", (("2001:db8::7", 22),)), ("::1", (("::1", 22),)),
        ("fe80::7%eth0", ()), ("FE80::7", ()),
    ],
)  # fmt: skip
def test_far_away_it_is_the_ssh_server_that_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, places: tuple[tuple[str, int], ...]
) -> None:
    """A link-local address is of an interface that only the far host can name."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f'#!/bin/sh\nexport SSH_CONNECTION="2001:db8::1 50000 {server} 22"\nfor last; do :; done; exec sh -c "$last"\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with namespace.listening_outside(SshHost("all", "far")) as found:
        assert found == places


def test_an_address_of_ipv6_is_tried_too(make: Make) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(str(error))
    with listener:
        port = listener.getsockname()[1]
        threading.Thread(target=namespace._answer, args=(listener,), daemon=True).start()
        assert namespace.connects(HERE, "::1", port)
        assert not namespace.connects(namespace.enter(HERE, make()), "::1", port)
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("missing", ["unshare", "ip", "curl"])
def test_what_is_missing_is_named(missing: str, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    script = f'{missing}() {{ :; }}; command() {{ [ "$2" != {missing} ]; }};'  # as if it were not installed
    done = HERE.run(("sh", "-c", script + namespace._MAKE, "sh", str(tmp_path), *ASLEEP), timeout_s=10)
    assert done.code == 3
    assert f"{missing} is not installed" in done.last_words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_needs_a_user_namespace_and_gets_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    script = namespace._MAKE.replace('cd "$1"', "cd /")
    done = HERE.run(("sh", "-c", script, "sh", "/", *ASLEEP), timeout_s=10, run_as="nobody")
    if done.code != 0:
        pytest.skip(done.last_words)
    keeper, net, kind = done.stdout.split()
    try:
        assert kind == "user"
        inside = namespace.enter(HERE, Namespace(int(keeper), net, user=True))
        entered = LocalHost().run(inside.command(("id", "-un"), {})[0], timeout_s=10, run_as="nobody")
        assert entered.stdout == "nobody\n"
        with namespace.listening_outside(HERE) as places:
            url = f"http://127.0.0.1:{places[0][1]}/"
            tried = LocalHost().run(inside.command(("curl", "-sS", url), {})[0], timeout_s=10, run_as="nobody")
        assert tried.code == 7
    finally:
        os.kill(int(keeper), signal.SIGKILL)
