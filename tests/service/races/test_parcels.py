"""Races for a parcel: it leaves, or it is cancelled, and the one who asked is told which."""

import pytest

from libs.events.testing import record_of
from services.shipping.consumers import consumer
from tests.service.races.stage import at_once
from tests.service.shipping.world import Order, World


@pytest.mark.parametrize("first", ["cancel", "pick_up"])
async def test_part_b10_a_cancel_against_a_parcel_that_is_picked_up_has_one_winner(
    shipping: World, shipping_url: str, first: str
) -> None:
    """Both are inside: the first waits to write the shipments down, the second for the order.

    Guard: `FOR UPDATE` of `shipping.store.locked_order`. Without it the parcel is picked up though it was to be
    cancelled, and each overwrites what the other has written of it.
    """
    order = Order(method="vans")
    await shipping.tell(order.confirmed())
    shipment = await shipping.until_state(order, "booked")
    record = record_of(order.cancel_requested())

    async def cancel() -> int:
        return await consumer.deliver(shipping.api.context.uow, record)

    async def pick_up() -> int:
        path = f"/v1/shipments/{shipment['id']}/events"
        return (await shipping.api.post(path, json={"status": "picked_up"})).status_code

    acts = [cancel, pick_up] if first == "cancel" else [pick_up, cancel]
    lock = "SELECT FROM fulfilment WHERE order_id = $1 FOR UPDATE"
    done = await at_once(shipping_url, lock, order.id, acts=acts, in_turn=True)
    shipping.api.context.wake["courier_call"].set()
    assert dict(zip(("cancel", "pick_up"), done if first == "cancel" else reversed(done), strict=True)) == {
        "cancel": 1,
        "pick_up": 409 if first == "cancel" else 200,
    }
    answer = await shipping.until_told(order, "shipment.cancelled" if first == "cancel" else "shipment.kept")
    state = "cancelled" if first == "cancel" else "dispatched"
    assert [each["state"] for each in answer["fulfilment"]["shipments"]] == [state]
    answers = {"shipment.cancelled", "shipment.kept"} & set(await shipping.types(order))
    assert len(answers) == 1
    await shipping.until_state(order, state)
