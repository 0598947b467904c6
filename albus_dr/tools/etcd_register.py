"""Registers as keys of etcd 3.4 or newer, by its JSON gateway: a transaction compares a revision and puts.

Members are asked in order, and the one that answered last first. A member that can't reach a majority answers neither
reads (they are linearizable) nor writes.
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from albus_dr.errors import NotReadyError
from albus_dr.tools.deadline import cut_after
from albus_dr.tools.process import redact
from albus_dr.tools.register import Conflict, Held, Unreachable, WriteUnknown, not_albus_drs

CONNECT_S = 2.0
CALL_S = 4.0
BODY_LIMIT = 4 * 1024 * 1024
PREFIX = "albus-dr/"
CLOCKS_AGREE_S = 2.0
_REFUSALS = (400, 401, 403, 404)
_HINT = "compare the addresses, user and password in the config with etcdctl endpoint status"


class _NotSent(Exception):
    """This member did not take the request: nothing happened."""


class _Lost(Exception):
    """The request was sent, and no complete answer came."""


@dataclass(frozen=True)
class _Answer:
    status: int
    content: dict[str, Any]
    date: float | None

    @property
    def error(self) -> str:
        return str(self.content.get("message") or self.content.get("error") or "")[:200]


@dataclass
class EtcdPlace:
    """``endpoints`` with scheme and port. ``user`` is empty where etcd has no authentication."""

    endpoints: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    _last: str = field(default="", init=False)
    _clocks_agree: bool = field(default=False, init=False)
    _tokens: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        """As Register.name."""
        return f"etcd at {', '.join(self.endpoints)}"

    def read(self, key: str) -> Held:
        """As Register.read; ``now`` is the Date header of the member that answered, in whole seconds."""
        if not self._clocks_agree:
            self._compare_clocks()
            self._clocks_agree = True
        answer = self._ask("/v3/kv/range", {"key": _coded(PREFIX + key)})
        if answer.date is None:
            raise NotReadyError(f"{self.name} does not say its time (Date header): it can't be a witness")
        found = answer.content.get("kvs")
        if not found:
            return Held(None, None, answer.date)
        try:
            text = base64.b64decode(found[0].get("value", "")).decode()
            return Held(text, str(found[0]["mod_revision"]), answer.date)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise not_albus_drs(self, key, error) from None

    def write(self, key: str, text: str, expected: str | None) -> str:
        """As Register.write."""
        coded = _coded(PREFIX + key)
        condition = {"key": coded, "result": "EQUAL", "target": "CREATE", "create_revision": "0"}
        if expected is not None:
            condition = {"key": coded, "result": "EQUAL", "target": "MOD", "mod_revision": expected}
        answer = self._ask(
            "/v3/kv/txn",
            {"compare": [condition], "success": [{"request_put": {"key": coded, "value": _coded(text)}}]},
            is_write=True,
        )
        if not answer.content.get("succeeded"):
            raise Conflict(f"{self.name} holds another version of {key}")
        try:
            return str(answer.content["header"]["revision"])
        except (KeyError, TypeError):
            raise WriteUnknown(f"{self.name} wrote {key} and did not say in which revision") from None

    def remove(self, key: str) -> None:
        """As Place.remove."""
        self._ask("/v3/kv/deleterange", {"key": _coded(PREFIX + key)})

    def _compare_clocks(self) -> None:
        """Once in a process: `now` may come from any member. Raises NotReadyError when those that answer disagree."""
        ahead: dict[str, float] = {}
        for endpoint in self.endpoints:
            with suppress(_NotSent, _Lost):  # a member that is down has no clock to compare
                answer = _post(endpoint, "/v3/kv/range", {}, "")  # refused or not, it has a date
                if answer.date is not None:
                    ahead[endpoint] = answer.date - time.monotonic()
        if ahead and max(ahead.values()) - min(ahead.values()) > CLOCKS_AGREE_S:
            fast, slow = max(ahead, key=ahead.__getitem__), min(ahead, key=ahead.__getitem__)
            raise NotReadyError(
                f"the clocks of {fast} and {slow} differ by {ahead[fast] - ahead[slow]:.0f} s: they can't be a witness",
                hint="let NTP set the clocks of etcd's members",
            )

    def _ask(self, path: str, question: dict[str, Any], *, is_write: bool = False) -> _Answer:
        """The first complete answer of a member. A write that may have arrived is not sent to another one."""
        said = ""
        for endpoint in sorted(self.endpoints, key=lambda each: each != self._last):
            try:
                answer = self._authorized(endpoint, path, question)
            except _NotSent as error:
                said = f"{endpoint}: {error}"
                continue
            except _Lost as error:
                said = f"{endpoint}: {error}"
                self._last = ""
                if is_write:
                    self._prefer_another(endpoint)
                    raise WriteUnknown(f"{self.name} did not say whether it wrote ({said})", hint=_HINT) from None
                continue
            self._last = endpoint
            return answer
        raise Unreachable(f"{self.name} does not answer ({redact(said)})", hint=_HINT)

    def _prefer_another(self, silent: str) -> None:
        """So that the question what has become of a write does not wait for the same member again."""
        self._last = next((each for each in self.endpoints if each != silent), "")

    def _authorized(self, endpoint: str, path: str, question: dict[str, Any]) -> _Answer:
        """With a token where there is a user; a token that has expired is replaced once."""
        for is_second in (False, True):
            if self.user and endpoint not in self._tokens:
                self._tokens[endpoint] = self._token(endpoint)
            answer = _post(endpoint, path, question, self._tokens.get(endpoint, ""))
            if answer.status == 200:
                return answer
            is_expired = answer.status == 401 or "invalid auth token" in answer.error
            if is_expired and self.user and not is_second:
                del self._tokens[endpoint]
                continue
            break
        if answer.status in _REFUSALS:
            raise NotReadyError(f"{self.name} refuses: {answer.status} {redact(answer.error)}", hint=_HINT)
        raise _Lost(f"{answer.status} {answer.error}")  # no leader, timed out: it may still be carried out

    def _token(self, endpoint: str) -> str:
        try:
            answer = _post(endpoint, "/v3/auth/authenticate", {"name": self.user, "password": self.password}, "")
        except _Lost as error:  # nothing of the question itself was sent
            raise _NotSent(str(error)) from None
        if answer.status in _REFUSALS:
            raise NotReadyError(f"{self.name} refuses the user {self.user}: {answer.status}", hint=_HINT)
        if answer.status != 200:
            raise _NotSent(f"{answer.status} {answer.error}")
        if "token" not in answer.content:
            raise _NotSent("it gave no token")
        return str(answer.content["token"])


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _post(endpoint: str, path: str, question: dict[str, Any], token: str) -> _Answer:
    """One request on a connection of its own. Raises _NotSent or _Lost."""
    parts = urlsplit(endpoint)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    line = kind(parts.hostname or "", parts.port or 2379, timeout=CONNECT_S)
    try:
        try:
            line.connect()
        except (OSError, ValueError) as error:
            raise _NotSent(str(error) or type(error).__name__) from None
        headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}
        try:
            line.sock.settimeout(CALL_S)
            with cut_after(CALL_S, line.sock.fileno()):
                line.request("POST", path, json.dumps(question), headers)
                response = line.getresponse()
                body = response.read(BODY_LIMIT + 1)
            if len(body) > BODY_LIMIT:
                raise _Lost("the answer is too long")
            if response.length:
                raise _Lost("the answer ended too early")
            content = json.loads(body)
            if not isinstance(content, dict):
                raise _Lost("the answer is not what etcd says")
        except (OSError, HTTPException, ValueError) as error:
            raise _Lost(str(error) or type(error).__name__) from None
        return _Answer(response.status, content, _date(response.getheader("Date")))
    finally:
        line.close()


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None
