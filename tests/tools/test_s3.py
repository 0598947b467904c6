"""The bucket is asked first: what is wrong with it is known in seconds, and no message holds a secret."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from albus_dr.errors import NotReadyError
from albus_dr.tools import s3
from albus_dr.tools.inventory import find_program
from tests.tools.conftest import accepts, free_port, serving

KEY, SECRET = "strasbourg-key", "strasbourg-secret"


@pytest.fixture
def bucket(place: Path) -> Iterator[s3.Bucket]:
    """A bucket `albus` of rclone's S3 server: a directory."""
    program = find_program("rclone")
    if program is None:
        pytest.skip("rclone is not installed")
    (place / "s3" / "albus").mkdir(parents=True)
    port = free_port()
    argv = (str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(place / "s3"))
    variables = {"RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"', "RCLONE_CONFIG": "/dev/null"}
    with serving(argv, lambda: accepts(port), place / "log", **variables):
        yield s3.Bucket.parse(f"http://127.0.0.1:{port}/albus/backups", KEY, SECRET)


@pytest.mark.parametrize(
    ("address", "endpoint", "name", "prefix"),
    [
        ("https://s3.example.org/albus", "https://s3.example.org", "albus", ""),
        ("http://127.0.0.1:9000/albus/backups/", "http://127.0.0.1:9000", "albus", "backups"),
        ("s3.example.org/albus/a/b", "https://s3.example.org", "albus", "a/b"),
        ("s3.example.org:443/albus", "https://s3.example.org:443", "albus", ""),
    ],
)
def test_addresses(address: str, endpoint: str, name: str, prefix: str) -> None:
    bucket = s3.Bucket.parse(address, KEY, SECRET)

    assert (bucket.endpoint, bucket.name, bucket.prefix) == (endpoint, name, prefix)
    assert KEY not in repr(bucket)
    assert SECRET not in repr(bucket)


def test_a_bucket_that_opens(bucket: s3.Bucket) -> None:
    s3.probe(bucket, what="backups of strasbourg")


def test_a_profile_of_the_shell_is_not_asked_for(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-somebody-else")
    s3.probe(bucket, what="backups of strasbourg")


def test_what_is_wrong_is_said_and_no_secret(bucket: s3.Bucket) -> None:
    endpoint = bucket.endpoint
    for wrong, said in (
        (replace(bucket, name="nowhere"), f"there is no bucket nowhere at {endpoint}"),
        (replace(bucket, secret_key="another-secret"), f"{endpoint} refuses the keys"),
        (replace(bucket, access_key="another-key"), f"{endpoint} refuses the keys"),
        (replace(bucket, endpoint=f"http://127.0.0.1:{free_port()}"), "does not answer (EndpointConnectionError)"),
    ):
        with pytest.raises(NotReadyError) as caught:
            s3.probe(wrong, what="backups of strasbourg")
        assert "the repository backups of strasbourg can't be opened: " in caught.value.message
        assert said in caught.value.message
        assert "compare endpoint, bucket and keys" in caught.value.hint
        for secret in (wrong.secret_key, wrong.access_key):
            assert secret not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("address", ["https://", "http://s3.example.org", "http://bad host/albus", "ftp://h/albus"])
def test_an_address_that_names_no_bucket(address: str) -> None:
    with pytest.raises(NotReadyError, match="can't be opened"):
        s3.probe(s3.Bucket.parse(address, KEY, SECRET), what="backups")


def test_a_server_that_checks_rights(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto's server looks at policies: keys that are known and may not list."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    argv = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    with serving(argv, lambda: accepts(port), place / "log"):
        root = boto3.Session("root-key", "root-secret", region_name="us-east-1")
        root.client("s3", endpoint_url=endpoint).create_bucket(Bucket="albus")
        iam = root.client("iam", endpoint_url=endpoint)
        iam.create_user(UserName="reader")
        made = iam.create_access_key(UserName="reader")["AccessKey"]
        reader = s3.Bucket(endpoint, "albus", "backups", made["AccessKeyId"], made["SecretAccessKey"])
        s3.probe(reader, what="backups")
        with pytest.raises(NotReadyError, match="there is no bucket nowhere"):
            s3.probe(replace(reader, name="nowhere"), what="backups")

        ask = urllib.request.Request(
            f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(ask, timeout=10).close()
        with pytest.raises(NotReadyError, match="refuses the keys \\(AccessDenied\\)"):
            s3.probe(reader, what="backups")
        with pytest.raises(NotReadyError, match="refuses the keys \\(InvalidAccessKeyId\\)"):
            s3.probe(replace(reader, access_key="unknown-key"), what="backups")
        with pytest.raises(NotReadyError, match="refuses the keys \\(SignatureDoesNotMatch\\)"):
            s3.probe(replace(reader, secret_key="another-secret"), what="backups")
