"""What a commit waits for, when it waits for the other site."""

from __future__ import annotations

import socket
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from albus_dr.bench.postgres import DATABASE, Server
from albus_dr.bench.processes import end
from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench
from albus_dr.tools.inventory import postgres_program
from benchmarks.delay import DelayProxy, delayed, round_trip_through
from benchmarks.harness import Result, Series, Settings, seconds_of

ROUND_TRIPS_MS = (0, 12, 20)
MODES = {"asynchronous": "local", "synchronous": "on"}
COMMITS = 200
SCRIPT = "INSERT INTO latency (note) VALUES ('one visit');\n"


def commits(settings: Settings) -> tuple[Result, ...]:
    """Single inserts, one after the other, through a proxy that delays what goes between the two servers."""
    with Bench.create(settings.directory / "d", "small", seed=1) as bench:
        try:
            with _pair(bench) as (primary, proxy):
                series = _measure(settings, primary, proxy)
                trips = _round_trips()
        finally:
            bench.stop()
    bench.remove()
    by_label = {one.label: one for one in series}
    extra = {
        trip: by_label[f"synchronous, {trip} ms"].median - by_label[f"asynchronous, {trip} ms"].median
        for trip in ROUND_TRIPS_MS
    }
    figure = ", ".join(f"{more:+.1f} ms at {trip} ms" for trip, more in extra.items())
    note = (
        f"Each sample is the median of {COMMITS} single-row commits by pgbench with one client; synchronous_commit is "
        "local or on in the same database. Strasbourg and Bordeaux are 758 km apart: light in fibre needs 7.6 ms there "
        f"and back, networks more. Measured through the proxy: {trips}."
    )
    return (Result("commits", series, figure, None, (note,)),)


def _measure(settings: Settings, primary: Server, proxy: DelayProxy) -> tuple[Series, ...]:
    samples: dict[str, list[float]] = {f"{mode}, {trip} ms": [] for trip in ROUND_TRIPS_MS for mode in MODES}
    for number in range(settings.repetitions):
        for trip in ROUND_TRIPS_MS:
            proxy.round_trip_s = trip / 1000
            for mode, value in MODES.items():
                samples[f"{mode}, {trip} ms"].append(_commit_ms(settings.directory, primary, value))
        settings.say(", ".join(f"{label}: {taken[number]:.1f}" for label, taken in samples.items()))
    return tuple(Series(label, tuple(taken), "ms a commit") for label, taken in samples.items())


def _commit_ms(directory: Path, primary: Server, synchronous_commit: str) -> float:
    """Median milliseconds of a commit."""
    script, log = directory / "insert.sql", directory / "commits"
    script.write_text(SCRIPT)
    seconds_of(
        (str(postgres_program("pgbench")), "-n", "-c", "1", "-t", str(COMMITS), "-f", str(script), "--log",
         "--log-prefix", str(log), "-h", str(primary.socket), "-p", str(primary.port), "-U", "postgres", DATABASE),
        environment={"PGOPTIONS": f"-c synchronous_commit={synchronous_commit}"}, timeout_s=120,
    )  # fmt: skip
    taken: list[float] = []
    for path in directory.glob("commits.*"):
        taken += [int(line.split()[2]) / 1000 for line in path.read_text().splitlines()]
        path.unlink()
    return statistics.median(taken)


@contextmanager
def _pair(bench: Bench) -> Iterator[tuple[Server, DelayProxy]]:
    """A primary and a standby that follows it through the proxy; both are ended with the block."""
    primary, standby = (bench.sites[name].server for name in (PRIMARY, SECONDARY))
    password = (bench.directory / "secrets" / "replication").read_text()
    try:
        primary.initialise(password)
        with delayed(primary.port) as proxy:
            standby.follow(replace(primary, port=proxy.port), SECONDARY)
            primary.wait_for_standby(SECONDARY, synchronous=True)
            with primary.connect() as connection:
                connection.execute("CREATE TABLE latency (id bigint GENERATED ALWAYS AS IDENTITY, note text)")
            yield primary, proxy
            end(standby.postmasters())
    finally:
        end([*standby.postmasters(), *primary.postmasters()])


def _round_trips() -> str:
    """What an echo through a proxy like this one takes at each setting, for people."""
    with _echo() as port, delayed(port) as other:
        found = []
        for trip in ROUND_TRIPS_MS:
            other.round_trip_s = trip / 1000
            found.append(statistics.median(round_trip_through(other.port) for _ in range(9)) * 1000)
    return ", ".join(f"{ms:.1f} ms set to {trip}" for ms, trip in zip(found, ROUND_TRIPS_MS, strict=True))


@contextmanager
def _echo() -> Iterator[int]:
    """A port that says what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while heard := connection.recv(64):
                        connection.sendall(heard)

        threading.Thread(target=answer, name="echo", daemon=True).start()
        try:
            yield int(server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
