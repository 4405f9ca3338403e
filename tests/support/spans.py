"""A collector of OpenTelemetry spans, as roles send them over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.serving import serving


@dataclass(frozen=True, slots=True)
class Span:
    """`links` are the spans it names beside its parent."""

    role: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]


@dataclass(slots=True)
class Collector:
    url: str = ""
    spans: dict[str, Span] = field(default_factory=dict)

    def ancestry(self, span: Span) -> list[str]:
        """Names from the span up to its root."""
        names = [span.name]
        while span.parent:
            if span.parent not in self.spans:
                return [*names, "?"]
            span = self.spans[span.parent]
            names.append(span.name)
        return names

    async def take(self, request: web.Request) -> web.Response:
        exported = ExportTraceServiceRequest.FromString(await request.read())
        for resource in exported.resource_spans:
            [role] = [
                each.value.string_value.removeprefix("hellocactus-")
                for each in resource.resource.attributes
                if each.key == "service.name"
            ]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.span_id.hex()] = Span(
                        role=role,
                        name=span.name,
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        links=tuple(link.span_id.hex() for link in span.links),
                    )
        return web.Response()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    async with serving(collector.take) as url:
        collector.url = f"{url}v1/traces"
        yield collector
