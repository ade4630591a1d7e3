"""From a fact to the letters it asks for; from a person's wish to a letter sent again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.customers import CustomerChanged
from libs.contracts.notifications import NotificationFailed
from libs.contracts.orders import ChannelChanged, OrderFact
from libs.contracts.payments import PaymentPending
from libs.contracts.statuses import StatusChanged
from libs.events.transaction import Transaction, new_id
from libs.service.due import CallState
from libs.service.problems import Conflict, Invalid, NotFound
from libs.service.sms import measured, plain
from services.notifications import domain, store, wording
from services.notifications.domain import ASKED_BY, KINDS, MAIL, SMS, Known, Letter
from services.notifications.figures import one_line
from services.notifications.phones import number_of
from services.notifications.rendering import Written, status_written, written

NO_ADDRESS = "this is no e-mail address"
NO_NUMBER = "this is no phone number with its country"
FINAL = frozenset({CallState.SUCCEEDED, CallState.FAILED, CallState.REFUSED})
_WAITING: tuple[type[OrderFact | PaymentPending], ...] = (*ASKED_BY, StatusChanged, PaymentPending)
WAITED_FOR = {kind.topic: kind for kind in _WAITING}


@dataclass
class Told:
    """What a process is told by its settings before it consumes: where customers' links begin, whether SMS can go."""

    tracking_url: str | None = None
    sms: bool = False


told = Told()


async def order_said(tx: Transaction, event: OrderFact, fact: UUID) -> None:
    """Keep what letters need of the order, and write those this fact asks for, now or once its channel is known."""
    if event.order.historic:
        return
    asks = type(event) in ASKED_BY or isinstance(event, StatusChanged)
    waited_for, erased, known = await store.learn_order(tx, event, _kinds(event) if asks else None)
    if erased:
        event = event.model_copy(update={"person": None})
    if asks:
        await write_about_order(tx, event, fact, known)
    if not waited_for:
        return
    for waiting in await store.no_longer_waiting(tx, f"order {event.order.id}"):
        await payment_said(tx, PaymentPending.model_validate_json(waiting["fact"]), waiting["id"])


def _kinds(event: OrderFact) -> tuple[str, ...]:
    """The kinds of letters that a fact may ask for and that the shop may have words of its own for."""
    return tuple(ASKED_BY.get(type(event), ()))


async def write_about_order(tx: Transaction, event: OrderFact, fact: UUID, known: Known | None = None) -> None:
    """Write the letters this fact asks for. `known`: what decides about them, where it was read already."""
    known = known or await store.known(tx, event.order.channel, event.order.customer_id, _kinds(event))
    if known is None:
        await store.wait(tx, fact, f"channel {event.order.channel}", event)
        return
    if isinstance(event, StatusChanged):
        letters = domain.status_letters(event, known)
    else:
        letters = domain.letters(event, fact, known)
    for letter in letters:
        if letter.by == SMS and not told.sms:
            continue
        await post(tx, letter, words_of(event, letter, known), known, event.order.id)


def words_of(event: OrderFact, letter: Letter, known: Known) -> Written:
    """What a letter says: a status's own text, the shop's, or ours."""
    values = wording.values_of(event, known.channel, letter.language, told.tracking_url)
    if isinstance(event, StatusChanged):
        return status_written(event.text, values)
    return written(letter.kind, letter.language, values, known.own.get((letter.kind.name, letter.language)))


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
    kind = KINDS["pay_transfer"]
    known = await store.known(tx, order["channel"], order["customer_id"], (kind.name,))
    if known is None:
        await store.wait(tx, fact, f"channel {order['channel']}", event)
        return
    if not known.switches.get(kind.name, {}).get(MAIL, True):
        return
    tags = (known.language or order["language"], order["language"], *known.channel.languages)
    letter = Letter(domain.transfer_cause(event), kind, order["email"].strip(), domain.language_of(tags))
    values = wording.transfer_values(
        event.payment, order["number"], order["name"] or "", known.channel, letter.language
    )
    own = known.own.get((kind.name, letter.language))
    await post(tx, letter, written(kind, letter.language, values, own), known, order["id"])


async def customer_said(tx: Transaction, event: CustomerChanged) -> None:
    """Keep how a customer wants to be told."""
    await store.learn_customer(tx, event)


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


async def post(tx: Transaction, letter: Letter, words: Written, known: Known, order_id: UUID) -> None:
    """Make a letter due; one to what is no address, or to one that bounced, fails at once, and says so."""
    message, wrong = new_id(), wrong_recipient(letter.recipient, letter.by)
    row = {
        "id": message,
        "order_id": order_id,
        "cause": letter.cause,
        "kind": letter.kind.name,
        "by": letter.by,
        "recipient": one_line(letter.recipient)[: domain.MAX_ADDRESS],
        "recipient_hash": domain.hash_of(letter.recipient),
        "language": letter.language,
        "sender_name": one_line(known.channel.name),
        "created_at": datetime.now(UTC),
    }
    row |= _as_sms(words, known) if letter.by == SMS else _as_mail(words, known)
    row |= {"call_state": CallState.FAILED, "last_error": wrong} if wrong else {}
    added = await store.add_message(tx, row)
    if added is not None and added["call_state"] == CallState.FAILED:
        await failed(tx, message, order_id, letter.kind.name, letter.by, 1, added["last_error"])


def wrong_recipient(recipient: str, by: str) -> str | None:
    """Why nothing can be sent there."""
    if by == SMS:
        return None if number_of(recipient, None, {}) == recipient else NO_NUMBER
    return None if domain.address_of(recipient) is not None else NO_ADDRESS


def _as_mail(words: Written, known: Known) -> dict[str, Any]:
    return {"sender": known.channel.shop_email, "subject": words.subject, "text": words.text, "html": words.html}


def _as_sms(words: Written, known: Known) -> dict[str, Any]:
    text = plain(words.sms or "") if known.sms_plain else words.sms or ""
    own = {"sender": known.channel.sms_sender, "subject": "", "text": text, "html": ""}
    return own | {"parts": len(measured(text).parts)}


async def failed(
    tx: Transaction, message: UUID, order_id: UUID | None, kind: str, by: str, version: int, reason: str
) -> None:
    """Say that a message never reached its reader."""
    fact = NotificationFailed(message=message, version=version, order_id=order_id, kind=kind, by=by, reason=reason)
    await tx.emit(store.MessageRow(message), fact)


async def resend(tx: Transaction, message_id: UUID, recipient: str | None) -> UUID:
    """Send a message once more, as it was written, to its reader or to the right address; the new message's id.

    It is a letter of its own, with a Message-ID of its own. Conflict while the first one is still on its way, and for
    an address that bounced.
    """
    first = await store.locked(tx, message_id)
    if first is None:
        raise NotFound
    if first["call_state"] not in FINAL:
        raise Conflict("it is on its way already")
    if not first["text"]:
        raise Conflict("its customer was erased, and what it said with them")
    address = recipient or first["recipient"]
    if wrong := wrong_recipient(address, first["by"]):
        raise Invalid(wrong, field="recipient")
    kept = ("order_id", "kind", "by", "language", "sender", "sender_name", "subject", "text", "html", "parts")
    message = new_id()
    row = {name: first[name] for name in kept} | {
        "id": message,
        "cause": new_id(),
        "recipient": address,
        "recipient_hash": domain.hash_of(address),
        "resend_of": first["id"],
        "resent_by": tx.cause.actor,
        "created_at": datetime.now(UTC),
    }
    added = await store.add_message(tx, row)
    if added is None or added["call_state"] == CallState.FAILED:
        raise Conflict(f"it bounced before; forget that with DELETE /v1/bounces/{row['recipient_hash']}")
    return message
