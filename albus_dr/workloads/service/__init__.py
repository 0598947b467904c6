"""The application: started, stopped, and asked through its own door."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from albus_dr.runbook.model import HttpCheck, Name, WorkloadModel
from albus_dr.workloads.registry import Reference, later

__all__ = ["Model", "references"]


class Model(WorkloadModel):
    """A service that users reach over HTTP."""

    kind: Literal["service"]
    service: Name = Field(description="The service, by its name at each site.")
    verify: tuple[HttpCheck, ...] = Field((), description="Questions to the running service.")


def references(model: Model) -> tuple[Reference, ...]:
    """The service, at both sites."""
    return (Reference(("service",), "services", model.service),)


__getattr__ = later(__name__, ACTIONS="actions", steps="derive")
