"""Every name in a runbook and its config leads somewhere.

Works on the documents, not on the models, so that one broken value does not hide the wrong names elsewhere.
What has the wrong type is left to the schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeGuard
from urllib.parse import urlsplit

from albus_dr.runbook import apart, placeholders, witness_place
from albus_dr.runbook.model import WorkloadModel, own_step_id
from albus_dr.runbook.problems import Problem, nearest
from albus_dr.runbook.yaml_nodes import Document, Keys
from albus_dr.units import format_duration, great_circle_km, parse_distance_km, parse_duration

OWN_STEP_VERBS = ("run", "http", "approve", "wait")
RUN_STEPS = ("claim", "fence", "commit", "isolate", "cleanup")  # derived steps that belong to no workload
WITHOUT_DATA = ("service", "traffic", "command")  # of the kinds that come with albus-dr
_RUNTIME_API = re.compile(r"/.+|[^/\s]+:\d+")
_WEB_ADDRESS = re.compile(r"(?i)https?://[^/\s]")
_NO_ADDRESS = "an address begins with http:// or https://, for example https://clinic.example.org"
_WITH_HOST = ("servers", "services", "paths", "repositories")


class ReferenceLike(Protocol):
    """A name in a workload that must exist in the config."""

    @property
    def key(self) -> tuple[str | int, ...]: ...
    @property
    def section(self) -> str: ...
    @property
    def name(self) -> str: ...


# What a plan calls its own steps; own steps and `before:` and `after:` could not tell a workload of that name apart.
STEP_NAMES = ("claim", "cleanup", "commit", "fence", "isolate", "own")


class KindLike(Protocol):
    """What the loader must know of a kind of workload (albus_dr.workloads.registry.Kind)."""

    Model: type[WorkloadModel]

    def references(self, model: Any) -> Sequence[ReferenceLike]:
        """Names that the config must define."""
        ...


class References(NamedTuple):
    """All that is compared. ``config`` is None when it can't be read; ``workloads`` are those that are valid."""

    runbook: Document
    config: Document | None
    workloads: Mapping[str, WorkloadModel]
    kinds: Mapping[str, KindLike]
    stand_ins: set[Keys]
    """Values of the config that depend on a variable that is not set."""

    def problems(self) -> Iterator[Problem]:
        """Everything that leads nowhere."""
        yield from self._reserved()
        yield from self._needs()
        yield from self._cycles()
        yield from self._own_steps()
        yield from self._ages()
        if self._primary is not None and self._primary == self._secondary:
            yield self.runbook.problem(
                ("sites", "secondary"), "primary and secondary are the same site", "name two sites"
            )
        if self.config is None:
            return
        yield from self._sites(self.config)
        for site in _mapping(self.config.get("sites")):
            yield from self._hosts(self.config, site)
        yield from self._addresses(self.config)
        yield from self._workload_hosts(self.config)
        yield from self._workload_references(self.config)
        yield from self._scratch(self.config)
        yield from self._placeholders(self.config)
        yield from self._distance(self.config)
        yield from self._proxy_sites(self.config)
        pair = self._pair(self.config)
        yield from witness_place.problems(self.config, pair, self.stand_ins)
        uses = [apart.Use(name, each.key, each.section, each.name) for name, each in self._referenced()]
        yield from apart.problems(self.runbook, self.config, uses, pair, self.stand_ins)

    def _addresses(self, config: Document) -> Iterator[Problem]:
        """Of services and proxies: requests go there."""
        places: list[Keys] = [("proxies", name, "url") for name in _mapping(config.get("proxies"))]
        for site in _mapping(config.get("sites")):
            services = _mapping(config.get("sites", site, "services"))
            places += [("sites", site, "services", name, "url") for name in services]
        for place in places:
            url = _text(config.get(*place))
            if url is not None and place not in self.stand_ins and not _is_web_address(url):
                yield config.problem(place, _NO_ADDRESS)
        for name in _mapping(config.get("proxies")):
            place = ("proxies", name, "haproxy")
            api = _text(config.get(*place))
            if api is not None and place not in self.stand_ins and not _RUNTIME_API.fullmatch(api):
                message = "HAProxy's runtime API is the path of a socket, or address:port"
                yield config.problem(place, message, "for example /run/haproxy/admin.sock or 10.0.0.5:9999")

    @property
    def _primary(self) -> str | None:
        return _text(self.runbook.get("sites", "primary"))

    @property
    def _secondary(self) -> str | None:
        return _text(self.runbook.get("sites", "secondary"))

    def _pair(self, config: Document) -> list[str]:
        """The runbook's sites that the config has."""
        known = _mapping(config.get("sites"))
        return list(dict.fromkeys(site for site in (self._primary, self._secondary) if site in known and site))

    def _needed(self, workload: str) -> Iterator[tuple[Keys, str]]:
        path: Keys = ("workloads", workload, "needs")
        for index, name in enumerate(_items(self.runbook.get(*path))):
            if isinstance(name, str):
                yield (*path, index), name

    def _reserved(self) -> Iterator[Problem]:
        for workload in _mapping(self.runbook.get("workloads")):
            if workload in STEP_NAMES:
                path: Keys = ("workloads", workload)
                yield self.runbook.problem(
                    path, f"{workload} is the name of a step", "choose another name", at_key=True
                )

    def _needs(self) -> Iterator[Problem]:
        workloads = _mapping(self.runbook.get("workloads"))
        for workload in workloads:
            for path, name in self._needed(workload):
                if name not in workloads:
                    others = [other for other in workloads if other != workload]
                    yield self.runbook.problem(path, f"there is no workload {name}", nearest(name, others))

    def _cycles(self) -> Iterator[Problem]:
        done: set[str] = set()
        trail: list[str] = []

        def visit(workload: str) -> Iterator[Problem]:
            trail.append(workload)
            for path, name in self._needed(workload):
                if name in trail:
                    circle = " -> ".join([*trail[trail.index(name) :], name])
                    yield self.runbook.problem(
                        path, f"workloads need one another in a circle: {circle}", "take one out"
                    )
                elif name not in done and name in workloads:
                    yield from visit(name)
            done.add(trail.pop())

        workloads = _mapping(self.runbook.get("workloads"))
        for workload in workloads:
            if workload not in done:
                yield from visit(workload)

    def _own_steps(self) -> Iterator[Problem]:
        first: dict[str, str] = {}
        for index, step in enumerate(_items(self.runbook.get("steps"))):
            if not isinstance(step, dict):
                continue
            path: Keys = ("steps", index)
            yield from self._exactly_one(path, step, OWN_STEP_VERBS)
            yield from self._exactly_one(path, step, ("before", "after"))
            yield from self._own_step_place(path, step)
            yield from self._own_step_host(path, step)
            url = _text(step.get("http"))
            if url is not None and not _is_web_address(url):
                yield self.runbook.problem((*path, "http"), _NO_ADDRESS)
            if name := _text(step.get("name")):
                id_ = own_step_id(name)
                if id_ in first:
                    message = f"two steps have the id {id_}, which comes from the name"
                    yield self.runbook.problem((*path, "name"), message, "give this one another name")
                first.setdefault(id_, name)

    def _exactly_one(self, path: Keys, step: Mapping[str, object], keys: tuple[str, ...]) -> Iterator[Problem]:
        given = [key for key in step if key in keys and step[key] is not None]
        what = f"{', '.join(keys[:-1])} or {keys[-1]}"
        if not given:
            yield self.runbook.problem(path, f"this step has none of {what}", "write exactly one of them")
        for extra in given[1:]:
            message = f"this step has both {given[0]} and {extra}"
            yield self.runbook.problem((*path, extra), message, f"write exactly one of {what}", at_key=True)

    def _own_step_place(self, path: Keys, step: Mapping[str, object]) -> Iterator[Problem]:
        workloads = list(_mapping(self.runbook.get("workloads")))
        for key in ("before", "after"):
            place = _text(step.get(key))
            if place is None or place in (*workloads, *RUN_STEPS):
                continue
            workload, dot, _ = place.partition(".")
            if not dot or workload not in (*workloads, "own"):
                message = f"there is no workload or step {place} to be {key}"
                yield self.runbook.problem((*path, key), message, nearest(place, [*workloads, *RUN_STEPS]))

    def _own_step_host(self, path: Keys, step: Mapping[str, object]) -> Iterator[Problem]:
        host = _text(step.get("host"))
        site = self._primary if step.get("site") == "primary" else self._secondary
        if host is None or site is None or self.config is None:
            return
        hosts = self.config.get("sites", site, "hosts")
        if isinstance(hosts, dict) and host not in hosts:
            yield self.runbook.problem((*path, "host"), f"site {site} has no host {host}", nearest(host, list(hosts)))

    def _sites(self, config: Document) -> Iterator[Problem]:
        known = config.get("sites")
        if isinstance(known, dict):
            for role, site in (("primary", self._primary), ("secondary", self._secondary)):
                if site is not None and site not in known:
                    message = f"the config {config.file} has no site {site}"
                    yield self.runbook.problem(("sites", role), message, nearest(site, list(known)))

    def _hosts(self, config: Document, site: str) -> Iterator[Problem]:
        hosts = config.get("sites", site, "hosts")
        if not isinstance(hosts, dict):
            return
        at: Keys = ("sites", site)
        places: list[Keys] = [
            (*at, section, name, "host") for section in _WITH_HOST for name in _mapping(config.get(*at, section))
        ]
        places.append((*at, "scratch", "host"))
        places += [(*at, "fence", index, "probe") for index, _ in enumerate(_items(config.get(*at, "fence")))]
        for path in places:
            host = _text(config.get(*path))
            if host is not None and host not in hosts and path not in self.stand_ins:
                yield config.problem(path, f"site {site} has no host {host}", nearest(host, list(hosts)))

    def fences(self) -> Iterator[Problem]:
        """Fences that can't prove what they are for: nothing that keeps a command from being tried on the worst day."""
        if self.config is not None:
            for site in _mapping(self.config.get("sites")):
                yield from self._probes(self.config, site)

    def _probes(self, config: Document, site: str) -> Iterator[Problem]:
        """Probes that leave a server unlooked at could never prove that the site can't write."""
        at: Keys = ("sites", site)
        hosts, servers = _mapping(config.get(*at, "hosts")), _mapping(config.get(*at, "servers"))
        places: list[Keys] = [
            (*at, "fence", index, "probe") for index, _ in enumerate(_items(config.get(*at, "fence")))
        ]
        probed = {host for place in places if (host := _text(config.get(*place)))}
        places += [(*at, "servers", name, "host") for name in servers]
        if not probed or not probed <= hosts.keys() or any(place in self.stand_ins for place in places):
            return
        for name in servers:
            host = _text(config.get(*at, "servers", name, "host"))
            if host in hosts and host not in probed:
                message = f"the probes of {site} say nothing of its server {name} at {host}, so they can't prove that the site is off"
                yield config.problem((*at, "fence"), message, f"add {{probe: {host}}}")

    def _workload_hosts(self, config: Document) -> Iterator[Problem]:
        """A workload of any kind may have a host, which both sites must have."""
        for workload in _mapping(self.runbook.get("workloads")):
            path: Keys = ("workloads", workload, "host")
            host = _text(self.runbook.get(*path))
            for site in self._pair(config):
                hosts = config.get("sites", site, "hosts")
                if host is not None and isinstance(hosts, dict) and host not in hosts:
                    yield self.runbook.problem(path, f"site {site} has no host {host}", nearest(host, list(hosts)))

    def _referenced(self) -> Iterator[tuple[str, ReferenceLike]]:
        for name, model in self.workloads.items():
            for reference in self.kinds[model.kind].references(model):
                yield name, reference

    def _ages(self) -> Iterator[Problem]:
        """An objective that nothing measures would look kept; so would one that a workload makes looser for itself."""
        promised_s = self._promised_rpo_s()
        for name, model in self.workloads.items():
            if model.rpo is not None and model.kind in WITHOUT_DATA:
                yield self.runbook.problem(
                    ("workloads", name, "rpo"), f"a workload of kind {model.kind} holds no data whose age could be measured",
                    "set rpo: of the databases and files that it works on",
                )  # fmt: skip
            elif model.rpo is not None and promised_s is not None and model.rpo > promised_s:
                yield self.runbook.problem(
                    ("workloads", name, "rpo"),
                    f"{format_duration(model.rpo)} is more than objectives.rpo promises ({format_duration(promised_s)})",
                    "a workload's own rpo: is the stricter one; write a longer one in objectives: if that is what you promise",
                )  # fmt: skip

    def _promised_rpo_s(self) -> float | None:
        try:
            return parse_duration(self.runbook.get("objectives", "rpo"))
        except ValueError:  # told elsewhere
            return None

    def _workload_references(self, config: Document) -> Iterator[Problem]:
        for workload, reference in self._referenced():
            places: list[tuple[str, Keys]] = [
                (f"site {site}", ("sites", site, reference.section)) for site in self._pair(config)
            ]
            if reference.section == "proxies":
                places = [(f"the config {config.file}", ("proxies",))]
            for who, path in places:
                known = config.get(*path) or {}
                if isinstance(known, dict) and reference.name not in known:
                    message = f"{who} has no {reference.name} in {reference.section}"
                    yield self.runbook.problem(
                        ("workloads", workload, *reference.key), message, nearest(reference.name, list(known))
                    )

    def _proxy_sites(self, config: Document) -> Iterator[Problem]:
        for proxy in dict.fromkeys(each.name for _, each in self._referenced() if each.section == "proxies"):
            path: Keys = ("proxies", proxy, "servers")
            servers = config.get(*path)
            if isinstance(servers, dict):
                for site in self._pair(config):
                    if site not in servers:
                        message = f"the proxy {proxy} has no server for the site {site}"
                        yield config.problem(path, message, "name the server line of each site")

    def _scratch(self, config: Document) -> Iterator[Problem]:
        if not any(reference.section == "repositories" for _, reference in self._referenced()):
            return  # nothing is restored in a drill
        for site in self._pair(config):
            if isinstance(config.get("sites", site), dict) and config.get("sites", site, "scratch") is None:
                message = f"site {site} has no scratch, where drills restore to"
                yield config.problem(("sites", site), message, "add scratch: {host: …, path: …}", at_key=True)

    def _placeholders(self, config: Document) -> Iterator[Problem]:
        for workload, reference in self._referenced():
            for site in self._pair(config) if reference.section == "services" else ():
                yield from placeholders.problems(config, site, reference.name, self.workloads[workload].needs)

    def _distance(self, config: Document) -> Iterator[Problem]:
        pair = self._pair(config)
        try:
            objective_km = parse_distance_km(self.runbook.get("objectives", "distance"))
        except ValueError:
            return
        places = [self._coordinates(config, site) for site in pair]
        if len(places) == 2 and places[0] and places[1]:
            km = great_circle_km(*places[0], *places[1])
            if km < objective_km:
                yield self.runbook.problem(
                    ("objectives", "distance"),
                    f"{pair[0]} and {pair[1]} are {math.floor(km)} km apart",
                    f"the objective is {objective_km:g} km",
                )

    def _coordinates(self, config: Document, site: str) -> tuple[float, float] | None:
        path: Keys = ("sites", site, "location")
        if any((*path, key) in self.stand_ins for key in ("latitude", "longitude")):
            return None
        latitude, longitude = config.get(*path, "latitude"), config.get(*path, "longitude")
        if _number(latitude) and _number(longitude):
            return latitude, longitude
        return None


def _is_web_address(url: str) -> bool:
    try:
        return bool(_WEB_ADDRESS.match(url) and urlsplit(url).hostname)
    except ValueError:  # a bracket of IPv6 without the other one
        return False


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 180


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
