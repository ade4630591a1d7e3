"""Orders that do not add up, name what is not there, come twice as two, or belong to somebody else: nothing written."""

import asyncio
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from libs.service.testing import ServiceClient
from tests.service.orders.stage import open_shop, placed
from tests.service.strangers.door import CUSTOMER, Door, bearer, token
from tests.unit.orders.said import lei, submitted

SHARED = {"Idempotency-Key": "the-same-key"}


@pytest.fixture
async def shop(orders: Door) -> Door:
    """A shop that is open."""
    await open_shop(orders.api)
    return orders


def changed(path: str, value: Any) -> dict[str, Any]:
    """An order with one member changed: `lines.0.quantity`."""
    order = deepcopy(submitted())
    inner: Any = order
    *steps, last = path.split(".")
    for step in steps:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    inner[int(last) if last.isdigit() else last] = value
    return order


WRONG: list[tuple[str, Any, str]] = [
    ("totals.total", lei("109.99"), "totals.total"),
    ("totals.total", lei("110.01"), "totals.total"),
    ("totals.goods", lei("90.01"), "totals.goods"),
    ("totals.delivery", lei("0.00"), "totals.delivery"),
    ("totals.charges", lei("1.00"), "totals.charges"),
    ("totals.discounts", lei("1.00"), "totals.discounts"),
    ("totals.total", lei("-110.00"), "totals.total"),
    ("totals.total", {"amount": "110.00", "currency": "EUR"}, "totals.total"),
    ("lines.0.quantity", "3", "totals.goods"),
    ("lines.0.quantity", "0", "lines[0].quantity"),
    ("lines.0.quantity", "-2", "lines[0].quantity"),
    ("lines.0.quantity", "999999999999", "lines[0].quantity"),
    ("lines.0.quantity", "9999999999999", "lines[0].quantity"),
    ("lines.0.unit_price", lei("-25.00"), "lines[0].unit_price"),
    ("lines.0.unit_price", lei("999999999999999.00"), "lines[0].unit_price"),
    ("lines.0.unit_price", {"amount": "25.00", "currency": "EUR"}, "lines[0].unit_price"),
    ("lines.0.discount", lei("50.01"), "lines[0].discount"),
    ("lines.0.sku", "", "lines[0].sku"),
    ("lines", [], "lines"),
    ("lines", submitted()["lines"] * 501, "lines"),
    ("currency", "XYZ", "currency"),
    ("currency", "JPY", "totals.goods"),
    ("channel", "nobody", "channel"),
    ("delivery_method", "by-owl", "delivery_method"),
    ("payment_method", "in-goats", "payment_method"),
    ("customer.email", "ana\r\nBcc: all@example.com", "customer.email"),
    ("shipping.country", "Romania", "shipping.country"),
    ("language", "../../etc", "language"),
]


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json().get("errors", [])]


async def say(api: ServiceClient, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
    given = {"Content-Type": "application/json", **(headers or {})}
    return await api.post("/v1/orders", content=json.dumps(body).encode(), headers=given)


async def test_an_order_that_is_wrong_is_refused_by_its_field_and_nothing_is_written(shop: Door) -> None:
    before = await shop.kept()
    for path, value, field in WRONG:
        answer = await say(shop.api, changed(path, value), {"Idempotency-Key": str(uuid4())})
        where = f"{path} = {str(value)[:80]}: {answer.status_code} {answer.text[:800]}"
        assert answer.status_code == 422, where
        assert any(each == field or each.startswith(f"{field}.") for each in fields(answer)), where
        assert await shop.kept() == before, where
    assert (await say(shop.api, submitted())).status_code == 201, "right as it is"


async def test_a_key_that_comes_again_with_another_body_is_refused_and_nothing_is_written(shop: Door) -> None:
    first = await say(shop.api, submitted(), SHARED)
    assert first.status_code == 201
    before = await shop.kept()
    for body in (submitted(external_id="1002"), submitted(language="en"), submitted(channel="emag")):
        answer = await say(shop.api, body, SHARED)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/key-reused")
        assert fields(answer) == ["Idempotency-Key"]
    for key in ("", "a" * 201, "with space", "tab\t", "ș"):
        answer = await say(shop.api, submitted(external_id="1002"), {"Idempotency-Key": key.encode("utf-8")})  # type: ignore[dict-item]
        assert (answer.status_code, fields(answer)) == (422, ["Idempotency-Key"]), key
    assert await shop.kept() == before
    again = await say(shop.api, submitted(), SHARED)
    assert (again.status_code, again.json()) == (201, first.json())
    somebody = shop.api.as_role("operator")
    other = await say(somebody, submitted(external_id="1003"), SHARED)
    assert other.status_code == 201, "a key is its principal's own"


async def test_the_same_external_id_with_another_body_is_a_conflict_and_nothing_is_written(shop: Door) -> None:
    first = await say(shop.api, submitted())
    before = await shop.kept()
    again = await say(shop.api, submitted())
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await say(shop.api, submitted(language="en"))
    assert (other.status_code, fields(other)) == (409, ["external_id"])
    assert await shop.kept() == before


async def test_a_stale_version_is_refused_by_every_command_and_nothing_is_written(shop: Door) -> None:
    order = await placed(shop.api)
    place = f"/v1/orders/{order['id']}"
    held = await shop.api.post(f"{place}/hold", json={"reason": "wait"}, headers={"If-Match": f'"{order["version"]}"'})
    assert held.status_code == 200, held.text
    before = await shop.kept()
    commands: list[tuple[str, dict[str, Any]]] = [
        ("cancel", {"reason": "customer"}),
        ("hold", {"reason": "wait"}),
        ("release-hold", {"kind": "manual"}),
        ("ready", {}),
    ]
    for name, body in commands:
        for version in (order["version"], 0, 999, 10**17):
            headers = {"If-Match": f'"{version}"', "Idempotency-Key": str(uuid4())}
            answer = await shop.api.post(f"{place}/{name}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (412, "/problems/stale"), (name, version, answer.text)
            assert answer.headers["etag"] == held.headers["etag"]
        for wrong in ("yesterday", "1, 2", '"1" "2"', "-1", "9" * 30):
            answer = await shop.api.post(f"{place}/{name}", json=body, headers={"If-Match": wrong})
            assert (answer.status_code, fields(answer)) == (422, ["If-Match"]), (name, wrong, answer.text)
    assert await shop.kept() == before


async def test_ids_of_others_and_of_nothing_are_not_found_and_nothing_is_written(shop: Door) -> None:
    order = await placed(shop.api)
    before = await shop.kept()
    nobody = shop.api.as_role("")
    seen = await nobody.get(f"/v1/orders/{order['id']}", headers=bearer(token("customer")))
    assert seen.status_code == 404, "an order of another customer"
    listed = await nobody.get(
        "/v1/orders", headers=bearer(token("customer")), params={"customer_id": order["customer_id"]}
    )
    assert listed.json()["items"] == [], "whoever they say to be"
    assert UUID(order["customer_id"]) != CUSTOMER
    for wrong, status in ((str(uuid4()), 404), ("7", 422), ("' OR 1=1 --", 422), ("%00", 422), ("a" * 3000, 422)):
        for method, rest in (("GET", ""), ("GET", "/timeline"), ("POST", "/cancel"), ("POST", "/ready")):
            content = b"{}" if method == "POST" else b""
            answer = await shop.api.request(
                method, f"/v1/orders/{wrong}{rest}", content=content, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == status, (wrong, method, rest, answer.text)
    assert await shop.kept() == before


async def test_what_a_customer_may_not_do_is_not_done_by_fifty_at_once(shop: Door) -> None:
    order = await placed(shop.api)
    before = await shop.kept()
    nobody = shop.api.as_role("")
    answers = await asyncio.gather(
        *(
            nobody.post(f"/v1/orders/{order['id']}/cancel", json={}, headers=bearer(token(role)))
            for role in ("customer", "storefront", "dashboards")
            for _ in range(17)
        )
    )
    assert {answer.status_code for answer in answers} == {403}
    assert await shop.kept() == before


async def test_old_orders_are_taken_only_from_who_may_import(shop: Door) -> None:
    before = await shop.kept()
    storefront = shop.api.as_role("storefront")
    for name, value in (("historic", True), ("placed_at", "2026-01-31T12:00:00Z")):
        answer = await say(storefront, submitted(**{name: value}))
        assert (answer.status_code, fields(answer)) == (403, [name])
    assert await shop.kept() == before
