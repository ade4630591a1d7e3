"""The PayPal stand-in: OAuth, Orders v2, Payments v2, transaction search, webhooks and their certificates."""

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.standins.misbehave import TRANSPORT
from tests.standins.paypal import orders, payments, refunds, reports
from tests.standins.paypal.certs import SIGNER, Certificates
from tests.standins.paypal.keys import Keys
from tests.standins.paypal.ledger import Account, Row, public
from tests.standins.paypal.pages import Pages
from tests.standins.paypal.refusals import Refused, malformed
from tests.standins.paypal.tokens import Tokens
from tests.standins.paypal.webhooks import HOWS, Webhooks
from tests.standins.server import StandIn

Act = Callable[[Request, Any], tuple[str, str]]
CERTS_PATH = "/v1/notifications/certs"


class PayPalStandIn(StandIn):
    """PayPal on two ports: the API in the clear, the webhooks' certificates over TLS of our own CA."""

    name = "paypal"
    hows = frozenset({*TRANSPORT, *HOWS, "pending", "denied", "declined", "in_progress"})

    def __init__(
        self, *, webhook_url: str | None = None, webhook_id: str = "WH-COMANDA-1", client_id: str = "comanda",
        client_secret: str = "comanda-secret",  # noqa: S107 - of a server that is not real
        tls_host: str = "localhost", tls_port: int = 0,
        certs: Path | None = None, auto_approve_ms: int | None = None, token_seconds: int = 32400, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(**common)
        self.client_id, self.client_secret = client_id, client_secret
        self.tokens = Tokens(client_id, client_secret, token_seconds)
        self.tls_host, self.tls_port, self.auto_approve_ms = tls_host, tls_port, auto_approve_ms
        beside = common.get("book")
        self._own_folder = tempfile.TemporaryDirectory() if certs is None and beside is None else None
        folder = certs or (Path(f"{beside}.certs") if self._own_folder is None else Path(self._own_folder.name))
        self.certs = Certificates(tls_host, folder)
        self.webhooks = Webhooks(self.book, self.mischief, self.certs, webhook_id)
        self.webhooks.url = webhook_url
        self.keys = Keys(self.book)
        self.account = Account(self.book, self.mischief, self.tell)

    @property
    def ca_pem(self) -> bytes:
        """The trust store that production code would be given (PEM, the root alone)."""
        return self.certs.ca_pem

    @property
    def ca_file(self) -> Path:
        """The same, as a file."""
        return self.certs.folder / "root.pem"

    @property
    def cert_host(self) -> str:
        """``host:port`` of certificate URLs."""
        return f"{self.tls_host}:{self.tls_port}"

    @property
    def cert_url(self) -> str:
        """Where the signer's certificate is."""
        return f"https://{self.cert_host}{CERTS_PATH}/{self.certs.name()}"

    @property
    def webhook_id(self) -> str:
        """Our side's name of the webhook; part of what is signed."""
        return self.webhooks.webhook_id

    def facts(self) -> dict[str, Any]:
        """Everything a settings file needs to know."""
        return {
            "url": self.url, "client_id": self.client_id, "client_secret": self.client_secret,
            "webhook_id": self.webhook_id, "webhook_url": self.webhooks.url, "cert_host": self.cert_host,
            "cert_url": self.cert_url, "cert_name": SIGNER, "ca_file": str(self.ca_file),
        }  # fmt: skip

    # Running.

    async def open(self) -> None:
        """The TLS port; then what a restart left undone."""
        self.account.base = self.url
        listening = socket.create_server((self.host, self.tls_port), backlog=256)
        self.tls_port = listening.getsockname()[1]
        self.webhooks.cert_base = f"https://{self.cert_host}{CERTS_PATH}"
        chain, key = self.certs.tls()
        app = Starlette(routes=[Route(CERTS_PATH + "/{name}", self._certificate)])
        ready = asyncio.Event()
        self._tls = asyncio.create_task(self.serve(app, listening, ready.set, ssl_certfile=chain, ssl_keyfile=key))
        await ready.wait()
        for event_id in self.webhooks.waiting():
            self.background(self.webhooks.deliver(event_id))
        for order_id in self.account.orders:
            self._approve_later(order_id)

    async def shut(self) -> None:
        """The TLS port, and our certificates if nobody asked to keep them."""
        await self._tls
        await self.webhooks.close()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def tell(self, event_type: str, kind: str, resource: Row) -> str:
        """Write a webhook event down and send it on its way."""
        event_id = self.webhooks.make(event_type, kind, resource)
        self.background(self.webhooks.deliver(event_id))
        return event_id

    def send_webhooks_to(self, url: str | None) -> None:
        """Set or take away the URL; what waited for one leaves now."""
        before, self.webhooks.url = self.webhooks.url, url
        if before is None and url is not None:
            for event_id in self.webhooks.waiting():
                self.background(self.webhooks.deliver(event_id))

    async def approve(self, order_id: str) -> None:
        """Let the buyer approve."""
        await self.control(f"orders/{order_id}/approve")

    def _approve_later(self, order_id: str) -> None:
        if self.auto_approve_ms is None or self.account.orders[order_id]["status"] not in orders.OPEN:
            return
        wait = self.auto_approve_ms / 1000

        async def approve() -> None:
            await asyncio.sleep(wait)
            with contextlib.suppress(Refused):  # gone in the meantime
                orders.approve(self.account, order_id)

        self.background(approve())

    # The API.

    def routes(self) -> list[BaseRoute]:
        """Every operation by the name that misbehaviour uses."""
        order, pay = "/v2/checkout/orders", "/v2/payments"
        told = self.operation
        return [
            told("token", "POST", "/v1/oauth2/token", self.tokens.issue),
            told("create", "POST", order, self._act("orders", self._create)),
            told("get_order", "GET", order + "/{id}", self._show("orders")),
            told("patch", "PATCH", order + "/{id}", self._patch),
            told("capture", "POST", order + "/{id}/capture", self._act("orders", self._on(orders.capture))),
            told("authorize", "POST", order + "/{id}/authorize", self._act("orders", self._on(orders.authorize))),
            told("authorization_capture", "POST", pay + "/authorizations/{id}/capture",
                 self._act("payments", self._with_body(payments.capture_authorization))),
            told("void", "POST", pay + "/authorizations/{id}/void", self._act("payments", self._on(payments.void))),
            told("refund", "POST", pay + "/captures/{id}/refund",
                 self._act("payments", self._with_body(refunds.refund))),
            *(told(f"get_{kind[:-1]}", "GET", f"{pay}/{kind}/{{id}}", self._show(kind))
              for kind in ("captures", "authorizations", "refunds")),
            told("report", "GET", "/v1/reporting/transactions", self._report),
            *Pages(self).routes(),
        ]  # fmt: skip

    def _act(self, family: str, act: Act) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            try:
                self.tokens.check(request)
                body, key = await _body(request), request.headers.get("paypal-request-id")
                made = self.keys.find(family, key, request.url.path, body) if key else None
                if made is not None:
                    return self._answer(request, made, 200)
                if self.mischief.take(request.url.path.rpartition("/")[2], {"in_progress"}):
                    raise Refused("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS")
                made = act(request, body)
                if key:
                    self.keys.remember(family, key, request.url.path, body, made)
                return self._answer(request, made, 201)
            except Refused as refusal:
                return refusal.answer()

        return handle

    def _answer(self, request: Request, made: tuple[str, str], status: int) -> Response:
        row = self._row(*made)
        whole = request.headers.get("prefer") == "return=representation"
        if request.url.path.endswith("/void"):
            return JSONResponse(row, 200) if whole else Response(status_code=204)
        return JSONResponse(row if whole else {name: row[name] for name in ("id", "status", "links")}, status)

    def _row(self, shelf: str, row_id: str) -> Row:
        return orders.shown(self.account, row_id) if shelf == "orders" else public(self.account.get(shelf, row_id))

    def _show(self, shelf: str) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            try:
                self.tokens.check(request)
                return JSONResponse(self._row(shelf, request.path_params["id"]))
            except Refused as refusal:
                return refusal.answer()

        return handle

    def _create(self, request: Request, body: Any) -> tuple[str, str]:
        if isinstance(body, dict) and body.get("payment_source") and "paypal-request-id" not in request.headers:
            raise malformed("PAYPAL_REQUEST_ID_REQUIRED", "PayPal-Request-Id")
        made = orders.create(self.account, body)
        self._approve_later(made[1])
        return made

    def _on(self, act: Callable[[Account, str], tuple[str, str]]) -> Act:
        return lambda request, _: act(self.account, request.path_params["id"])

    def _with_body(self, act: Callable[[Account, str, Row], tuple[str, str]]) -> Act:
        return lambda request, body: act(self.account, request.path_params["id"], body)

    async def _patch(self, request: Request) -> Response:
        try:
            self.tokens.check(request)
            orders.patch(self.account, request.path_params["id"], await _body(request, list))
        except Refused as refusal:
            return refusal.answer()
        return Response(status_code=204)

    async def _report(self, request: Request) -> Response:
        try:
            self.tokens.check(request)
            return JSONResponse(reports.transactions(self.account, request.query_params))
        except Refused as refusal:
            return refusal.answer()

    async def _certificate(self, request: Request) -> Response:
        asked = request.path_params["name"].split("-")
        try:
            kind = asked[1] if len(asked) > 1 else ""
            if request.path_params["name"] != self.certs.name(kind):
                raise KeyError(kind)
        except KeyError:
            return Response("no such certificate", 404)
        self.book.asked("certificate", path=request.url.path, status=200)
        return Response(self.certs.by_kind(kind).chain, media_type="application/x-pem-file")


async def _body(request: Request, kind: type = dict) -> Any:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise malformed("UNSUPPORTED_MEDIA_TYPE", "Content-Type", request.headers.get("content-type"))
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else kind()
    except ValueError:
        raise malformed("MALFORMED_REQUEST_JSON", "/") from None
    if not isinstance(body, kind):
        raise malformed("MALFORMED_REQUEST_JSON", "/")
    return body
