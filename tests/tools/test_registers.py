"""One contract for every kind of register, on real servers (S3: see witness_servers._moto)."""

from __future__ import annotations

import base64
import multiprocessing
import os
import re
import shutil
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.errors import AlbusError, NotReadyError, RefusedError
from albus_dr.tools import etcd_register
from albus_dr.tools.etcd_register import EtcdPlace
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.postgres_register import PostgresPlace
from albus_dr.tools.register import (
    Conflict,
    Place,
    TrustedRegister,
    Unreachable,
    WriteUnknown,
    probe,
    write_surely,
)
from albus_dr.tools.s3_register import S3Place
from tests.tools.conftest import free_port
from tests.tools.lossy_line import line_to
from tests.tools.test_http import answering
from tests.tools.witness_servers import KEY, KINDS, PASSWORD, SECRET, Witness, etcd_member, witness

WRITERS, INCREMENTS = 4, 8
SERVERS = tuple(kind for kind in KINDS if kind != "file")
WRITE_MARK = {
    "postgres": b"UPDATE",
    "etcd": b"/v3/kv/txn",
    "s3": b"\nlost",
}  # after the headers: boto3 waits for 100 Continue
HTTP_RESOLUTION_S = 1.0


@pytest.fixture(scope="module", params=KINDS)
def served(request: pytest.FixtureRequest) -> Iterator[Witness]:
    directory = Path(tempfile.mkdtemp(prefix="albus-"))
    directory.chmod(0o711)
    try:
        with witness(request.param, directory) as it:
            yield it
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def key() -> str:
    return f"test-{uuid.uuid4().hex}"


def port_of(place: Place) -> int:
    found = re.search(r"127\.0\.0\.1:(\d+)", place.name)
    assert found
    return int(found[1])


def moved(place: Place, port: int) -> Place:
    """The same place by another port."""
    here, there = f"127.0.0.1:{port_of(place)}", f"127.0.0.1:{port}"
    match place:
        case PostgresPlace():
            return replace(place, url=place.url.replace(here, there))
        case EtcdPlace():
            return EtcdPlace(tuple(each.replace(here, there) for each in place.endpoints))
        case S3Place():
            return S3Place(replace(place.bucket, endpoint=place.bucket.endpoint.replace(here, there)))
    raise AssertionError(place)


# --- what every kind keeps ------------------------------------------------------------------------------------------


def test_nothing_was_written(served: Witness, key: str) -> None:
    held = served.place.read(key)

    assert (held.text, held.version) == (None, None)
    assert abs(held.now - time.time()) < 10


@pytest.mark.parametrize("text", ["", "x", '{"a": "é\\n"}', "one\ntwo\n", "\n", "é" * 50_000])
def test_what_is_written_is_read(served: Witness, key: str, text: str) -> None:
    version = served.place.write(key, text, None)
    held = served.place.read(key)
    assert (held.text, held.version) == (text, version)

    changed = served.place.write(key, "and then", version)
    held = served.place.read(key)
    assert (held.text, held.version) == ("and then", changed)


def write_garbage(place: Place, key: str) -> None:
    """Not UTF-8, by whoever else may write there. PostgreSQL's column of text takes nothing of the kind."""
    match place:
        case FilePlace():
            place._path(key).parent.mkdir(exist_ok=True)
            place._path(key).write_bytes(b"\xff\xfe\n\xff")
        case EtcdPlace():
            coded = etcd_register._coded(etcd_register.PREFIX + key)
            place._ask("/v3/kv/put", {"key": coded, "value": base64.b64encode(b"\xff\xfe").decode()}, is_write=True)
        case S3Place():
            place._client.put_object(Bucket=place.bucket.name, Key=place._object(key), Body=b"\xff\xfe\n\xff")
        case _:
            raise AssertionError(place.name)


@pytest.mark.parametrize("served", [kind for kind in KINDS if kind != "postgres"], indirect=True)
def test_garbage_is_refused_by_name(served: Witness, key: str) -> None:
    write_garbage(served.place, key)
    with pytest.raises(AlbusError) as refused:
        served.place.read(key)
    assert key in refused.value.message or served.place.name in refused.value.message
    if served.kind != "file":
        assert isinstance(refused.value, RefusedError)
        assert f"what {served.place.name} holds under {key} is not albus-dr's" in refused.value.message


def test_the_profile_of_the_shell_is_nobodys_business(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with witness("s3", tmp_path) as it:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            monkeypatch.setenv(name, "of-somebody-else")
        assert it.place.read(key).text is None


def test_a_second_creation_is_refused(served: Witness, key: str) -> None:
    version = served.place.write(key, "first", None)
    with pytest.raises(Conflict):
        served.place.write(key, "second", None)
    held = served.place.read(key)
    assert (held.text, held.version) == ("first", version)


def test_a_version_that_is_gone_is_refused_even_with_the_same_text(served: Witness, key: str) -> None:
    first = served.place.write(key, "same", None)
    second = served.place.write(key, "other", first)
    third = served.place.write(key, "same", second)
    assert len({first, second, third}) == 3
    for gone in (first, second):
        with pytest.raises(Conflict):
            served.place.write(key, "late", gone)
    assert served.place.read(key).text == "same"


def test_a_change_of_what_is_not_there_is_refused(served: Witness, key: str) -> None:
    other = served.place.write(f"{key}-other", "x", None)
    with pytest.raises(Conflict):
        served.place.write(key, "x", other)
    assert served.place.read(key).version is None


def test_a_removed_register_does_not_take_old_versions(served: Witness, key: str) -> None:
    version = served.place.write(key, "same", None)
    served.place.remove(key)
    assert served.place.read(key).version is None
    served.place.remove(key)
    served.place.write(key, "same", None)
    with pytest.raises(Conflict):
        served.place.write(key, "late", version)


def test_the_clock_is_the_places_and_goes_on(served: Witness, key: str) -> None:
    before = time.time()
    first = served.place.read(key).now
    time.sleep(2.1)
    second = served.place.read(key).now
    assert before - HTTP_RESOLUTION_S <= first <= second <= time.time()
    assert second - first >= 1.0


def test_the_canary_trusts_it_and_leaves_nothing(served: Witness, key: str) -> None:
    probe(served.place, key)
    assert served.place.read(key).version is None

    register = TrustedRegister(served.place, f"{key}-used")
    version = register.write("text", None)
    assert register.read().version == version
    assert served.place.name in register.name


def count_up(place: Place, key: str, who: int) -> None:
    for number in range(INCREMENTS):
        while True:
            held = place.read(key)
            value = int((held.text or "0").split()[0])
            with suppress(Conflict):
                write_surely(Known(place, key), f"{value + 1} by {who}.{number}", held.version, timeout_s=30)
                break


class Known:
    """A register that was tried already."""

    def __init__(self, place: Place, key: str) -> None:
        self.place, self.key, self.name = place, key, place.name
        self.read = lambda: place.read(key)
        self.write = lambda text, expected: place.write(key, text, expected)


def test_processes_that_count_together_count_right(served: Witness, key: str) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=count_up, args=(served.place, key, who)) for who in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(200)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert (served.place.read(key).text or "").split()[0] == str(WRITERS * INCREMENTS)


# --- when the server or the line is not there -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", SERVERS)
def test_a_lost_answer_is_unknown_and_can_be_found_out(place: Path, kind: str, key: str) -> None:
    with witness(kind, place) as served, line_to(port_of(served.place)) as line:
        by_line = moved(served.place, line.port)
        first = by_line.write(key, "first", None)
        line.loses = WRITE_MARK[kind]
        with pytest.raises(WriteUnknown):
            by_line.write(key, "lost second", first)
        assert line.lost
        assert served.place.read(key).text == "lost second"  # it had happened
        line.loses = None
        second = by_line.read(key).version

        line.loses = WRITE_MARK[kind]
        threading.Timer(1.0, lambda: setattr(line, "loses", None)).start()
        third = write_surely(Known(by_line, key), "lost third", second, timeout_s=20)
        held = served.place.read(key)
        assert (held.text, held.version) == ("lost third", third)

        line.loses = WRITE_MARK[kind]
        served.place.write(key, "somebody else's", third)
        with pytest.raises(Conflict):
            write_surely(Known(by_line, key), "lost fourth", third, timeout_s=20)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_stopped_server_gives_no_answer_and_no_wrong_one(place: Path, kind: str, key: str) -> None:
    with witness(kind, place) as served:
        assert served.pid
        version = served.place.write(key, "before", None)
        os.kill(served.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            if kind != "postgres":  # its postmaster stands still: nobody gets a connection
                with pytest.raises((WriteUnknown, Unreachable)):
                    served.place.write(key, "during", version)
            with pytest.raises(Unreachable, match="does not answer"):
                served.place.read(key)
            with pytest.raises((WriteUnknown, Unreachable)):
                served.place.write(key, "during", version)
            assert time.monotonic() - began < 60
        finally:
            os.kill(served.pid, signal.SIGCONT)
        deadline = time.monotonic() + 30
        text = ""
        while not text:
            try:
                text = served.place.read(key).text or "gone"
            except Unreachable:
                assert time.monotonic() < deadline
        assert text in ("before", "during")
        assert write_surely(Known(served.place, key), "after", served.place.read(key).version, timeout_s=30)


def test_a_backend_that_was_stopped_in_the_middle_is_left_after_some_seconds(place: Path, key: str) -> None:
    """The line stands, and no answer comes: another session holds the row's lock, then the backend is stopped."""
    import psycopg

    with witness("postgres", place) as served:
        assert isinstance(served.place, PostgresPlace)
        version = served.place.write(key, "before", None)
        with psycopg.connect(served.place.url, password=PASSWORD) as other, psycopg.connect(
            served.place.url, password=PASSWORD, autocommit=True
        ) as watcher:  # fmt: skip
            other.execute("SELECT FROM albus_dr_register WHERE key = %s FOR UPDATE", (key,))
            caught: list[BaseException] = []

            def write() -> None:
                try:
                    served.place.write(key, "during", version)
                except AlbusError as error:
                    caught.append(error)

            writer = threading.Thread(target=write)
            writer.start()
            waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'albus-dr witness' AND wait_event_type = 'Lock'"
            deadline = time.monotonic() + 10
            while (row := watcher.execute(waiting).fetchone()) is None:
                assert time.monotonic() < deadline
            os.kill(row[0], signal.SIGSTOP)
            try:
                writer.join(30)
                assert [type(error) for error in caught] == [WriteUnknown]
                assert served.place.read(key).text == "before"
            finally:
                os.kill(row[0], signal.SIGCONT)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_is_killed_in_the_middle_loses_nothing_it_acknowledged(place: Path, kind: str, key: str) -> None:
    """Many writes while the server dies: none of the errors is a wrong value, and each comes within some seconds."""
    with witness(kind, place) as served:
        assert served.pid
        acknowledged: list[int] = []
        errors: list[BaseException] = []

        def write_on() -> None:
            version: str | None = None
            for number in range(100_000):
                try:
                    version = served.place.write(key, str(number), version)
                except AlbusError as error:
                    errors.append(error)
                    return
                acknowledged.append(number)

        writer = threading.Thread(target=write_on)
        writer.start()
        while len(acknowledged) < 5 and writer.is_alive():
            time.sleep(0.01)
        os.kill(served.pid, signal.SIGKILL)
        writer.join(30)
        assert acknowledged == list(range(len(acknowledged)))
        assert [type(error) for error in errors] in ([WriteUnknown], [Unreachable])
        with pytest.raises(Unreachable):
            served.place.read(key)


@pytest.mark.parametrize("kind", SERVERS)
def test_nobody_listens(place: Path, kind: str, key: str) -> None:
    places: dict[str, Place] = {
        "postgres": PostgresPlace(f"postgresql://witness@127.0.0.1:{free_port()}/witness", PASSWORD),
        "etcd": EtcdPlace((f"http://127.0.0.1:{free_port()}",)),
    }
    with witness("s3", place) as served:
        places["s3"] = moved(served.place, free_port())
        nobody = places[kind]
        with pytest.raises(Unreachable, match="does not answer"):
            nobody.read(key)
        with pytest.raises(Unreachable):  # nothing was sent: it is known that nothing was written
            nobody.write(key, "text", None)
        with pytest.raises(Unreachable):
            TrustedRegister(nobody, key).read()


def test_a_shell_that_names_another_server_asks_the_same_witness(
    place: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two operators with two shells and two witnesses would be two primaries."""
    with witness("postgres", place) as served:
        version = served.place.write(key, "epoch 1", None)
        (place / "services").write_text("[elsewhere]\nhostaddr=192.0.2.1\ndbname=other\n")
        elsewhere = {
            "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "other", "PGUSER": "other", "PGHOST": "192.0.2.1",
            "PGTARGETSESSIONATTRS": "standby", "PGSERVICE": "elsewhere", "PGSERVICEFILE": str(place / "services"),
        }  # fmt: skip
        for name, value in elsewhere.items():
            monkeypatch.setenv(name, value)
        held = served.place.read(key)
    assert (held.text, held.version) == ("epoch 1", version)


# --- who can't be a witness -----------------------------------------------------------------------------------------


def test_a_server_that_ignores_conditions_is_refused_by_name(place: Path, key: str) -> None:
    with witness("rclone", place) as served:
        register = TrustedRegister(served.place, key)
        for _ in range(2):  # a refusal is not forgotten
            with pytest.raises(NotReadyError) as caught:
                register.read()
            assert (
                caught.value.message == f"{served.place.name} accepts a second conditional write: it can't be a witness"
            )
            assert caught.value.exit_code == 3
        assert not list((place / "s3" / "witness").rglob("*canary*"))


class Forgetful(FilePlace):
    """Refuses what it must, and loses what was written."""

    def write(self, key: str, text: str, expected: str | None) -> str:
        version = super().write(key, text, expected)
        return version if expected is None else super().write(key, "canary 1", version)


class Careless(FilePlace):
    """Takes every change of what is there."""

    def write(self, key: str, text: str, expected: str | None) -> str:
        return super().write(key, text, expected and self.read(key).version)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [(Forgetful, "does not give back what was written last"), (Careless, "accepts a write on a version that is gone")],
)
def test_other_faults_are_refused(tmp_path: Path, key: str, kind: type[FilePlace], fault: str) -> None:
    with pytest.raises(NotReadyError, match=fault):
        probe(kind(tmp_path), key)


def test_a_standby_is_refused(place: Path, key: str) -> None:
    """PostgreSQL in recovery answers reads, and may be behind."""
    with witness("postgres", place) as served:
        served.place.write(key, "text", None)
        from tests.tools.witness_servers import restart_as_standby

        restart_as_standby(place)
        with pytest.raises(NotReadyError, match="is a standby, which may be behind"):
            served.place.read(key)
        with pytest.raises(NotReadyError, match="read-only"):
            served.place.write(key, "text", None)


@pytest.mark.parametrize("kind", ["postgres", "etcd", "s3"])
def test_wrong_credentials_are_named_and_not_shown(place: Path, kind: str, key: str) -> None:
    with witness(kind, place) as served:
        match served.place:
            case PostgresPlace():
                wrong: Place = replace(served.place, password="another-secret")
            case EtcdPlace():
                wrong = EtcdPlace(served.place.endpoints, "nobody", "another-secret")
            case _:
                assert isinstance(served.place, S3Place)
                wrong = S3Place(replace(served.place.bucket, name="nowhere", secret_key="another-secret"))
        with pytest.raises((NotReadyError, Unreachable)) as caught:
            wrong.read(key)
        said = f"{caught.value.message} {caught.value.hint} {wrong!r}"
        assert caught.value.exit_code == 3
        for secret in ("another-secret", PASSWORD, SECRET, KEY):
            assert secret not in said


# --- etcd: authentication, members ----------------------------------------------------------------------------------


def test_etcd_with_authentication(place: Path, key: str) -> None:
    from tests.tools.witness_servers import require_password

    with etcd_member(place) as (endpoint, _):
        require_password(endpoint)
        register = EtcdPlace((endpoint,), "root", PASSWORD)
        probe(register, key)
        register._tokens[endpoint] = "expired.1"
        assert register.write(key, "text", None)
        with pytest.raises(NotReadyError, match="refuses"):
            EtcdPlace((endpoint,)).read(key)
        with pytest.raises(NotReadyError, match="refuses the user root"):
            EtcdPlace((endpoint,), "root", "wrong").read(key)


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\nX-Slow: ", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_an_etcd_whose_answer_trickles_in_is_left(monkeypatch: pytest.MonkeyPatch, key: str, head: bytes) -> None:
    monkeypatch.setattr(etcd_register, "CALL_S", 0.8)
    done = threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        while not done.wait(0.1):
            connection.sendall(b"x")

    with answering(answer) as url:
        asked = EtcdPlace((url,))
        began = time.monotonic()
        with pytest.raises(WriteUnknown, match="did not say whether it wrote"):
            asked.write(key, "text", None)
        assert time.monotonic() - began < 10
        done.set()


def test_etcd_goes_on_with_two_of_three_members_and_not_with_one(place: Path, key: str) -> None:
    from contextlib import ExitStack

    names = ("m0", "m1", "m2")
    peers = {name: free_port() for name in names}
    with ExitStack() as stack:
        members = [stack.enter_context(etcd_member(place, peers=peers, name=name)) for name in names]
        register = EtcdPlace(tuple(endpoint for endpoint, _ in members))
        deadline = time.monotonic() + 60
        version = None
        while version is None:
            try:
                version = register.write(key, "first", None)
            except (Unreachable, WriteUnknown):
                assert time.monotonic() < deadline
        os.kill(members[0][1], signal.SIGKILL)
        version = write_surely(Known(register, key), "second", version, timeout_s=60)
        assert register.read(key).text == "second"
        os.kill(members[1][1], signal.SIGKILL)
        with pytest.raises((WriteUnknown, Unreachable)):
            register.write(key, "third", version)
        with pytest.raises(Unreachable):
            register.read(key)


# --- file -----------------------------------------------------------------------------------------------------------


def test_files_are_private(tmp_path: Path, key: str) -> None:
    FilePlace(tmp_path / "a" / "b").write(key, "text", None)
    for path in (tmp_path / "a" / "b").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_a_stopped_writer_does_not_hang_the_others(tmp_path: Path, key: str) -> None:
    import fcntl

    place = FilePlace(tmp_path)
    version = place.write(key, "text", None)
    with (tmp_path / f"{key}.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unreachable, match="is being written by another process"):
            place.write(key, "late", version)
        assert place.read(key).text == "text"
    assert place.write(key, "now", version)


@pytest.mark.parametrize("content", [b"", b"half", b"\ntext", b"\xff\xfe\n"])
def test_what_is_not_a_register_is_refused(tmp_path: Path, key: str, content: bytes) -> None:
    (tmp_path / f"{key}.register").write_bytes(content)
    with pytest.raises(NotReadyError):
        FilePlace(tmp_path).read(key)


def test_a_directory_that_can_not_be_made(tmp_path: Path, key: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotReadyError, match="can't be used: Not a directory"):
        FilePlace(tmp_path / "file" / "below").write(key, "text", None)
