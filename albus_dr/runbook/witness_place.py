"""The witness stands at a third place: what takes a site must not take who knows which site is primary.

Compares what is written, and asks no name server: two names of one machine are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard
from urllib.parse import parse_qs, urlsplit

from albus_dr.runbook.problems import Problem
from albus_dr.runbook.yaml_nodes import Document, Keys
from albus_dr.units import great_circle_km

NEAR_KM = 50.0
_PORTS = {"http": 80, "https": 443, "postgres": 5432, "postgresql": 5432}
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_HINT = "put it at a third place, which the loss of either site leaves standing"


class _Address(NamedTuple):
    at: Keys
    host: str
    port: int | None

    def is_same(self, other: _Address) -> bool:
        """One machine has many loopbacks' worth of servers: there the port is compared as well."""
        if _LOOPBACK.fullmatch(self.host) and _LOOPBACK.fullmatch(other.host):
            return self.port == other.port
        return self.host == other.host


def problems(config: Document, sites: Sequence[str], stand_ins: set[Keys]) -> Iterator[Problem]:
    """A witness that is near one of these sites, or has the address of something that belongs to it."""
    for site in sites:
        here, there = (_coordinates(config, path, stand_ins) for path in (("witness",), ("sites", site)))
        if here and there and (km := great_circle_km(*here, *there)) <= NEAR_KM:
            message = f"the witness is {km:.0f} km from {site}"
            yield config.problem(("witness", "location"), message, f"{_HINT}: more than {NEAR_KM:g} km away")
        for own in _of_site(config, site):
            for address in _of_witness(config):
                if own.is_same(address) and not {own.at, address.at} & stand_ins:
                    message = f"the witness is at {site}'s own {'.'.join(map(str, own.at[2:]))}"
                    yield config.problem(address.at, message, _HINT)


def _of_witness(config: Document) -> Iterator[_Address]:
    for kind in ("postgres", "s3"):
        yield from _parsed(("witness", kind), config.get("witness", kind))
    endpoints = config.get("witness", "etcd")
    for index, endpoint in enumerate(endpoints if isinstance(endpoints, list) else ()):
        yield from _parsed(("witness", "etcd", index), endpoint)


def _of_site(config: Document, site: str) -> Iterator[_Address]:
    at: Keys = ("sites", site)
    for section, key, port in (
        ("hosts", "ssh", "port"), ("servers", "address", "port"), ("services", "url", None), ("repositories", "restic", None),
    ):  # fmt: skip
        for name, entry in _mapping(config.get(*at, section)).items():
            given = _mapping(entry)
            default = {"hosts": 22, "servers": 5432}.get(section)
            address = given.get(key, "localhost" if section == "servers" else None)
            number = given.get(port, default) if port else None
            yield from _parsed((*at, section, name, key), address, number if isinstance(number, int) else None)


def _parsed(at: Keys, text: object, port: int | None = None) -> Iterator[_Address]:
    """The hosts in a URL, in restic's name of a repository, in user@host or in a plain name."""
    if not isinstance(text, str) or text.startswith("/"):
        return
    rest = re.sub(r"^(s3|rest|sftp):(?=[^/])", "", text)
    try:
        parts = urlsplit(rest if "://" in rest else f"plain://{rest}")
        named = parse_qs(parts.query).get("host", []) if parts.scheme.startswith("postgres") else []
    except ValueError:
        return
    for each in named or parts.netloc.rpartition("@")[2].split(","):
        found = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::(\d*))?", each.lower())
        if found and not each.startswith("/"):  # a socket has no address
            written = int(found[3]) if found[3] else None
            yield _Address(at, found[1] or found[2], written or port or _PORTS.get(parts.scheme))


def _coordinates(config: Document, path: Keys, stand_ins: set[Keys]) -> tuple[float, float] | None:
    keys = [(*path, "location", key) for key in ("latitude", "longitude")]
    latitude, longitude = (config.get(*key) for key in keys)
    if stand_ins & set(keys) or not (_is_number(latitude, 90) and _is_number(longitude, 180)):
        return None
    return latitude, longitude


def _is_number(value: object, limit: int) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= limit


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
