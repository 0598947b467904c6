"""What a runbook says of a PostgreSQL database."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from albus_dr.runbook.model import Name, Seconds, SqlCheck, Strict, WorkloadModel
from albus_dr.workloads.registry import Reference


class DumpPoints(Strict):
    """Logical dumps."""

    dump: Name = Field(description="The repository, by its name at each site.")
    every: Seconds | None = Field(None, description="How often `replicate` is meant to run.")


class Model(WorkloadModel):
    """A PostgreSQL database with a streaming standby at the other site."""

    kind: Literal["postgres"]
    server: Name = Field(description="The server, by its name at each site.")
    database: str = Field(min_length=1, description="The database.")
    replication: Literal["synchronous", "asynchronous"] = Field(
        "asynchronous",
        description="`synchronous` is a promise that `status` checks: a write is acknowledged once both sites have it. PostgreSQL "
        "keeps it where `synchronous_standby_names` says so.",
    )
    recovery_points: DumpPoints
    marker: str | None = Field(
        None,
        description="SQL that gives the time (timestamptz) of the newest write: the recovery point actual. Without it no failover "
        "refuses to lose more than the RPO. Let something write all the time, or a quiet night looks like a loss.",
    )
    verify: tuple[SqlCheck, ...] = Field((), description="Questions to the recovered database.")


def references(model: Model) -> tuple[Reference, ...]:
    """The server and the repository, at both sites."""
    return (
        Reference(("server",), "servers", model.server),
        Reference(("recovery_points", "dump"), "repositories", model.recovery_points.dump),
    )
