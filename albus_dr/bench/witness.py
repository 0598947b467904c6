"""The witness of two sites that are apart: a small PostgreSQL at a third place, with one role and one database."""

from __future__ import annotations

from psycopg import sql

from albus_dr.bench.postgres import Server

ROLE = DATABASE = "witness"


def initialise(server: Server, password: str) -> None:
    """A new one, running. Raises StepError or NotReadyError."""
    server.initialise(password)
    with server.connect("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password))
        )
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
        )
