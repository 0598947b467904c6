"""What the witness holds about one runbook: who is primary, since which epoch, who is changing it, who may write.

Every time in it is the witness's own clock (seconds since 1970): no machine's clock is ever compared with another's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from albus_dr.errors import RefusedError
from albus_dr.units import rfc3339

SCHEMA = "albus-dr/witness/1"


@dataclass(frozen=True)
class Claim:
    """``run`` is about to make ``target`` the primary: until it is committed or released nothing starts as a primary."""

    run: str
    target: str
    at: float


@dataclass(frozen=True)
class WriteLease:
    """A guard's word. ``kept``: it renews this and makes the site read-only when it can't. Otherwise it is a start
    window: the guard starts its command before the window is over, or not at all."""

    site: str
    holder: str
    kept: bool
    ttl_s: float
    renewed_at: float


@dataclass(frozen=True)
class RunLease:
    """One run at a time changes the runbook's sites. ``place`` is where its local lock lies: whoever holds that lock
    knows that an earlier process of that place has ended."""

    run: str
    holder: str
    purpose: str
    place: str
    ttl_s: float
    renewed_at: float


@dataclass(frozen=True)
class Record:
    """``sites`` are the runbook's two. ``unfinished``: the run that made ``primary`` the primary and has not yet been
    seen to promote it. ``identities``: the system identifier of each database, by workload."""

    runbook: str
    sites: tuple[str, str]
    epoch: int
    primary: str
    changed_by: str
    changed_at: float
    unfinished: str | None = None
    identities: Mapping[str, str] = field(default_factory=dict)
    claim: Claim | None = None
    write_lease: WriteLease | None = None
    run_lease: RunLease | None = None

    def other(self, site: str) -> str:
        """The site that is not this one."""
        first, second = self.sites
        return second if site == first else first

    def to_json(self) -> dict[str, Any]:
        """Plain data, times in RFC 3339."""
        data: dict[str, Any] = {"schema": SCHEMA, **asdict(self), "sites": list(self.sites)}
        return _times(data, _to_text)

    def to_text(self, nonce: str) -> str:
        """For the register. ``nonce`` makes every write another text, so that a write whose answer was lost is found."""
        return json.dumps({**self.to_json(), "nonce": nonce}, sort_keys=True)

    @staticmethod
    def from_text(text: str) -> Record:
        """What to_text wrote. Raises RefusedError where it is something else."""
        try:
            data = _times(json.loads(text), _from_text)
            if data.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            data.pop("nonce", None)
            first, second = data["sites"]
            if not isinstance(data["sites"], list):
                raise ValueError("sites is no list")
            parts = {"claim": Claim, "write_lease": WriteLease, "run_lease": RunLease}
            made = {key: kind(**data[key]) if data[key] else None for key, kind in parts.items()}
            record = Record(**{**data, **made, "sites": (first, second)})
            for part in (record, *filter(None, made.values())):
                _require_types(part)
            if first == second or record.primary not in record.sites:
                raise ValueError(f"the sites are {first} and {second}, and the primary is {record.primary}")
            return record
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RefusedError(
                f"what the witness holds is not albus-dr's: {type(error).__name__}: {error}",
                hint="is it the right place? another version of albus-dr may have written it",
            ) from None


# By what stands in the classes above; a record may have been edited by hand, and decisions rest on it.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "str | None": (str, type(None)),
    "tuple[str, str]": (tuple,), "Mapping[str, str]": (dict,),
}  # fmt: skip


def _require_types(part: Any) -> None:
    for each in fields(part):
        value, wanted = getattr(part, each.name), _TYPES.get(str(each.type))
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
        wrong = wanted is not None and (
            not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)
        )
        if (
            wrong
            or not all(isinstance(one, str) for one in inside)
            or (isinstance(value, float) and not isfinite(value))
        ):
            raise ValueError(f"{each.name} is not {each.type}")


def _to_text(at: float) -> str:
    return rfc3339(datetime.fromtimestamp(at, UTC), "microseconds")


def _from_text(at: str) -> float:
    time = datetime.fromisoformat(at)
    if time.tzinfo is None:
        raise ValueError("a time has no zone")
    return time.timestamp()


def _times(data: dict[str, Any], convert: Any) -> dict[str, Any]:
    changed = {**data, "changed_at": convert(data["changed_at"])}
    for key, name in (("claim", "at"), ("write_lease", "renewed_at"), ("run_lease", "renewed_at")):
        if data[key]:
            changed[key] = {**data[key], name: convert(data[key][name])}
    return changed
