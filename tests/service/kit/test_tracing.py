"""One trace from the caller through HTTP into the outbox; nothing at all where no exporter is set."""

from collections.abc import Iterator

import asyncpg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from libs.service import telemetry
from libs.service.testing import ServiceClient

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", lambda: provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


async def outbox_traces(url: str) -> list[str | None]:
    connection = await asyncpg.connect(url)
    try:
        return [row["traceparent"] for row in await connection.fetch("SELECT traceparent FROM outbox ORDER BY seq")]
    finally:
        await connection.close()


async def test_a_callers_trace_goes_on_into_the_fact(
    api: ServiceClient, sample_url: str, spans: InMemorySpanExporter
) -> None:
    await api.post("/v1/mugs", json={"name": "blue"}, headers=PARENT)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("POST /v1/mugs", SpanKind.SERVER)
    assert span.context is not None
    assert span.parent is not None
    assert format(span.context.trace_id, "032x") == TRACE
    assert dict(span.attributes or {})["http.response.status_code"] == 201
    assert await outbox_traces(sample_url) == [f"00-{TRACE}-{span.context.span_id:016x}-01"]


async def test_what_breaks_is_seen_in_its_span(api: ServiceClient, spans: InMemorySpanExporter) -> None:
    await api.post("/v1/mugs", json={"name": "broken"})
    (span,) = spans.get_finished_spans()
    assert [event.name for event in span.events] == ["exception"]


def test_without_an_exporter_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert not telemetry.start_tracing("sample")
