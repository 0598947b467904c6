"""What a runbook says of a directory tree."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from albus_dr.runbook.model import Name, Seconds, Strict, WorkloadModel
from albus_dr.workloads.registry import Reference


def _percent(value: object) -> float:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())):
        share = float(match[1])
        if 0 < share <= 100:
            return share / 100
    raise ValueError("a share needs a number and %, above 0% and up to 100%, for example 10%")


Share = Annotated[float, BeforeValidator(_percent), Field(json_schema_extra={"type": "string"})]


class FilePoints(Strict):
    """restic snapshots of the tree."""

    restic: Name = Field(description="The repository, by its name at each site.")
    every: Seconds | None = Field(None, description="How often `replicate` is meant to run.")


class FileChecks(Strict):
    """What is compared after a restore."""

    sha256: Share = Field(
        1.0,
        description="The share of the files whose content is compared with the manifest.",
        json_schema_extra={"default": "100%"},
    )


class Model(WorkloadModel):
    """A directory tree."""

    kind: Literal["files"]
    path: Name = Field(description="The path, by its name at each site.")
    recovery_points: FilePoints
    warm: bool = Field(False, description="`replicate` also keeps the other site's copy of the tree fresh.")
    verify: FileChecks = Field(default_factory=lambda: FileChecks(sha256="100%"))


def references(model: Model) -> tuple[Reference, ...]:
    """The path and the repository, at both sites."""
    return (
        Reference(("path",), "paths", model.path),
        Reference(("recovery_points", "restic"), "repositories", model.recovery_points.restic),
    )
