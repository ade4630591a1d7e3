"""The FAN Courier v2 stand-in: AWBs, labels, pick-ups, reports, tracking, COD transfers."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.standins.book import Shelf
from tests.standins.fan import labels, parcels
from tests.standins.fan.rules import at, errors_of, local_now, number, stamp, tariff
from tests.standins.misbehave import TRANSPORT
from tests.standins.server import StandIn

AUTO = ("C0", "H1", "S1", "S2")
Handle = Callable[[Request], Awaitable[Response]]


class FanStandIn(StandIn):
    """FAN Courier: every booking makes an AWB, so the book shows who booked twice."""

    name = "fan"
    hows = frozenset({*TRANSPORT, "twice", "out_of_order"})

    def __init__(
        self, *, username: str = "comanda", password: str = "comanda-secret",  # noqa: S107 - of a server that is not real
        client_id: int = 7000001,
        auto_ms: int | None = None, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(**common)
        self.username, self.password, self.client_id, self.auto_ms = username, password, client_id, auto_ms
        self.tokens: dict[str, datetime] = {}
        self.awbs, self.orders = Shelf(self.book, "awbs"), Shelf(self.book, "orders")

    def facts(self) -> dict[str, Any]:
        """Everything a settings file needs to know."""
        return {"url": self.url, "username": self.username, "password": self.password, "client_id": self.client_id}

    async def open(self) -> None:
        """Parcels that were on their way move on."""
        for awb in self.awbs:
            self._move_by_itself(awb)

    def routes(self) -> list[BaseRoute]:
        """Every operation by the name that misbehaviour uses."""
        told = self.operation
        return [
            told("login", "POST", "/login", self._login),
            told("book", "POST", "/intern-awb", self._known(self._book)),
            told("label", "GET", "/awb/label", self._known(self._label)),
            told("cancel", "DELETE", "/awb", self._known(self._cancel)),
            told("pickup", "POST", "/order", self._known(self._order_pickup)),
            told("cancel_pickup", "DELETE", "/order", self._known(self._cancel_pickup)),
            told("slip", "GET", "/reports/awb", self._known(self._slip)),
            told("track", "GET", "/reports/awb/tracking", self._known(self._track)),
            told("tariff", "GET", "/reports/awb/internal-tariff", self._known(self._tariff)),
            told("transfers", "GET", "/reports/bank-transfers", self._known(self._transfers)),
            Route("/_control/awbs", self._list),
            Route("/_control/awbs/{awb}/events", self._event, methods=["POST"]),
            Route("/_control/tokens/expire", self._expire_tokens, methods=["POST"]),
            Route("/_control/facts", self._tell_facts),
        ]

    async def move(self, awb: str, *codes: str) -> None:
        """Let a parcel go through these codes."""
        await self.control(f"awbs/{awb}/events", {"ids": list(codes)})

    # Access.

    async def _login(self, request: Request) -> Response:
        given = dict(request.query_params)
        if not given:
            given = await _json(request)
        if (given.get("username"), given.get("password")) != (self.username, self.password):
            return JSONResponse({"status": "error", "message": "Unauthorized"}, 401)
        token, until = f"{secrets.randbelow(10**6)}|{secrets.token_urlsafe(30)}", local_now() + timedelta(hours=24)
        self.tokens[token] = until
        return JSONResponse({"status": "success", "data": {"token": token, "expiresAt": stamp(until)}})

    def _known(self, handle: Handle) -> Handle:
        """Only with a live token, and only for this client."""

        async def guarded(request: Request) -> Response:
            until = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
            if until is None or until < local_now():
                return JSONResponse({"message": "Unauthenticated."}, 401)
            given = request.query_params.get("clientId") or (await _json(request)).get("clientId")
            if str(given) != str(self.client_id):
                errors = {"clientId": ["The selected client id is invalid."]}
                return JSONResponse({"message": "The given data was invalid.", "errors": errors}, 422)
            return await handle(request)

        return guarded

    # AWBs.

    async def _book(self, request: Request) -> Response:
        shipments = (await _json(request)).get("shipments")
        if not isinstance(shipments, list) or not shipments:
            errors = {"shipments": ["The shipments field is required."]}
            return JSONResponse({"message": "The given data was invalid.", "errors": errors}, 422)
        return JSONResponse({"response": [self._book_one(shipment) for shipment in shipments]})

    def _book_one(self, shipment: Any) -> dict[str, Any]:
        errors = errors_of(shipment)
        if errors:
            return {"awbNumber": None, "errors": errors}
        row = parcels.booked(shipment)
        awb = row["awbNumber"]
        while awb in self.awbs:
            row = parcels.booked(shipment)
            awb = row["awbNumber"]
        self.awbs[awb] = row
        info = shipment["info"]
        self.book.did(
            "booked", awb=awb, reference=info.get("costCenter"), content=info.get("content"), cod=info.get("cod")
        )
        self._move_by_itself(awb)
        price = tariff(number(info["weight"]) or Decimal(0), number(info.get("cod")) or Decimal(0))
        return {
            "awbNumber": int(awb), "tariff": price["costNoVAT"], "vat": price["vat"], "packages": info["packages"],
            "letter": "A", "routingCode": "B-1", "office": shipment["recipient"]["address"]["locality"],
            "pickUpPointId": at(shipment, "recipient.address.pickupLocationId"), "visualCode": "FAN",
            "estimatedDeliveryTime": 24, "errors": None,
        }  # fmt: skip

    async def _label(self, request: Request) -> Response:
        asked = request.query_params
        awbs = asked.getlist("awbs[]")
        rows = [self.awbs[awb] for awb in awbs if awb in self.awbs]
        size = asked.get("format", "A4")
        if not rows or len(rows) < len(awbs) or size not in labels.SIZES:
            return JSONResponse({"status": "fail", "message": "The AWB or the format is invalid."}, 422)
        if size == "A6" and any("X" not in (row["info"].get("options") or []) for row in rows):
            return JSONResponse({"status": "fail", "message": "A6 is available only with ePOD."}, 422)
        if asked.get("zpl") == "1":
            return Response(labels.zpl(rows), media_type="text/plain")
        if asked.get("pdf") == "1":
            return Response(labels.pdf(rows, size), media_type="application/pdf")
        return Response("<html><body>" + "<br>".join(row["awbNumber"] for row in rows) + "</body></html>",
                        media_type="text/html")  # fmt: skip

    async def _cancel(self, request: Request) -> Response:
        awb = request.query_params.get("awb", "")
        row = self.awbs.get(awb)
        if row is None:
            return JSONResponse({"status": "fail", "message": "The AWB number is invalid."}, 404)
        if row["events"]:
            return JSONResponse({"status": "fail", "message": "The AWB can no longer be deleted."}, 422)
        del self.awbs[awb]
        self.book.did("cancelled", awb=awb, reference=row["info"].get("costCenter"))
        return JSONResponse({"status": "success", "message": "The AWB was deleted successfully."})

    async def _order_pickup(self, request: Request) -> Response:
        info = (await _json(request)).get("info") or {}
        hours = info.get("pickupHours") or {}
        if not info.get("pickupDate") or not hours.get("first") or not hours.get("second"):
            errors = {"info.pickupDate": ["The pickup date and hours are required."]}
            return JSONResponse({"message": "The given data was invalid.", "errors": errors}, 422)
        order_id = len(self.orders) + 1
        self.orders[str(order_id)] = info
        self.book.did("pickup_ordered", id=order_id, date=info["pickupDate"])
        return JSONResponse({"status": "success", "data": {"id": order_id}})

    async def _cancel_pickup(self, request: Request) -> Response:
        order_id = request.query_params.get("id", "")
        if order_id not in self.orders:
            return JSONResponse({"status": "fail", "message": "The order is invalid."}, 404)
        self.orders[order_id] = {"cancelled": True}
        self.book.did("pickup_cancelled", id=int(order_id))
        return JSONResponse({"status": "success", "message": "The order was deleted successfully."})

    # Reports.

    async def _slip(self, request: Request) -> Response:
        rows = [row for row in self.awbs.values() if row["date"] == request.query_params.get("date")]
        return parcels.paged([parcels.slip(row) for row in rows], request.query_params)

    async def _track(self, request: Request) -> Response:
        tracked = []
        for awb in request.query_params.getlist("awb[]"):
            row = self.awbs.get(awb)
            if row is None:
                tracked.append({"awbNumber": awb, "message": "The AWB number is invalid.", "events": []})
                continue
            rule = self.mischief.take("track", {"twice", "out_of_order"}) or self._disorder()
            tracked.append(parcels.tracked(row, rule.how if rule else None))
        return JSONResponse({"status": "success", "data": tracked})

    def _disorder(self) -> Any:
        return self.mischief.take("tracking_events", {"twice", "out_of_order"}, ("twice", "out_of_order"))

    async def _tariff(self, request: Request) -> Response:
        asked = request.query_params
        weight, cod = number(asked.get("info[weight]", "1")), number(asked.get("info[cod]"))
        if weight is None or cod is None or not asked.get("recipient[county]") or not asked.get("recipient[locality]"):
            return JSONResponse({"status": "fail", "message": "The recipient or the weight is invalid."}, 422)
        return JSONResponse({"status": "success", "data": tariff(weight, cod)})

    async def _transfers(self, request: Request) -> Response:
        """Cash collected and sent to the bank, by the day of delivery; only services with a collecting account."""
        rows = [row for row in self.awbs.values() if parcels.paid_on(row) == request.query_params.get("date")]
        return parcels.paged([parcels.transfer(row) for row in rows], request.query_params)

    # Movement.

    def add_event(self, awb: str, code: str, date: str | None = None, location: str | None = None) -> None:
        """A parcel is seen somewhere."""
        row = dict(self.awbs[awb])
        row["events"] = [*row["events"], parcels.event(row, code, date, location)]
        self.awbs[awb] = row
        self.book.did("moved", awb=awb, id=code, reference=row["info"].get("costCenter"))

    def _move_by_itself(self, awb: str) -> None:
        seen = [event["id"] for event in self.awbs[awb]["events"]]
        if self.auto_ms is None or "S2" in seen:
            return
        wait = self.auto_ms / 1000

        async def travel() -> None:
            for code in [code for code in AUTO if code not in seen]:
                await asyncio.sleep(wait)
                if awb not in self.awbs:
                    return
                self.add_event(awb, code)

        self.background(travel())

    async def _event(self, request: Request) -> Response:
        awb, body = request.path_params["awb"], await _json(request)
        if awb not in self.awbs:
            return JSONResponse({"message": "no such AWB"}, 404)
        for code in body.get("ids") or [body["id"]]:
            self.add_event(awb, code, body.get("date"), body.get("location"))
        return JSONResponse(self.awbs[awb])

    async def _list(self, _: Request) -> Response:
        return JSONResponse({"awbs": list(self.awbs.values())})

    async def _expire_tokens(self, _: Request) -> Response:
        gone = len(self.tokens)
        self.tokens.clear()
        return JSONResponse({"expired": gone})

    async def _tell_facts(self, _: Request) -> Response:
        return JSONResponse(self.facts())


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}
