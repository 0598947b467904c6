"""PostgreSQL: a real primary and its standby on loopback, and what the tools make of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from albus_dr.errors import ExitCode, NotReadyError, RefusedError, StepError, TransientError
from albus_dr.tools import process
from albus_dr.tools.fence import FenceProof
from albus_dr.tools.host import LocalHost, SshHost
from albus_dr.tools.inventory import postgres_program
from albus_dr.tools.postgres import Server, ServerDown, conninfo, find_programs, literal, position
from albus_dr.tools.postgres_log import visits_of_others
from albus_dr.tools.process import Completed
from albus_dr.tools.told import without_values
from tests.real.operator_desk import wait_for
from tests.tools.conftest import free_port

HERE = LocalHost()
ROOT = os.geteuid() == 0
PROOF = FenceProof("strasbourg", "probe", "the test stopped it", "2026-01-01T00:00:00Z", "a run")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@dataclass(frozen=True)
class Pair:
    primary: Server
    standby: Server
    place: Path


def a_server(place: Path, name: str) -> Server:
    """Not created yet."""
    owner = "postgres" if ROOT else None
    directory = place / name
    directory.mkdir()
    if owner:
        shutil.chown(directory, owner)
    port = free_port()
    options = (
        f"-c port={port}",
        f"-c unix_socket_directories='{directory}'",
        "-c listen_addresses=127.0.0.1",
        "-c fsync=off",
    )
    return Server(
        host=HERE, data=f"{directory}/data", port=port, socket=str(directory), user="postgres", run_as=owner,
        bin=find_programs(HERE, None), starts_with=options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """The standby `bordeaux` streams from the primary; the tests leave it so, except the last one."""
    try:
        postgres_program("initdb")
    except NotReadyError as error:
        pytest.skip(error.message)
    place = Path(tempfile.mkdtemp(prefix="albus-"))
    place.chmod(0o711)
    primary, standby = a_server(place, "primary"), a_server(place, "standby")
    try:
        primary.create(timeout_s=120)
        primary.start(timeout_s=60)
        primary.query("CREATE ROLE replicator REPLICATION LOGIN PASSWORD 'it''s a \\ secret:'")
        primary.make_slot("albus_bordeaux")
        primary.make_slot("albus_bordeaux")  # once is enough
        copy = (
            f"{primary.bin}/pg_basebackup", "-h", str(primary.socket), "-p", str(primary.port), "-U", "postgres",
            "-D", standby.data, "-c", "fast", "-X", "stream", "--no-sync",
        )  # fmt: skip
        HERE.run(copy, timeout_s=120, run_as=primary.run_as).check("pg_basebackup")
        follow(standby, primary)
        yield Pair(primary, standby, place)
    finally:
        for server in (standby, primary):
            server.stop_at_once()
        shutil.rmtree(place)


def test_a_stranger_who_has_the_old_number_is_not_ended() -> None:
    """A server that was killed leaves postmaster.pid; after a restart of the machine its number is soon taken."""
    place = Path(tempfile.mkdtemp(prefix="albus-"))
    place.chmod(0o711)
    server = a_server(place, "killed")
    owner = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--") if ROOT else ()
    with subprocess.Popen((*owner, "sleep", "600"), cwd=place) as stranger:
        try:
            data = Path(server.data)
            data.mkdir()
            (data / "PG_VERSION").write_text("15\n")
            (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
            for path in (data, *data.iterdir()):
                if server.run_as:
                    shutil.chown(path, server.run_as)
            data.chmod(0o700)
            status = HERE.run((f"{server.bin}/pg_ctl", "status", "-D", server.data), timeout_s=10, run_as=server.run_as)
            assert status.code == 0, "pg_ctl takes the stranger for the server"

            assert not server.is_running()
            server.stop(timeout_s=5)
            server.stop_at_once()
            assert stranger.poll() is None
        finally:
            stranger.kill()
            shutil.rmtree(place)


def follow(server: Server, primary: Server, name: str = "bordeaux") -> None:
    keywords = {"host": "127.0.0.1", "port": str(primary.port), "user": "replicator", "application_name": name}
    server.follow(keywords, "albus_bordeaux", "it's a \\ secret:", timeout_s=60)
    wait_until_streaming(primary, name)


def wait_until_streaming(primary: Server, name: str) -> None:
    for _ in range(600):
        if primary.lag_of(name) is not None:
            return
        primary.query("SELECT pg_sleep(0.05)")
    pytest.fail("the standby does not stream")


def restore(server: Server, dump: Path, database: str) -> None:
    server.create_database(database)
    server.restore_dump(str(dump), database, with_access=False, jobs=2, timeout_s=60, cancelled=threading.Event())


@pytest.fixture
def database(pair: Pair, request: pytest.FixtureRequest) -> Iterator[str]:
    name = "d_" + "".join(letter if letter.isalnum() else "_" for letter in request.node.name)[:50].lower()
    pair.primary.query(f"CREATE DATABASE {name} TEMPLATE template0")
    yield name
    pair.primary.query(f"DROP DATABASE {name} WITH (FORCE)")


# --- asking -------------------------------------------------------------------------------------------------------


def test_rows_and_values(pair: Pair) -> None:
    primary = pair.primary

    assert primary.query("SELECT 1, 'two', NULL UNION ALL SELECT 3, E'line\\nbreak\\u2028', ''") == [
        ["1", "two", ""], ["3", "line\nbreak\u2028", ""],
    ]  # fmt: skip
    assert primary.query("SELECT WHERE false") == []
    assert primary.value("SET TimeZone='UTC'; SELECT E'a\\nb'") == "a\nb"
    for sql in ("SELECT 1, 2", "SELECT 1 UNION SELECT 2", "SELECT 1 WHERE false", "SELECT 1; SELECT 2"):
        with pytest.raises(StepError, match="where one value was asked for"):
            primary.value(sql)


def test_another_address_in_the_shell_does_not_count(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    assert pair.primary.query("SELECT 1", timeout_s=20) == [["1"]]


def test_a_service_in_the_shell_does_not_count(pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for services in ("[elsewhere]\nhostaddr=192.0.2.1\n", ""):  # another server, and a name that nobody defined
        (tmp_path / "services").write_text(services)
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        monkeypatch.setenv("PGSERVICE", "elsewhere")
        assert pair.primary.query("SELECT 1", timeout_s=20) == [["1"]]


def test_a_shell_that_wants_a_primary_still_asks_a_standby(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "read-write")
    assert pair.standby.is_in_recovery()


def test_what_the_server_refuses_is_said(pair: Pair) -> None:
    for sql, said in (
        ("SELECT nonsense", "nonsense"),
        ("SELECT 1/0", "division by zero"),
        ("SELECT 'open", "unterminated|syntax"),
    ):
        with pytest.raises(StepError, match=f"refused a query: .*({said})") as caught:
            pair.primary.query(sql)
        assert not isinstance(caught.value, ServerDown)


@pytest.mark.parametrize("value", ["'Jeanne Roux'::int", "'Jeanne" + "\nRoux\"'::date", "'99999999999'::int"])
def test_a_value_that_the_server_refuses_is_not_repeated(pair: Pair, value: str) -> None:
    """It may come from a row: what is said ends in journals and reports."""
    with pytest.raises(StepError, match="refused a query") as caught:
        pair.primary.query(f"SELECT {value}")
    assert "[…]" in caught.value.message
    assert not [word for word in ("Jeanne", "Roux", "99999") if word in caught.value.message]


@pytest.mark.parametrize(
    "said",
    [
        "psql:<stdin>:1: ERREUR:  syntaxe en entrée invalide pour le type integer : « Jeanne Roux »",
        "psql:<stdin>:1: ERREUR:  la valeur « Jeanne Roux » est en dehors des limites du type integer",
        "psql:<stdin>:1: FEHLER:  ungültige Eingabesyntax für Typ integer: »Jeanne Roux«",
        "psql:<stdin>:1: FEHLER:  Wert „Jeanne Roux“ ist außerhalb des Bereichs",
        "psql:<stdin>:1: ERROR:  la sintaxis de entrada no es válida para tipo integer: «Jeanne Roux»",
        'psql:<stdin>:1: ERRORE:  il valore "Jeanne Roux" è fuori dall\'intervallo',
        'psql:<stdin>:1: ОШИБКА:  значение "Jeanne Roux" вне диапазона для типа integer',
    ],
)
def test_a_server_that_speaks_another_language_repeats_no_value_either(said: str) -> None:
    told = without_values(said)
    assert "[…]" in told
    assert "Jeanne" not in told


def test_names_of_tables_are_told() -> None:
    said = 'psql:<stdin>:1: ERROR:  relation "invoice" does not exist'
    assert without_values(said) == said


def test_nothing_after_a_mistake_is_done(pair: Pair) -> None:
    with pytest.raises(StepError):
        pair.primary.query("SELECT nonsense; CREATE TABLE never (x int);")
    assert pair.primary.value("SELECT to_regclass('never') IS NULL") == "t"


def test_a_server_that_is_not_there_is_down(pair: Pair) -> None:
    for down in (replace(pair.primary, port=free_port()), replace(pair.primary, socket=None, port=free_port())):
        with pytest.raises(ServerDown, match="does not answer"):
            down.value("SELECT 1")


@pytest.fixture
def locked(pair: Pair) -> Iterator[Server]:
    """The primary, as a user who needs a password there."""
    access = Path(pair.primary.data) / "pg_hba.conf"
    before = access.read_text()
    pair.primary.query("CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE no_login")
    access.write_text("local all locked scram-sha-256\nlocal all no_line reject\n" + before)
    pair.primary.query("SELECT pg_reload_conf()")
    server = replace(pair.primary, user="locked", password="right")
    try:
        for _ in range(600):  # until the server has read it
            try:
                replace(server, password="").value("SELECT 1")
            except NotReadyError:
                break
            pair.primary.query("SELECT pg_sleep(0.05)")
        yield server
    finally:
        access.write_text(before)
        pair.primary.query("SELECT pg_reload_conf(); DROP ROLE locked; DROP ROLE no_login")


def test_a_server_that_does_not_let_us_in_is_not_said_to_be_down(locked: Server) -> None:
    assert locked.value("SELECT 1") == "1"
    for asked, database, said in (
        (replace(locked, password="wr0ng"), "postgres", r"authentication failed for user \"locked\""),
        (replace(locked, password=""), "postgres", "no password supplied"),
        (replace(locked, user="nobody_here"), "postgres", 'role "nobody_here" does not exist'),
        (replace(locked, user="no_login"), "postgres", "is not permitted to log in"),
        (replace(locked, user="no_line"), "postgres", r"pg_hba\.conf"),
        (locked, "nothing_here", 'database "nothing_here" does not exist'),
    ):
        with pytest.raises(NotReadyError, match=f"does not let {asked.user} into {database}: .*{said}") as caught:
            asked.value("SELECT 1", database=database)
        assert caught.value.exit_code is ExitCode.NOT_READY
        assert "password: in the config" in caught.value.hint
        assert "wr0ng" not in str(caught.value)


def test_a_session_that_is_ended_is_no_wrong_password(pair: Pair) -> None:
    with pytest.raises(ServerDown, match="does not answer"):
        pair.primary.query("SELECT pg_terminate_backend(pg_backend_pid())")


@given(texts=st.lists(TEXTS, min_size=1, max_size=20))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_arrives_as_a_literal(pair: Pair, texts: list[str]) -> None:
    asked = ", ".join(f"encode(convert_to({literal(text)}, 'UTF8'), 'hex')" for text in texts)

    assert pair.primary.query(f"SELECT {asked}") == [[text.encode().hex() for text in texts]]


@given(keywords=st.dictionaries(st.sampled_from(["host", "user", "password", "application_name", "passfile"]), TEXTS))
def test_every_connection_string_means_what_it_says(keywords: dict[str, str]) -> None:
    assert psycopg.conninfo.conninfo_to_dict(conninfo(keywords)) == keywords


@pytest.mark.parametrize(("lsn", "value"), [("0/0", 0), ("0/FF", 255), ("16/B374D848", 0x16B374D848), ("1/0", 1 << 32)])
def test_positions(lsn: str, value: int) -> None:
    assert position(lsn) == value


def test_through_ssh_it_is_the_same(pair: Pair, ssh_host: SshHost) -> None:
    far = replace(pair.primary, host=ssh_host)

    assert far.query("SELECT 'it''s', E'two\\nlines'") == [["it's", "two\nlines"]]
    assert far.is_running()
    assert far.control()["Database system identifier"] == pair.primary.system_identifier()
    with pytest.raises(ServerDown):
        replace(far, port=free_port()).value("SELECT 1")
    with far.exported_snapshot("postgres") as snapshot:
        assert far.tables("postgres", timeout_s=30, snapshot=snapshot) == {}


def test_the_programs_are_those_of_the_data(pair: Pair) -> None:
    find_programs.cache_clear()
    assert Path(find_programs(HERE, pair.primary.data), "pg_ctl").exists()
    with pytest.raises(NotReadyError, match="there are no PostgreSQL programs"):
        find_programs(NoPrograms(), None)


class Greeting(LocalHost):
    """As ssh to a host that has a banner: it stands among what a program says."""

    def run(self, *arguments: Any, **more: Any) -> Completed:
        done = super().run(*arguments, **more)
        return replace(done, err=b"Authorized use only.\n" + done.err)


def test_a_hosts_banner_is_no_error_of_the_log(pair: Pair, tmp_path: Path) -> None:
    log = tmp_path / "data" / "albus-dr-start.log"
    log.parent.mkdir()
    server = replace(pair.primary, host=Greeting(), run_as=None, data=str(log.parent))
    log.write_text("")
    assert visits_of_others(server) == 0
    log.write_text(
        "LOG:  connection authorized: user=a database=b application_name=albus-dr\n"
        "LOG:  connection authorized: user=a database=b application_name=albus-dr SSL enabled (protocol=TLSv1.3)\n"
        "LOG:  connection authorized: user=a database=b application_name=albus-drugs\n"
        "LOG:  connection received\nLOG:  connection authorized: user=a database=b\n"
    )
    assert visits_of_others(server) == 2
    log.unlink()
    with pytest.raises(StepError, match="can't be read"):
        visits_of_others(server)


class NoPrograms(LocalHost):
    """A host on which nothing is found."""

    def run(self, *_: Any, **__: Any) -> Completed:
        return Completed((), 1, b"", b"", 0.0)


# --- what was written ---------------------------------------------------------------------------------------------


def test_the_newest_write(pair: Pair, database: str) -> None:
    primary = pair.primary
    primary.query("CREATE TABLE visit (at timestamptz, local timestamp, day date, words text)", database=database)
    primary.query(
        f"ALTER DATABASE {database} SET TimeZone = 'Asia/Kolkata'; ALTER DATABASE {database} SET DateStyle = 'German'"
    )

    assert primary.newest_write("SELECT max(at) FROM visit;\n", database) is None
    primary.query(
        "INSERT INTO visit VALUES ('2026-03-29 02:30:00.12345+01', now(), now(), 'yesterday')", database=database
    )
    assert primary.newest_write("SELECT max(at) FROM visit", database) == datetime(2026, 3, 29, 1, 30, 0, 123450, UTC)
    for column in ("local", "day", "words"):
        with pytest.raises(StepError, match=r"without a zone|not a time with a zone") as caught:
            primary.newest_write(f"SELECT max({column}) FROM visit", database)
        assert "timestamptz" in caught.value.hint
        assert "yesterday" not in str(caught.value), "a column of texts may name somebody"


def test_checksums_do_not_depend_on_order_or_on_who_asks(pair: Pair, database: str) -> None:
    primary = pair.primary
    columns = '(at timestamptz, price float8, raw bytea, length interval, t text, "a b" int)'
    row = "now() - n * interval '1 hour', n / 3.0, decode(md5(n::text), 'hex'), n * interval '1 day', md5(n::text), n"
    primary.query(
        f"""CREATE SCHEMA "odd 'schema"; CREATE TABLE "odd 'schema"."Visit" {columns}; CREATE TABLE copy {columns};
        CREATE TABLE empty (); CREATE TABLE "odd 'schema"."line\nbreak" (x int);
        INSERT INTO "odd 'schema"."Visit" SELECT {row} FROM generate_series(1, 500) n;
        INSERT INTO copy SELECT * FROM "odd 'schema"."Visit" ORDER BY t""",
        database=database,
    )  # fmt: skip
    before = primary.tables(database, timeout_s=30)
    for setting in (
        "TimeZone = 'Asia/Kolkata'", "DateStyle = 'German'", "bytea_output = 'escape'", "extra_float_digits = 0",
        "IntervalStyle = 'iso_8601'",
    ):  # fmt: skip
        primary.query(f"ALTER DATABASE {database} SET {setting}")
    after = primary.tables(database, timeout_s=30)

    visit = '"odd \'schema"."Visit"'
    assert after == before
    assert (before[visit].rows, before["public.empty"].rows, len(before)) == (500, 0, 4)
    assert before["public.copy"] == before[visit]

    # A column that is called as the query calls the table: all the others count all the same.
    primary.query('UPDATE copy SET price = 7 WHERE "a b" = 7', database=database)
    changed = primary.tables(database, timeout_s=30)["public.copy"]
    assert changed.rows == 500
    assert changed.checksum != before["public.copy"].checksum


def test_a_dump_and_the_counts_see_the_same_rows(pair: Pair, database: str) -> None:
    primary = pair.primary
    primary.query("CREATE TABLE visit AS SELECT n FROM generate_series(1, 100) n", database=database)
    dump = pair.place / "visit.dump"
    with primary.exported_snapshot(database) as snapshot:
        primary.query("INSERT INTO visit SELECT n FROM generate_series(1, 100) n", database=database)
        seen = primary.tables(database, timeout_s=30, snapshot=snapshot)
        done = HERE.run(primary.dump_command(database, snapshot), timeout_s=60, environment=primary.environment())
        dump.write_bytes(done.check("pg_dump").out)
    with pytest.raises(StepError):  # it is gone with its session
        primary.tables(database, timeout_s=30, snapshot=snapshot)

    restored = f"{database[:40]}_back"
    restore(primary, dump, restored)
    try:
        assert seen["public.visit"].rows == 100
        assert primary.tables(restored, timeout_s=30) == seen
        assert primary.size_of(restored) > 1_000_000
    finally:
        primary.query(f"DROP DATABASE {restored}")


def test_other_sessions_temporary_tables_tablespaces_and_time_outs_are_in_nobodys_way(
    pair: Pair, database: str
) -> None:
    primary = pair.primary
    primary.query("SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION ''")
    primary.query("CREATE TABLE visit TABLESPACE fast AS SELECT n FROM generate_series(1, 10) n", database=database)
    primary.query(f'ALTER DATABASE "{database}" SET idle_in_transaction_session_timeout = 100')
    primary.query(f'ALTER DATABASE "{database}" SET statement_timeout = 1000')
    dump, restored = pair.place / "fast.dump", f"{database[:40]}_back"
    argv, environment, _ = primary.host.command(primary._psql(database), primary.environment())
    with process.start(argv, environment=environment, stdin=subprocess.PIPE) as application:
        assert application.stdin is not None
        assert application.stdout is not None
        application.stdin.write(b"CREATE TEMP TABLE scratch (n int); SELECT 'made';\n")
        application.stdin.flush()
        assert application.stdout.readline() == b"made\n"
        try:
            with primary.exported_snapshot(database) as snapshot:
                primary.query("SELECT pg_sleep(1.2)", database=database)
                seen = primary.tables(database, timeout_s=30, snapshot=snapshot)
                done = HERE.run(
                    primary.dump_command(database, snapshot), timeout_s=60, environment=primary.environment()
                )
            dump.write_bytes(done.check("pg_dump").out.replace(b"fast", b"gone"))
            restore(primary, dump, restored)

            assert list(seen) == ["public.visit"]
            assert primary.tables(restored, timeout_s=30) == seen
        finally:
            primary.query(f"DROP DATABASE IF EXISTS {restored}")
            primary.query("DROP TABLE visit", database=database)
            primary.query("DROP TABLESPACE fast")


@pytest.mark.parametrize("damage", ["cut", "not a dump", "missing", "empty"])
def test_a_broken_dump_is_never_half_restored_in_silence(pair: Pair, database: str, damage: str) -> None:
    primary = pair.primary
    primary.query(
        "CREATE TABLE visit AS SELECT n, md5(n::text) AS patient FROM generate_series(1, 5000) n", database=database
    )
    with primary.exported_snapshot(database) as snapshot:
        done = HERE.run(primary.dump_command(database, snapshot), timeout_s=60, environment=primary.environment())
    dump, restored = pair.place / "broken.dump", f"{database[:40]}_back"
    if damage != "missing":
        dump.write_bytes({"cut": done.out[:-50_000], "not a dump": b"SELECT 1;", "empty": b""}[damage])
    try:
        with pytest.raises(StepError, match="the dump could not be restored: pg_restore: error:"):
            restore(primary, dump, restored)
    finally:
        primary.query(f"DROP DATABASE IF EXISTS {restored}")
        dump.unlink(missing_ok=True)


def test_rows_are_not_repeated_in_errors(pair: Pair, database: str) -> None:
    """A dump whose rows break a rule of the target: PostgreSQL's own error quotes the patient."""
    primary = pair.primary
    primary.query(
        "CREATE TABLE visit (patient text); INSERT INTO visit VALUES ('Jeanne'), ('Jeanne')", database=database
    )
    with primary.exported_snapshot(database) as snapshot:
        done = HERE.run(primary.dump_command(database, snapshot), timeout_s=60, environment=primary.environment())
    dump, restored = pair.place / "rows.dump", f"{database[:40]}_back"
    dump.write_bytes(done.check("pg_dump").out.replace(b"patient text", b"patient int "))
    try:
        with pytest.raises(StepError) as caught:
            restore(primary, dump, restored)
        assert "CONTEXT" not in caught.value.message
        assert "Jeanne" not in caught.value.message
        assert "invalid input syntax" in caught.value.message
    finally:
        primary.query(f"DROP DATABASE IF EXISTS {restored}")
        dump.unlink()


# --- roles --------------------------------------------------------------------------------------------------------


def test_roles_and_lag(pair: Pair) -> None:
    primary, standby = pair.primary, pair.standby

    assert (primary.is_in_recovery(), standby.is_in_recovery()) == (False, True)
    assert primary.system_identifier() == standby.system_identifier()
    lag = primary.lag_of("bordeaux")
    assert lag is not None
    assert (lag.sync_state, lag.received >= 0, lag.replayed >= 0) == ("async", True, True)
    assert primary.lag_of("paris") is None
    assert primary.lag_of("' OR true --") is None
    primary.wait_for_standby_to_confirm("bordeaux")
    primary.query("CREATE TABLE confirmed (x int)")
    assert 0 < wait_for(lambda: waited_for_a_commit(primary)) < 10
    assert standby.received_position() >= standby.replayed_position() > 0
    primary.query("ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf(); DROP TABLE confirmed")


def waited_for_a_commit(primary: Server) -> float | None:
    """PostgreSQL forgets how long that took as soon as the standby has nothing more to confirm."""
    primary.query("INSERT INTO confirmed VALUES (1)")
    lag = primary.lag_of("bordeaux")
    assert lag is not None
    assert lag.sync_state == "sync"
    return lag.confirmed_after_s


def test_stopped_cleanly_and_following_again(pair: Pair) -> None:
    standby = pair.standby
    standby.stop(timeout_s=60)
    standby.stop(timeout_s=60)  # nothing is left to stop

    assert not standby.is_running()
    assert standby.control()["Database cluster state"] == "shut down in recovery"
    with pytest.raises(ServerDown):
        standby.value("SELECT 1")
    follow(standby, pair.primary, "bordeaux-2")
    passfile = Path(standby.data, "albus-dr.pgpass")
    assert passfile.stat().st_mode & 0o777 == 0o600
    assert "secret" not in Path(standby.data, "postgresql.auto.conf").read_text()
    standby.stop(timeout_s=60)
    follow(standby, pair.primary)
    assert Path(standby.data, "postgresql.auto.conf").read_text().count("primary_conninfo") == 1


def left_by_a_restore(server: Server) -> None:
    """What a restore to a point in time leaves in a server's settings; pgBackRest writes it so."""
    with Path(server.data, "postgresql.auto.conf").open("a") as file:
        file.write("recovery_target_time = '2020-01-01 00:00:00+00'\nrecovery_target_action = 'promote'\n")


def test_a_target_that_a_restore_left_does_not_promote_a_standby(pair: Pair) -> None:
    primary, standby = pair.primary, pair.standby
    standby.stop(timeout_s=60)
    left_by_a_restore(standby)
    follow(standby, primary)
    primary.wait_for_standby_to_confirm("bordeaux")
    primary.query("SET synchronous_commit = remote_apply; CREATE TABLE after_the_target (x int)", timeout_s=30)
    assert standby.is_in_recovery()
    assert standby.value("SELECT to_regclass('after_the_target') IS NOT NULL") == "t"
    primary.query("ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf(); DROP TABLE after_the_target")


def test_a_standby_of_nobody_waits_to_be_promoted_whatever_a_restore_left(pair: Pair) -> None:
    alone = a_server(pair.place, "alone")
    try:
        alone.create(timeout_s=120)
        alone.start(timeout_s=60)
        alone.query("CREATE TABLE written_last (x int)")
        alone.stop_at_once()  # so that it has commits to replay
        left_by_a_restore(alone)
        alone.follow_nobody(taken=2, timeout_s=60)
        assert alone.is_in_recovery()
        assert alone.value("SELECT to_regclass('written_last') IS NOT NULL") == "t"
    finally:
        alone.stop_at_once()


def test_a_directory_that_holds_no_server(pair: Pair, tmp_path: Path) -> None:
    nowhere = replace(pair.primary, data=str(tmp_path))
    assert not nowhere.is_running()
    with pytest.raises(StepError, match="is not a readable data directory"):
        nowhere.control()
    with pytest.raises(StepError, match="did not start"):
        nowhere.start(timeout_s=5)


def test_promotion_takes_a_proof_or_does_not_type_check(tmp_path: Path) -> None:
    code = tmp_path / "snippet.py"
    code.write_text(
        "from albus_dr.tools.fence import FenceProof\nfrom albus_dr.tools.postgres import Server\n\n\n"
        "def right(server: Server, proof: FenceProof) -> None:\n    server.promote(proof, server.identity(), timeout_s=1)\n\n\n"
        "def without(server: Server) -> None:\n    server.promote(seen=server.identity(), timeout_s=1)\n\n\n"
        "def words(server: Server) -> None:\n    server.promote('it is off', server.identity(), timeout_s=1)\n\n\n"
        "def maybe(server: Server, proof: FenceProof | None) -> None:\n"
        "    server.promote(proof, server.identity(), timeout_s=1)\n"
    )
    top = Path(__file__).parents[2]
    done = subprocess.run(
        (sys.executable, "-m", "mypy", "--config-file", str(top / "pyproject.toml"), "--follow-imports", "silent", str(code)),
        cwd=top, capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]

    assert [line.split(":")[1] for line in errors] == ["10", "14", "18"], done.stdout
    assert "[call-arg]" in errors[0]
    assert all("[arg-type]" in line for line in errors[1:])


def test_promoted_with_a_proof_and_not_without(pair: Pair) -> None:
    """The last one: the pair is no pair afterwards."""
    standby = pair.standby
    seen = standby.identity()
    assert seen.system_identifier == pair.primary.system_identifier()
    with pytest.raises(RefusedError, match="rests on nothing"):
        standby.promote(replace(PROOF, rests_on=""), seen, timeout_s=30)
    assert standby.is_in_recovery()
    for other in (
        replace(seen, timeline=seen.timeline + 1), replace(seen, system_identifier="7"),
        replace(seen, started="2020-01-01 00:00:00+00"),
    ):  # fmt: skip
        with pytest.raises(RefusedError, match="not the standby that was seen"):
            standby.promote(PROOF, other, timeout_s=30)
    assert standby.is_in_recovery()

    pair.primary.wait_for_standby_to_confirm("bordeaux")
    standby.promote(PROOF, seen, timeout_s=60)

    assert not standby.is_in_recovery()
    standby.query("CREATE TABLE written (x int)")
    with pytest.raises(TransientError):
        replace(standby, port=free_port()).promote(PROOF, seen, timeout_s=1)
    with pytest.raises(RefusedError, match="not the standby that was seen"):
        standby.promote(PROOF, seen, timeout_s=30)
