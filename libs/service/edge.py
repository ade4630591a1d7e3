"""The outermost layer of an API: correlation id, span, metrics, access log, and the last word on what broke."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.events.transaction import new_id
from libs.service import telemetry
from libs.service.logs import ACCESS, correlation
from libs.service.problems import MEDIA_TYPE, TooLarge, on_broken, rendered

log = logging.getLogger(__name__)
access = logging.getLogger(ACCESS)
CORRELATION = b"x-correlation-id"
TRACE = b"traceparent"
CLOSE = (b"connection", b"close")
QUIET = ("/health/", "/metrics")


class Edge:
    """ASGI middleware around everything of one service."""

    def __init__(self, app: ASGIApp, service: str, leaving: Callable[[], bool] = lambda: False) -> None:
        """`service` names its metrics and spans; while `leaving`, every answer is the last one on its connection."""
        self.app = app
        self.service = service
        self.leaving = leaving
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # its metrics, with their labels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing is raised to the server."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self)
        token = correlation.set(_given_id(_header(scope, CORRELATION)) or new_id())
        try:
            if telemetry.traces() or _header(scope, TRACE) is not None:
                await self._traced(scope, receive, exchange)
            else:
                await self._served(scope, receive, exchange)
        finally:
            correlation.reset(token)

    async def _traced(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = TraceContextTextMapPropagator().extract(headers)
        with telemetry.tracer().start_as_current_span(
            scope["method"], parent, kind=trace.SpanKind.SERVER, attributes={"service": self.service}
        ) as span:
            await self._served(scope, receive, exchange)
            span.update_name(f"{scope['method']} {exchange.route}")
            span.set_attributes({"http.route": exchange.route, "http.response.status_code": exchange.status})

    async def _served(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        try:
            await self.app(scope, receive, exchange.send)
        except Exception as error:
            log.exception("unhandled", extra={"route": exchange.route})
            trace.get_current_span().record_exception(error)
            if not exchange.status:
                await (await on_broken(Request(scope), error))(scope, receive, exchange.send)
        exchange.account()

    def account(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        if route == "none":
            method = "any"
        kept = self._counted.get((method, route, status))
        if kept is None:
            labels = (self.service, method, route)
            kept = telemetry.REQUESTS.labels(*labels, status), telemetry.REQUEST_SECONDS.labels(*labels)
            self._counted[method, route, status] = kept
        kept[0].inc()
        kept[1].observe(seconds)


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value, "latin-1")
    return None


class _Exchange:
    """The answer on its way out."""

    def __init__(self, scope: Scope, send: Send, edge: Edge) -> None:
        self.scope = scope
        self._edge = edge
        self.status = 0
        self._send = send
        self._began = time.perf_counter()
        self._replaced = False

    @property
    def route(self) -> str:
        """The route's template, never the path: paths hold ids."""
        return getattr(self.scope.get("route"), "path", None) or "none"

    async def send(self, message: Message) -> None:
        """Pass on, with the correlation id; a bare 413 of the framework becomes a problem."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status == TooLarge.status and not _is_problem(message):
                self._replaced = True
                await rendered(TooLarge(headers={"Connection": "close"}), self.scope["path"])(
                    self.scope, _nothing, self._marked
                )
                return
            await self._marked(message)
        elif not self._replaced:
            await self._send(message)

    async def _marked(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            told = [(CORRELATION, str(correlation.get()).encode()), *([CLOSE] if self._edge.leaving() else [])]
            message["headers"] = [*message.get("headers", []), *told]
        await self._send(message)

    def account(self) -> None:
        """Count and log what happened."""
        seconds, method, route = time.perf_counter() - self._began, self.scope["method"], self.route
        self._edge.account(method, route, self.status, seconds)
        if not self.scope["path"].startswith(QUIET):
            told = {"method": method, "route": route, "status": self.status, "ms": round(seconds * 1000, 1)}
            access.info("request", extra=told)


def _is_problem(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in message["headers"])


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _given_id(text: str | None) -> UUID | None:
    if text is not None:
        with suppress(ValueError):
            return UUID(text)
    return None
