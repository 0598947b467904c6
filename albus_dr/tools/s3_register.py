"""Registers as objects of an S3 bucket, changed by conditional writes: If-None-Match to create, If-Match to change.

Each object starts with a line of its own, new for every write: without it two equal texts would have one ETag, and an
ETag is the version.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from albus_dr.errors import NotReadyError
from albus_dr.tools.process import redact
from albus_dr.tools.register import Conflict, Held, Unreachable, WriteUnknown, not_albus_drs
from albus_dr.tools.s3 import Bucket, client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_REFUSED = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_ABSENT = {"NoSuchKey", "404"}
_HINT = "compare endpoint, bucket and keys in the config with what the provider shows"


@dataclass(frozen=True)
class S3Place:
    """A prefix of a bucket. The keys must allow reading, writing and deleting below it."""

    bucket: Bucket

    @property
    def name(self) -> str:
        """As Register.name."""
        return f"S3 at {self.bucket.endpoint}/{self.bucket.name}/{self.bucket.prefix}".rstrip("/")

    def read(self, key: str) -> Held:
        """As Register.read; ``now`` is the server's Date header, in whole seconds."""
        from botocore.exceptions import ClientError

        with self._translated():
            try:
                answer = self._client.get_object(Bucket=self.bucket.name, Key=self._object(key))
            except ClientError as error:
                if _code(error) not in _ABSENT:
                    raise
                return Held(None, None, self._date(error.response))
            content = answer["Body"].read()
        try:
            _, _, text = content.decode().partition("\n")
            return Held(text, answer["ETag"], self._date(answer))
        except (KeyError, UnicodeDecodeError) as error:
            raise not_albus_drs(self, key, error) from None

    def write(self, key: str, text: str, expected: str | None) -> str:
        """As Register.write."""
        body = f"{uuid.uuid4().hex}\n{text}".encode()
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        with self._translated(is_write=True):
            answer = self._client.put_object(
                Bucket=self.bucket.name,
                Key=self._object(key),
                Body=body,
                **condition,  # type: ignore[arg-type]
            )
        version = answer.get("ETag")
        if not version:
            raise NotReadyError(f"{self.name} gives no ETag for a write: it can't be a witness")
        return version

    def remove(self, key: str) -> None:
        """As Place.remove."""
        with self._translated():
            self._client.delete_object(Bucket=self.bucket.name, Key=self._object(key))

    def _object(self, key: str) -> str:
        return f"{self.bucket.prefix}/{key}".lstrip("/")

    @cached_property
    def _client(self) -> S3Client:
        return client(self.bucket)

    def _date(self, answer: Any) -> float:
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        try:
            return parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError):
            raise NotReadyError(f"{self.name} does not say its time (Date header): it can't be a witness") from None

    @contextmanager
    def _translated(self, *, is_write: bool = False) -> Iterator[None]:
        """botocore's errors as the register's."""
        from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

        try:
            yield
        except ClientError as error:
            code, status = _code(error), error.response["ResponseMetadata"]["HTTPStatusCode"]
            # AWS answers NoSuchKey to an If-Match on an object that is gone.
            if is_write and code in _REFUSED | _ABSENT:
                raise Conflict(f"{self.name} holds another version") from None
            if status < 500 and status != 429:
                raise NotReadyError(f"{self.name} refuses: {redact(code)}", hint=_HINT) from None
            if is_write:
                raise WriteUnknown(f"{self.name} did not say whether it wrote ({status} {code})") from None
            raise Unreachable(f"{self.name} answers {status} {code}") from None
        except (EndpointConnectionError, ConnectTimeoutError) as error:  # nothing was sent
            raise Unreachable(f"{self.name} does not answer ({type(error).__name__})", hint=_HINT) from None
        except ValueError:  # botocore's word for an endpoint that is no address
            raise NotReadyError(f"{self.name} is not an address", hint=_HINT) from None
        except (BotoCoreError, OSError) as error:
            if is_write:
                raise WriteUnknown(f"{self.name} did not say whether it wrote ({type(error).__name__})") from None
            raise Unreachable(f"{self.name} does not answer ({type(error).__name__})", hint=_HINT) from None


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
