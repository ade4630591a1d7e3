"""What is not PayPal's API: the page where the buyer approves, and the control routes."""

from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tests.standins.paypal import orders, payments, refunds
from tests.standins.paypal.ledger import Row, public
from tests.standins.paypal.refusals import Refused

if TYPE_CHECKING:
    from tests.standins.paypal.app import PayPalStandIn

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>PayPal stand-in</title>
<body style="font-family: sans-serif; max-width: 30em; margin: 3em auto">
<h1>PayPal stand-in</h1><p>{about}</p>
<form method="post" action="/checkoutnow?token={token}"><button name="answer" value="approve">Approve</button></form>
<p><a href="{cancel}">Cancel and return to the shop</a></p></body></html>"""


class Pages:
    """Routes beside the API; they never misbehave."""

    def __init__(self, paypal: "PayPalStandIn") -> None:
        self.paypal = paypal

    def routes(self) -> list[BaseRoute]:
        """The buyer's page, and everything under ``/_control`` that is PayPal's own."""
        post = ["POST"]
        return [
            Route("/checkoutnow", self._checkout, methods=["GET", "POST"]),
            Route("/_control/orders", self._list),
            Route("/_control/orders/{id}/{act}", self._order, methods=post),
            Route("/_control/captures/{id}/{act}", self._capture, methods=post),
            Route("/_control/refunds/{id}/{act}", self._refund, methods=post),
            Route("/_control/keys/expire", self._expire_keys, methods=post),
            Route("/_control/tokens/expire", self._expire_tokens, methods=post),
            Route("/_control/webhook", self._webhook, methods=post),
            Route("/_control/webhooks", self._send, methods=post),
            Route("/_control/webhooks/{id}/resend", self._resend, methods=post),
            Route("/_control/facts", self._facts),
        ]

    async def _checkout(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        try:
            row = self.paypal.account.get("orders", token)
        except Refused:
            return HTMLResponse("<h1>This payment is no longer there.</h1>", 404)
        back = {"token": token, "PayerID": "QYR5Z8XDVJNXQ"}
        if request.method == "POST":
            orders.approve(self.paypal.account, token)
            return RedirectResponse(_with(row["_return_url"], back) or f"/checkoutnow?token={token}", 303)
        given = row["purchase_units"][0]["amount"]
        about = f"{row['status']}: {given['value']} {given['currency_code']}"
        cancel = _with(row["_cancel_url"], {"token": token}) or "#"
        return HTMLResponse(PAGE.format(about=escape(about), token=escape(token), cancel=escape(cancel)))

    async def _list(self, _: Request) -> Response:
        account = self.paypal.account
        return JSONResponse({"orders": [orders.shown(account, order_id) for order_id in account.orders]})

    async def _order(self, request: Request) -> Response:
        acts = {"approve": orders.approve, "expire": orders.expire}
        return await self._apply(request, acts)

    async def _capture(self, request: Request) -> Response:
        body = await _json(request)
        acts = {
            "complete": lambda account, row_id: payments.settle_capture(account, row_id, "COMPLETED"),
            "deny": lambda account, row_id: payments.settle_capture(account, row_id, "DECLINED"),
            "reverse": lambda account, row_id: refunds.reverse(account, row_id, body),
            "dispute": lambda account, row_id: refunds.dispute(account, row_id, body),
        }
        return await self._apply(request, acts)

    async def _refund(self, request: Request) -> Response:
        acts = {
            "complete": lambda account, row_id: refunds.settle(account, row_id, "COMPLETED"),
            "fail": lambda account, row_id: refunds.settle(account, row_id, "FAILED"),
        }
        return await self._apply(request, acts)

    async def _apply(self, request: Request, acts: dict[str, Any]) -> Response:
        act = acts.get(request.path_params["act"])
        if act is None:
            return JSONResponse({"message": f"known: {', '.join(acts)}"}, 404)
        try:
            row: Row | None = act(self.paypal.account, request.path_params["id"])
        except Refused as refusal:
            return refusal.answer()
        return JSONResponse(public(row or {}))

    async def _expire_keys(self, request: Request) -> Response:
        return JSONResponse({"expired": self.paypal.keys.expire((await _json(request)).get("family"))})

    async def _expire_tokens(self, _: Request) -> Response:
        return JSONResponse({"expired": self.paypal.tokens.expire()})

    async def _webhook(self, request: Request) -> Response:
        self.paypal.send_webhooks_to((await _json(request))["url"])
        return JSONResponse({"url": self.paypal.webhooks.url})

    async def _send(self, request: Request) -> Response:
        body = await _json(request)
        event_id = self.paypal.tell(body["event_type"], body.get("resource_type", "unknown"), body.get("resource", {}))
        return JSONResponse({"id": event_id})

    async def _resend(self, request: Request) -> Response:
        event_id = request.path_params["id"]
        if event_id not in self.paypal.webhooks.events:
            return JSONResponse({"message": "no such event"}, 404)
        self.paypal.background(self.paypal.webhooks.deliver(event_id))
        return JSONResponse({"id": event_id}, 202)

    async def _facts(self, _: Request) -> Response:
        return JSONResponse(self.paypal.facts())


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    given = await request.json() if body else {}
    assert isinstance(given, dict)
    return given


def _with(url: str | None, more: dict[str, str]) -> str | None:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(more)}" if url else None
