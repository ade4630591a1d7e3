"""Which fact asks for which letter, to whom and in which language. Pure: nothing is read or sent here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

from libs.contracts.orders import (
    ChannelChanged,
    OrderCancelled,
    OrderCancelRefused,
    OrderCreated,
    OrderDelivered,
    OrderFact,
    OrderPaid,
    OrderReopened,
    OrderShipped,
    PaymentKind,
)
from libs.contracts.payments import PaymentPending, PaymentStatus

LANGUAGES = ("en", "fr", "it", "ro")
FALLBACK = "en"
MAIL = "mail"
PAYABLE = frozenset({PaymentStatus.CREATED, PaymentStatus.AWAITING})
MAX_ADDRESS = 254
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f-\x9f@<>()\[\],;:\\\"]{1,64}@[^\s\x00-\x1f\x7f-\x9f@<>()\[\],;:\\\"]{1,253}")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


class Reader(StrEnum):
    """Who reads a letter."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


class Shows(StrEnum):
    """What a letter shows besides its words."""

    LINES = "lines"
    TOTALS = "totals"
    ADDRESSES = "addresses"
    METHODS = "methods"
    CUSTOMER = "customer"
    PARCELS = "parcels"
    SHIPPED = "shipped"  # the lines as far as they have left
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of letter: `templates/<name>.<language>.txt` holds its words."""

    name: str
    reader: Reader
    shows: frozenset[Shows] = frozenset()


def _kind(name: str, *shows: Shows, reader: Reader = Reader.CUSTOMER) -> Kind:
    return Kind(name, reader, frozenset(shows))


_ORDER = (Shows.LINES, Shows.TOTALS, Shows.METHODS, Shows.ADDRESSES)
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("acknowledged", *_ORDER),
        _kind("new_order", Shows.CUSTOMER, *_ORDER, reader=Reader.MERCHANT),
        _kind("pay_transfer", Shows.TRANSFER),
        _kind("paid"),
        _kind("shipped", Shows.PARCELS, Shows.SHIPPED, Shows.ADDRESSES),
        _kind("delivered"),
        _kind("cancelled", Shows.LINES),
        _kind("cancel_refused", Shows.PARCELS),
        _kind("reopened", Shows.LINES, Shows.TOTALS),
    )
}
ASKED_BY: dict[type[OrderFact], tuple[str, ...]] = {
    OrderCreated: ("acknowledged", "new_order"),
    OrderPaid: ("paid",),
    OrderShipped: ("shipped",),
    OrderDelivered: ("delivered",),
    OrderCancelled: ("cancelled",),
    OrderCancelRefused: ("cancel_refused",),
    OrderReopened: ("reopened",),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that is to be written, once: `cause`, `kind` and `recipient` name it."""

    cause: UUID
    kind: Kind
    recipient: str
    language: str


def language_of(tags: Sequence[str]) -> str:
    """The first of these BCP 47 tags that we can write in, by its language alone where need be; otherwise English."""
    for tag in tags:
        language = tag.replace("_", "-").split("-", 1)[0].lower()
        if language in LANGUAGES:
            return language
    return FALLBACK


def letters(event: OrderFact, cause: UUID, channel: ChannelChanged) -> list[Letter]:
    """What this fact asks us to write: nothing about an old order, nothing to whom no address is known."""
    if event.order.historic:
        return []
    customer = (event.person.email or "").strip() if event.person else ""
    merchant = (channel.merchant_email or "").strip()
    wanted = []
    for kind in (KINDS[name] for name in ASKED_BY.get(type(event), ())):
        recipient = merchant if kind.reader is Reader.MERCHANT else customer
        tags = channel.languages if kind.reader is Reader.MERCHANT else (event.order.language, *channel.languages)
        if recipient:
            wanted.append(Letter(cause, kind, recipient, language_of(tags)))
    return wanted


def asks_for_transfer(event: PaymentPending) -> bool:
    """Whether this fact tells the customer how to pay by transfer."""
    payment = event.payment
    return bool(payment.kind == PaymentKind.TRANSFER and payment.reference and payment.status in PAYABLE)


def transfer_cause(event: PaymentPending) -> UUID:
    """One letter for each payment and round, however often it is said that it is open."""
    return uuid5(event.payment.id, f"round {event.payment.round}")


def address_of(text: str) -> str | None:
    """A mailbox that a mail can be sent to, its domain in ASCII; None when the text is none.

    What comes out holds no blank, no control character and nothing that means something in a mail's header.
    """
    if len(text) > MAX_ADDRESS or not _ADDRESS.fullmatch(text):
        return None
    local, _, domain = text.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local or not _DOMAIN.fullmatch(ascii_domain):
        return None
    return f"{local}@{ascii_domain}"


def message_id(cause: UUID, kind: str, recipient: str, host: str) -> str:
    """The Message-ID of a letter: the same however often it is written or sent."""
    return f"<{uuid5(cause, f'{kind} {recipient}')}@{host}>"
