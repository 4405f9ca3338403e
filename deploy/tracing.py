"""Traces from the webhook to the reward, by OpenTelemetry; off unless an endpoint is named.

A trace is decided on where an event comes in. From there `traceparent` travels in the headers of
Kafka records, in the reward ledger, and to the service that is called; values never carry it. What
is not traced has no such header, and costs a look for one at most; without an endpoint, not even
the libraries are loaded.

Each traced record has a span of its own in every stage, linked to the batch it went through: the
batch is what took the time, and many traces share it. It stands in the trace of its first record.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from schemas.topics import HEADER_TRACEPARENT, header_in

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from deploy.settings import Tracing

NAME = "hellocactus"
STOP_MS_MAX = 5_000


class _Message(Protocol):
    """A Kafka record, as far as tracing looks at it."""

    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]


Batch = tuple[Sequence[Any], Callable[[], None]]
"""The records under their new spans, and how to end these."""


class Tracer:
    """Opens the spans of one role."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace  # noqa: PLC0415 - only where there is tracing
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - as above
            TraceContextTextMapPropagator,
        )

        self._provider = provider
        self._api = trace
        self._tracer = provider.get_tracer(NAME, version(NAME))
        self._propagator = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Sends what is still to be sent, for a bounded time."""
        self._provider.force_flush(STOP_MS_MAX)
        self._provider.shutdown()

    @contextmanager
    def entrance(self, name: str) -> Iterator[str | None]:
        """A span where an event comes in. Yields what its record is to carry, None where chance
        left the event out.
        """
        with self._tracer.start_as_current_span(name) as span:
            yield self._carried(span) if span.is_recording() else None

    def stage(self, name: str) -> "Callable[[Sequence[Any]], Batch | None]":
        """What a stage is given to open spans for the traced records among those of a batch."""

        def begin(records: Sequence[Any]) -> Batch | None:
            traced = {
                place: carried
                for place, record in enumerate(records)
                if record.headers and (carried := header_in(record.headers, HEADER_TRACEPARENT))
            }
            return self._begin(name, records, traced) if traced else None

        return begin

    @contextmanager
    def call(self, name: str, traceparent: str) -> Iterator[None]:
        """A span around one call that a trace led to; `headers` then tell the one who is called."""
        parent = self._parent(traceparent.encode())
        kind = self._api.SpanKind.CLIENT
        with self._tracer.start_as_current_span(name, parent, kind):
            yield

    def headers(self) -> Mapping[str, str]:
        """What a call made now carries of the trace it is made in."""
        return self._carrier() if self._api.get_current_span().is_recording() else {}

    def _begin(self, name: str, records: Sequence[_Message], traced: Mapping[int, bytes]) -> Batch:
        parents = {place: self._parent(carried) for place, carried in traced.items()}
        of_all: dict[str, str | int] = {
            "topic": records[0].topic,
            "records": len(records),
            "traced": len(traced),
        }
        batch = self._tracer.start_span(
            f"{name} batch",
            next(iter(parents.values())),  # some trace must hold it: the others are linked
            links=[self._link(parent) for parent in parents.values()],
            attributes=of_all,
        )
        spans = []
        given = list(records)
        for place, parent in parents.items():
            record = given[place]
            span = self._tracer.start_span(
                name,
                parent,
                self._api.SpanKind.CONSUMER,
                links=[self._api.Link(batch.get_span_context())],
                attributes={
                    "topic": record.topic,
                    "partition": record.partition,
                    "offset": record.offset,
                },
            )
            spans.append(span)
            given[place] = _under(record, self._carried(span).encode())

        def end() -> None:
            for span in spans:
                span.end()
            batch.end()

        return given, end

    def _link(self, parent: "Context") -> Any:
        return self._api.Link(self._api.get_current_span(parent).get_span_context())

    def _parent(self, traceparent: bytes) -> "Context":
        return self._propagator.extract(
            {HEADER_TRACEPARENT: traceparent.decode("ascii", "replace")}
        )

    def _carried(self, span: Any) -> str:
        return self._carrier(self._api.set_span_in_context(span))[HEADER_TRACEPARENT]

    def _carrier(self, context: "Context | None" = None) -> dict[str, str]:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context)
        return carrier


def _under(record: Any, traceparent: bytes) -> Any:
    """The same record, its trace going on from another span."""
    others = [each for each in record.headers if each[0] != HEADER_TRACEPARENT]
    return replace(record, headers=(*others, (HEADER_TRACEPARENT, traceparent)))


def build_tracer(settings: "Tracing", role: str, exporter: "SpanExporter | None" = None) -> Tracer:
    """`exporter` stands in for the one that sends to the endpoint."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only where there is tracing
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415 - as above
        BatchSpanProcessor,
        SimpleSpanProcessor,
    )
    from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415 - as above
        ParentBased,
        TraceIdRatioBased,
    )

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
        resource=Resource({"service.name": f"{NAME}-{role}", "service.version": version(NAME)}),
        shutdown_on_exit=False,
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return Tracer(provider)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )

    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint)))
    return Tracer(provider)


@contextmanager
def tracing(settings: "Tracing", role: str) -> Iterator[Tracer | None]:
    """The tracer of a role, or None where these settings name no endpoint."""
    if settings.endpoint is None:
        yield None
        return
    tracer = build_tracer(settings, role)
    try:
        yield tracer
    finally:
        tracer.close()


NOT_TRACED: AbstractContextManager[None] = nullcontext()
