"""Traces by OpenTelemetry, when its own variables ask for them; else a span costs nothing."""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from slackbot.logs import OutageLog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger()

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "ssat-bot"
FLUSH_SECONDS = 3.0
"""At the end of the process; what was not sent by then is lost."""

Value = str | int | float | bool


class Span(Protocol):
    def note(self, **attributes: Value | None) -> None:
        """Add attributes: never what people write."""


class _NoSpan:
    def __enter__(self) -> "_NoSpan":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def note(self, **attributes: Value | None) -> None:
        return None


_NO_SPAN = _NoSpan()
_tracer: Any = None


class _Span:
    """Ends with the name of an error, not with its words: they may quote people."""

    def __init__(self, name: str, kind: str, attributes: Mapping[str, Value | None]) -> None:
        from opentelemetry.trace import SpanKind

        self._span = _tracer.start_span(name, kind=SpanKind[kind])
        self.note(**attributes)

    def __enter__(self) -> "_Span":
        from opentelemetry.trace import use_span

        self._use = use_span(self._span, record_exception=False, set_status_on_exception=False)
        self._use.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._use.__exit__(None, None, None)
        if kind is not None:
            self._span.set_status(Status(StatusCode.ERROR, kind.__name__))
            self._span.set_attribute("error.type", kind.__name__)
        self._span.end()

    def note(self, **attributes: Value | None) -> None:
        _add(self._span, attributes)


def span(name: str, kind: str = "INTERNAL", /, **attributes: Value | None) -> "_Span | _NoSpan":
    """Begin a span inside the current one, if traces are on; ``kind`` as OpenTelemetry has it."""
    return _NO_SPAN if _tracer is None else _Span(name, kind, attributes)


def inner_span(name: str, /, **attributes: Value | None) -> "_Span | _NoSpan":
    """Begin one only inside another: alone it would tell nothing."""
    if _tracer is None:
        return _NO_SPAN
    from opentelemetry.trace import get_current_span

    return span(name, "INTERNAL", **attributes) if get_current_span().is_recording() else _NO_SPAN


def note(**attributes: Value | None) -> None:
    """Add attributes to the current span."""
    if _tracer is None:
        return
    from opentelemetry.trace import get_current_span

    _add(get_current_span(), attributes)


def _add(target: Any, attributes: Mapping[str, Value | None]) -> None:
    for name, value in attributes.items():
        if value is not None:
            target.set_attribute(f"ssat.{name}", value)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Read OpenTelemetry's own variables."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    is_elsewhere = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() not in ("", "otlp")
    return any(map(environment.get, ENDPOINTS)) and not is_off and not is_elsewhere


@contextlib.contextmanager
def tracing(version: str) -> Iterator[None]:
    """Send spans while it lasts; no failure of that disturbs the bot."""
    global _tracer
    if not is_wanted(os.environ):
        yield
        return
    try:
        provider = _provider(version)
    except Exception as error:
        # For example a variable that cannot be read.
        log.error("traces_off", problem=f"{type(error).__name__}: {error}"[:300])
        yield
        return
    _tracer = provider.get_tracer(SERVICE, version)
    try:
        yield
    finally:
        _tracer = None
        # A daemon: a receiver that does not answer must not keep the process.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


def _provider(version: str) -> Any:
    import logging

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # ``_Exporter`` tells
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: SERVICE}
    resource = Resource.create(named | {SERVICE_VERSION: version})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_counting(OTLPSpanExporter())))
    return provider


def _counting(exporter: "SpanExporter") -> "SpanExporter":
    """Tell once a minute of spans that are not sent."""
    from opentelemetry.sdk.trace.export import SpanExportResult

    outage = OutageLog("traces_not_sent", "traces_sent_again")
    send = exporter.export

    def export(spans: Any) -> SpanExportResult:
        try:
            result = send(spans)
        except Exception as error:
            outage.meet(type(error).__name__)
            return SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            outage.end()
        else:
            outage.meet("no answer, or not the wanted one")
        return result

    exporter.export = export  # type: ignore[method-assign]
    return exporter
