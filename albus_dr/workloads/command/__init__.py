"""Whatever else: commands of the user's own, one for each phase of an operation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from albus_dr.runbook.model import Argv, Name, Seconds, Strict, WorkloadModel
from albus_dr.workloads.registry import Reference, later

__all__ = ["Model", "references"]


class Commands(Strict):
    """Arguments without a shell. ALBUS_DR_RUN, _OPERATION, _SOURCE, _TARGET and _SITE are in the environment."""

    ready: Argv | None = Field(None, description="Exit code 0: ready. At the target.")
    release: Argv | None = Field(None, description="Let go of the source (switchover). At the source.")
    take: Argv | None = Field(None, description="Make it work at the target, or copy to it (replicate, reprotect).")
    verify: Argv | None = Field(None, description="Exit code 0: it works. At the target.")
    repeatable: bool = Field(False, description="`take` does no harm when it is run twice.")


class Model(WorkloadModel):
    """Anything with commands."""

    kind: Literal["command"]
    host: Name | None = Field(None, description="The host, by its name at each site. Default: where albus-dr runs.")
    timeout: Seconds = Field(300.0, description="Of each command.")
    replicate: Commands | None = None
    drill: Commands | None = None
    switchover: Commands | None = None
    failover: Commands | None = None
    reprotect: Commands | None = None


def references(model: Model) -> tuple[Reference, ...]:
    """The host is checked by the loader as every host is."""
    return ()


__getattr__ = later(__name__, ACTIONS="actions", steps="derive")
