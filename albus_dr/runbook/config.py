"""The config: sites, hosts, endpoints and credentials of one environment.

Secrets are references. A value where a reference belongs is an error, and the value is not repeated in it.
"""

from __future__ import annotations

import re
from posixpath import normpath
from typing import Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from albus_dr.runbook.model import OPERATIONS, Argv, Name, Seconds, SomeTime, Strict


class SecretRef(Strict):
    """Where a secret is: an environment variable, a file or a command that prints it. Never the secret itself."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The name of an environment variable."
    )
    file: str | None = Field(
        None,
        min_length=1,
        description="A file that holds the secret and nothing else, relative to this one, mode 0600.",
    )
    command: tuple[str, ...] | None = Field(
        None, min_length=1, description="A command that prints the secret. It starts in this file's directory."
    )

    @model_validator(mode="after")
    def _one(self) -> SecretRef:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            raise ValueError("a secret is named by exactly one of env, file or command")
        return self


class Location(Strict):
    """Where the site stands."""

    latitude: float = Field(ge=-90, le=90, description="Degrees north.")
    longitude: float = Field(ge=-180, le=180, description="Degrees east.")
    country: str = Field("", description="ISO 3166 code.")


class Provider(Strict):
    """Who runs the site."""

    name: str = Field("", description="Who it is.")
    account: str = Field("", description="The account that is billed. Two sites under one account share its fate.")
    certificate: str = Field("", description="Hosting certificate, for example HDS.")


class HostConfig(Strict):
    """A machine that steps run on: this one, or one reached by the system's ssh."""

    ssh: str | None = Field(None, description="user@host, as for ssh. Absent: this machine.")
    port: int | None = Field(None, ge=1, le=65535, description="The ssh port.")
    options: tuple[str, ...] = Field((), description="More `-o` options for ssh.")

    @field_validator("ssh")
    @classmethod
    def _somewhere(cls, ssh: str | None) -> str | None:
        """A variable that is empty must not make this machine of another one."""
        if ssh is not None and not ssh.strip():
            raise ValueError("ssh is empty; leave it out for this machine")
        return ssh


class ServerConfig(Strict):
    """A PostgreSQL server."""

    host: Name = Field(description="A host of the site.")
    data: str = Field(pattern=r"^/", description="The data directory. Absolute.")
    port: int = Field(5432, ge=1, le=65535, description="The TCP port, which also names the socket.")
    socket: str | None = Field(
        None,
        description="Directory of the Unix socket that administration goes through, as the system user that albus-dr is on the "
        "host, not as `run_as`.",
    )
    user: str = Field("postgres", description="The database role for administration.", examples=["postgres"])
    run_as: str | None = Field(
        None, description="The system user that owns the data directory, when steps run as root."
    )
    bin: str | None = Field(None, description="Directory of the PostgreSQL programs. Default: found on the host.")
    address: str = Field("localhost", description="The address that the other site's standby connects to.")
    replication_user: str = Field("replicator", description="The role that standbys connect as.")
    password: SecretRef | None = Field(
        None, description="Password of `user`, where the socket asks for one.", examples=[{"env": "PGPASSWORD"}]
    )
    replication_password: SecretRef | None = Field(None, description="Password of `replication_user`.")
    systemd: str | None = Field(None, description="The unit that runs the server. Default: pg_ctl on `data`.")


class DrillService(Strict):
    """How to start a copy of the service on what a drill restored.

    It runs on the host of the site's `scratch`, whatever the service's own host is, and as the user that albus-dr is there
    (that of `ssh:`). What it starts must be installed there.

    Placeholders: {port}, {dir} (the drill's own directory), and {NAME} for every workload in `needs`:
    a libpq URI for postgres, a directory for files. Braces that are meant as such are written twice; what a variable of the
    environment holds (`${NAME}`) is taken as it is.
    """

    command: tuple[str, ...] = Field(min_length=1, description="Runs in the foreground until it is told to stop.")
    environment: dict[str, str] = Field(
        default_factory=dict, description="Added to the environment.", examples=[{"DATABASE_URL": "{patients}"}]
    )
    health: str = Field("/", pattern=r"^/", description="Path that answers 200 once the copy works.")


class ServiceConfig(Strict):
    """The application at one site."""

    host: Name = Field(description="A host of the site.")
    systemd: str | None = Field(None, description="The unit; or give start, stop and status.")
    start: Argv | None = Field(
        None,
        description="A command that returns once the service was started.",
        examples=[["service", "albus", "start"]],
    )
    stop: Argv | None = Field(
        None,
        description="A command that returns once the service has stopped.",
        examples=[["service", "albus", "stop"]],
    )
    status: Argv | None = Field(
        None, description="Exit code 0: running; 3: not running.", examples=[["service", "albus", "status"]]
    )
    url: str = Field(
        description="Where the service answers, as seen from the machine that runs albus-dr, which asks it: "
        "for example http://app1.lyon.example.org:8000"
    )
    health: str = Field("/", pattern=r"^/", description="Path that answers 200 once the service works.")
    drill: DrillService | None = Field(None, description="How a drill starts a copy.")

    @model_validator(mode="after")
    def _startable(self) -> ServiceConfig:
        if self.systemd is None and None in (self.start, self.stop, self.status):
            raise ValueError("a service needs systemd: UNIT, or all of start, stop and status")
        return self


class PathConfig(Strict):
    """A directory tree on a host."""

    host: Name = Field(description="A host of the site.")
    path: str = Field(pattern=r"^/", description="Absolute.")
    owner: str | None = Field(None, description="user:group that restored files belong to. Default: as recorded.")

    @field_validator("path")
    @classmethod
    def _not_all_of_it(cls, path: str) -> str:
        """A restore makes it equal to a recovery point, and removes what that has not."""
        if not normpath(path).strip("/"):
            raise ValueError("this is the whole machine, and a restore would remove what the recovery point has not")
        return path


class RepositoryConfig(Strict):
    """A restic repository that belongs to the site."""

    host: Name | None = Field(
        None,
        description="The host that restic runs on. Default: where the data is. A drill's restic runs on the host of `scratch`.",
        examples=["app"],
    )
    restic: str = Field(description="The repository, as restic names it: s3:https://…/bucket/path, or a directory.")
    password: SecretRef = Field(description="The password that the repository is encrypted with.")
    access_key: SecretRef | None = Field(None, description="AWS_ACCESS_KEY_ID, for S3.")
    secret_key: SecretRef | None = Field(None, description="AWS_SECRET_ACCESS_KEY, for S3.")

    @field_validator("restic")
    @classmethod
    def _without_password(cls, address: str) -> str:
        if re.search(r"://[^/@]*:[^/@]*@", address):
            raise ValueError(
                "a password stands in the address; a secret is named by password:, access_key: and secret_key:"
            )
        return address

    @field_validator("restic")
    @classmethod
    def _not_a_bare_host(cls, address: str) -> str:
        """To restic it would be a directory below the current one: a copy on the very disk that may burn."""
        if re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?(/.*)?", address):
            raise ValueError(
                "this looks like a host, and restic takes it for a directory; in S3 a repository is s3:https://HOST/BUCKET/PATH, "
                "and a directory begins with / or ./"
            )
        return address


class FenceMethod(Strict):
    """One way of knowing that the site can't write any more. Tried in order."""

    command: Argv | None = Field(
        None,
        description="Exit code 0 means that the site is off. Run in a failover alone: a planned change stops the servers itself, "
        "and looks at all of them.",
        examples=[["/etc/albus-dr/power-off", "strasbourg"]],
    )
    probe: Name | None = Field(
        None,
        description="A host that answers, and on which server and port are gone. Every host with a server needs one.",
    )
    lease: Literal[True] | None = Field(
        None, description="The site's guard keeps a lease (`--keep-lease`): wait until it has lapsed."
    )
    statement: Literal[True] | None = Field(None, description="Accept a person's recorded statement (--fenced-by).")
    timeout: SomeTime = Field(30.0, description="It has not answered when this time is over.")

    @model_validator(mode="after")
    def _one(self) -> FenceMethod:
        if sum(value is not None for value in (self.command, self.probe, self.lease, self.statement)) != 1:
            raise ValueError("a fence method is exactly one of command, probe, lease or statement")
        return self


class ScratchConfig(Strict):
    """Where drills restore to at this site: isolated from production, emptied afterwards.

    Everything is restored and started on this one host, wherever the data and the application are in production: by restic,
    as PostgreSQL servers, as the application's copy. So these must be installed there, and the repositories must be in its
    reach: one in a directory of another host is refused. Restored servers run as `run_as`; restic and the copy run as the
    user that albus-dr is there (that of `ssh:`).
    """

    host: Name = Field(description="A host of the site. It need not be one that serves.")
    path: str = Field(pattern=r"^/", description="A directory that belongs to albus-dr alone.")
    run_as: str | None = Field(
        None, description="The system user for restored PostgreSQL servers, when steps run as root."
    )
    network: Literal["none", "host"] = Field(
        "none",
        description="What restored servers and the application's copy can reach. `none`: loopback alone, in a network "
        "namespace. `host`: what the host can reach, where the copy is started by another program (a container).",
    )
    bin: str | None = Field(None, description="Directory of the PostgreSQL programs. Default: found on the host.")


class SiteConfig(Strict):
    """One site."""

    location: Location
    provider: Provider = Provider()
    hosts: dict[Name, HostConfig] = Field(min_length=1, description="Machines, by name.")
    servers: dict[Name, ServerConfig] = Field(default_factory=dict, description="PostgreSQL servers, by name.")
    services: dict[Name, ServiceConfig] = Field(default_factory=dict, description="Applications, by name.")
    paths: dict[Name, PathConfig] = Field(default_factory=dict, description="Directory trees, by name.")
    repositories: dict[Name, RepositoryConfig] = Field(
        default_factory=dict, description="Where recovery points are kept, by name."
    )
    scratch: ScratchConfig | None = Field(None, description="Needed where drills run.")
    fence: tuple[FenceMethod, ...] = Field((), description="How to know that this site can't write any more.")


class ProxyConfig(Strict):
    """The door that users come in by."""

    haproxy: str = Field(description="HAProxy's runtime API: path of the socket, or address:port.")
    backend: str = Field(description="The backend whose servers are opened and closed.")
    servers: dict[Name, str] = Field(description="The server line in the backend, by site.")
    host: HostConfig | None = Field(None, description="The machine that HAProxy runs on. Default: this one.")
    url: str = Field(description="Where users come in; clients are verified through it.")
    clients: Argv | None = Field(
        None,
        description="A command that prints what users saw, as JSON: acknowledged_writes and lost_writes (of databases: what is "
        "only a file comes back as old as its recovery point), client_downtime_s.",
        examples=[["/etc/albus-dr/what-users-saw"]],
    )


class WitnessConfig(Strict):
    """The third place that knows which site is primary: one of file, postgres, s3 or etcd."""

    file: str | None = Field(
        None,
        min_length=1,
        description="A directory on this machine, for sites that are all run from here.",
        examples=["/var/lib/albus-dr/witness"],
    )
    postgres: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        description="A database, as a libpq URI. Its role must be able to create one table.",
        examples=["postgresql://albus_dr@witness.example.org/albus_dr?sslmode=verify-full"],
    )
    s3: str | None = Field(
        None,
        pattern=r"^https?://[^/]+/[^/]+",
        description="https://host/bucket/prefix, of a service that keeps conditional writes.",
        examples=["https://s3.example.org/witness/albus"],
    )
    etcd: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Client addresses of its members, asked in this order.",
        examples=[["https://etcd1.example.org:2379"]],
    )
    user: str = Field("", description="The user, where etcd asks for one.", examples=["albus-dr"])
    password: SecretRef | None = Field(
        None, description="Password of the role or the user.", examples=[{"file": "/etc/albus-dr/witness.key"}]
    )
    access_key: SecretRef | None = Field(None, description="AWS_ACCESS_KEY_ID, for S3.")
    secret_key: SecretRef | None = Field(None, description="AWS_SECRET_ACCESS_KEY, for S3.")
    location: Location | None = Field(None, description="Where it stands: more than 50 km from each site.")
    lease: Seconds = Field(
        30.0, ge=3, description="How long a guarded site may write without hearing from the witness.", examples=["30s"]
    )
    margin: Seconds = Field(
        5.0,
        ge=2,
        description="What is waited for beyond a lease: clocks run at different rates, and HTTP tells whole seconds.",
        examples=["5s"],
    )

    @field_validator("postgres", "s3", "etcd")
    @classmethod
    def _without_password(cls, address: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for each in (address,) if isinstance(address, str) else address or ():
            if re.search(r"://[^/@]*:[^/@]*@|[?&](ssl)?password=", each):
                raise ValueError(
                    "a password stands in the address; a secret is named by password:, access_key: and secret_key:"
                )
        return address

    @field_validator("etcd")
    @classmethod
    def _with_scheme(cls, endpoints: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if any(not re.fullmatch(r"https?://[^/@\s]+/?", endpoint) for endpoint in endpoints or ()):
            raise ValueError("an address of etcd is http or https, a host and a port: https://etcd1.example.org:2379")
        return endpoints

    @model_validator(mode="after")
    def _one(self) -> WitnessConfig:
        if sum(value is not None for value in (self.file, self.postgres, self.s3, self.etcd)) != 1:
            raise ValueError("a witness is exactly one of file, postgres, s3 or etcd")
        if self.s3 is not None and None in (self.access_key, self.secret_key):
            raise ValueError("a witness in S3 needs access_key and secret_key")
        if self.user and (self.etcd is None or self.password is None):
            raise ValueError("user is for a witness in etcd, and goes with password")
        return self


class NotifyConfig(Strict):
    """Who is told how runs end. Whether that works has no part in how a run ends."""

    apprise: tuple[SecretRef, ...] = Field(
        (),
        description="Addresses as apprise takes them (mailto://, slack://, ntfy:// and many more). They hold credentials, so "
        "they are secrets. Needs `pip install '.[notify]'` in the checkout.",
        examples=[[{"env": "NTFY_ADDRESS"}]],
    )
    tell: Literal["trouble", "always"] = Field(
        "trouble", description="`trouble`: those addresses hear of runs that did not pass, or wait for somebody."
    )
    pings: dict[Name, SecretRef] = Field(
        default_factory=dict,
        description="By operation: an address that is asked with /start, /fail or nothing behind it, as Healthchecks wants it.",
        examples=[{"drill": {"env": "HEALTHCHECKS_DRILL"}}],
    )
    metrics: str | None = Field(
        None,
        pattern=r"^/",
        description="A directory of Prometheus's textfile collector: one file for each runbook and operation.",
        examples=["/var/lib/prometheus/node-exporter"],
    )
    pushgateway: SecretRef | None = Field(
        None,
        description="The address of a Prometheus Pushgateway, which may hold a user and a password: the same metrics are pushed "
        "there, for machines that no Prometheus asks.",
        examples=[{"env": "PUSHGATEWAY"}],
    )

    @model_validator(mode="after")
    def _operations(self) -> NotifyConfig:
        if wrong := [name for name in self.pings if name not in OPERATIONS]:
            raise ValueError(f"pings are by operation, and {wrong[0]} is none: {', '.join(OPERATIONS)}")
        return self


class Config(Strict):
    """Sites and credentials of one environment. `${NAME}` in any value is taken from the environment."""

    version: Literal[1] = Field(description="The version of this format.")
    sites: dict[Name, SiteConfig] = Field(min_length=2, description="By name.")
    proxies: dict[Name, ProxyConfig] = Field(default_factory=dict, description="By name.")
    witness: WitnessConfig | None = Field(
        None, description="Who knows which site is primary. Default: a file in the state directory."
    )
    notify: NotifyConfig | None = Field(None, description="Who is told how runs end. Default: nobody.")

    @property
    def is_one_machine(self) -> bool:
        """No host is reached by ssh: all of it is where albus-dr itself runs, and so is a witness in a file."""
        hosts = [host for site in self.sites.values() for host in site.hosts.values()]
        hosts += [proxy.host for proxy in self.proxies.values() if proxy.host is not None]
        return not any(host.ssh for host in hosts)
