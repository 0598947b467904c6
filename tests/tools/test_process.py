"""Programs start, end, and leave nothing behind: with real programs only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from albus_dr.errors import NotReadyError, StepError
from albus_dr.tools import process
from albus_dr.tools.host import LocalHost
from albus_dr.tools.process import Completed, TimeoutExpired, redact, register_secret, run

PATIENCE_S = 20.0
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def is_alive(pid: int) -> bool:
    """It runs, or could: a zombie does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: object, what: str) -> None:
    """Look until it is so."""
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def a_pid_in(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), f"{path} was not written")
    return int(path.read_text())


def test_what_a_program_says_and_how_it_ends() -> None:
    done = run(("sh", "-c", "echo out; echo err >&2; exit 3"), timeout_s=10)

    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv == ("sh", "-c", "echo out; echo err >&2; exit 3")
    with pytest.raises(StepError, match="the work: sh ended with 3: err"):
        done.check("the work")


def test_a_signal_is_an_end_too() -> None:
    assert run(("sh", "-c", "kill -9 $$"), timeout_s=10).code == -signal.SIGKILL


def test_arguments_are_not_looked_at_by_any_shell() -> None:
    assert run(("printf", "%s", "$HOME `id` ; rm *\n'\""), timeout_s=10).stdout == "$HOME `id` ; rm *\n'\""


def test_a_timeout_ends_the_children_that_ignore_the_polite_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    script = f"(trap '' TERM; echo $(exec sh -c 'echo $PPID') >{child}; while :; do sleep 1; done) & wait"
    with pytest.raises(TimeoutExpired, match=r"did not end within 1\.5 s"):
        run(("sh", "-c", script), timeout_s=1.5)

    pid = a_pid_in(child)
    wait_until(lambda: not is_alive(pid), "the child lives on")


def test_a_program_that_ignores_the_polite_request_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KILL_AFTER_S", 0.2)
    with pytest.raises(TimeoutExpired):
        run(("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"), timeout_s=0.5)


def test_a_cancelled_program_is_ended(tmp_path: Path) -> None:
    started, cancelled = tmp_path / "started", threading.Event()

    def cancel_once_it_runs() -> None:
        a_pid_in(started)
        cancelled.set()

    threading.Thread(target=cancel_once_it_runs).start()
    with pytest.raises(TimeoutExpired, match="was stopped"):
        run(("sh", "-c", f"echo $$ >{started}; exec sleep 60"), timeout_s=50, cancelled=cancelled)

    assert not is_alive(a_pid_in(started))


def test_what_was_cancelled_before_it_began_is_ended() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(TimeoutExpired):
        run(("sleep", "60"), timeout_s=50, cancelled=cancelled)


def test_output_that_is_not_text_is_kept_and_shown_as_far_as_it_can_be() -> None:
    done = run(("printf", r"caf\351 \377"), timeout_s=10)

    assert done.out == b"caf\xe9 \xff"
    assert done.stdout == "caf� �"


def test_much_output_on_both_sides_at_once() -> None:
    size = 30_000_000
    done = run(("sh", "-c", f"head -c {size} /dev/zero & head -c {size} /dev/zero >&2; wait"), timeout_s=60)

    assert done.code == 0
    assert len(done.out) == size
    assert 0 < len(done.err) <= process.ERR_LIMIT


def test_of_much_output_the_end_is_kept_and_what_is_missing_is_said() -> None:
    command = ("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end")
    done = run(command, timeout_s=60, keep=1000)

    assert done.stdout.startswith(f"[{3_000_009 - 1000} bytes left out]\nxxx")
    assert (len(done.stdout.partition("\n")[2]), done.last_words[-7:]) == (1000, "the end")
    assert run(("echo", "short"), timeout_s=10, keep=1000).stdout == "short\n"
    assert LocalHost().run(command, timeout_s=60, keep=10).stdout.endswith("]\nx\nthe end\n")


def test_much_input_comes_back_while_it_is_written() -> None:
    text = "é\n" * 2_000_000

    assert run(("cat",), timeout_s=60, stdin=text).stdout == text


@pytest.mark.parametrize("argv", [("true",), ("sh", "-c", "exec <&-; sleep 0.2"), ("head", "-c", "1")])
def test_a_program_that_does_not_read_its_input(argv: tuple[str, ...]) -> None:
    assert run(argv, timeout_s=20, stdin="x" * 10_000_000).code == 0


def test_an_empty_input_is_an_end_at_once() -> None:
    assert run(("cat",), timeout_s=20, stdin="").stdout == ""


def test_without_input_nothing_waits_for_the_terminal() -> None:
    assert run(("cat",), timeout_s=20).stdout == ""


def test_every_line_is_told_as_it_comes_and_the_last_without_its_end_too() -> None:
    lines: list[str] = []
    done = run(("printf", r"one\ntwo\n\nthr\351e"), timeout_s=10, on_line=lines.append)

    assert lines == ["one", "two", "", "thr�e"]
    assert done.stdout == ""


def test_a_line_longer_than_any_buffer_is_one_line() -> None:
    lines: list[str] = []
    run(("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo"), timeout_s=20, on_line=lines.append)

    assert lines == ["x" * 1_000_000]


def test_who_listens_and_fails_ends_the_program() -> None:
    pids: list[str] = []

    def note_and_refuse(line: str) -> None:
        pids.append(line)
        raise StepError("enough")

    with pytest.raises(StepError, match="enough"):
        run(("sh", "-c", "echo $$; exec sleep 60"), timeout_s=50, on_line=note_and_refuse)
    assert not is_alive(int(pids[0]))


def test_a_program_that_is_not_there_is_named_with_what_to_do() -> None:
    with pytest.raises(NotReadyError, match="no-such-program-here is not installed") as caught:
        run(("no-such-program-here",), timeout_s=10)
    assert "albus-dr doctor" in caught.value.hint


def test_a_file_that_is_no_program_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("not one")

    if process._death_wish():  # it starts, and says it
        done = run((str(tmp_path / "program"),), timeout_s=10)
        assert done.code != 0
        assert "Permission denied" in done.last_words
    else:
        with pytest.raises(NotReadyError, match="Permission denied"):
            run((str(tmp_path / "program"),), timeout_s=10)


def test_no_directory_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="No such file or directory"):
        run(("true",), timeout_s=10, cwd=tmp_path / "missing")


def test_what_is_told_moves_no_terminal() -> None:
    """A program on a host that somebody took over may say anything."""
    said = "\x1b]0;title\x07\x1b[2Jno\x9b2J \u202eroom\ttab\nnext"

    assert redact(said) == "�]0;title��[2Jno�2J �room\ttab\nnext"
    assert Completed((), 1, b"", b"\x1b[31mno room", 0.0).last_words == "�[31mno room"


def test_the_last_words_hold_no_secret_and_stay_short() -> None:
    register_secret("correct-horse")
    register_secret("correct-horse-battery")
    done = run(("sh", "-c", "seq 1000; echo key=correct-horse-battery and correct-horse >&2"), timeout_s=10)

    assert done.last_words == "key=[secret] and [secret]"
    assert len(Completed((), 1, b"x" * 10_000, b"", 0.0).last_words) == 600


def test_a_daemon_that_holds_the_pipes_does_not_hold_us_up(tmp_path: Path) -> None:
    pidfile = tmp_path / "daemon"
    script = f"setsid sh -c 'echo $$ >{pidfile}; exec sleep 120' & echo started; echo so it is >&2"
    done = run(("sh", "-c", script), timeout_s=60)

    daemon = a_pid_in(pidfile)
    try:
        assert (done.code, done.stdout, done.stderr) == (0, "started\n", "so it is\n")
        assert is_alive(daemon), "a service that a start command leaves behind must go on"
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_what_is_written_right_after_the_programs_own_end_is_read() -> None:
    assert run(("sh", "-c", "(sleep 0.2; echo late) & echo early"), timeout_s=20).stdout == "early\nlate\n"


@pytest.mark.skipif(not process._death_wish(), reason="setpriv is not installed")
@pytest.mark.parametrize("run_as", [None, pytest.param("nobody", marks=ROOT)])
def test_a_program_dies_with_us(run_as: str | None) -> None:
    code = (
        "import sys\nfrom albus_dr.tools.host import LocalHost\n"
        "LocalHost().run(('sh', '-c', 'echo $$; exec sleep 120'), timeout_s=100,"
        f" run_as={run_as!r}, on_line=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid), "the program outlived its parent")


def test_a_block_that_is_left_leaves_no_program() -> None:
    with pytest.raises(StepError), process.start(("sleep", "60")) as program:
        raise StepError("something else went wrong")
    assert not is_alive(program.pid)


def test_a_program_without_a_group_of_its_own_shares_ours_and_dies_alone() -> None:
    with process.start(("sleep", "60"), own_group=False) as program:
        assert os.getpgid(program.pid) == os.getpgid(0)
    assert not is_alive(program.pid)
    with process.start(("sleep", "60")) as program:
        assert os.getpgid(program.pid) == program.pid


def test_the_environment_is_added_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALBUS_TEST", "ours")
    argv = ("sh", "-c", 'echo "$ALBUS_TEST $MORE $LC_ALL"')

    assert run(argv, timeout_s=10, environment={"MORE": "theirs"}).stdout == "ours theirs C.UTF-8\n"
    assert run(argv, timeout_s=10, environment={"ALBUS_TEST": "theirs"}).stdout == "theirs  C.UTF-8\n"
