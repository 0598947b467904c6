"""What more than one room of the tests needs."""

from __future__ import annotations

import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools.inventory import postgres_program, require_program


@pytest.fixture(scope="session")
def programs() -> None:
    """Skips where the bench's programs are missing, and says which."""
    try:
        postgres_program("initdb")
        for name in ("haproxy", "restic", "rclone"):
            require_program(name)
    except NotReadyError as error:
        pytest.skip(error.message)
