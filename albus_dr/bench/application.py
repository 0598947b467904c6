"""Albus over HTTP, as small as it can be and still lose data when something goes wrong: what the bench recovers.

    python -m albus_dr.bench.application serve --port N           in the foreground; SIGTERM stops it
    python -m albus_dr.bench.application start|stop|status FILE   as an init script does

``serve`` takes the libpq URI in DATABASE_URL and the documents' folder in DOCUMENTS. FILE is JSON: port, database_url,
documents, pidfile, log. ``start`` returns once the port answers, be it with 503 because the database is down; ``stop``
once the process is gone; ``status`` exits with 0 when it runs and 3 when it does not.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import psycopg

from albus_dr.bench.database import Unavailable
from albus_dr.bench.files import write_private
from albus_dr.bench.processes import Running, end, is_alive, last_lines, look
from albus_dr.bench.records import NOT_FOUND, Albus, Answer, as_json

ADDRESS = "127.0.0.1"
LARGEST_UPLOAD = 32 * 1024 * 1024
FINISH_WITHIN_S = 3.0
START_WITHIN_S = 15.0
NOT_RUNNING = 3  # as the Linux Standard Base has it for init scripts


class BadRequest(Exception):
    """The client's fault; the message goes back to it."""


@dataclass(frozen=True)
class Request:
    """What a route needs of it."""

    ids: tuple[int, ...]
    """The numbers in the path, in order."""
    body: bytes
    number: str | None
    """The header X-Number."""


def _record_visit(albus: Albus, request: Request) -> Answer:
    try:
        visit = json.loads(request.body)
        values = int(visit["number"]), int(visit["patient_id"]), str(visit["note"]), int(visit["amount_cents"])
    except (ValueError, KeyError, TypeError):
        raise BadRequest("a visit has number, patient_id, note and amount_cents") from None
    return albus.record_visit(*values)


def _upload(albus: Albus, request: Request) -> Answer:
    if request.number is None or not re.fullmatch(r"\d{1,18}", request.number):
        raise BadRequest("a document comes with its number in the header X-Number")
    return albus.upload(request.ids[0], int(request.number), request.body)


ID = r"(\d{1,18})"
ROUTES: tuple[tuple[str, re.Pattern[str], Callable[[Albus, Request], Answer]], ...] = (
    ("GET", re.compile("/health"), lambda albus, r: albus.health()),
    ("GET", re.compile("/agenda/today"), lambda albus, r: albus.agenda()),
    ("GET", re.compile(f"/patients/{ID}"), lambda albus, r: albus.patient(*r.ids)),
    ("GET", re.compile(f"/patients/{ID}/documents/{ID}"), lambda albus, r: albus.document(*r.ids)),
    ("GET", re.compile(f"/invoices/{ID}"), lambda albus, r: albus.invoice(*r.ids)),
    ("GET", re.compile(rf"/visits/numbers\?after={ID}"), lambda albus, r: albus.visit_numbers(*r.ids)),
    ("GET", re.compile(rf"/documents/numbers\?after={ID}"), lambda albus, r: albus.document_numbers(*r.ids)),
    ("POST", re.compile("/visits"), _record_visit),
    ("POST", re.compile(f"/patients/{ID}/documents"), _upload),
)  # fmt: skip


class Server(ThreadingHTTPServer):
    """Knows how many requests it is working on, so that stopping can wait for them."""

    request_queue_size = 128

    def __init__(self, port: int, albus: Albus) -> None:
        self.albus = albus
        self.is_stopping = False
        self._busy = 0
        self._changed = threading.Condition()
        super().__init__((ADDRESS, port), Handler)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """One request, from its head to the last byte of its answer."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news; everything else goes to the log."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()

    def finish(self) -> None:
        """Take no new connections, and let the requests that are here have their answers, for a while."""
        self.is_stopping = True
        self.shutdown()
        self.server_close()
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0, FINISH_WITHIN_S)


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive in front of Albus."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 60  # an idle connection
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        with self.server.at_work():
            self._reply(self._answer("GET"))

    def do_POST(self) -> None:
        with self.server.at_work():
            self._reply(self._answer("POST"))

    def _answer(self, method: str) -> Answer:
        try:
            body = self._body()
            for verb, pattern, route in ROUTES:
                if verb == method and (match := pattern.fullmatch(self.path)):
                    ids = tuple(int(group) for group in match.groups())
                    return route(self.server.albus, Request(ids, body, self.headers.get("X-Number")))
            return NOT_FOUND
        except BadRequest as error:
            return as_json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except Unavailable as error:
            return as_json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
        except (psycopg.IntegrityError, psycopg.DataError):
            return as_json(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "the database refuses these values"})
        except Exception as error:  # noqa: BLE001  # one request's bug must not cost the others their service
            print(
                f"{method} {self.path.partition('?')[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True
            )
            return as_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "see the log"})

    def _body(self) -> bytes:
        """All of it: what is left unread would be taken for the next request."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_UPLOAD or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise BadRequest(f"a body has a Content-Length of at most {LARGEST_UPLOAD}")
        return self.rfile.read(int(length))

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.server.is_stopping or self.close_connection:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the paths name patients."""


def serve(port: int, database_url: str, documents: Path, on_ready: Callable[[], None] = lambda: None) -> None:
    """Until SIGTERM or SIGINT; ``on_ready`` is called once the port is open. Raises OSError when the port is taken."""
    asked_to_stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: asked_to_stop.set())
    server = Server(port, Albus(database_url, documents))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    on_ready()
    asked_to_stop.wait()
    server.finish()


# ---------------------------------------------------------------------------------------------- the init script


@dataclass(frozen=True)
class Service:
    """One installed application: FILE."""

    port: int
    database_url: str
    documents: Path
    pidfile: Path
    log: Path

    @classmethod
    def read(cls, file: Path) -> Service:
        raw: dict[str, Any] = json.loads(file.read_text())
        return cls(
            int(raw["port"]), str(raw["database_url"]), Path(raw["documents"]), Path(raw["pidfile"]), Path(raw["log"])
        )

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
        if running and end([running], patience_s=FINISH_WITHIN_S + 2):
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
        serve(service.port, service.database_url, service.documents, lambda: _say_ready(3))
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
    parser = argparse.ArgumentParser(prog="albus_dr.bench.application")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve").add_argument("--port", type=int, required=True)
    for name in ("start", "stop", "status"):
        verbs.add_parser(name).add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if given.verb == "serve":
        serve(given.port, os.environ["DATABASE_URL"], Path(os.environ["DOCUMENTS"]))
        return 0
    service = Service.read(given.file)
    return {"start": start, "stop": stop, "status": status}[given.verb](service)


if __name__ == "__main__":
    sys.exit(main())
