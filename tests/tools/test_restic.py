"""restic, with real repositories: in directories, and behind two S3 servers with different keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import AlbusError, ExitCode, NotReadyError, StepError, TransientError
from albus_dr.runbook.config import RepositoryConfig, SecretRef
from albus_dr.tools import restic
from albus_dr.tools.host import LocalHost, SshHost
from albus_dr.tools.inventory import find_program
from albus_dr.tools.restic import CorruptRepository, Repository
from tests.tools.conftest import accepts, free_port, serving

LONG_S = 120.0
PASSWORD = "a-password-that-nobody-guesses"


def quiet(_: float, __: float | None, ___: str) -> None:
    """Progress that nobody looks at."""


def tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def restic_here(repository: Repository, *arguments: str) -> None:
    done = repository.run(arguments, what="test", timeout_s=LONG_S)
    assert done.code == 0


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_program("restic") is None:
        pytest.skip("restic is not installed")
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))


def a_repository(base: Path, address: str, name: str = "backups of strasbourg", **more: SecretRef) -> Repository:
    """Not created yet."""
    password = base / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    config = RepositoryConfig(restic=address, password=SecretRef(file="password"), **more)
    return Repository(name, config, LocalHost(), base)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = a_repository(tmp_path, str(tmp_path / "repository"))
    restic_here(made, "init")
    return made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    (directory / "a b").mkdir(parents=True)
    (directory / "a b" / "-letter\n.txt").write_bytes(b"one")
    (directory / "large").write_bytes(bytes(range(256)) * 4096)
    return directory


def back_up(repository: Repository, directory: Path, *tags: str) -> str:
    """The id of the snapshot."""
    summary = repository.backup_directory(
        str(directory), tags, timeout_s=LONG_S, progress=quiet, cancelled=threading.Event()
    )
    return str(summary["snapshot_id"])


def bring_back(repository: Repository, snapshot: str, target: Path, *, replace: bool = False) -> None:
    repository.restore(
        snapshot, str(target), timeout_s=LONG_S, progress=quiet, cancelled=threading.Event(), replace=replace
    )


def test_what_was_backed_up_comes_back(repository: Repository, data: Path, tmp_path: Path) -> None:
    told: list[tuple[float, float | None, str]] = []
    summary = repository.backup_directory(
        str(data), ("runbook=albus", "part=data"), timeout_s=LONG_S, cancelled=threading.Event(),
        progress=lambda done, total, unit: told.append((done, total, unit)),
    )  # fmt: skip
    size = 3 + 256 * 4096

    assert (summary["total_files_processed"], summary["total_bytes_processed"]) == (2, size)
    assert told[-1] == (size, size, "B")

    bring_back(repository, summary["snapshot_id"], tmp_path / "back")
    assert tree(tmp_path / "back") == tree(data), "and without the path that it came from"


def test_a_warm_copy_becomes_the_snapshot(repository: Repository, data: Path, tmp_path: Path) -> None:
    snapshot = back_up(repository, data)
    copy = tmp_path / "copy"
    bring_back(repository, snapshot, copy)
    (copy / "a b" / "extra").write_text("extra")
    (copy / "large").write_bytes(b"damaged")
    (copy / "new directory").mkdir()

    bring_back(repository, snapshot, copy, replace=True)

    assert tree(copy) == tree(data)
    assert not (copy / "new directory").exists()


def test_snapshots_by_their_tags_oldest_first(repository: Repository, data: Path) -> None:
    first = back_up(repository, data, "albus-dr", "workload=documents", "point=1", "part=data")
    back_up(repository, data, "albus-dr", "workload=patients", "point=2")
    earlier = datetime.now(UTC) - timedelta(days=2)
    repository.backup_text(
        "{}", "manifest.json", ("albus-dr", "workload=documents", "point=0"), earlier, timeout_s=LONG_S
    )

    found = repository.snapshots(("albus-dr", "workload=documents"), timeout_s=LONG_S)

    assert [snapshot.tag("point") for snapshot in found] == ["0", "1"]
    assert abs(found[0].time - earlier) < timedelta(seconds=1)
    assert found[1].id.startswith(first)
    assert (found[1].tag("part"), found[1].tag("poin"), found[1].original) == ("data", "", "")
    assert repository.snapshots(("albus-dr", "workload=nothing"), timeout_s=LONG_S) == ()


def test_a_text_comes_back_as_it_was(repository: Repository) -> None:
    text = '{"name": "é", "lines": "\\n"}\n\n'
    repository.backup_text(text, "manifest.json", ("part=manifest",), datetime.now(UTC), timeout_s=LONG_S)
    (snapshot,) = repository.snapshots(("part=manifest",), timeout_s=LONG_S)

    assert repository.read_text(snapshot.id, "/manifest.json", timeout_s=LONG_S) == text
    with pytest.raises(StepError, match=r"can't give /other.json"):
        repository.read_text(snapshot.id, "/other.json", timeout_s=LONG_S)


def dump(repository: Repository, *command: str, **environment: str) -> None:
    repository.backup_command(
        command, "patients.dump", ("part=data",), timeout_s=LONG_S, progress=quiet, cancelled=threading.Event(),
        environment=environment,
    )  # fmt: skip


def test_what_a_command_prints_is_kept(repository: Repository) -> None:
    dump(repository, "sh", "-c", 'printf "%s" "$ALBUS_WORD"', ALBUS_WORD="dumped")
    (snapshot,) = repository.snapshots(("part=data",), timeout_s=LONG_S)

    assert repository.read_text(snapshot.id, "/patients.dump", timeout_s=LONG_S) == "dumped"


@pytest.mark.parametrize("script", ["echo half; exit 3", "exit 1", "kill -9 $$"])
def test_a_dump_that_fails_is_no_snapshot(repository: Repository, script: str) -> None:
    with pytest.raises(StepError, match="could not be dumped to"):
        dump(repository, "sh", "-c", script)
    assert repository.snapshots(("part=data",), timeout_s=LONG_S) == ()


def test_a_copy_keeps_time_tags_and_origin(repository: Repository, data: Path, tmp_path: Path) -> None:
    other = a_repository(tmp_path, str(tmp_path / "other"), "backups of bordeaux")
    restic_here(other, "init")
    mine = back_up(repository, data, "point=1")
    back_up(repository, data, "point=2")
    (original,) = repository.snapshots(("point=1",), timeout_s=LONG_S)

    other.copy_from(repository, (mine,), timeout_s=LONG_S, cancelled=threading.Event())

    (copied,) = other.snapshots(("point=1",), timeout_s=LONG_S)
    assert (copied.original, copied.time, copied.tags) == (original.id, original.time, original.tags)
    assert other.snapshots(("point=2",), timeout_s=LONG_S) == ()
    bring_back(other, copied.id, tmp_path / "back")
    assert tree(tmp_path / "back") == tree(data)


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_no_repository(tmp_path: Path) -> None:
    missing = a_repository(tmp_path, str(tmp_path / "missing"))
    for ask in (missing.probe, lambda timeout_s: missing.snapshots(("a",), timeout_s=timeout_s)):
        with pytest.raises(NotReadyError, match=r"backups of strasbourg \(.*\) can't .*: there is no repository"):
            ask(timeout_s=LONG_S)


def test_a_wrong_password(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("another-password")
    with pytest.raises(NotReadyError, match="the password is wrong") as caught:
        repository.probe(timeout_s=LONG_S)
    assert "another-password" not in caught.value.message + caught.value.hint


def test_a_repository_that_another_holds(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restic, "LOCK_PATIENCE", "0s")
    release, locks = tmp_path / "release", tmp_path / "repository" / "locks"
    script = f"while ! [ -e {release} ]; do sleep 0.05; done; echo dumped"
    holder = threading.Thread(target=dump, args=(repository, "sh", "-c", script))
    holder.start()
    try:
        while not any(locks.iterdir()):
            assert holder.is_alive()
            holder.join(0.02)
        with pytest.raises(TransientError, match="another restic holds its lock"):
            repository.check(timeout_s=LONG_S, cancelled=threading.Event())
    finally:
        release.touch()
        holder.join(LONG_S)
    repository.check(timeout_s=LONG_S, cancelled=threading.Event())


def test_what_a_prune_removes_while_it_is_read_is_not_called_damaged(fake_restic: Repository, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(
        'case "$*" in *--no-lock*) echo "Load(<data/0a1b>) returned error: does not exist" >&2; exit 1;; esac\nexit 11\n'
    )
    with pytest.raises(TransientError, match="may have removed what was read") as caught:
        fake_restic.read_text("0a1b", "/manifest.json", timeout_s=LONG_S)
    assert "restic list locks" in caught.value.hint


def test_who_only_reads_is_not_kept_out_by_a_check_or_by_whoever_burned(
    repository: Repository, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = back_up(repository, data, "a=1")
    monkeypatch.setattr(restic, "LOCK_PATIENCE", "0s")
    monkeypatch.setattr(restic, "READ_PATIENCE", "0s")
    locks = tmp_path / "repository" / "locks"
    slowly = ("restic", "check", "--read-data", "--limit-download", "1")
    with subprocess.Popen(slowly, env={**os.environ, **repository.environment()}) as holder:
        try:
            while not any(len(path.name) == 64 for path in locks.iterdir()):  # before, it is still being written
                assert holder.poll() is None
                time.sleep(0.005)
            holder.send_signal(signal.SIGSTOP)
            with pytest.raises(TransientError, match="another restic holds its lock"):
                back_up(repository, data, "a=2")
            repository.probe(timeout_s=LONG_S)
            assert [one.id for one in repository.snapshots(("a=1",), timeout_s=LONG_S)] == [snapshot]
            bring_back(repository, snapshot, tmp_path / "back")
        finally:
            holder.kill()
    assert tree(tmp_path / "back") == tree(data)


@pytest.mark.parametrize("how", ["overwritten", "removed", "cut"])
def test_damage_is_damage(repository: Repository, data: Path, tmp_path: Path, how: str) -> None:
    snapshot = back_up(repository, data)
    for pack in [path for path in (tmp_path / "repository" / "data").rglob("*") if path.is_file()]:
        pack.chmod(0o600)
        content = pack.read_bytes()
        if how == "removed":
            pack.unlink()
        else:
            pack.write_bytes(bytes(len(content)) if how == "overwritten" else content[: len(content) // 2])
    # The cache holds what describes the tree; after a disaster there is none.
    subprocess.run(("rm", "-rf", tmp_path / "cache"), check=True)

    with pytest.raises(CorruptRepository, match="its data is damaged") as caught:
        bring_back(repository, snapshot, tmp_path / "back")
    assert caught.value.exit_code is ExitCode.VERIFICATION_FAILED
    assert caught.value.hint == "restore from the other site's copy"


def test_a_directory_that_is_not_there(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(AlbusError):
        back_up(repository, tmp_path / "nowhere")


def test_a_folder_in_which_files_come_and_go_is_backed_up_all_the_same(
    repository: Repository, data: Path, tmp_path: Path
) -> None:
    """restic ends with 3 now and then: it saw a file, and could not read it any more."""
    for number in range(1000):
        (data / f"{number:04}").write_text(f"document {number}")
    with coming_and_going(data):
        snapshots = [back_up(repository, data) for _ in range(15)]
    for snapshot in (snapshots[0], snapshots[-1]):
        bring_back(repository, snapshot, tmp_path / snapshot)
        back = {path.name for path in (tmp_path / snapshot).iterdir()}
        assert back >= {"a b", "large", *(f"{number:04}" for number in range(1000))}


def test_what_went_away_while_it_was_read_is_named(fake_restic: Repository, tmp_path: Path) -> None:
    """As restic 0.18 says it; what the scan missed, which only counts for the progress, is none."""
    told = (
        ("scan", "lstat /srv/a: no such file or directory", "/srv/a"),
        ("archival", "incomplete metadata for d/b: xattr.list d/b: no such file or directory", "d/b"),
        ("archival", "open /srv/d/c: no such file or directory", "/srv/d/c"),
    )
    lines = [
        json.dumps({"message_type": "error", "error": {"message": error}, "during": during, "item": item})
        for during, error, item in told
    ] + [
        json.dumps(
            {"message_type": "exit_error", "code": 3, "message": "Warning: at least one source file could not be read"}
        )
    ]
    told_all = "".join(f"echo '{line}' >&2\n" for line in lines)
    (tmp_path / "script").write_text(
        told_all + """echo '{"message_type": "summary", "snapshot_id": "5c4a"}'; exit 3\n"""
    )
    summary = fake_restic.backup_directory(
        "/srv", ("t",), timeout_s=LONG_S, progress=quiet, cancelled=threading.Event()
    )
    assert summary["went_away"] == ["d/b", "d/c"]


@contextmanager
def coming_and_going(directory: Path) -> Iterator[None]:
    """Others write and remove files there as fast as they can."""
    script = """
import pathlib, sys
each = [pathlib.Path(f"{sys.argv[1]}{number}") for number in range(50)]
while True:
    for path in each:
        path.write_text("x")
        path.unlink()
"""
    with ExitStack() as stack:
        for name in ("upload", "draft"):
            users = stack.enter_context(subprocess.Popen((sys.executable, "-c", script, str(directory / name))))
            stack.callback(users.kill)
        yield


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"message": "open /srv/x: permission denied"}, "item": "/srv/x"},
        {"error": {"message": "open /elsewhere/x: no such file or directory"}, "item": "/elsewhere/x"},
        {"error": {"message": "open /srv: no such file or directory"}, "item": "/srv"},
        {"error": {"message": "open .: no such file or directory"}, "item": "."},
        {"error": {}, "item": "/srv/x"}, {"error": None}, "error: open /srv/x: input/output error",
    ],
    ids=[
        "not allowed", "of another folder", "the folder itself", "the folder, by a dot", "without a reason", "garbage",
        "not as a message",
    ],
)  # fmt: skip
def test_anything_else_that_could_not_be_read_is_no_recovery_point(
    fake_restic: Repository, tmp_path: Path, told: dict[str, Any] | str
) -> None:
    gone: dict[str, Any] = {"error": {"message": "open /srv/y: no such file or directory"}, "item": "/srv/y"}
    lines = [
        one if isinstance(one, str) else json.dumps({"message_type": "error", "during": "archival", **one})
        for one in (gone, told)
    ]
    told_all = "".join(f"echo '{line}' >&2\n" for line in lines)
    (tmp_path / "script").write_text(told_all + """echo '{"message_type": "summary"}'; exit 3\n""")
    with pytest.raises(StepError, match="no recovery point"):
        back_up(fake_restic, Path("/srv"))


def test_a_cancelled_backup_is_no_snapshot(repository: Repository, data: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(TransientError, match="was stopped"):
        repository.backup_directory(str(data), ("a",), timeout_s=LONG_S, progress=quiet, cancelled=cancelled)
    assert repository.snapshots(("a",), timeout_s=LONG_S) == ()


@pytest.fixture
def fake_restic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A restic of the test's own: it runs the file `script`."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "restic"
    program.write_text(f'#!/bin/sh\n[ "$1" = version ] && {{ cat {tmp_path}/version; exit; }}\n. {tmp_path}/script\n')
    program.chmod(0o755)
    (tmp_path / "version").write_text("restic 0.18.0 compiled with go1.24.4 on linux/amd64\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setattr(restic, "_versions", {})
    return a_repository(tmp_path, str(tmp_path / "repository"))


@pytest.mark.parametrize(
    ("code", "words", "error", "said"),
    [
        (1, "Fatal: something", StepError, "restic ended with 1: Fatal: something"),
        (1, "Fatal: ciphertext verification failed", CorruptRepository, "damaged"),
        (1, "Load(<data/0ed49a3daa>, 0, 0) failed: dial tcp: connection refused", StepError, "ended with 1"),
        (2, "goroutine 1 [running]", StepError, "restic ended with 2"),
        (3, "Warning: at least one source file could not be read", StepError, "no recovery point"),
        (10, "", NotReadyError, "there is no repository"),
        (11, "", TransientError, "another restic holds its lock"),
        (12, "", NotReadyError, "the password is wrong"),
        (77, "", StepError, "restic ended with 77"),
        (130, "", TransientError, "restic was interrupted"),
    ],
)
def test_the_table_of_exit_codes(
    fake_restic: Repository, tmp_path: Path, code: int, words: str, error: type[AlbusError], said: str
) -> None:
    (tmp_path / "script").write_text(f"echo '{words}' >&2; echo $RESTIC_PASSWORD >&2; exit {code}\n")
    with pytest.raises(AlbusError, match=said) as caught:
        fake_restic.run(("cat", "config"), what="can't be opened", timeout_s=LONG_S)
    assert type(caught.value) is error
    assert PASSWORD not in caught.value.message


@pytest.mark.parametrize("version", ["0.14.0", "0.17.0", "0.16.5-dev", ""])
def test_a_restic_too_old_is_refused(fake_restic: Repository, tmp_path: Path, version: str) -> None:
    (tmp_path / "version").write_text(f"restic {version} compiled with go1.19\n" if version else "")
    (tmp_path / "script").write_text("exit 0\n")
    with pytest.raises(NotReadyError, match=r"restic at localhost is .*; 0\.17\.1 or newer is needed"):
        fake_restic.probe(timeout_s=LONG_S)


@pytest.mark.parametrize("version", ["0.17.1", "0.18.0-dev", "0.100.0", "1.0"])
def test_a_restic_new_enough_is_asked_once(fake_restic: Repository, tmp_path: Path, version: str) -> None:
    (tmp_path / "version").write_text(f"restic {version} compiled with go1.24\n")
    (tmp_path / "script").write_text("exit 0\n")
    fake_restic.probe(timeout_s=LONG_S)
    (tmp_path / "version").write_text("restic 0.1 compiled with go1.1\n")
    fake_restic.probe(timeout_s=LONG_S)


def test_a_host_that_is_away_is_told_once_and_by_nobody_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at a lost site sees a line, and no traceback of what asks beside restic."""
    if find_program("ssh") is None:
        pytest.skip("ssh is not installed")
    unheard: list[object] = []
    monkeypatch.setattr(threading, "excepthook", unheard.append)
    away = SshHost("db", "nobody@127.0.0.1", free_port(), options=("StrictHostKeyChecking=no",))
    here = a_repository(tmp_path, str(tmp_path / "repository"))
    there = Repository(here.name, here.config, away, tmp_path)
    with pytest.raises(AlbusError, match=r"ssh|refused|reach"):
        there.probe(timeout_s=10)
    for thread in threading.enumerate():
        if thread.name == "ask beside restic":
            thread.join(10)
    assert unheard == []
    assert "Traceback" not in capfd.readouterr().err


def test_a_list_that_can_not_be_read(fake_restic: Repository, tmp_path: Path) -> None:
    for said in ("not json", '[{"id": "a"}]', "[1]", '[{"id": "a", "time": "yesterday"}]'):
        (tmp_path / "script").write_text(f"echo '{said}'\n")
        with pytest.raises(StepError, match="a list of snapshots that can't be read"):
            fake_restic.snapshots(("a",), timeout_s=LONG_S)


def test_an_end_without_a_summary_is_no_success(fake_restic: Repository, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("echo '[1]'; echo '3'; echo 'hello'; echo '{}'\n")
    with pytest.raises(StepError, match="printed no summary"):
        back_up(fake_restic, tmp_path)


# --- behind S3 ----------------------------------------------------------------------------------------------------


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[dict[str, int]]:
    """The ports of two S3 servers; the keys are SITE-key and SITE-secret."""
    program = find_program("rclone")
    if program is None:
        pytest.skip("rclone is not installed")
    ports = {"strasbourg": free_port(), "bordeaux": free_port()}

    def server(site: str) -> tuple[tuple[str, ...], dict[str, str]]:
        (tmp_path / site / "albus").mkdir(parents=True)
        argv = (str(program), "serve", "s3", "--addr", f"127.0.0.1:{ports[site]}", "--etag-hash", "",
                "--dir-cache-time", "1s", str(tmp_path / site))  # fmt: skip
        return argv, {"RCLONE_AUTH_KEY": f'"{site}-key,{site}-secret"', "RCLONE_CONFIG": "/dev/null"}

    (one, variables), (two, more) = server("strasbourg"), server("bordeaux")
    with (
        serving(one, lambda: accepts(ports["strasbourg"]), tmp_path / "one.log", **variables),
        serving(two, lambda: accepts(ports["bordeaux"]), tmp_path / "two.log", **more),
    ):
        yield ports


def in_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stores: dict[str, int], site: str, secret: str = ""
) -> Repository:
    monkeypatch.setenv(f"{site.upper()}_KEY", f"{site}-key")
    monkeypatch.setenv(f"{site.upper()}_SECRET", secret or f"{site}-secret")
    return a_repository(
        tmp_path, f"s3:http://127.0.0.1:{stores[site]}/albus/backups", f"backups of {site}",
        access_key=SecretRef(env=f"{site.upper()}_KEY"), secret_key=SecretRef(env=f"{site.upper()}_SECRET"),
    )  # fmt: skip


def test_from_one_s3_to_another_with_other_keys(
    stores: dict[str, int], tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = (in_store(tmp_path, monkeypatch, stores, site) for site in stores)
    for repository in (mine, theirs):
        restic_here(repository, "init")
        repository.probe(timeout_s=LONG_S)
    snapshot = back_up(mine, data, "point=1")

    theirs.copy_from(mine, (snapshot,), timeout_s=LONG_S, cancelled=threading.Event())

    (copied,) = theirs.snapshots(("point=1",), timeout_s=LONG_S)
    assert copied.original.startswith(snapshot)
    bring_back(theirs, copied.id, tmp_path / "back")
    assert tree(tmp_path / "back") == tree(data)


def test_a_wrong_key_ends_restic_which_would_try_for_a_quarter_of_an_hour(
    stores: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = in_store(tmp_path, monkeypatch, stores, "strasbourg", "a-wrong-secret")
    with pytest.raises(NotReadyError, match="refuses the keys"):
        wrong.probe(timeout_s=LONG_S)
    with pytest.raises(NotReadyError, match="refuses the keys"), wrong.probed():
        wrong.snapshots(("a",), timeout_s=LONG_S)


def test_an_empty_bucket_holds_no_repository(
    stores: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotReadyError, match="there is no repository"):
        in_store(tmp_path, monkeypatch, stores, "strasbourg").probe(timeout_s=LONG_S)


def test_a_file_that_can_not_be_restored_is_told_without_its_name(repository: Repository, tmp_path: Path) -> None:
    for name in ("zephyrine.txt", "canarienne.txt", "a"):
        (tmp_path / "documents").mkdir(exist_ok=True)
        (tmp_path / "documents" / name).write_text(name)
        (tmp_path / "target" / name / "in the way").mkdir(parents=True)
    summary = repository.backup_directory(
        str(tmp_path / "documents"), [], timeout_s=LONG_S, progress=quiet, cancelled=threading.Event()
    )

    with pytest.raises(StepError) as told:
        repository.restore(
            summary["snapshot_id"],
            str(tmp_path / "target"),
            timeout_s=LONG_S,
            progress=quiet,
            cancelled=threading.Event(),
        )

    assert "(3 files); the first is the file with name's SHA-256" in str(told.value)
    assert "directory not empty" in str(told.value)
    assert "zephyrine" not in str(told.value)
    assert "canarienne" not in str(told.value)
    assert "{" not in str(told.value), "a message for people"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RESTIC_PASSWORD_FILE", "/nonexistent"),
        ("RESTIC_PASSWORD_COMMAND", "echo another"),
        ("RESTIC_REPOSITORY_FILE", "/etc/hostname"),
        ("RESTIC_FROM_REPOSITORY_FILE", "/etc/hostname"),
        ("RESTIC_FROM_PASSWORD_FILE", "/nonexistent"),
    ],
)
def test_what_the_shell_says_of_repositories_does_not_count(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    other = a_repository(tmp_path, str(tmp_path / "other"), "backups of bordeaux")
    restic_here(other, "init")
    monkeypatch.setenv(variable, value)

    repository.backup_text("content", "text", ["one"], datetime.now(UTC), timeout_s=LONG_S)
    (snapshot,) = repository.snapshots(["one"], timeout_s=LONG_S)
    other.copy_from(repository, [snapshot.id], timeout_s=LONG_S, cancelled=threading.Event())

    assert len(other.snapshots(["one"], timeout_s=LONG_S)) == 1
