"""One request of a day's work, and what the requests before it have kept. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pydantic import Field

from albus_dr.runbook.model import HttpExpectation, Name, Strict

UNIQUE = "unique"
Kept = Mapping[str, str | int | float | bool]
PLACE = re.compile(r"\{([a-z][a-z0-9_-]{0,62})\}")


class Request(Strict):
    """A request to a drill's copy of the service. `{NAME}` stands for what an earlier one has kept."""

    http: str = Field(
        pattern=r"^/",
        description="Path of the request, from the root of the service.",
        examples=["/patients/{patient}"],
    )
    post: dict[str, Any] | None = Field(
        None,
        description="The body of a POST, sent as JSON; without it, it is a GET. `{unique}` is a whole number that no "
        "earlier drill has sent.",
        examples=[{"patient_id": "{patient}", "number": "{unique}"}],
    )
    expect: HttpExpectation = Field(default_factory=lambda: HttpExpectation(), description="The right answer.")
    keep: dict[Name, str] = Field(
        default_factory=dict,
        description="What later requests need of the answer: a JMESPath expression by name.",
        examples=[{"patient": "appointments[0].patient_id"}],
    )

    @property
    def kind(self) -> str:
        """``GET /patients/{patient}``: without what stands for the names."""
        return f"GET {self.http}" if self.post is None else f"POST {self.http}"

    def filled(self, kept: Kept) -> Request:
        """The request as it is sent and judged."""
        wanted = self.expect.json_
        expect = self.expect.model_copy(
            update={"json_": wanted and PLACE.sub(lambda place: _literal(kept[place[1]]), wanted),
                    "contains": self.expect.contains and _in_text(self.expect.contains, kept)}
        )  # fmt: skip
        path = PLACE.sub(lambda place: quote(str(kept[place[1]]), safe=""), self.http)
        return self.model_copy(update={"http": path, "post": _in_body(self.post, kept), "expect": expect})


def unknown_name(requests: Sequence[Request]) -> str:
    """What is wrong with the first `{NAME}` that no earlier request keeps; empty when nothing is."""
    known = {UNIQUE}
    for request in requests:
        texts = (request.http, request.expect.json_ or "", request.expect.contains or "", *_texts(request.post))
        for name in (found for text in texts for found in PLACE.findall(text)):
            if name not in known:
                return f"{{{name}}} is not kept by an earlier request"
        known |= request.keep.keys()
    return ""


def _literal(value: str | float) -> str:
    """In JMESPath's own notation."""
    return "`" + json.dumps(value).replace("`", "\\`") + "`"


def _in_text(text: str, kept: Kept) -> str:
    return PLACE.sub(lambda place: str(kept[place[1]]), text)


def _in_body(value: Any, kept: Kept) -> Any:
    """A text that is nothing but a name becomes what was kept, with its type."""
    match value:
        case str() if whole := PLACE.fullmatch(value):
            return kept[whole[1]]
        case str():
            return _in_text(value, kept)
        case Mapping():
            return {key: _in_body(each, kept) for key, each in value.items()}
        case list() | tuple():
            return [_in_body(each, kept) for each in value]
    return value


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case Mapping():
            return [text for each in value.values() for text in _texts(each)]
        case list() | tuple():
            return [text for each in value for text in _texts(each)]
    return []
