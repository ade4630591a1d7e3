"""Who follows orders: a shop whose customers bring tokens of an issuer, and what each of them sees."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from libs.contracts.orders import OrderCreated
from libs.events.transaction import Cause
from libs.service.testing import ServiceClient, running
from services.orders.__main__ import service
from tests.service.orders.stage import WEB, open_shop, outbox
from tests.service.strangers.door import ISSUER, bearer, jwks, token


@asynccontextmanager
async def followed_shop(orders_url: str, bus_url: str, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    """The API with a shop that is open, and an issuer whose tokens customers bring."""
    (tmp_path / "jwks.json").write_text(jwks())
    issuer: dict[str, Any] = {"auth_issuer": ISSUER, "auth_jwks_file": tmp_path / "jwks.json"}
    async with running(
        service, orders_url, bus_url, parts=("api",), public_tracking_url="https://t.example/", **issuer
    ) as client:
        await open_shop(client)
        yield client


def customer_of(api: ServiceClient, order: dict[str, Any]) -> ServiceClient:
    """A client that holds the token of an order's customer."""
    found = api.as_role("")
    found.headers.update(bearer(token("customer", customer_id=order["customer_id"])))
    return found


async def link_of(api: ServiceClient, order: dict[str, Any]) -> dict[str, Any]:
    """The link of an order, as the desk reads it."""
    answer = await api.get(f"/v1/orders/{order['id']}/tracking-link")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def path_of(api: ServiceClient, order: dict[str, Any]) -> str:
    """Where the link of an order leads, without the address before it."""
    url: str = (await link_of(api, order))["url"]
    assert url.startswith("https://t.example/t/")
    return url.removeprefix("https://t.example")


async def seen(api: ServiceClient, order: dict[str, Any]) -> dict[str, Any]:
    """Where its customer sees an order: in the list, whole, its history, and by link."""
    customer, nobody = customer_of(api, order), api.as_role("")
    listed = [row["id"] for row in (await customer.get("/v1/orders")).json()["items"]]
    one = await customer.get(f"/v1/orders/{order['id']}")
    history = await customer.get(f"/v1/orders/{order['id']}/history")
    page = await nobody.get(await path_of(api, order))
    assert (one.status_code, history.status_code) in {(200, 200), (404, 404)}
    assert (order["id"] in listed) is (one.status_code == 200)
    return {"account": one.status_code == 200, "link": page.status_code == 200}


async def set_channel(api: ServiceClient, **changes: Any) -> None:
    """Another configuration of the web shop."""
    answer = await api.put("/v1/channels/web", json={k: v for k, v in (WEB | changes).items() if k != "code"})
    assert answer.status_code == 200, answer.text


async def set_visible(api: ServiceClient, order: dict[str, Any], visible: bool | None) -> dict[str, Any]:
    """A person's word on one order."""
    answer = await api.put(f"/v1/orders/{order['id']}/visibility", json={"visible": visible})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def created_token(api: ServiceClient, order: dict[str, Any]) -> str | None:
    """The token that order.created told."""
    facts = [OrderCreated.model_validate_json(text) for text in await outbox(api.context.uow, "order.created")]
    person = next(fact.person for fact in facts if str(fact.order.id) == order["id"])
    assert person is not None
    return person.tracking


async def keep_token(api: ServiceClient, order: dict[str, Any], text: str | None) -> None:
    """Let an order's row hold this token, as time or an older release may have left it."""
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute("UPDATE orders SET tracking_token = $2 WHERE id = $1", UUID(order["id"]), text)


async def apply(api: ServiceClient, order: dict[str, Any], status: str, **said: Any) -> dict[str, Any]:
    """Apply a status as an operator does."""
    answer = await api.post(f"/v1/orders/{order['id']}/status", json={"status": status} | said)
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found
