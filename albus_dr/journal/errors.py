"""What is wrong with a journal. Apart from the store, which loads a database's driver."""

from __future__ import annotations

from albus_dr.errors import AlbusError, ExitCode


class JournalError(AlbusError):
    """The journal can't be written or read. Without it nothing may be done."""

    exit_code = ExitCode.STEP_FAILED


class BrokenChain(JournalError):
    """An event of ``run`` is not the one that was written, or one is missing."""

    def __init__(self, run: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.run = run
