"""When two sites count as writable together, and what the observer sees on two real servers."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from albus_dr.bench.observer import WITHIN_S, Observer, Openness, Seen, together
from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench


def acknowledged(*looks: tuple[str, float, float]) -> list[Seen]:
    return [Seen(site, began, ended, True) for site, began, ended in looks]


def test_a_change_of_primary_is_no_moment_with_two() -> None:
    assert together(acknowledged(("a", 0.0, 0.1), ("a", 0.2, 0.3), ("b", 0.5, 0.6), ("b", 0.7, 0.8))) == []


def test_there_and_back_is_none_when_it_takes_as_long_as_it_must() -> None:
    back = 0.1 + WITHIN_S + 0.1
    assert together(acknowledged(("a", 0.0, 0.1), ("b", 0.8, 0.9), ("a", back, back + 0.1))) == []


def test_writes_that_overlap_prove_nothing() -> None:
    assert together(acknowledged(("a", 0.0, 0.5), ("b", 0.3, 0.6), ("a", 0.7, 0.8))) == []


def test_one_write_between_two_of_the_other_site_is_a_moment() -> None:
    assert len(together(acknowledged(("a", 0.0, 0.1), ("b", 0.2, 0.3), ("a", 0.4, 0.5)))) == 1


def test_an_overlapping_look_does_not_hide_the_one_before_it() -> None:
    seen = acknowledged(("a", 0.0, 0.1), ("a", 0.15, 0.25), ("b", 0.2, 0.3), ("a", 0.4, 0.5))
    assert len(together(seen)) == 1


def test_a_no_between_two_is_no_moment() -> None:
    refused = Seen("b", 0.2, 0.3, False)
    assert together([*acknowledged(("a", 0.0, 0.1), ("a", 0.4, 0.5)), refused]) == []


def test_both_sites_all_the_time_is_many() -> None:
    seen = [look for n in range(10) for look in acknowledged(("a", n, n + 0.1), ("b", n + 0.5, n + 0.6))]
    assert len(together(seen)) == 18


@pytest.mark.real
def test_two_real_primaries_are_seen(bench: Bench) -> None:
    """A standby is not writable; promoted without a fence beside a living primary, it is: the observer must say so."""
    servers = {name: site.server for name, site in bench.sites.items()}
    observer = Observer(servers)
    observer.prepare(PRIMARY)
    with observer:
        wait_for_writable(observer, {PRIMARY})
        assert observer.verdict().two_writable == 0
        with closing(Openness(servers[SECONDARY])) as asked:
            assert not asked.is_open()
        with servers[PRIMARY].connect("postgres") as connection:  # or its commits would wait for the lost standby
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
        with servers[SECONDARY].connect("postgres") as connection:
            connection.execute("SELECT pg_promote()")
        wait_for_writable(observer, {PRIMARY, SECONDARY})
        deadline = time.monotonic() + 30
        while observer.verdict().two_writable == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.real
def test_a_commit_that_waits_for_nobody_is_not_acknowledged(bench: Bench) -> None:
    """After the test above the sites are apart; the primary is told to wait for a standby that never comes. It says all
    the same that it is none, beside the other."""
    server = bench.sites[PRIMARY].server
    with Observer({name: site.server for name, site in bench.sites.items()}) as observer:
        wait_for_writable(observer, {PRIMARY, SECONDARY})
        with server.connect("postgres") as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            connection.execute("SELECT pg_reload_conf()")
        wait_for_writable(observer, {SECONDARY})
        before = observer.verdict()
        deadline = time.monotonic() + 30
        while observer.verdict().two_open == before.two_open:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert observer.verdict().two_writable == before.two_writable


def wait_for_writable(observer: Observer, sites: set[str]) -> None:
    deadline = time.monotonic() + 30
    while observer.writable() != sites:
        assert time.monotonic() < deadline, observer.writable()
        time.sleep(0.05)
