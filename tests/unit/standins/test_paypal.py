"""The PayPal stand-in: money moves once per key, and refusals look like PayPal's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.standins.paypal import PayPalStandIn


class Shop:
    """A client of the API, as short as a test likes it."""

    def __init__(self, paypal: PayPalStandIn, http: httpx.AsyncClient) -> None:
        self.paypal, self.http = paypal, http

    async def log_in(self) -> httpx.Response:
        reply = await self.http.post(
            "/v1/oauth2/token",
            auth=(self.paypal.client_id, self.paypal.client_secret),
            data={"grant_type": "client_credentials"},
        )
        self.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        return reply

    async def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        headers = {"PayPal-Request-Id": key} if key else {}
        return await self.http.post(path, json=body or {}, headers=headers | {"Prefer": "return=representation"})

    async def create(self, key: str = "create", intent: str = "CAPTURE", **changes: Any) -> httpx.Response:
        unit = {"custom_id": "p1", "invoice_id": "inv-1", "amount": {"currency_code": "EUR", "value": "100.00"}}
        body = {"intent": intent, "purchase_units": [unit | changes], "payment_source": {"paypal": {}}}
        return await self.post("/v2/checkout/orders", body, key)

    async def approved(self, **changes: Any) -> str:
        order_id = str((await self.create(**changes)).json()["id"])
        await self.paypal.approve(order_id)
        return order_id

    async def captured(self) -> str:
        order_id = await self.approved()
        reply = await self.post(f"/v2/checkout/orders/{order_id}/capture", key="capture")
        return str(reply.json()["purchase_units"][0]["payments"]["captures"][0]["id"])


@pytest.fixture
async def paypal() -> AsyncIterator[PayPalStandIn]:
    async with PayPalStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def shop(paypal: PayPalStandIn) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(base_url=paypal.url) as http:
        shop = Shop(paypal, http)
        await shop.log_in()
        yield shop


def issue(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["details"][0]["issue"]


async def test_the_same_key_creates_once_and_another_body_is_refused(shop: Shop, paypal: PayPalStandIn) -> None:
    first, again = await shop.create("k"), await shop.create("k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert issue(await shop.create("k", custom_id="p2")) == (422, "PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
    assert len(paypal.did("order_created")) == 1
    await paypal.control("keys/expire")
    assert (await shop.create("k")).json()["id"] != first.json()["id"]


async def test_a_capture_needs_approval_and_happens_once(shop: Shop, paypal: PayPalStandIn) -> None:
    created = (await shop.create()).json()
    capture = f"/v2/checkout/orders/{created['id']}/capture"
    assert issue(await shop.post(capture, key="c")) == (422, "ORDER_NOT_APPROVED")
    link = next(link["href"] for link in created["links"] if link["rel"] == "payer-action")
    assert "Approve" in (await shop.http.get(link)).text
    assert (await shop.http.post(link)).status_code == 303
    taken = await shop.post(capture, key="c")
    [made] = taken.json()["purchase_units"][0]["payments"]["captures"]
    assert (taken.status_code, made["status"], made["invoice_id"]) == (201, "COMPLETED", "inv-1")
    assert made["seller_receivable_breakdown"]["paypal_fee"]["value"] == "3.75"
    assert (await shop.post(capture, key="c")).status_code == 200
    assert issue(await shop.post(capture, key="other")) == (422, "ORDER_ALREADY_CAPTURED")
    assert len(paypal.did("captured")) == 1


async def answered(http: httpx.AsyncClient, path: str) -> bool:
    """Whether the call, with key c and little patience, got an answer that says something."""
    try:
        reply = await http.post(path, json={}, timeout=3, headers={"PayPal-Request-Id": "c"})
        return reply.status_code < 500 and bool(reply.json())
    except (httpx.TransportError, ValueError):
        return False


@pytest.mark.parametrize("how", ["drop_after_effect", "error500_after", "garbage", "late"])
async def test_an_effect_without_a_good_answer_is_found_by_its_key(shop: Shop, paypal: PayPalStandIn, how: str) -> None:
    order_id = await shop.approved()
    await paypal.misbehave("capture", how, delay_ms=60_000)
    assert not await answered(shop.http, f"/v2/checkout/orders/{order_id}/capture")
    assert len(paypal.did("captured")) == 1
    assert (await shop.post(f"/v2/checkout/orders/{order_id}/capture", key="c")).status_code == 200
    assert len(paypal.did("captured")) == 1
    assert [entry["misbehaved"] for entry in paypal.asked("capture")] == [how, None]


@pytest.mark.parametrize(("how", "status"), [("error500", 500), ("rate_limit", 429), ("unauthorized", 401)])
async def test_a_failure_before_the_effect_has_none(shop: Shop, paypal: PayPalStandIn, how: str, status: int) -> None:
    order_id = await shop.approved()
    await paypal.misbehave("capture", how)
    assert (await shop.post(f"/v2/checkout/orders/{order_id}/capture", key="c")).status_code == status
    assert paypal.did("captured") == []
    assert (await shop.post(f"/v2/checkout/orders/{order_id}/capture", key="c")).status_code == 201


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        ({"currency_code": "RON", "value": "10.00"}, (422, "CURRENCY_NOT_SUPPORTED")),
        ({"currency_code": "HUF", "value": "10.50"}, (422, "DECIMAL_PRECISION")),
        ({"currency_code": "EUR", "value": "10.005"}, (422, "DECIMAL_PRECISION")),
        ({"currency_code": "EUR", "value": "0.00"}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"currency_code": "EUR", "value": 10}, (400, "INVALID_PARAMETER_SYNTAX")),
        (
            {"currency_code": "EUR", "value": "9", "breakdown": {"tax_total": {"currency_code": "EUR", "value": "8"}}},
            (422, "AMOUNT_MISMATCH"),
        ),
    ],
)  # fmt: skip
async def test_money_that_paypal_does_not_take(shop: Shop, amount: Any, refusal: tuple[int, str]) -> None:
    assert issue(await shop.create(amount=amount)) == refusal


async def test_an_invoice_number_is_captured_once(shop: Shop) -> None:
    other = (await shop.create("other")).json()["id"]
    await shop.captured()
    assert issue(await shop.create("third")) == (422, "DUPLICATE_INVOICE_ID")
    await shop.paypal.approve(other)
    assert issue(await shop.post(f"/v2/checkout/orders/{other}/capture")) == (422, "DUPLICATE_INVOICE_ID")


async def test_refunds_never_exceed_the_capture(shop: Shop, paypal: PayPalStandIn) -> None:
    path = f"/v2/payments/captures/{await shop.captured()}"
    part = {"amount": {"currency_code": "EUR", "value": "60.00"}}
    first = await shop.post(f"{path}/refund", part, "r1")
    assert (await shop.post(f"{path}/refund", part, "r1")).json()["id"] == first.json()["id"]
    assert issue(await shop.post(f"{path}/refund", part, "r2")) == (422, "REFUND_AMOUNT_EXCEEDED")
    assert (await shop.http.get(path)).json()["status"] == "PARTIALLY_REFUNDED"
    rest = await shop.post(f"{path}/refund", {}, "r3")
    assert rest.json()["amount"]["value"] == "40.00"
    assert (await shop.http.get(path)).json()["status"] == "REFUNDED"
    assert issue(await shop.post(f"{path}/refund", {}, "r4")) == (422, "CAPTURE_FULLY_REFUNDED")
    assert [entry["value"] for entry in paypal.did("refunded")] == ["60.00", "40.00"]


async def test_a_pending_capture_completes_later(shop: Shop, paypal: PayPalStandIn) -> None:
    order_id = await shop.approved()
    await paypal.misbehave("capture", "pending")
    order = (await shop.post(f"/v2/checkout/orders/{order_id}/capture", key="c")).json()
    [capture] = order["purchase_units"][0]["payments"]["captures"]
    assert (order["status"], capture["status"]) == ("COMPLETED", "PENDING")
    assert "seller_receivable_breakdown" not in capture
    assert issue(await shop.post(f"/v2/payments/captures/{capture['id']}/refund")) == (422, "PENDING_CAPTURE")
    await paypal.control(f"captures/{capture['id']}/complete")
    assert (await shop.http.get(f"/v2/payments/captures/{capture['id']}")).json()["status"] == "COMPLETED"


async def test_an_authorization_is_captured_or_voided(shop: Shop) -> None:
    order_id = await shop.approved(intent="AUTHORIZE")
    order = (await shop.post(f"/v2/checkout/orders/{order_id}/authorize", key="a")).json()
    [held] = order["purchase_units"][0]["payments"]["authorizations"]
    path = f"/v2/payments/authorizations/{held['id']}"
    part = {"amount": {"currency_code": "EUR", "value": "30.00"}, "invoice_id": "inv-1-a"}
    assert (await shop.post(f"{path}/capture", part, "c1")).status_code == 201
    assert (await shop.http.get(path)).json()["status"] == "PARTIALLY_CAPTURED"
    assert (await shop.http.post(f"{path}/void", headers={"Content-Type": "application/json"})).status_code == 204
    assert issue(await shop.post(f"{path}/capture", {}, "c2")) == (422, "AUTHORIZATION_VOIDED")


async def test_buyers_approve_by_themselves_where_told() -> None:
    async with PayPalStandIn(auto_approve_ms=10) as paypal, httpx.AsyncClient(base_url=paypal.url) as http:
        shop = Shop(paypal, http)
        await shop.log_in()
        order_id = (await shop.create()).json()["id"]
        async with asyncio.timeout(10):
            while (await http.get(f"/v2/checkout/orders/{order_id}")).json()["status"] != "APPROVED":
                pass


async def test_an_unknown_misbehaviour_is_an_error_at_once(paypal: PayPalStandIn) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        await paypal.misbehave("capture", "dropp")


async def test_a_token_runs_out(shop: Shop, paypal: PayPalStandIn) -> None:
    await paypal.control("tokens/expire")
    assert (await shop.create()).status_code == 401
    await shop.log_in()
    assert (await shop.create()).status_code == 201


async def test_the_report_has_every_movement(shop: Shop) -> None:
    capture_id = await shop.captured()
    await shop.post(f"/v2/payments/captures/{capture_id}/refund", {}, "r")
    window = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-03-01T00:00:00Z"}
    assert (await shop.http.get("/v1/reporting/transactions", params=window)).status_code == 400
    shown = (await shop.http.get(f"/v2/payments/captures/{capture_id}")).json()
    window = {"start_date": shown["create_time"], "end_date": shown["update_time"]}
    found = (await shop.http.get("/v1/reporting/transactions", params=window)).json()["transaction_details"]
    moved = [(row["transaction_info"]["transaction_event_code"], row["transaction_info"]["transaction_amount"]["value"])
             for row in found]  # fmt: skip
    assert sorted(moved) == [("T0006", "100.00"), ("T1107", "-100.00")]
    assert found[0]["transaction_info"]["custom_field"] == "p1"


async def test_chaos_by_seed_repeats_itself() -> None:
    async def play() -> list[Any]:
        async with PayPalStandIn(chaos=0.5, seed=7, late_ms=1) as paypal, httpx.AsyncClient() as http:
            for _ in range(20):
                try:
                    await http.get(f"{paypal.url}/v2/checkout/orders/X")
                except httpx.TransportError:
                    continue
            return [entry["misbehaved"] for entry in paypal.asked()]

    first = await play()
    assert first == await play()
    assert None in first
    assert len(set(first)) > 3
