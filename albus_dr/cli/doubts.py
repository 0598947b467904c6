"""What is valid, and will hurt on the day that it is for: validate says it, and goes on.

Compares what is written, and asks no name server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import NamedTuple
from urllib.parse import urlsplit

from albus_dr.runbook.config import HostConfig, SiteConfig
from albus_dr.runbook.loader import Loaded
from albus_dr.runbook.model import HOLDS_DATA
from albus_dr.runbook.problems import Problem
from albus_dr.runbook.references import ReferenceLike
from albus_dr.runbook.yaml_nodes import Keys
from albus_dr.workloads.registry import kinds

_Machine = tuple[str, int] | None
_UNKNOWN = ("", 0)  # it depends on a variable that is not set here
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_DIRECTORY = re.compile(r"local:|[^:]*$")  # every other name of a repository has its kind and a colon in front


class Doubt(NamedTuple):
    """``key``: of the sentence for people (``cli.phrases``), with its ``values``; ``problem``: the same for a script."""

    key: str
    values: Mapping[str, object]
    problem: Problem


def doubts(loaded: Loaded) -> Iterator[Doubt]:
    """All of them."""
    yield from _no_witness(loaded)
    yield from _no_fence(loaded)
    yield from _door_at_a_site(loaded)
    yield from _no_marker(loaded)
    yield from _asked_at_a_loopback(loaded)
    yield from _directory_of_another_machine(loaded)
    yield from _copy_without_what_was_restored(loaded)


def _in_config(loaded: Loaded, key: str, path: Keys, message: str, hint: str, /, **values: object) -> Doubt:
    problem = loaded.positions.config.problem(path, message, hint, at_key=True)
    return Doubt(key, {"file": problem.file, "line": problem.line, **values}, problem)


def _no_witness(loaded: Loaded) -> Iterator[Doubt]:
    if loaded.config.witness is None and not loaded.config.is_one_machine:
        message = "no witness is named: only the state directory of the runs knows who is primary"
        yield _in_config(loaded, "validate.no_witness", ("sites",), message, "add witness: {…}")


def _no_fence(loaded: Loaded) -> Iterator[Doubt]:
    """The sites of the pair that nothing can prove to be off, not even a person's word, with what to add."""
    for site, config in _pair(loaded):
        if not config.fence:
            probes = dict.fromkeys(f"{{probe: {server.host}}}" for server in config.servers.values())
            fence = f"fence: [{', '.join([*probes, '{statement: true}'])}]"
            message = f"a failover from {site} would be refused: nothing can prove that it can't write"
            yield _in_config(
                loaded, "validate.no_fence", ("sites", site), message, f"add {fence}", site=site, fence=fence
            )


def _door_at_a_site(loaded: Loaded) -> Iterator[Doubt]:
    """A failover waits for the door, which would be lost with the site."""
    if loaded.config.is_one_machine:
        return
    for name in _named(loaded, "proxies"):
        door = _machine(loaded, loaded.config.proxies[name].host, ("proxies", name, "host"))
        for site, config in _pair(loaded):
            machines = {
                each: _machine(loaded, host, ("sites", site, "hosts", each)) for each, host in config.hosts.items()
            }
            host = next((each for each, machine in machines.items() if machine == door != _UNKNOWN), None)
            if host is not None:
                message = f"the door {name} is at {site}'s own host {host}: with {site} lost, a failover can't begin"
                yield _in_config(
                    loaded, "validate.door_at_a_site", ("proxies", name), message, "put it at a third place",
                    door=name, site=site, host=host,
                )  # fmt: skip


def _no_marker(loaded: Loaded) -> Iterator[Doubt]:
    for name, model in loaded.runbook.workloads.items():
        if model.kind == "postgres" and getattr(model, "marker", None) is None:
            problem = loaded.positions.runbook.problem(
                ("workloads", name),
                f"{name} has no marker: no failover can tell how old its newest write is, so none refuses to lose more than the RPO",
                "add marker: a query for the time of the newest write", at_key=True,
            )  # fmt: skip
            values = {
                "workload": name,
                "marker": "marker: SELECT max(…) FROM …",
                "file": problem.file,
                "line": problem.line,
            }
            yield Doubt("validate.no_marker", values, problem)


def _asked_at_a_loopback(loaded: Loaded) -> Iterator[Doubt]:
    """albus-dr asks a service from where it runs itself."""
    for name in _named(loaded, "services"):
        for site, config in _pair(loaded):
            service, place = config.services[name], ("sites", site, "services", name, "url")
            asked = "" if place in loaded.stand_ins else urlsplit(service.url).hostname or ""
            if config.hosts[service.host].ssh and _LOOPBACK.fullmatch(asked):
                message = f"the service {name} at {site} is asked from here, where {service.url} is this machine"
                yield _in_config(
                    loaded, "validate.loopback", place, message,
                    f"give the address of {service.host} by which this machine reaches it", service=name, site=site, url=service.url,
                )  # fmt: skip


def _directory_of_another_machine(loaded: Loaded) -> Iterator[Doubt]:
    """What is copied is read where the copy is made, from a directory that is there under that name, or is not."""
    pair = list(_pair(loaded))
    for workload, reference in _references(loaded):
        if reference.section != "repositories":
            continue
        machines = {_host_of(loaded, site, config, workload, reference.name) for site, config in pair}
        for site, config in pair if len(machines) > 1 and _UNKNOWN not in machines else ():
            place = ("sites", site, "repositories", reference.name, "restic")
            text = config.repositories[reference.name].restic
            if place not in loaded.stand_ins and _DIRECTORY.match(text):
                other = next(each for each, _ in pair if each != site)
                yield _in_config(
                    loaded, "validate.directory", place,
                    f"the repository {reference.name} of {site} is a directory, and {other}, on another machine, copies from it",
                    "use s3:, rest: or sftp:, or mount it at both under this name",
                    repository=reference.name, site=site, other=other, path=text, kinds="s3:, rest:, sftp:",
                )  # fmt: skip


def _copy_without_what_was_restored(loaded: Loaded) -> Iterator[Doubt]:
    """A drill's copy of the application that is not told where its data lie works on others: production's, perhaps."""
    for workload, reference in _references(loaded):
        if reference.section != "services":
            continue
        needs = loaded.runbook.workloads[workload].needs
        data = [need for need in needs if loaded.runbook.workloads[need].kind in HOLDS_DATA]
        for site, config in _pair(loaded):
            drill = config.services[reference.name].drill
            if drill is None:
                continue
            texts = (*drill.command, *drill.environment.values())
            named = {field for text in texts for _, field, *_ in Formatter().parse(text)}
            for need in (each for each in data if each not in named):
                placeholder = f"{{{need}}}"
                message = f"a drill's copy of {reference.name} at {site} is not told where the restored {need} is"
                yield _in_config(
                    loaded, "validate.not_told", ("sites", site, "services", reference.name, "drill"), message,
                    f"put {placeholder} into its command or environment", service=reference.name, site=site, need=need,
                    placeholder=placeholder,
                )  # fmt: skip


def _host_of(loaded: Loaded, site: str, config: SiteConfig, workload: str, repository: str) -> _Machine:
    """Where restic works on a repository for a workload: its own host, or where the data is."""
    name = config.repositories[repository].host
    for owner, reference in _references(loaded):
        if name is None and owner == workload and reference.section in ("paths", "servers"):
            name = getattr(config, reference.section)[reference.name].host
    return _machine(loaded, config.hosts[name], ("sites", site, "hosts", name)) if name is not None else _UNKNOWN


def _pair(loaded: Loaded) -> Iterator[tuple[str, SiteConfig]]:
    for site in (loaded.runbook.sites.primary, loaded.runbook.sites.secondary):
        yield site, loaded.config.sites[site]


def _references(loaded: Loaded) -> Iterator[tuple[str, ReferenceLike]]:
    known = kinds()
    for name, model in loaded.runbook.workloads.items():
        for reference in known[model.kind].references(model):
            yield name, reference


def _named(loaded: Loaded, section: str) -> list[str]:
    return list(dict.fromkeys(reference.name for _, reference in _references(loaded) if reference.section == section))


def _machine(loaded: Loaded, host: HostConfig | None, place: Keys) -> _Machine:
    """By what is written at the place. None: this one."""
    if {(*place, "ssh"), (*place, "port")} & loaded.stand_ins:
        return _UNKNOWN
    if host is None or host.ssh is None:
        return None
    return host.ssh.rpartition("@")[2], host.port or 22
