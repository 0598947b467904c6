"""The one family of errors that albus-dr raises on purpose.

An error knows its exit code (docs/reference/exit-codes.md) and its hint: what the reader can do next.
Anything else that reaches the top is a bug in albus-dr and exits with 1.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What scripts rely on. Fixed from the first release."""

    PASSED = 0
    BUG = 1
    USAGE = 2
    NOT_READY = 3
    STEP_FAILED = 4
    VERIFICATION_FAILED = 5
    OBJECTIVE_MISSED = 6
    CLEANUP_FAILED = 7
    REFUSED = 8
    OVERDUE = 9
    WAITING = 10
    INTERRUPTED = 130


class AlbusError(Exception):
    """What happened, and what to do next, in English. ``permanent`` says that trying again can't help."""

    exit_code: ExitCode = ExitCode.STEP_FAILED
    permanent: bool = True
    language: str = "en"
    """What people read it in, where it is a command's answer; ``--json`` keeps the English."""
    told: bool = False
    """Whoever is told how runs end has heard of it already."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AlbusError):
    """Wrong usage, or an invalid runbook or config."""

    exit_code = ExitCode.USAGE


class NotReadyError(AlbusError):
    """A readiness or preflight check says no."""

    exit_code = ExitCode.NOT_READY


class StepError(AlbusError):
    """A step could not do its work, and trying again can't help."""

    exit_code = ExitCode.STEP_FAILED


class TransientError(StepError):
    """A step could not do its work this time: late, refused, locked. It may be tried again."""

    permanent = False


class VerificationError(AlbusError):
    """The data came back, and it is not what was saved."""

    exit_code = ExitCode.VERIFICATION_FAILED


class CleanupError(AlbusError):
    """Something was left behind; the message says what and where, ``residue`` each thing by itself."""

    exit_code = ExitCode.CLEANUP_FAILED

    def __init__(self, message: str, *, hint: str = "", residue: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.residue = residue


class RefusedError(AlbusError):
    """Refused for safety: no fence proof, another run in progress, target not isolated, plan changed."""

    exit_code = ExitCode.REFUSED


class WaitingError(AlbusError):
    """Waiting for an approval, or for an operator to decide an unknown state."""

    exit_code = ExitCode.WAITING
