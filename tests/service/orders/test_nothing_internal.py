"""Every answer that a customer, or whoever holds a link, can get is walked: nothing internal stands in any of them."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from libs.contracts.common import Cost, CostRecorded, Money, Stuck, WorkStuck
from libs.events.transaction import new_id
from libs.service.access import routes_of
from libs.service.testing import ServiceClient
from services.orders.__main__ import service
from tests.service.orders.followers import apply, customer_of, followed_shop, link_of, set_channel
from tests.service.orders.stage import hear, placed
from tests.service.strangers.door import bearer, token
from tests.telltale import telltales
from tests.unit.orders.said import HOME, Said, lei, submitted

MARK = "zq7"
"""Stands in whatever no customer may see; nothing else holds it."""
SECRETS = (MARK, "13.79", "13,79", "17.31", "5901234123457", "held", "fraud", "0799")
OPERATOR = f"{MARK}-operator"
OTHER = {"name": f"Maria {MARK}", "email": f"maria@{MARK}.example", "email_verified": True, "phone": "0799 123 456"}


@pytest.fixture
async def api(orders_url: str, bus_url: str, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    """The API, spoken to by an operator whose name no customer may read."""
    async with followed_shop(orders_url, bus_url, tmp_path) as client:
        client.headers.update(bearer(token("manager", sub=OPERATOR)))
        yield client


def marked_order() -> dict[str, Any]:
    """An order with a mark in every member that only the shop knows."""
    order = submitted(
        external_id=f"{MARK}-external",
        attributes={f"{MARK}-attribute": f"{MARK} value"},
        referers=[f"https://{MARK}.example"],
    )
    inner = {
        "category": f"{MARK} category",
        "promotion": f"{MARK} promotion",
        "ean": "5901234123457",
        "unit_cost": lei("13.79"),
        "attributes": {"shelf": f"{MARK} shelf"},
        "components": [{"sku": f"{MARK}-part", "name": f"{MARK} part", "quantity": "1"}],
    }
    order["lines"] = [line | inner for line in order["lines"]]
    return order


async def given_everything_internal(api: ServiceClient) -> dict[str, Any]:
    """An order with holds, costs, stuck work, failures, operators; and somebody else's order beside it."""
    await set_channel(
        api, merchant_email=f"merchant@{MARK}.example", alert_email=f"alert@{MARK}.example", depots=[f"{MARK}-depot"]
    )
    order = await placed(api, **marked_order())
    said = Said(order)
    shipment = said.shipment("dispatched").model_copy(update={"depot": f"{MARK}-depot", "failure": f"{MARK} failure"})
    paid = said.money("received", provider=f"{MARK}-provider", provider_ref=f"{MARK}-ref")
    order_id = UUID(order["id"])
    cost = CostRecorded(
        cost=new_id(), version=1, order_id=order_id, kind=Cost.OTHER, amount=Money.parse("17.31", "RON"), actual=True,
        source=f"{MARK}-source",
    )  # fmt: skip
    stuck = WorkStuck(
        work=new_id(), version=1, service="shipping", kind=Stuck.DEAD_LETTER, what=f"{MARK} stuck", order_id=order_id,
        since=datetime(2026, 11, 20, tzinfo=UTC),
    )  # fmt: skip
    await hear(api, said.stock("reserved"), paid, said.parcels(shipment), cost, stuck)
    for kind in ("manual", "fraud"):
        held = await api.post(f"/v1/orders/{order_id}/hold", json={"kind": kind, "reason": f"{MARK} reason"})
        assert held.status_code == 200, held.text
    await given_statuses(api, order)
    await placed(api, external_id="other", customer=OTHER, shipping=HOME | {"street": f"Str. {MARK} 1"})
    return order


async def given_statuses(api: ServiceClient, order: dict[str, Any]) -> None:
    """Published ones of a marked mnemonic between unpublished ones, one of which was published for a while."""
    for n, published in enumerate((True, False, True, False)):
        word = "" if published else MARK
        status = {
            "mnemonic": f"{MARK}-{n}",
            "indicator": f"{MARK}-indicator",
            "texts": {tag: {"name": f"Step {n} {word}", "message": f"{word} {{order_number}}"} for tag in ("ro", "en")},
            "actions": {"publish": published},
        }
        made = await api.post("/v1/statuses", json=status)
        assert made.status_code == 201, made.text
        await apply(api, order, f"{MARK}-{n}", comment=None if published else f"{MARK} comment")
    taken_back = await apply(api, order, f"{MARK}-2", comment=f"{MARK} taken back", actions={"publish": True})
    for published in (True, False):
        switch = f"/v1/orders/{order['id']}/status-entries/{taken_back['entry']['id']}/publication"
        assert (await api.post(switch, json={"published": published})).status_code == 200


def ways_in(order: dict[str, Any], path: str) -> Iterator[tuple[bool, str]]:
    """Every GET that a customer's token, or nobody's, may call: (by token, address)."""
    filled = {"order_id": order["id"], "token": path.removeprefix("/t/")}
    for route, access in routes_of(service.routers):
        own, anybody = access.own == "orders:own", access.means == "anybody"
        if own or anybody:
            assert route.methods == {"GET"}, f"{route.path} changes something: say here what it answers"
            yield own, route.path.format(**filled)


async def every_answer(api: ServiceClient, order: dict[str, Any]) -> list[httpx.Response]:
    """What each of them answers, in several languages."""
    path = "/t/" + (await link_of(api, order))["url"].rsplit("/", 1)[1]
    customer, nobody = customer_of(api, order), api.as_role("")
    found = []
    for by_token, address in ways_in(order, path):
        for language in ("ro", "en", "de"):
            asked = {"language" if by_token else "lang": language}
            found.append(await (customer if by_token else nobody).get(address, params=asked))
    assert len(found) >= 15
    return found


async def test_part_f7_f73_no_answer_that_a_customer_can_get_holds_anything_internal(api: ServiceClient) -> None:
    order = await given_everything_internal(api)
    known = (await api.get(f"/v1/orders/{order['id']}")).text.lower()
    inner = ("attribute", "category", "promotion", "shelf", "part", "depot", "failure", "provider", "ref", "reason")
    assert all(f"{MARK}-{name}" in known or f"{MARK} {name}" in known for name in inner), "the desk knows it all"
    assert f"user:{OPERATOR}" in known
    entries = (await api.get(f"/v1/orders/{order['id']}/status-entries")).json()["items"]
    assert [entry["published"] for entry in entries] == [False, False, True, False, True]
    answers = await every_answer(api, order)
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        assert telltales(f"{answer.text} {answer.headers}".lower(), SECRETS) == [], answer.url.path
        assert order["number"] in answer.text
        assert "Step 2" in answer.text, "what was published is there"


async def test_a_link_shows_nothing_by_which_its_customer_is_known(api: ServiceClient) -> None:
    order = await placed(api)
    path = "/t/" + (await link_of(api, order))["url"].rsplit("/", 1)[1]
    for address in (path, f"{path}.json"):
        text = (await api.as_role("").get(address)).text.lower()
        assert telltales(text, ("pop", "ana@example.ro", "712", "înfrățirii", "cluj", "400001", "c-7")) == []
        assert order["customer_id"] not in text
