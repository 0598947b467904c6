"""Directories that stand apart: what makes one equal to a recovery point would remove what another one holds.
And repositories that do: what both sites keep in one is lost with one.

Compares what is written: symbolic links and two names of one machine are not found.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from albus_dr.runbook.problems import Problem
from albus_dr.runbook.yaml_nodes import Document, Keys

_Kind = Literal["paths", "servers", "repositories", "scratch", "witness"]
_KEYS: Mapping[str, tuple[_Kind, str]] = {
    "paths": ("paths", "path"), "servers": ("servers", "data"), "repositories": ("repositories", "restic"),
}  # fmt: skip
# What is the same wherever restic runs. Not so a directory, a loopback, a short name, or a name in a machine's rclone.
_ANYWHERE = re.compile(
    r"(swift|b2|azure|gs):|(s3|rest|sftp):(\w+:)?(//)?([^/@]*@)?(?!localhost|127\.|\[::1\])([^/:@]*\.[^/:@]*|\[[^/@]*\])([/:]|$)"
)
_HINT = "give each a directory of its own: what is restored, rebuilt or cleaned up in one would remove the other's"


class Use(NamedTuple):
    """A workload's reference to an entry of a section of each site."""

    workload: str
    key: Keys
    section: str
    name: str


class _Place(NamedTuple):
    at: Keys
    kind: _Kind
    host: tuple[Keys, ...]
    """Where the machine is written."""
    machine: tuple[object, ...]
    path: PurePosixPath


def problems(
    runbook: Document, config: Document, uses: Sequence[Use], sites: Sequence[str], stand_ins: set[Keys]
) -> Iterator[Problem]:
    """Two workloads of one tree; a tree, a data directory, a repository or a scratch directory inside another one."""
    protects: dict[str, str] = {}
    for use in uses:
        if use.section == "paths" and (first := protects.setdefault(use.name, use.workload)) != use.workload:
            message = f"{use.workload} protects the same directory as {first}"
            yield runbook.problem(("workloads", use.workload, *use.key), message, "one workload for one directory")
    described = [
        site for site in sites if config.get("sites", site, "hosts")
    ]  # else which machine is meant is not known
    places = {place.at: place for site in described for place in _of_site(config, site, uses)}
    places |= {place.at: place for place in _of_witness(config)}
    known = [place for place in places.values() if not {place.at, *place.host} & stand_ins]
    for first_place, second in combinations(known, 2):
        where = _relation(first_place, second)
        if where and _may_harm(first_place, second):
            message = f"{_named(second)} {where} {_named(first_place)}"
            yield config.problem(second.at, message, _HINT)
    yield from _shared(config, uses, sites, stand_ins)


def _shared(config: Document, uses: Sequence[Use], sites: Sequence[str], stand_ins: set[Keys]) -> Iterator[Problem]:
    """Repositories that both sites name: nothing would be copied to the other site, and every run would say it was there."""
    named: list[tuple[str, str, tuple[object, ...]]] = []
    for site in sites:
        for use, entry, host in _entries(config, site, uses):
            at = (*entry, "restic")
            text = config.get(*at)
            if use.section != "repositories" or not isinstance(text, str):
                continue
            anywhere = bool(_ANYWHERE.match(text))
            if at in stand_ins or (not anywhere and stand_ins & set(host)):
                continue
            path = text.removeprefix("local:")
            name = posixpath.normpath(path) if path.startswith("/") else text.rstrip("/")
            machine = () if anywhere else _machine(config, host)
            if any(found[0] != site and found[1:] == (name, machine) for found in named):
                yield config.problem(at, "both sites name one repository", "give each its own")
            named.append((site, name, machine))


def _may_harm(one: _Place, other: _Place) -> bool:
    """Sites on one machine may name the same of anything but trees: each site's is then refused where it is used."""
    kinds = {one.kind, other.kind}
    if one.at[:2] != other.at[:2] and "witness" not in kinds:
        return kinds == {"paths"}
    return not kinds <= {"repositories", "scratch", "witness"}


def _relation(first: _Place, second: _Place) -> str:
    if first.machine != second.machine:
        return ""
    if first.path == second.path:
        return "is the same directory as"
    if first.path in second.path.parents:
        return "lies inside"
    return "holds" if second.path in first.path.parents else ""


def _entries(config: Document, site: str, uses: Sequence[Use]) -> Iterator[tuple[Use, Keys, tuple[Keys, ...]]]:
    """What the site has for each use, and where that entry's machine is written."""
    at: Keys = ("sites", site)
    data_hosts = {
        use.workload: config.get(*at, use.section, use.name, "host")
        for use in uses
        if use.section in ("paths", "servers")
    }
    for use in uses:
        if use.section in _KEYS:
            entry: Keys = (*at, use.section, use.name)
            yield use, entry, _host(site, config.get(*entry, "host") or data_hosts.get(use.workload))


def _of_site(config: Document, site: str, uses: Sequence[Use]) -> Iterator[_Place]:
    for use, entry, host in _entries(config, site, uses):
        kind, key = _KEYS[use.section]
        yield from _place(config, (*entry, key), kind, host)
    at: Keys = ("sites", site, "scratch")
    yield from _place(config, (*at, "path"), "scratch", _host(site, config.get(*at, "host")))


def _of_witness(config: Document) -> Iterator[_Place]:
    yield from _place(config, ("witness", "file"), "witness", ())


def _host(site: str, name: object) -> tuple[Keys, ...]:
    return tuple(("sites", site, "hosts", str(name), key) for key in ("ssh", "port", "options"))


def _place(config: Document, at: Keys, kind: _Kind, host: tuple[Keys, ...]) -> Iterator[_Place]:
    text = config.get(*at)
    path = text.removeprefix("local:") if isinstance(text, str) else ""
    if path.startswith("/"):  # a repository may be anywhere, and a witness beside the config
        absolute = PurePosixPath("/" + posixpath.normpath(path).lstrip("/"))
        yield _Place(at, kind, host, _machine(config, host), absolute)


def _machine(config: Document, host: tuple[Keys, ...]) -> tuple[object, ...]:
    return tuple(written for key in host if (written := config.get(*key)) is not None)


def _named(place: _Place) -> str:
    return ".".join(map(str, place.at))
