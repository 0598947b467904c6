"""The door that users come in by: closed at one site, opened at the other, and tried as users would."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from albus_dr.runbook.model import HttpCheck, Name, WorkloadModel
from albus_dr.workloads.registry import Reference, later

__all__ = ["Model", "references"]


class Model(WorkloadModel):
    """A reverse proxy before both sites."""

    kind: Literal["traffic"]
    proxy: Name = Field(description="The proxy, by its name in the config.")
    verify: tuple[HttpCheck, ...] = Field((), description="Questions through the door, as users ask them.")


def references(model: Model) -> tuple[Reference, ...]:
    """The proxy."""
    return (Reference(("proxy",), "proxies", model.proxy),)


__getattr__ = later(__name__, ACTIONS="actions", steps="derive")
