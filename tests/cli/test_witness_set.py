"""Whom `witness set` believes about who is primary."""

from __future__ import annotations

import pytest

from albus_dr.cli.witness import _identities, _require_roles
from albus_dr.errors import RefusedError
from albus_dr.workloads.standing import Standing

A, B = "strasbourg", "bordeaux"


def seen(at_a: str, at_b: str) -> list[Standing]:
    return [Standing("patients", "postgres", A, at_a), Standing("patients", "postgres", B, at_b)]


def test_a_lost_primary_is_written_down_while_its_standby_is_seen_to_be_one() -> None:
    """The witness was set back, or an epoch was counted without it, and now a failover is wanted."""
    assert not _require_roles(seen("unreachable", "standby"), {}, A, B, None)
    stopped = {("patients", B): {"Database cluster state": "shut down in recovery"}}
    assert _require_roles(seen("unreachable", "stopped"), stopped, A, B, None), "where the witness names the other site"


@pytest.mark.parametrize("other", ["primary", "stopped", "unreachable"])
@pytest.mark.parametrize("fenced_by", [None, "ana, its power is off, 03:20"])
def test_a_lost_primary_is_not_written_down_by_what_nobody_saw(other: str, fenced_by: str | None) -> None:
    with pytest.raises(RefusedError):
        _require_roles(
            seen("unreachable", other), {("patients", B): {"Database cluster state": "shut down"}}, A, B, fenced_by
        )


@pytest.mark.parametrize(("at_a", "at_b"), [("primary", "standby"), ("stopped", "stopped"), ("primary", "stopped")])
def test_what_both_sites_show_is_written_down(at_a: str, at_b: str) -> None:
    _require_roles(seen(at_a, at_b), {}, A, B, None)


def test_a_lost_other_site_needs_a_persons_word() -> None:
    with pytest.raises(RefusedError, match="unreachable"):
        _require_roles(seen("primary", "unreachable"), {}, A, B, None)
    _require_roles(seen("primary", "unreachable"), {}, A, B, "ana, its power is off, 03:20")


def test_the_database_is_known_from_then_on_by_what_the_named_primary_has() -> None:
    """A new cluster, as after a major upgrade, is another database for whoever remembers the old one."""
    old, new = ({"Database system identifier": number} for number in ("700", "701"))
    assert _identities({("patients", A): new, ("patients", B): old}, A) == {"patients": "701"}
    assert _identities({("patients", A): new, ("patients", B): old}, B) == {"patients": "700"}
    assert _identities({("patients", B): new}, A) == {"patients": "701"}, "the primary is lost"
