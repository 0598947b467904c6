"""Albus over HTTP, as small as it can be and still lose data when something goes wrong: what the bench recovers."""

from __future__ import annotations

import json
import re
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

import psycopg

from albus_dr.bench.database import Unavailable
from albus_dr.bench.records import NOT_FOUND, Albus, Answer, as_json

LARGEST_UPLOAD = 32 * 1024 * 1024
FINISH_WITHIN_S = 3.0


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

    def __init__(self, address: tuple[str, int], albus: Albus) -> None:
        self.albus = albus
        self.is_stopping = False
        self._busy = 0
        self._changed = threading.Condition()
        super().__init__(address, Handler)

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


def serve(
    address: tuple[str, int], database_url: str, documents: Path, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Until SIGTERM or SIGINT; ``on_ready`` is called once the port is open. Raises OSError when the port is taken."""
    asked_to_stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: asked_to_stop.set())
    server = Server(address, Albus(database_url, documents))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    on_ready()
    asked_to_stop.wait()
    server.finish()
