"""A directory tree, backed up by restic, and kept warm at the other site."""

from __future__ import annotations

from albus_dr.workloads.files.model import Model, references
from albus_dr.workloads.registry import later

__all__ = ["Model", "references"]

__getattr__ = later(__name__, ACTIONS="actions", steps="derive")
