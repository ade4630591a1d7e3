"""Structured logs: one JSON object a line, with the correlation id of whatever is being done; never personal data."""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from opentelemetry import trace
from pydantic_core import to_json

correlation: ContextVar[UUID | None] = ContextVar("correlation", default=None)
"""What is being done now, across services; set by the edge for the length of a request."""


ACCESS = "comanda.access"
"""The log of requests: a line for each."""
_SAID = ("method", "route", "status", "ms")


def _context(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    if (current := correlation.get()) is not None:
        event.setdefault("correlation_id", str(current))
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
    return event


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Structlog's; a line of the access log, of which there is one a request, is put together directly."""

    def __init__(self, service: str, **given: Any) -> None:
        super().__init__(**given)
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        if record.name != ACCESS or not hasattr(record, "route"):
            return super().format(record)
        said: dict[str, Any] = {"event": record.getMessage(), "level": record.levelname.lower(), "logger": ACCESS}
        said |= {name: getattr(record, name) for name in _SAID}
        said["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        return to_json(_context(None, "", said | {"service": self._service})).decode()


def configure(service: str, level: str = "INFO") -> None:
    """Send the whole process's logs to stderr as JSON."""

    def named(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event["service"] = service
        return event

    formatter = _Formatter(
        service,
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _context,
            named,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "uvicorn.error", "uvicorn.access", "aiokafka", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
