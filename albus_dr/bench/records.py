"""What Albus answers: its agenda, patients, invoices, visits and documents. No HTTP here.

A write is answered only after its commit, so it is at the other site when replication is synchronous.
The folder is copied only now and then: an uploaded document is therefore committed in the database first (its inbox)
and written to the folder after that; whoever reads it finds it in either. Nobody empties the inbox here.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from albus_dr.bench.database import Connection, Database, Unavailable, fetch_one
from albus_dr.bench.files import write_private
from albus_dr.bench.patients import document_path

READERS, WRITERS = 4, 8  # apart: writes that wait for the other site leave the readers alone
LISTED_AT_ONCE = 10_000


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = "application/json"


def as_json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value, default=str).encode())


NOT_FOUND = as_json(HTTPStatus.NOT_FOUND, {"error": "there is no such thing"})


class Albus:
    """The application without HTTP: every method answers one kind of request. Raises Unavailable."""

    def __init__(self, database_url: str, documents: Path) -> None:
        self._reading = Database(database_url, READERS)
        self._writing = Database(database_url, WRITERS)
        self._documents = documents

    def health(self) -> Answer:
        """200 only where a write would be taken."""
        row = self._reading.run(
            lambda db: fetch_one(
                db, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only"
            )
        )
        if row is None or row["read_only"]:
            raise Unavailable("the database takes no writes")
        if not os.access(self._documents, os.R_OK | os.X_OK):
            raise Unavailable("the documents can't be read")
        return as_json(HTTPStatus.OK, {"status": "ok"})

    def agenda(self) -> Answer:
        """Today's appointments, in UTC."""

        def work(db: Connection) -> list[dict[str, Any]]:
            return db.execute(
                "SELECT id, patient_id, starts_at, reason FROM appointment"
                " WHERE starts_at >= date_trunc('day', now(), 'UTC')"
                " AND starts_at < date_trunc('day', now(), 'UTC') + interval '1 day' ORDER BY starts_at, id"
            ).fetchall()

        return as_json(HTTPStatus.OK, {"appointments": self._reading.run(work)})

    def patient(self, patient_id: int) -> Answer:
        def work(db: Connection) -> dict[str, Any] | None:
            patient = fetch_one(db, "SELECT * FROM patient WHERE id = %s", patient_id)
            documents = db.execute(
                "SELECT id, name, sha256, size FROM document WHERE patient_id = %s ORDER BY id DESC LIMIT 100",
                (patient_id,),
            ).fetchall()
            return patient and {**patient, "documents": documents}

        found = self._reading.run(work)
        return as_json(HTTPStatus.OK, found) if found else NOT_FOUND

    def document(self, patient_id: int, document_id: int) -> Answer:
        """The bytes that were uploaded, from the folder or from the inbox, never others: the checksum is compared."""
        row = self._reading.run(
            lambda db: fetch_one(
                db, "SELECT sha256, content FROM document WHERE id = %s AND patient_id = %s", document_id, patient_id
            )
        )
        if row is None:
            return NOT_FOUND
        path = document_path(self._documents, document_id)
        with suppress(OSError):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == row["sha256"]:
                return Answer(HTTPStatus.OK, content, "application/octet-stream")
        if row["content"] is None:
            return as_json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the document is missing or damaged"})
        self._put_in_folder(document_id, row["content"])
        return Answer(HTTPStatus.OK, row["content"], "application/octet-stream")

    def invoice(self, invoice_id: int) -> Answer:
        row = self._reading.run(lambda db: fetch_one(db, "SELECT * FROM invoice WHERE id = %s", invoice_id))
        return as_json(HTTPStatus.OK, row) if row else NOT_FOUND

    def visit_numbers(self, after: int) -> Answer:
        """Those that have their invoice: a visit without one was not saved."""

        def work(db: Connection) -> list[int]:
            rows = db.execute(
                "SELECT number FROM visit JOIN invoice ON visit_id = visit.id"
                " WHERE number > %s ORDER BY number LIMIT %s",
                (after, LISTED_AT_ONCE),
            ).fetchall()
            return [row["number"] for row in rows]

        return as_json(HTTPStatus.OK, {"numbers": self._reading.run(work)})

    def document_numbers(self, after: int) -> Answer:
        """Uploaded documents, each with the checksum of the bytes that are there now."""

        def work(db: Connection) -> list[dict[str, Any]]:
            return db.execute(
                "SELECT number, encode(sha256(content), 'hex') AS sha256 FROM document"
                " WHERE number > %s ORDER BY number LIMIT %s",
                (after, LISTED_AT_ONCE),
            ).fetchall()

        return as_json(HTTPStatus.OK, {"documents": self._reading.run(work)})

    def record_visit(self, number: int, patient_id: int, note: str, amount_cents: int) -> Answer:
        """A visit and its invoice, or neither. The same number again changes nothing.

        The update that changes nothing is a write all the same: its commit waits for the other site, and so does
        whatever it found. A plain lookup could see a visit whose own commit is still (or no longer) waiting.
        """

        def work(db: Connection) -> tuple[bool, int]:
            visit = fetch_one(
                db,
                "INSERT INTO visit (number, patient_id, note) VALUES (%s, %s, %s)"
                " ON CONFLICT (number) DO UPDATE SET number = excluded.number RETURNING id, xmax = 0 AS is_new",
                number, patient_id, note,
            )  # fmt: skip
            assert visit is not None
            billed = "INSERT INTO invoice (visit_id, amount_cents) VALUES (%s, %s) RETURNING id"
            known = "SELECT id FROM invoice WHERE visit_id = %s"
            values = (visit["id"], amount_cents) if visit["is_new"] else (visit["id"],)
            invoice = fetch_one(db, billed if visit["is_new"] else known, *values)
            assert invoice is not None
            return bool(visit["is_new"]), int(invoice["id"])

        is_new, invoice = self._writing.run(work)
        return as_json(HTTPStatus.CREATED if is_new else HTTPStatus.OK, {"number": number, "invoice": invoice})

    def upload(self, patient_id: int, number: int, content: bytes) -> Answer:
        """A document. The same number again changes nothing (see record_visit)."""
        checksum = hashlib.sha256(content).hexdigest()

        def work(db: Connection) -> dict[str, Any] | None:
            return fetch_one(
                db,
                "INSERT INTO document (number, patient_id, name, sha256, size, content) VALUES (%s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (number) DO UPDATE SET number = excluded.number RETURNING id, sha256, xmax = 0 AS is_new",
                number, patient_id, f"upload-{number}", checksum, len(content), content,
            )  # fmt: skip

        row = self._writing.run(work)
        assert row is not None
        if row["sha256"] != checksum:
            return as_json(HTTPStatus.CONFLICT, {"error": "another document has this number"})
        with suppress(OSError):  # it is safe in the inbox; whoever reads it tries the folder again
            self._put_in_folder(row["id"], content)
        return as_json(HTTPStatus.CREATED if row["is_new"] else HTTPStatus.OK, {"id": row["id"], "sha256": checksum})

    def _put_in_folder(self, document_id: int, content: bytes) -> None:
        path = document_path(self._documents, document_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, content)
