"""The application: started, stopped, and asked through its own door."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from albus_dr.runbook.model import HttpCheck, Name, WorkloadModel
from albus_dr.workloads.registry import Reference, later
from albus_dr.workloads.service.request import Request, unknown_name

__all__ = ["Model", "references"]


class Model(WorkloadModel):
    """A service that users reach over HTTP."""

    kind: Literal["service"]
    service: Name = Field(description="The service, by its name at each site.")
    verify: tuple[HttpCheck, ...] = Field(
        (),
        description="Questions to the running service, one at least that makes it read from its database: "
        "a drill looks whether its copy has opened what was restored. Without any, no run shows that it serves.",
    )
    rehearse: tuple[Request, ...] = Field(
        (),
        description="A day's work, request by request, with a drill's copy alone: it may write. Later requests know what "
        "earlier ones have kept.",
    )

    @field_validator("rehearse")
    @classmethod
    def _names_are_kept(cls, requests: tuple[Request, ...]) -> tuple[Request, ...]:
        if wrong := unknown_name(requests):
            raise ValueError(f"{wrong}, in rehearse")
        return requests


def references(model: Model) -> tuple[Reference, ...]:
    """The service, at both sites."""
    return (Reference(("service",), "services", model.service),)


__getattr__ = later(__name__, ACTIONS="actions", steps="derive")
