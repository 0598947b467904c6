"""What more than one room of the tests needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from albus_dr.bench import machine
from albus_dr.errors import NotReadyError
from albus_dr.tools import process
from albus_dr.tools.inventory import postgres_program, require_program


def pytest_configure() -> None:
    """Ports of its own for each process of pytest: where a server of one is stopped, another's must not answer."""
    worker, count = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    machine.PORTS = machine.PORTS[int(worker.removeprefix("gw")) :: count]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have found for people (``record_property("found", …)``): a process of xdist has no terminal."""
    said = [
        str(text)
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for name, text in report.user_properties
        if name == "found"
    ]
    if said:
        terminalreporter.section("found")
        terminalreporter.write_line("\n".join(said))


@pytest.fixture(scope="session")
def programs() -> None:
    """Skips where the bench's programs are missing, and says which."""
    try:
        postgres_program("initdb")
        for name in ("haproxy", "restic", "rclone"):
            require_program(name)
    except NotReadyError as error:
        pytest.skip(error.message)


@pytest.fixture(autouse=True)
def secrets_of_one_test() -> Iterator[None]:
    """What one test registers as a secret, a common word perhaps, is none in the next, whichever that is."""
    before = set(process._redacted)
    yield
    process._redacted.intersection_update(before)
