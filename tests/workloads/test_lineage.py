"""What becomes of a returned server, by its timelines alone."""

from __future__ import annotations

import pytest

from albus_dr.tools.postgres import position
from albus_dr.workloads.postgres.lineage import Fork, Lineage, Returned, decide, fork_of, parse_history, text_of

HISTORY = """1\t0/3000148\tno recovery target specified

2\t0/5000060\tno recovery target specified
"""
THREE = Lineage(3, ((1, position("0/3000148")), (2, position("0/5000060"))))


def returned(
    lineage: Lineage, *, was_primary: bool = True, ends_at: str | None = None, can_rewind: bool = True
) -> Returned:
    return Returned(lineage, was_primary, position(ends_at) if ends_at else None, can_rewind)


def test_a_history_says_where_each_timeline_was_left() -> None:
    assert parse_history(3, HISTORY) == THREE
    assert parse_history(1, "") == Lineage(1)
    assert THREE.left_at(2) == position("0/5000060")
    assert THREE.left_at(3) is None


def test_a_history_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="timeline 3"):
        parse_history(3, "<html>")


@pytest.mark.parametrize(
    ("one", "other", "fork"),
    [
        pytest.param(THREE, Lineage(1), Fork(1, position("0/3000148")), id="a grandparent"),
        pytest.param(THREE, Lineage(2, THREE.left[:1]), Fork(2, position("0/5000060")), id="a parent"),
        pytest.param(THREE, Lineage(2, ((1, 77),)), Fork(1, 77), id="it left the first one earlier"),
        pytest.param(THREE, THREE, None, id="the same"),
        pytest.param(THREE, Lineage(7), None, id="nothing in common"),
    ],
)
def test_the_fork_is_the_last_position_in_common(one: Lineage, other: Lineage, fork: Fork | None) -> None:
    assert fork_of(one, other) == fork
    assert fork_of(other, one) == fork


@pytest.mark.parametrize(
    ("what", "way"),
    [
        pytest.param(returned(Lineage(1)), "rewind", id="a primary that crashed"),
        pytest.param(returned(Lineage(1), ends_at="0/3000148"), "rewind", id="its last record is beyond"),
        pytest.param(returned(Lineage(1), ends_at="0/30000D0"), "follow", id="a primary that stopped before"),
        pytest.param(returned(Lineage(1), was_primary=False, ends_at="0/3000148"), "follow", id="a standby that got there"),
        pytest.param(returned(Lineage(1), was_primary=False, ends_at="0/3000149"), "rewind", id="a standby that went on"),
        pytest.param(returned(Lineage(1), can_rewind=False), "reseed", id="without checksums"),
        pytest.param(returned(THREE, was_primary=False), "follow", id="a standby of it"),
        pytest.param(returned(THREE), "reseed", id="a primary on the same timeline: started without standby.signal"),
        pytest.param(returned(Lineage(3, ((1, 77),))), "reseed", id="the same number on another way"),
        pytest.param(returned(Lineage(2)), "reseed", id="nothing in common"),
        pytest.param(returned(Lineage(2, ((1, 77),))), "rewind", id="both were promoted from the first"),
    ],
)  # fmt: skip
def test_nothing_of_its_own_follows_and_anything_else_is_rebuilt(what: Returned, way: str) -> None:
    assert decide(THREE, what).way == way


def test_what_it_has_alone_begins_at_the_fork_on_its_own_last_timeline() -> None:
    same_number = decide(THREE, returned(Lineage(3, ((1, 77),))))
    assert same_number.fork == Fork(3, 77), "its log from there on is on timeline 3"
    assert decide(THREE, returned(Lineage(1))).fork == Fork(1, position("0/3000148"))
    earlier = decide(THREE, returned(Lineage(3, ((1, position("0/3000148") + 8), (2, 9)))))
    assert earlier.fork == Fork(1, position("0/3000148")), "it went on by itself before its last timeline began"


def test_a_higher_timeline_is_never_decided() -> None:
    with pytest.raises(ValueError, match="higher"):
        decide(Lineage(2, ((1, 5),)), returned(THREE))


def test_positions_are_written_as_postgresql_does() -> None:
    assert text_of(position("16/B374D848")) == "16/B374D848"
    assert position(text_of(position("0/3000148"))) == position("0/3000148")
