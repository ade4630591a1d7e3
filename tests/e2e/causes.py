"""What followed from what, of an order that went through the whole system: paid with PayPal, sent by FAN."""

from typing import Any

from demo.api import Api
from deploy.supervisor import System

FROM_OUTSIDE = {"payment.pending", "payment.received", "cost.recorded"} | {
    f"shipment.{news}" for news in ("dispatched", "tracked", "delivered")
}
"""What a buyer's approval, a provider's webhook (money, and its fee) and a courier's tracking bring."""


async def b15_every_fact_follows_from_the_order_or_comes_from_outside(system: System, number: str) -> None:
    """What an answer of another system leads to follows from what it was asked for; `number` is the order's."""
    async with Api({"orders": system.url("orders")}, system.keys) as api:
        (order,) = [each for each in await api.every("orders", "/v1/orders?channel=demo") if each["number"] == number]
        trace = await api.get("orders", f"/v1/orders/{order['id']}/trace")
    first, *others = trace["roots"]
    assert first["topic"] == "order.created"
    assert {"stock.reserved", "payment.pending", "notification.sent"} <= told_in(first), trace
    for beginning in others:
        assert beginning["topic"] in FROM_OUTSIDE, trace
        assert beginning["correlation_id"] == first["correlation_id"], f"not in the story of the order: {beginning}"
    assert "shipment.created" in set().union(*(told_in(each) for each in trace["roots"]))


def told_in(node: dict[str, Any]) -> set[str]:
    """The topics of a fact and of all that followed from it."""
    return {node["topic"]}.union(*map(told_in, node["children"]))
