"""From names in the config to hosts, servers and repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from albus_dr.errors import UsageError
from albus_dr.runbook.config import Config, HostConfig, ProxyConfig
from albus_dr.tools.haproxy import Door
from albus_dr.tools.host import Host, connect
from albus_dr.tools.postgres import Server, find_programs
from albus_dr.tools.restic import Repository
from albus_dr.tools.secrets import reveal


class Setting(Protocol):
    """What names are looked up in. A StepContext is one."""

    @property
    def config(self) -> Config: ...

    @property
    def config_base(self) -> Path:
        """Directory of the config: relative secret files are there."""
        ...


def host(ctx: Setting, site: str, name: str) -> Host:
    """A host of a site. Raises UsageError when the config has it no more: a run may outlive what it was ordered with."""
    hosts = ctx.config.sites[site].hosts
    if name not in hosts:
        raise UsageError(f"the config has no host {name} at {site}", hint=f"put it back under sites.{site}.hosts")
    return connect(name, hosts[name])


def door(config: ProxyConfig) -> Door:
    """The door that users come in by."""
    return Door(connect("door", config.host or HostConfig()), config.haproxy, config.backend)


def server(ctx: Setting, site: str, name: str) -> Server:
    """A PostgreSQL server of a site. Raises NotReadyError when its host has no PostgreSQL programs."""
    config = ctx.config.sites[site].servers[name]
    where = host(ctx, site, config.host)
    return Server(
        host=where, data=config.data, port=config.port, socket=config.socket, user=config.user, run_as=config.run_as,
        bin=config.bin or find_programs(where, config.data), systemd=config.systemd,
        password=reveal(config.password, ctx.config_base) if config.password else "",
    )  # fmt: skip


def repository(ctx: Setting, site: str, name: str, data_host: str) -> Repository:
    """A repository of a site; restic runs on its own host, else on the one that holds the data."""
    config = ctx.config.sites[site].repositories[name]
    return Repository(f"{name} of {site}", config, host(ctx, site, config.host or data_host), ctx.config_base)
