"""Whom `witness set` believes about who is primary."""

from __future__ import annotations

import pytest

from albus_dr.cli.witness import _require_roles
from albus_dr.errors import RefusedError
from albus_dr.workloads.standing import Standing

A, B = "strasbourg", "bordeaux"


def seen(at_a: str, at_b: str) -> list[Standing]:
    return [Standing("patients", "postgres", A, at_a), Standing("patients", "postgres", B, at_b)]


def test_a_lost_primary_is_written_down_while_its_standby_is_seen_to_be_one() -> None:
    """The witness was set back, or an epoch was counted without it, and now a failover is wanted."""
    _require_roles(seen("unreachable", "standby"), A, B, None)


@pytest.mark.parametrize("other", ["primary", "stopped", "unreachable"])
@pytest.mark.parametrize("fenced_by", [None, "ana, its power is off, 03:20"])
def test_a_lost_primary_is_not_written_down_by_what_nobody_saw(other: str, fenced_by: str | None) -> None:
    with pytest.raises(RefusedError):
        _require_roles(seen("unreachable", other), A, B, fenced_by)


@pytest.mark.parametrize(("at_a", "at_b"), [("primary", "standby"), ("stopped", "stopped"), ("primary", "stopped")])
def test_what_both_sites_show_is_written_down(at_a: str, at_b: str) -> None:
    _require_roles(seen(at_a, at_b), A, B, None)


def test_a_lost_other_site_needs_a_persons_word() -> None:
    with pytest.raises(RefusedError, match="unreachable"):
        _require_roles(seen("primary", "unreachable"), A, B, None)
    _require_roles(seen("primary", "unreachable"), A, B, "ana, its power is off, 03:20")
