"""The runbook: what is protected, how well, and how one knows that it works.

Every model is frozen and refuses unknown keys. Field descriptions are the text of the generated reference.
The workloads' own models live with their kinds (albus_dr/workloads); the loader puts them together.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Annotated, Literal

# pydantic would look through every installed package for plugins: slow, and a plugin would see every value.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from albus_dr.units import format_duration, parse_distance_km, parse_duration

DURATION_PATTERN = r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|[smhdwy])\s*)+$"
DISTANCE_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*km\s*$"
ONE_LINE = r"^[^\n\r\t]*$"
Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]


def _some(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("nothing ends within no time; write how long it may take")
    return seconds


SomeTime = Annotated[Seconds, AfterValidator(_some)]
Kilometres = Annotated[
    float,
    BeforeValidator(parse_distance_km),
    WithJsonSchema({"type": "string", "pattern": DISTANCE_PATTERN}),
]
Argv = Annotated[tuple[str, ...], Field(min_length=1)]
"""A program and its arguments, without a shell."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Operation = Literal["replicate", "drill", "switchover", "failover", "reprotect", "failback"]
OPERATIONS: tuple[Operation, ...] = ("replicate", "drill", "switchover", "failover", "reprotect", "failback")
PLANNED: tuple[Operation, ...] = ("switchover", "failback")  # both sites are healthy when the primary changes
HOLDS_DATA = ("postgres", "files")  # kinds of workloads that recovery points are made of


class Strict(BaseModel):
    """Frozen, no unknown keys, and no input echoed in errors (it may be a secret)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


Stage = Literal[
    "detected",
    "declared",
    "started",
    "approved",
    "fenced",
    "data_recovered",
    "service_verified",
    "clients_verified",
    "ended",
]


class Objectives(Strict):
    """What was promised."""

    rto: Seconds = Field(description="Recovery time objective: service is back within this time.")
    rpo: Seconds = Field(description="Recovery point objective: at most this much work may be lost.")
    clock: Literal["disruption", "declaration"] = Field(
        "disruption", description="Where the recovery time starts to count."
    )
    drill_every: Seconds = Field(description="A drill must have passed within this period.")
    budgets: dict[Stage, Seconds] = Field(
        default_factory=dict,
        description="How long each stage may take: from the clock before it to the clock that it is named by.",
        examples=[{"fenced": "10m", "data_recovered": "2h", "service_verified": "30m"}],
    )
    distance: Kilometres | None = Field(None, description="The sites must lie at least this far apart (great circle).")

    @model_validator(mode="after")
    def _budgets_fit(self) -> Objectives:
        together = sum(budget_s for stage, budget_s in self.budgets.items() if stage != "ended")
        if together > self.rto:
            come_to, promised = format_duration(together, beside=self.rto), format_duration(self.rto)
            raise ValueError(f"the budgets come to {come_to} together, more than the rto ({promised})")
        return self


class SitePair(Strict):
    """The two sites, by their names in the config."""

    primary: Name = Field(description="Where users are served when nothing is wrong.")
    secondary: Name = Field(description="Where service continues when the primary is lost.")


_CONDITION = re.compile(r"\s*(<|>|=|!=)")


class SqlCheck(Strict):
    """A question to the recovered database and its right answer."""

    sql: str = Field(description="One SQL query that returns one value.")
    expect: str | int | float | bool = Field(
        description="`manifest`: equal to what was counted when the recovery point was made; or the value itself."
    )

    @field_validator("expect")
    @classmethod
    def _is_a_value(cls, expect: object) -> object:
        if isinstance(expect, str) and _CONDITION.match(expect):
            raise ValueError(
                f'expect is compared as it stands, and "{expect}" is a condition; put it into the query (… {expect}), and '
                "write `expect: true`"
            )
        return expect


class HttpExpectation(Strict):
    """What a good answer looks like."""

    status: int = Field(200, description="HTTP status. A redirect has one of its own, and is not followed.")
    json_: str | None = Field(None, alias="json", description="A JMESPath expression that must be true of the body.")
    contains: str | None = Field(None, description="A text that the body must contain.", examples=["Agenda"])


class HttpCheck(Strict):
    """A question to the recovered application and what a right answer looks like."""

    http: str = Field(pattern=r"^/", description="Path of the request, from the root of the service.")
    expect: HttpExpectation = Field(default_factory=lambda: HttpExpectation(), description="The right answer.")


class WorkloadModel(Strict):
    """What every kind of workload has. Kinds add their own keys."""

    kind: str = Field(description="postgres, files, service, traffic, command, or a third party's.")
    needs: tuple[Name, ...] = Field(
        (), description="Workloads that must be back before this one starts.", examples=[["patients"]]
    )
    rpo: Seconds | None = Field(None, description="Stricter than the runbook's.", examples=["1m"])


class Approval(Strict):
    """A person must agree before the run goes on."""

    within: SomeTime = Field(description="How long to wait.", examples=["30m"])
    otherwise: Literal["abort", "continue"] = Field(
        "abort", description="What happens when nobody answers in time.", examples=["abort"]
    )


class OwnStep(Strict):
    """A step that only people know of, put before or after a derived one.

    It does exactly one of run, http, approve and wait.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [{"required": [verb]} for verb in ("run", "http", "approve", "wait")]},
                {"oneOf": [{"required": ["before"]}, {"required": ["after"]}]},
            ]
        }
    )

    name: str = Field(
        min_length=1, pattern=ONE_LINE, description="What people call it, on one line.", examples=["Tell the nurses"]
    )
    run: str | Argv | None = Field(
        None,
        description="A command and its arguments. No shell; paths are relative to the runbook.",
        examples=[["./tell-the-nurses.sh", "--now"]],
    )
    http: str | None = Field(
        None, description="A URL that must answer 2xx to GET.", examples=["https://status.example.org/ready"]
    )
    approve: Approval | None = Field(
        None, description="Wait for `albus-dr approve RUN STEP`.", examples=[{"within": "30m", "otherwise": "abort"}]
    )
    wait: Seconds | None = Field(None, description="Wait this long.", examples=["30s"])
    host: Name | None = Field(
        None, description="The host (of the site in `site`) that the command runs on; default: here.", examples=["app"]
    )
    site: Literal["primary", "secondary"] = Field(
        "secondary", description="Whose hosts `host` names.", examples=["primary"]
    )
    before: str | None = Field(None, description="A workload, a derived step's id, or `fence`.", examples=["fence"])
    after: str | None = Field(None, description="A workload, a derived step's id, or `fence`.", examples=["door"])
    in_: tuple[Operation, ...] = Field(
        alias="in",
        min_length=1,
        description="The operations that it takes part in.",
        examples=[["failover", "switchover"]],
    )
    timeout: SomeTime = Field(60.0, description="It is stopped, with its children, after this time.", examples=["2m"])
    retries: int = Field(0, ge=0, le=20, description="How often it is tried again after a failure. A command that may be is also run "
                         "again where nobody knows how it ended.", examples=[2])  # fmt: skip
    undo: Argv | None = Field(
        None, description="A command that takes it back when the run is aborted.", examples=[["./untell-the-nurses.sh"]]
    )
    on_failure: Literal["stop", "continue"] = Field(
        "stop", description="`continue`: the run goes on, and is incomplete.", examples=["continue"]
    )

    @field_validator("run")
    @classmethod
    def _can_be_taken_apart(cls, run: str | Argv | None) -> str | Argv | None:
        try:
            parts = shlex.split(run) if isinstance(run, str) else run
        except ValueError as error:
            raise ValueError(
                f"run can't be taken apart into a command and its arguments: {str(error).lower()}"
            ) from None
        if parts is not None and not parts:
            raise ValueError("run is empty: write a command")
        return run


def own_step_id(name: str) -> str:
    """``Tell the nurses`` is ``own.tell-the-nurses``."""
    return "own." + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "step")


class InLanguages(Strict):
    """A text for each language of reports."""

    en: str = Field(description="In English.", examples=["Appointments and billing"])
    fr: str = Field(description="In French.", examples=["Rendez-vous et facturation"])


class Runbook(Strict):
    """One page: what we protect, and how well."""

    version: Literal[1] = Field(description="The version of this format.")
    runbook: Name = Field(description="The runbook's name. Runs, recovery points and leases carry it.")
    description: str | InLanguages = Field(
        "", description="For people, in one text or in one for each language.", examples=["Appointments and billing"]
    )
    config: str | None = Field(
        None, description="Sites and credentials, relative to this file. `--config` replaces it."
    )
    objectives: Objectives
    sites: SitePair
    workloads: dict[Name, WorkloadModel] = Field(min_length=1, description="What is protected, by name.")
    steps: tuple[OwnStep, ...] = Field((), description="What only people know.")
