"""Here and behind a real sshd the same holds: arguments, input, environment, exit codes, time limits."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError, StepError, TransientError
from albus_dr.runbook.config import HostConfig
from albus_dr.tools import process
from albus_dr.tools.host import Host, LocalHost, SshHost, connect, free_port, pipe, write_file
from albus_dr.tools.process import TimeoutExpired
from tests.tools.test_process import a_pid_in, is_alive, wait_until

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
AWKWARD = ("a b", "it's", 'a "quoted" word', "$HOME `id` $(id)", "two\nlines\n", "", "-n", "*", "\\", "é\t", "!x", "~")


@pytest.fixture(params=["here", "there", "there, behind a shell that greets"])
def host(request: pytest.FixtureRequest) -> Host:
    if request.param == "here":
        return LocalHost()
    far: SshHost = request.getfixturevalue("ssh_host" if request.param == "there" else "greeting_host")
    return far


@pytest.fixture(scope="module")
def greeting_host(ssh_host: SshHost) -> SshHost:
    """The same sshd, and a start-up file of the shell that prints a banner without an end of line."""
    user = Path(next(option for option in ssh_host.options if "IdentityFile" in option).partition("=")[2])
    key = user.with_name("greeted")
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), check=True, timeout=30)
    forced = r"""printf 'Welcome\n\n 12 '; eval \"$SSH_ORIGINAL_COMMAND\" """.strip()
    with user.with_name("authorized_keys").open("a") as file:
        file.write(f'command="{forced}" {key.with_suffix(".pub").read_text()}')
    return replace(ssh_host, options=tuple(option.replace(str(user), str(key)) for option in ssh_host.options))


def test_arguments_arrive_as_they_are(host: Host) -> None:
    done = host.run(("printf", "%s\\0", *AWKWARD), timeout_s=20)

    assert tuple(done.stdout.split("\0")[:-1]) == AWKWARD
    assert done.argv == ("printf", "%s\\0", *AWKWARD)


@pytest.mark.parametrize("code", [1, 2, 3, 124, 127, 200])
def test_exit_codes_pass_through(host: Host, code: int) -> None:
    assert host.run(("sh", "-c", f"exit {code}"), timeout_s=20).code == code


def test_input_arrives_whole_behind_the_environment(host: Host) -> None:
    text = "\n\nfirst=line\n\n\tlast line, no end \udcff\x01é" + "x" * 300_000

    for variables in ({}, {"A": "1"}, {"A": "", "B": " spaces = and 'quotes' \\ "}):
        done = host.run(("cat",), timeout_s=20, stdin=text, environment=variables)
        assert done.out == text.encode(errors="surrogateescape")


def test_no_input_is_an_end_at_once(host: Host) -> None:
    assert host.run(("cat",), timeout_s=20).stdout == ""


def test_variables_arrive_and_are_not_in_any_command_line(host: Host) -> None:
    secret = secrets.token_hex()  # another test's programs, side by side, don't know it
    variables = {"ALBUS_SECRET": f"{secret} 'and' \"more\" $HOME \\", "OTHER": "x"}
    # What every process of this machine, the ssh client and the far shell among them, shows to everybody.
    script = 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; printf "|%s" "$ALBUS_SECRET" "$OTHER"'
    shown, found, other = host.run(("sh", "-c", script), timeout_s=20, environment=variables).stdout.rsplit("|", 2)

    assert (found, other) == (variables["ALBUS_SECRET"], "x")
    assert "ALBUS_SECRET" in shown, "the command itself was looked at"
    assert secret not in shown


def test_programs_speak_english_whatever_the_host_speaks(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    script = 'printf %s "$LC_ALL"'
    assert host.run(("sh", "-c", script), timeout_s=20).stdout == "C.UTF-8"
    assert host.run(("sh", "-c", script), timeout_s=20, environment={"LC_ALL": "de_DE"}).stdout == "de_DE"


def test_a_value_with_a_line_break_is_never_cut_in_silence(host: Host) -> None:
    if isinstance(host, SshHost):
        with pytest.raises(StepError, match="the value of A has a line break"):
            host.run(("true",), timeout_s=20, environment={"A": "one\nB=two"})
    else:
        done = host.run(("sh", "-c", 'printf "%s" "$A"'), timeout_s=20, environment={"A": "one\nB=two"})
        assert done.stdout == "one\nB=two"


def test_a_directory_to_work_in(host: Host, tmp_path: Path) -> None:
    directory = tmp_path / "a b"
    directory.mkdir()

    assert host.run(("pwd",), timeout_s=20, cwd=str(directory)).stdout == f"{directory}\n"


def test_lines_are_told_as_they_come(host: Host) -> None:
    lines: list[str] = []
    host.run(("seq", "3"), timeout_s=20, on_line=lines.append)

    assert lines == ["1", "2", "3"]


@ROOT
def test_run_as_is_that_user_with_its_groups(host: Host) -> None:
    done = host.run(("id", "-un"), timeout_s=20, run_as="nobody", stdin="", environment={"A": "b"})
    group = host.run(("id", "-g"), timeout_s=20, run_as="nobody")

    assert (done.stdout, group.stdout) == ("nobody\n", f"{pwd.getpwnam('nobody').pw_gid}\n")
    assert host.run(("pwd",), timeout_s=20, run_as="nobody").stdout == "/\n"


@ROOT
def test_run_as_nobody_who_is_known() -> None:
    with pytest.raises(NotReadyError, match="there is no user not-a-user"):
        LocalHost().run(("true",), timeout_s=20, run_as="not-a-user")


def test_a_timeout_ends_it_there_too(host: Host, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    with pytest.raises(TimeoutExpired, match=r"did not end within 1\.5 s"):
        host.run(("sh", "-c", f"echo $$ >{pidfile}; exec sleep 120"), timeout_s=1.5)

    pid = a_pid_in(pidfile)
    wait_until(lambda: not is_alive(pid), "it lives on at the far side")


def test_a_timeout_ends_what_ignores_it_there_too(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KILL_AFTER_S", 1.0)
    pidfile = tmp_path / "pid"
    with pytest.raises(TimeoutExpired):
        host.run(("sh", "-c", f"trap '' TERM; echo $$ >{pidfile}; while :; do sleep 0.1; done"), timeout_s=1)

    pid = a_pid_in(pidfile)
    wait_until(lambda: not is_alive(pid), "it lives on at the far side")


def test_cancelled(host: Host, tmp_path: Path) -> None:
    cancelled = threading.Event()

    def cancel_once_it_runs() -> None:
        a_pid_in(tmp_path / "pid")
        cancelled.set()

    threading.Thread(target=cancel_once_it_runs).start()
    with pytest.raises(TimeoutExpired, match="was stopped"):
        host.run(("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 10"), timeout_s=60, cancelled=cancelled)


def test_a_private_file_whole_or_not_at_all(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "it's a $file"
    write_file(host, str(path), "one\n\ntwo", timeout_s=20)

    assert path.read_text() == "one\n\ntwo"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StepError, match="can't be written"):
        write_file(host, str(tmp_path / "missing" / "file"), "text", timeout_s=20)


# --- ssh alone ----------------------------------------------------------------------------------------------------


def test_nobody_there_is_worth_another_try(ssh_host: SshHost) -> None:
    with pytest.raises(TransientError, match=r"far \(.*\) can't be reached by ssh: .*refused") as caught:
        replace(ssh_host, port=free_port(LocalHost())).run(("true",), timeout_s=20)
    assert caught.value.hint == f"try: ssh {ssh_host.destination} true"


def test_a_name_that_is_no_host(ssh_host: SshHost) -> None:
    with pytest.raises(TransientError, match="can't be reached by ssh"):
        replace(ssh_host, destination="root@no-such-host.invalid").run(("true",), timeout_s=20)


def test_a_destination_is_never_an_option(ssh_host: SshHost, tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        replace(ssh_host, destination=f"-oProxyCommand=touch {tmp_path}/owned").run(("true",), timeout_s=20)
    assert not (tmp_path / "owned").exists()


def test_an_unknown_host_key_is_refused_and_nobody_is_asked(ssh_host: SshHost, tmp_path: Path) -> None:
    strangers = tuple(
        f"UserKnownHostsFile={tmp_path}/known_hosts" if "UserKnownHosts" in option else option
        for option in ssh_host.options
    )
    with pytest.raises(TransientError, match="Host key verification failed"):
        replace(ssh_host, options=strangers).run(("true",), timeout_s=20)


def test_a_wrong_key_is_refused_and_nobody_is_asked(ssh_host: SshHost) -> None:
    without = tuple(option for option in ssh_host.options if "IdentityFile" not in option)
    with pytest.raises(TransientError, match="Permission denied"):
        replace(ssh_host, options=(*without, "IdentityFile=/dev/null")).run(("true",), timeout_s=20)


def test_from_the_config() -> None:
    assert connect("db", HostConfig()) == LocalHost("db")
    config = HostConfig(ssh="postgres@db1", port=2222, options=("ProxyJump=gate",))
    assert connect("db", config) == SshHost("db", "postgres@db1", 2222, ("ProxyJump=gate",))


# --- from one to the other ----------------------------------------------------------------------------------------


@pytest.fixture(params=["here to there", "there to here", "here to here", "a greeting shell to here"])
def sides(request: pytest.FixtureRequest) -> tuple[Host, Host]:
    far: SshHost = request.getfixturevalue("greeting_host" if "greeting" in request.param else "ssh_host")
    near = LocalHost("near")
    sides: dict[str, tuple[Host, Host]] = {
        "here to there": (near, far), "there to here": (far, near), "here to here": (near, LocalHost("next")),
        "a greeting shell to here": (far, near),
    }  # fmt: skip
    return sides[request.param]


def test_a_pipe_carries_every_byte(sides: tuple[Host, Host], tmp_path: Path) -> None:
    source, target = sides
    subprocess.run(("dd", "if=/dev/urandom", f"of={tmp_path}/a", "bs=1M", "count=8", "status=none"), check=True)
    pipe(
        (source, ("sh", "-c", "cat - \"$0\"", str(tmp_path / "a")), "said first\n\n"),
        (target, ("sh", "-c", "cat >\"$0\"", str(tmp_path / "b"))), timeout_s=60,
    )  # fmt: skip

    assert (tmp_path / "b").read_bytes() == b"said first\n\n" + (tmp_path / "a").read_bytes()


def test_the_side_that_failed_is_named(sides: tuple[Host, Host]) -> None:
    source, target = sides
    with pytest.raises(StepError) as caught:
        pipe((source, ("sh", "-c", "echo broken >&2; exit 7"), ""), (target, ("cat",)), timeout_s=30)
    assert f"sh at {source.name} ended with 7: broken" in caught.value.message
    assert f"at {target.name} ended" not in caught.value.message

    endless = (source, ("cat", "/dev/zero"), "")
    with pytest.raises(StepError) as caught:
        pipe(endless, (target, ("sh", "-c", "echo no room >&2; exit 8")), timeout_s=30)
    assert f"sh at {target.name} ended with 8: no room" in caught.value.message
    assert caught.value.permanent


@pytest.mark.parametrize("silent", ["source", "target"])
def test_a_pipe_has_a_time_limit_whoever_is_silent(sides: tuple[Host, Host], silent: str) -> None:
    source, target = sides
    writes, reads = (("sleep", "60"), ("cat",)) if silent == "source" else (("cat", "/dev/zero"), ("sleep", "60"))
    with pytest.raises(TransientError, match="took over 1 s"):
        pipe((source, writes, ""), (target, reads), timeout_s=1)


def test_a_side_that_is_not_there_is_worth_another_try(ssh_host: SshHost) -> None:
    lost = replace(ssh_host, port=free_port(LocalHost()))
    with pytest.raises(TransientError, match=r"cat at far ended with 255: .*refused"):
        pipe((lost, ("cat", "/dev/null"), ""), (LocalHost("near"), ("cat",)), timeout_s=30)
