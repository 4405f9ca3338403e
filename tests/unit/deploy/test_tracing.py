"""Spans of the stages, as an exporter in memory sees them."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deploy.settings import Tracing
from deploy.tracing import Tracer, build_tracer, tracing
from schemas.topics import HEADER_TRACEPARENT, header_in
from tests.support.records import record


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Iterator[Tracer]:
    built = build_tracer(Tracing(endpoint="http://here", sample_ratio=1), "worker", exporter)
    yield built
    built.close()


def parent(traceparent: str | bytes) -> tuple[str, str]:
    """(trace id, span id)."""
    text = traceparent.decode() if isinstance(traceparent, bytes) else traceparent
    _, trace, span, flags = text.split("-")
    assert int(flags, 16) & 1, "it is sampled"
    return trace, span


def test_without_an_endpoint_there_is_no_tracer() -> None:
    with tracing(Tracing(), "worker") as tracer:
        assert tracer is None


def test_what_chance_leaves_out_carries_nothing(exporter: InMemorySpanExporter) -> None:
    none = build_tracer(Tracing(endpoint="http://here", sample_ratio=0), "worker", exporter)
    with none.entrance("receive webhook") as traceparent:
        assert traceparent is None
    assert exporter.get_finished_spans() == ()
    none.close()


def test_a_batch_without_traced_records_opens_nothing(
    tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    assert tracer.stage("fold")([record(0, b""), record(1, b"", headers=[("site", b"a")])]) is None
    assert exporter.get_finished_spans() == ()


def test_each_traced_record_goes_on_under_a_span_of_its_own_linked_to_the_batch(
    tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    came = []
    for _ in range(2):
        with tracer.entrance("receive webhook") as traceparent:
            assert traceparent is not None
            came.append(traceparent)
    records = [
        record(0, b"", headers=[("site", b"acme"), (HEADER_TRACEPARENT, came[0].encode())]),
        record(1, b""),
        record(2, b"", headers=[(HEADER_TRACEPARENT, came[1].encode())]),
    ]

    begun = tracer.stage("fold")(records)

    assert begun is not None
    given, end = begun
    end()
    assert given[1] is records[1]
    assert header_in(given[0].headers, "site") == b"acme"
    handed = [header_in(given[each].headers, HEADER_TRACEPARENT) for each in (0, 2)]
    assert [len(each.headers) for each in given] == [2, 0, 1]
    *_, first, second, batch = exporter.get_finished_spans()
    for before, after, span in zip(came, handed, (first, second), strict=True):
        assert after is not None
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == parent(before)
        assert f"{span.context.span_id:016x}" == parent(after)[1]
        assert [link.context.span_id for link in span.links] == [batch.context.span_id]
    assert batch.name == "fold batch"
    assert {f"{link.context.span_id:016x}" for link in batch.links} == {
        parent(each)[1] for each in came
    }
    assert dict(batch.attributes or {}) == {"topic": given[0].topic, "records": 3, "traced": 2}


def test_a_call_tells_the_one_who_is_called(tracer: Tracer) -> None:
    assert tracer.headers() == {}
    with tracer.entrance("receive webhook") as traceparent:
        assert traceparent is not None
    with tracer.call("give webhook", traceparent):
        told = tracer.headers()[HEADER_TRACEPARENT]
    assert parent(told)[0] == parent(traceparent)[0]
    assert parent(told)[1] != parent(traceparent)[1]


def test_a_header_that_is_no_trace_context_begins_a_trace_anew(tracer: Tracer) -> None:
    begun = tracer.stage("fold")([record(0, b"", headers=[(HEADER_TRACEPARENT, b"\xffrubbish")])])
    assert begun is not None
    given, end = begun
    end()
    parent(header_in(given[0].headers, HEADER_TRACEPARENT) or b"")
