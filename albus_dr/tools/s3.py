"""S3, before restic: is the bucket there, and do the keys open it? A second, not a quarter of an hour."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from albus_dr.errors import NotReadyError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PATIENCE_S = 10.0  # more than the client's own time-outs together


class NoAnswer(NotReadyError):
    """Nothing came back from where the bucket should be: no word, not even a refusal."""


@dataclass(frozen=True)
class Bucket:
    """``endpoint`` with scheme and port; ``prefix`` without slashes at its ends."""

    endpoint: str
    name: str
    prefix: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @staticmethod
    def parse(address: str, access_key: str, secret_key: str) -> Bucket:
        """``https://host/bucket/prefix``, or restic's ``host/bucket/prefix``."""
        parts = urlsplit(address if "://" in address else f"https://{address}")
        name, _, prefix = parts.path.strip("/").partition("/")
        return Bucket(f"{parts.scheme}://{parts.netloc}", name, prefix, access_key, secret_key)


_REGION = r"//s3[.-]([a-z0-9-]+)\.(?:amazonaws\.com|scw\.cloud|io\.cloud\.ovh\.(?:net|us))(?::\d+)?$"


def region_of(endpoint: str) -> str:
    """The region that requests are signed for: in the address, else AWS_DEFAULT_REGION, else us-east-1."""
    named = re.search(_REGION, endpoint)
    return named[1] if named else os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def client(bucket: Bucket) -> S3Client:
    """What asks the bucket, with the config's keys, whatever profile the shell names. One attempt: a repeated conditional
    write would be refused because of its own first try. Raises what botocore raises."""
    import boto3  # a third of a second to import: only where it is needed
    from botocore.config import Config
    from botocore.session import Session

    session = Session(session_vars={"profile": (None, None, None, None)})
    return boto3.Session(botocore_session=session).client(
        "s3", endpoint_url=bucket.endpoint, aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key, region_name=region_of(bucket.endpoint),
        config=Config(
            connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"},
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        ),
    )  # fmt: skip


def probe(bucket: Bucket, *, what: str) -> None:
    """Raises NotReadyError when the keys are wrong or the bucket is missing, NoAnswer when the server does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, SSLError

    try:
        client(bucket).list_objects_v2(Bucket=bucket.name, Prefix=bucket.prefix, MaxKeys=1)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise NotReadyError(f"the repository {what} can't be opened: {_meaning(code, bucket)}", hint=_HINT) from None
    except ValueError:  # botocore's word for an endpoint that is no address
        raise NotReadyError(
            f"the repository {what} can't be opened: {bucket.endpoint} is not an address", hint=_HINT
        ) from None
    except BotoCoreError as error:
        is_silent = isinstance(error, (ConnectionError, HTTPClientError)) and not isinstance(error, SSLError)
        raise (NoAnswer if is_silent else NotReadyError)(
            f"the repository {what} can't be opened: {bucket.endpoint} does not answer ({type(error).__name__})",
            hint=f"is it up, and can it be reached from here? If so, {_HINT}",
        ) from None


_HINT = "compare endpoint, bucket and keys in the config with what the provider shows"


def _meaning(code: str, bucket: Bucket) -> str:
    if code in ("NoSuchBucket", "404"):
        return f"there is no bucket {bucket.name} at {bucket.endpoint}"
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"):
        return f"{bucket.endpoint} refuses the keys ({code})"
    return f"{bucket.endpoint} answers {code}"
