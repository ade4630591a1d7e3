"""PayPal from the order to the money: through the API, the topics and signed webhooks."""

from libs.contracts.orders import GiveBack
from libs.events.transaction import new_id
from libs.service.testing import until
from tests.service.payments.world import Order, World


async def test_f18_signed_webhook_marks_the_order_paid_and_replaying_it_changes_nothing(world: World) -> None:
    order = Order()
    opened = await world.opened(order)
    assert opened["approval_link"].startswith(world.paypal.url)
    await world.tell(order.reserved())
    await world.approve(order)
    paid = await world.stands(order, "received")
    await world.settled_webhooks()
    assert paid["received"] == {"amount": "120.50", "currency": "EUR"}
    assert [row["value"] for row in world.paypal.did("captured")] == ["120.50"]
    assert (await world.topics(order)).count("payment.received") == 1

    before = await world.payment(order)
    for event_id in list(world.paypal.webhooks.events):
        await world.paypal.control(f"webhooks/{event_id}/resend")
    twice = 2 * len(world.paypal.webhooks.events)
    await until(lambda: len([row for row in world.paypal.did("webhook") if row["status"] == 200]) >= twice)
    await world.settled_webhooks()
    assert await world.payment(order) == before
    assert (await world.topics(order)).count("payment.received") == 1
    assert len(await world.inbox()) == len(world.paypal.webhooks.events)


async def test_money_is_not_taken_before_the_goods_are_reserved(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.approve(order)
    await world.stands(order, "approved")
    await world.settled_webhooks()
    assert world.paypal.did("captured") == []
    await world.tell(order.reserved())
    await world.stands(order, "received")
    assert len(world.paypal.did("captured")) == 1


async def test_money_is_not_taken_while_a_hold_stands(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.tell(order.reserved(), order.held())
    await world.approve(order)
    await world.stands(order, "approved")
    await world.settled_webhooks()
    assert world.paypal.did("captured") == []
    await world.tell(order.released())
    await world.stands(order, "received")


async def test_a_cancelled_order_gives_everything_back_once(world: World) -> None:
    order = Order()
    await world.paid(order)
    records = await world.tell(order.cancelled())
    refunded = await world.stands(order, "refunded")
    await world.tell(order.confirmed())  # late and newer nonsense of the same order changes nothing that was given back
    await world.settled_webhooks()
    assert refunded["refunded"]["amount"] == "120.50"
    assert len(world.paypal.did("refunded")) == 1
    assert records
    assert (await world.topics(order)).count("payment.refunded") == 1


async def test_an_expired_order_keeps_its_money_and_reports_it(world: World) -> None:
    order = Order()
    await world.paid(order)
    await world.tell(order.cancelled(GiveBack.ASK))
    await world.settled_webhooks()
    await world.stands(order, "received", unasked=False)
    await world.tell(order.reopened())
    assert (await world.said(order))[-1][1]["round"] == 2
    assert world.paypal.did("refunded") == []


async def test_expiring_is_answered_expired_when_no_money_is_on_its_way(world: World) -> None:
    order = Order()
    request = new_id()
    await world.opened(order)
    await world.tell(order.reserved(), order.expiring(request))
    await world.stands(order, "expired")
    topic, said = (await world.said(order))[-1]
    assert (topic, said["answered_expiring"]) == ("payment.expired", str(request))
    assert len(world.paypal.asked("get_order")) >= 1
    await world.tell(order.cancelled(GiveBack.ASK))
    assert (await world.payment(order))["status"] == "expired"


async def test_expiring_is_answered_received_when_the_webhook_was_lost(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.tell(order.reserved())
    await world.paypal.misbehave("CHECKOUT.ORDER.APPROVED", "lost", times=10)
    await world.approve(order)
    await world.tell(order.expiring(request := new_id()))
    await world.stands(order, "received")
    assert (await world.said(order))[-1][1]["answered_expiring"] == str(request)
    assert "payment.expired" not in await world.topics(order)
