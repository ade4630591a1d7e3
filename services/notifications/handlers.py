"""From a fact to the letters it asks for; from a person's wish to a letter sent again."""

from datetime import UTC, datetime
from uuid import UUID

from libs.contracts.notifications import NotificationFailed
from libs.contracts.orders import ChannelChanged, OrderFact
from libs.contracts.payments import PaymentPending
from libs.events.transaction import Transaction, new_id
from libs.service.due import CallState
from libs.service.problems import Conflict, Invalid, NotFound
from services.notifications import domain, store, wording
from services.notifications.domain import ASKED_BY, KINDS, MAIL, Letter
from services.notifications.rendering import Written, written

NO_ADDRESS = "this is no e-mail address"
FINAL = frozenset({CallState.SUCCEEDED, CallState.FAILED})
_WAITING: tuple[type[OrderFact | PaymentPending], ...] = (*ASKED_BY, PaymentPending)
WAITED_FOR = {kind.topic: kind for kind in _WAITING}


async def order_said(tx: Transaction, event: OrderFact, fact: UUID) -> None:
    """Keep what letters need of the order, and write those this fact asks for, now or once its channel is known."""
    if event.order.historic:
        return
    waited_for = await store.learn_order(tx, event)
    if type(event) in ASKED_BY:
        await write_about_order(tx, event, fact)
    if not waited_for:
        return
    for waiting in await store.no_longer_waiting(tx, f"order {event.order.id}"):
        await payment_said(tx, PaymentPending.model_validate_json(waiting["fact"]), waiting["id"])


async def write_about_order(tx: Transaction, event: OrderFact, fact: UUID) -> None:
    """Write the letters this fact asks for."""
    channel = await store.channel(tx, event.order.channel)
    if channel is None:
        await store.wait(tx, fact, f"channel {event.order.channel}", event)
        return
    for letter in domain.letters(event, fact, channel):
        values = wording.values_of(event, channel, letter.language)
        await post(tx, letter, written(letter.kind, letter.language, values), channel, event.order.id)


async def payment_said(tx: Transaction, event: PaymentPending, fact: UUID) -> None:
    """Tell the customer how to pay by transfer, once for each payment and round."""
    if not domain.asks_for_transfer(event):
        return
    order = await store.order(tx, event.payment.order_id)
    if order is None:
        await store.wait(tx, fact, f"order {event.payment.order_id}", event)
        return
    if not order["email"] or order["historic"]:
        return
    channel = await store.channel(tx, order["channel"])
    if channel is None:
        await store.wait(tx, fact, f"channel {order['channel']}", event)
        return
    language = domain.language_of((order["language"], *channel.languages))
    letter = Letter(domain.transfer_cause(event), KINDS["pay_transfer"], order["email"].strip(), language)
    values = wording.transfer_values(event.payment, order["number"], order["name"] or "", channel, language)
    await post(tx, letter, written(letter.kind, language, values), channel, order["id"])


async def channel_said(tx: Transaction, event: ChannelChanged) -> None:
    """Keep the newest state of a channel, and write what waited for it."""
    if not await store.learn_channel(tx, event):
        return
    for waiting in await store.no_longer_waiting(tx, f"channel {event.code}"):
        kind = WAITED_FOR[waiting["topic"]]
        fact = kind.model_validate_json(waiting["fact"])
        if isinstance(fact, PaymentPending):
            await payment_said(tx, fact, waiting["id"])
        else:
            await write_about_order(tx, fact, waiting["id"])


async def post(tx: Transaction, letter: Letter, words: Written, channel: ChannelChanged, order_id: UUID) -> None:
    """Make a letter due; one to what is no address fails at once, and says so."""
    message = new_id()
    row = {
        "id": message,
        "order_id": order_id,
        "cause": letter.cause,
        "kind": letter.kind.name,
        "recipient": wording.one_line(letter.recipient)[: domain.MAX_ADDRESS],
        "language": letter.language,
        "sender": channel.shop_email,
        "sender_name": wording.one_line(channel.name),
        "subject": words.subject,
        "text": words.text,
        "html": words.html,
        "created_at": datetime.now(UTC),
    }
    if domain.address_of(letter.recipient) is not None:
        await store.add_message(tx, row)
    elif await store.add_message(tx, row | {"call_state": CallState.FAILED, "last_error": NO_ADDRESS}):
        await failed(tx, message, order_id, letter.kind.name, 1, NO_ADDRESS)


async def failed(tx: Transaction, message: UUID, order_id: UUID | None, kind: str, version: int, reason: str) -> None:
    """Say that a message never reached its reader."""
    fact = NotificationFailed(message=message, version=version, order_id=order_id, kind=kind, by=MAIL, reason=reason)
    await tx.emit(store.MessageRow(message), fact)


async def resend(tx: Transaction, message_id: UUID, recipient: str | None) -> UUID:
    """Send a message once more, as it was written, to its reader or to the right address; the new message's id.

    It is a letter of its own, with a Message-ID of its own. Conflict while the first one is still on its way.
    """
    first = await store.locked(tx, message_id)
    if first is None:
        raise NotFound
    if first["call_state"] not in FINAL:
        raise Conflict("it is on its way already")
    address = recipient or first["recipient"]
    if domain.address_of(address) is None:
        raise Invalid(NO_ADDRESS, field="recipient")
    kept = ("order_id", "kind", "language", "sender", "sender_name", "subject", "text", "html")
    message = new_id()
    row = {name: first[name] for name in kept} | {
        "id": message,
        "cause": new_id(),
        "recipient": address,
        "resend_of": first["id"],
        "created_at": datetime.now(UTC),
    }
    await store.add_message(tx, row)
    return message
