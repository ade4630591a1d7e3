"""Metrics for Prometheus, and traces for whoever names an OpenTelemetry collector; without one they cost nothing."""

import os

from opentelemetry import trace
from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("comanda_requests_total", "Answers given.", ["service", "method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "comanda_request_seconds",
    "Time to answer.",
    ["service", "method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
REPLAYS = Counter("comanda_idempotent_replays_total", "Answers given again for a known Idempotency-Key.", ["service"])
LIMITED = Counter("comanda_limited_total", "Requests refused by a rate limit.", ["service", "who"])
LOOP_ROUNDS = Counter("comanda_loop_rounds_total", "Rounds of a background loop.", ["loop"])
LOOP_DONE = Counter("comanda_loop_done_total", "What a background loop did.", ["loop"])
LOOP_ERRORS = Counter("comanda_loop_errors_total", "Rounds of a background loop that failed.", ["loop"])
OUTSIDE_ANSWERS = Counter(
    "comanda_outside_answers_total", "What other systems answered.", ["service", "table", "answer"]
)
OUTSIDE_ROWS = Gauge("comanda_outside_rows", "Outside calls not settled yet, by state.", ["service", "table", "state"])
OUTSIDE_SECONDS = Histogram(
    "comanda_outside_seconds",
    "Time of a call to another system.",
    ["service", "table"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RESTORING = Gauge("comanda_restoring", "1 while calls and timers wait for the end of a restore.", ["service"])
UNANNOUNCED = Gauge("comanda_unannounced", "What providers or couriers hold without a row here, open.", ["service"])


def tracer() -> trace.Tracer:
    """The house's tracer: a no-op until `start_tracing` found an exporter."""
    return trace.get_tracer("comanda")


def traces() -> bool:
    """Whether anybody takes spans: until then nobody need make any."""
    return not isinstance(tracer(), trace.ProxyTracer | trace.NoOpTracer)


def start_tracing(service: str) -> bool:
    """Send spans to `OTEL_EXPORTER_OTLP_ENDPOINT` when it is set; says whether it is."""
    if not (os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return False
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - slow to import
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"comanda-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def stop_tracing() -> None:
    """Send what is still in hand."""
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is not None:
        shutdown()
