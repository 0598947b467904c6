"""The init script of Albus. What it starts is in albus_dr.bench.web, and imported only for that: asking must be quick.

    python -m albus_dr.bench.application serve --port N           in the foreground; SIGTERM stops it
    python -m albus_dr.bench.application start|stop|status FILE   as an init script does

``serve`` takes the libpq URI in DATABASE_URL and the documents' folder in DOCUMENTS. FILE is JSON: address, port, database_url,
documents, pidfile, log. ``start`` returns once the port answers, be it with 503 because the database is down; ``stop``
once the process is gone; ``status`` exits with 0 when it runs and 3 when it does not.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from albus_dr.bench.files import write_private
from albus_dr.bench.processes import Running, end, is_alive, last_lines, look

LOOPBACK = "127.0.0.1"
PATIENCE_S = 5.0  # a little more than what albus_dr.bench.web gives its last requests
START_WITHIN_S = 15.0
NOT_RUNNING = 3  # as the Linux Standard Base has it for init scripts


class Service(NamedTuple):
    """One installed application: FILE."""

    port: int
    database_url: str
    documents: Path
    pidfile: Path
    log: Path
    address: str = LOOPBACK

    @classmethod
    def read(cls, file: Path) -> Service:
        raw: dict[str, Any] = json.loads(file.read_text())
        return cls(
            int(raw["port"]), str(raw["database_url"]), Path(raw["documents"]), Path(raw["pidfile"]), Path(raw["log"]),
            str(raw.get("address", LOOPBACK)),
        )  # fmt: skip

    def running(self) -> Running | None:
        """Never a stranger that was given the same process id later."""
        try:
            recorded = json.loads(self.pidfile.read_text())
            process = Running(int(recorded["pid"]), int(recorded["started"]))
        except (OSError, ValueError, KeyError):
            return None
        return process if is_alive(process) else None


def start(service: Service) -> int:
    """Returns once it answers. When it runs already, nothing happens."""
    with _alone(service):
        if service.running():
            return 0
        news, tell = os.pipe()
        if os.fork() == 0:
            _become_daemon(service, tell)
        os.close(tell)
        is_late = not select.select([news], [], [], START_WITHIN_S)[0]
        if is_late or os.read(news, 1) == b"":
            what = f"it did not open its port within {START_WITHIN_S:g} s" if is_late else "it ended at once"
            return _complain(f"{what}: {last_lines(service.log)}")
        return 0


def stop(service: Service) -> int:
    """Returns once it is gone. When it does not run, nothing happens."""
    with _alone(service):
        running = service.running()
        if running and end([running], patience_s=PATIENCE_S):
            return _complain(f"process {running.pid} could not be stopped")
        service.pidfile.unlink(missing_ok=True)
        return 0


def status(service: Service) -> int:
    return 0 if service.running() else NOT_RUNNING


def _become_daemon(service: Service, tell: int) -> NoReturn:
    """In the child; writes to ``tell`` once the port is open.

    The process id is on disk before that, so nobody can start a second one.
    """
    try:
        os.setsid()
        os.chdir("/")
        log = os.open(service.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log), (3, tell)):
            os.dup2(source, target)
        os.closerange(4, 256)  # the lock among them: it is the starter's
        me = look(os.getpid())
        assert me is not None
        write_private(service.pidfile, json.dumps({"pid": me.pid, "started": me.started}))
        from albus_dr.bench.web import serve

        serve((service.address, service.port), service.database_url, service.documents, lambda: _say_ready(3))
    except BaseException as error:  # noqa: BLE001  # nothing may return into the starter's code
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


@contextmanager
def _alone(service: Service) -> Iterator[None]:
    """One start or stop at a time."""
    lock = os.open(service.pidfile.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _say_ready(tell: int) -> None:
    os.write(tell, b"1")
    os.close(tell)


def _complain(what: str) -> int:
    print(f"the application: {what}", file=sys.stderr)
    return 1


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    verbs = {"start": start, "stop": stop, "status": status}
    if len(given) == 2 and given[0] in verbs:
        try:
            service = Service.read(Path(given[1]))
        except OSError as error:  # a site that was lost
            print(f"{given[1]}: {error.strerror}", file=sys.stderr)
            return 1
        return verbs[given[0]](service)
    return _serve(given)


def _serve(given: list[str]) -> int:
    import argparse  # no init script needs it

    parser = argparse.ArgumentParser(prog="albus_dr.bench.application")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve").add_argument("--port", type=int, required=True)
    for name in ("start", "stop", "status"):
        verbs.add_parser(name).add_argument("file")
    port = parser.parse_args(given).port
    from albus_dr.bench.web import serve

    serve((LOOPBACK, port), os.environ["DATABASE_URL"], Path(os.environ["DOCUMENTS"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
