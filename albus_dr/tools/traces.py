"""A run as an OpenTelemetry trace, sent to a collector by OTLP over HTTP where the environment names one.

OpenTelemetry's own variables decide: ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``…_TRACES_ENDPOINT``), ``…_HEADERS``,
``…_CERTIFICATE``, and ``OTEL_SERVICE_NAME``. Its SDK is an extra, and is imported when there is something to send.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from albus_dr.errors import NotReadyError, TransientError

PATIENCE_S = 10.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@dataclass(frozen=True)
class Span:
    """One stretch of work. ``failed`` says why in a word; empty: it went well."""

    name: str
    begin: datetime
    end: datetime
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    failed: str = ""


def is_wanted() -> bool:
    """Does the environment name a collector, and not turn the SDK off?"""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not off and any(os.environ.get(name) for name in _ENDPOINTS)


def export(spans: Sequence[Span]) -> None:
    """Send them as one trace, the first as the parent of the others. Raises NotReadyError without the SDK, TransientError
    when the collector did not take it within ``PATIENCE_S``."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ModuleNotFoundError:
        raise NotReadyError("opentelemetry is not installed", hint="pip install '.[otel]' in the checkout") from None

    theirs = logging.getLogger("opentelemetry")  # it would tell of every attempt on our stderr
    theirs.addHandler(logging.NullHandler())
    theirs.propagate = False
    exporter = OTLPSpanExporter(timeout=PATIENCE_S)
    try:
        result = exporter.export(_recorded(spans))
    finally:
        exporter.shutdown()
    if result is not SpanExportResult.SUCCESS:
        raise TransientError("the collector did not take the trace")


def _recorded(spans: Sequence[Span]) -> Sequence[Any]:
    """As the SDK has them once they have ended."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import Status, StatusCode, set_span_in_context

    kept = InMemorySpanExporter()
    name = os.environ.get("OTEL_SERVICE_NAME") or "albus-dr"
    provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("albus_dr")
    whole, *parts = spans
    parent = tracer.start_span(whole.name, start_time=_nanoseconds(whole.begin), attributes=dict(whole.attributes))
    for part in parts:
        child = tracer.start_span(
            part.name,
            context=set_span_in_context(parent),
            start_time=_nanoseconds(part.begin),
            attributes=dict(part.attributes),
        )
        child.set_status(Status(StatusCode.ERROR, part.failed) if part.failed else Status(StatusCode.OK))
        child.end(_nanoseconds(part.end))
    parent.set_status(Status(StatusCode.ERROR, whole.failed) if whole.failed else Status(StatusCode.OK))
    parent.end(_nanoseconds(whole.end))
    finished: Sequence[Any] = kept.get_finished_spans()
    return finished


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000) * 1000
