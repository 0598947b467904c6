"""The witness: exactly one kind, no secret in an address, and at neither of the sites."""

from __future__ import annotations

import pytest

from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK, Files

PLACE = "; put it at a third place, which the loss of either site leaves standing"
SITE = "    hosts: {all: {}}\n    servers: {database: {host: all, data: /data}}"


def problems(files: Files, witness: str, site: str = SITE) -> list[str]:
    files.write(RUNBOOK, CONFIG.replace(SITE, site) + f"witness:\n  {witness}\n")
    return files.problems()


@pytest.mark.parametrize(
    "witness",
    [
        "file: /var/lib/witness",
        "postgres: postgresql://witness@w.example.org/w\n  password: {env: W}",
        "s3: https://s3.example.org/w/albus\n  access_key: {env: A}\n  secret_key: {env: B}",
        "etcd: [http://e1.example.org:2379, http://e2.example.org:2379]",
        "etcd: [https://e1.example.org:2379]\n  user: albus\n  password: {file: p}\n  lease: 10s\n  margin: 2s",
        "file: w\n  location: {latitude: 43.6, longitude: 1.44, country: FR}",
        "postgres: postgresql:///w?host=/run/postgresql",
        "postgres: postgresql://127.0.0.1:6000/w",  # another server of this machine
    ],
)
def test_it_stands_at_a_third_place(files: Files, witness: str) -> None:
    assert problems(files, witness) == []
    assert files.load().config.witness is not None


def test_without_one_there_is_none(files: Files) -> None:
    files.write()
    assert files.load().config.witness is None


@pytest.mark.parametrize(
    ("witness", "said"),
    [
        ("location: {latitude: 0, longitude: 0}", "a witness is exactly one of file, postgres, s3 or etcd"),
        ("file: /w\n  etcd: [http://e:2379]", "a witness is exactly one of file, postgres, s3 or etcd"),
        ("s3: https://s3.example.org/w", "a witness in S3 needs access_key and secret_key"),
        ("file: /w\n  user: me", "user is for a witness in etcd, and goes with password"),
        ("etcd: [e1.example.org]", "an address of etcd is http or https, a host and a port: https://etcd1.example.org:2379"),
        ("file: /w\n  lease: 1s", "lease is too small; at least 3s"),
        ("file: /w\n  margin: 1s", "margin is too small; at least 2s"),
        ("file: /w\n  password: hunter2-hunter2", "password holds a value where only a reference to a secret belongs"),
        ("fil: /w", "unknown key fil; did you mean file?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(files: Files, witness: str, said: str) -> None:
    assert any(said in problem for problem in problems(files, witness))


@pytest.mark.parametrize(
    "witness",
    [
        "postgres: postgresql://me:hunter2@w.example.org/w",
        "postgres: postgresql://w.example.org/w?user=me&password=hunter2",
        "s3: https://key:hunter2@s3.example.org/w\n  access_key: {env: A}\n  secret_key: {env: B}",
        "etcd: ['https://me:hunter2@e.example.org:2379']",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(files: Files, witness: str) -> None:
    (problem,) = problems(files, witness)
    assert "a password stands in the address" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("witness", "site", "said"),
    [
        (
            "postgres: postgresql://w@DB1.example.org/w",
            "    hosts: {all: {ssh: postgres@db1.example.org}}\n    servers: {database: {host: all, data: /data}}",
            "config.yaml:21:13: the witness is at bordeaux's own hosts.all.ssh",
        ),
        (
            "etcd: [http://e1.example.org:2379, http://db1.example.org:2379]",
            "    hosts: {all: {}}\n    servers: {database: {host: all, data: /data, address: db1.example.org}}",
            "config.yaml:21:38: the witness is at bordeaux's own servers.database.address",
        ),
        ("etcd: ['http://[::1]:5432']", SITE, "config.yaml:21:10: the witness is at bordeaux's own servers.database.address"),
        (
            "postgres: postgresql://w@a.example.org,127.0.0.1:8000/w",
            SITE,
            "config.yaml:21:13: the witness is at bordeaux's own services.albus.url",
        ),
    ],
)  # fmt: skip
def test_it_has_an_address_of_a_site(files: Files, witness: str, site: str, said: str) -> None:
    assert problems(files, witness, site) == [said + PLACE]


def test_it_is_on_the_s3_server_of_a_site(files: Files) -> None:
    witness = "witness:\n  s3: http://s3.example.org/w\n  access_key: {env: A}\n  secret_key: {env: B}\n"
    repository = "restic: s3:http://s3.example.org/backups"
    files.write(RUNBOOK, CONFIG.replace("restic: /restic-sbg", repository) + witness)
    assert files.problems() == [
        "config.yaml:21:7: the witness is at strasbourg's own repositories.backups.restic" + PLACE
    ]


def test_it_is_near_a_site(files: Files) -> None:
    found = problems(files, "file: /w\n  location: {latitude: 48.9, longitude: 7.75}")
    assert found == ["config.yaml:22:13: the witness is 36 km from strasbourg" + PLACE + ": more than 50 km away"]


def test_an_address_that_depends_on_a_variable_that_is_not_set_is_not_judged(files: Files) -> None:
    files.write(RUNBOOK, CONFIG + "witness: {postgres: 'postgresql://${WHERE}/w'}\n")
    without = {name: value for name, value in ENVIRONMENT.items() if name != "WHERE"}
    assert files.load(without, require_environment=False).notes
