"""PostgreSQL: a streaming standby at the other site, and logical dumps in restic as recovery points."""

from __future__ import annotations

from albus_dr.workloads.postgres.model import Model, references
from albus_dr.workloads.registry import later

__all__ = ["Model", "references"]

__getattr__ = later(__name__, ACTIONS="actions", steps="derive")
