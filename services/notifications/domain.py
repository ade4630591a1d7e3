"""Which fact asks for which letter, to whom and in which language. Pure: nothing is read or sent here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from uuid import UUID, uuid5

from libs.contracts.orders import (
    ChannelChanged,
    OrderCancelled,
    OrderCancelRefused,
    OrderCreated,
    OrderDelivered,
    OrderFact,
    OrderHeld,
    OrderOverdue,
    OrderPaid,
    OrderReopened,
    OrderShipped,
    PaymentKind,
)
from libs.contracts.payments import PaymentPending, PaymentStatus
from libs.contracts.statuses import StatusChanged
from services.notifications.phones import CODES, number_of

LANGUAGES = ("en", "fr", "it", "ro")
FALLBACK = "en"
MAIL, SMS = "mail", "sms"
PAYABLE = frozenset({PaymentStatus.CREATED, PaymentStatus.AWAITING})
MAX_ADDRESS = 254
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f-\x9f@<>()\[\],;:\\\"]{1,64}@[^\s\x00-\x1f\x7f-\x9f@<>()\[\],;:\\\"]{1,253}")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


class Reader(StrEnum):
    """Who reads a letter."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    ALERTED = "alerted"  # whoever the shop wants told of deadlines and losses


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
    FOLLOW = "follow"  # the link to the order's history
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of letter: `templates/<name>.<language>.txt` holds its words.

    `essential`: it is written whatever the customer wishes, since the sale asks for it.
    """

    name: str
    reader: Reader
    shows: frozenset[Shows] = frozenset()
    essential: bool = False


def _kind(name: str, *shows: Shows, reader: Reader = Reader.CUSTOMER, essential: bool = False) -> Kind:
    return Kind(name, reader, frozenset(shows), essential)


_ORDER = (Shows.LINES, Shows.TOTALS, Shows.METHODS, Shows.ADDRESSES)
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("acknowledged", Shows.FOLLOW, *_ORDER, essential=True),
        _kind("new_order", Shows.CUSTOMER, *_ORDER, reader=Reader.MERCHANT),
        _kind("pay_transfer", Shows.TRANSFER, essential=True),
        _kind("paid"),
        _kind("shipped", Shows.PARCELS, Shows.FOLLOW, Shows.SHIPPED, Shows.ADDRESSES),
        _kind("delivered"),
        _kind("cancelled", Shows.LINES, essential=True),
        _kind("cancel_refused", Shows.PARCELS, essential=True),
        _kind("reopened", Shows.LINES, Shows.TOTALS, essential=True),
        _kind("overdue", Shows.ALERT, Shows.CUSTOMER, Shows.TOTALS, reader=Reader.ALERTED),
        _kind("held", Shows.ALERT, Shows.CUSTOMER, Shows.TOTALS, reader=Reader.ALERTED),
    )
}
STATUS = _kind("status", Shows.FOLLOW)
"""A status of the shop's own: its words come with the fact."""
ASKED_BY: dict[type[OrderFact], tuple[str, ...]] = {
    OrderCreated: ("acknowledged", "new_order"),
    OrderPaid: ("paid",),
    OrderShipped: ("shipped",),
    OrderDelivered: ("delivered",),
    OrderCancelled: ("cancelled",),
    OrderCancelRefused: ("cancel_refused",),
    OrderReopened: ("reopened",),
    OrderOverdue: ("overdue",),
    OrderHeld: ("held",),
}


@dataclass(frozen=True, slots=True)
class OwnText:
    """What the shop says instead of our words: `{variables}` not filled in yet."""

    subject: str
    text: str
    sms: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that decides who is written to and how: the shop, what it has set, and what the customer wishes."""

    channel: ChannelChanged
    switches: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)  # kind -> mail, sms
    alert_holds: frozenset[str] = frozenset({"loss"})
    sms: bool = False
    sms_plain: bool = False
    own: Mapping[tuple[str, str], OwnText] = field(default_factory=dict)  # kind, language
    language: str | None = None  # the customer's wish
    by_mail: bool = True
    by_sms: bool = True


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that is to be written, once: `cause`, `kind` and `recipient` name it."""

    cause: UUID
    kind: Kind
    recipient: str
    language: str
    by: str = MAIL


def language_of(tags: Sequence[str]) -> str:
    """The first of these BCP 47 tags that we can write in, by its language alone where need be; otherwise English."""
    return written_in(tags) or FALLBACK


def written_in(tags: Sequence[str]) -> str | None:
    """The same, None where there is none."""
    for tag in tags:
        language = tag.replace("_", "-").split("-", 1)[0].lower()
        if language in LANGUAGES:
            return language
    return None


def letters(event: OrderFact, cause: UUID, known: Known) -> list[Letter]:
    """What this fact asks us to write: nothing about an old order, nothing to whom no address is known."""
    if event.order.historic or (isinstance(event, OrderHeld) and event.kind not in known.alert_holds):
        return []
    return [
        Letter(cause, kind, recipient, language, by)
        for kind in (KINDS[name] for name in ASKED_BY.get(type(event), ()))
        for language in (_language(event, kind, known),)
        for by, recipient in _ways(event, kind, language, known)
    ]


def status_letters(event: StatusChanged, known: Known) -> list[Letter]:
    """What a status asks us to write. What is not published reaches no customer, whatever its actions say."""
    if event.order.historic or not event.published:
        return []
    asked = {MAIL: event.actions.mail, SMS: event.actions.sms and bool(event.text.sms)}
    return [
        Letter(event.entry, STATUS, recipient, event.text.language, by)
        for by, recipient in _customers_ways(event, known)
        if asked[by] and known.switches.get(STATUS.name, {}).get(by, True)
    ]


def _language(event: OrderFact, kind: Kind, known: Known) -> str:
    customers = (known.language or event.order.language, event.order.language)
    return language_of((*(customers if kind.reader is Reader.CUSTOMER else ()), *known.channel.languages))


def _ways(event: OrderFact, kind: Kind, language: str, known: Known) -> list[tuple[str, str]]:
    switch = known.switches.get(kind.name, {})
    own = known.own.get((kind.name, language))
    if kind.reader is Reader.CUSTOMER:
        found = _customers_ways(event, known, essential=kind.essential)
    else:
        shop = known.channel.merchant_email
        found = [(MAIL, (shop if kind.reader is Reader.MERCHANT else known.channel.alert_email or shop) or "")]
    said = {MAIL: True, SMS: own is not None and bool(own.sms)}
    return [(by, to.strip()) for by, to in found if to.strip() and said[by] and switch.get(by, True)]


def _customers_ways(event: OrderFact, known: Known, *, essential: bool = False) -> list[tuple[str, str]]:
    """How the customer of an order can and wants to be told; a number that is none is kept as it is, and will fail."""
    person = event.person
    if person is None:
        return []
    ways = [(MAIL, (person.email or "").strip())] if known.by_mail or essential else []
    if known.sms and known.by_sms and person.phone:
        address = person.shipping or person.billing
        ways.append((SMS, number_of(person.phone, address.country if address else None, CODES) or person.phone.strip()))
    return [(by, to) for by, to in ways if to]


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


def hash_of(recipient: str) -> str:
    """What a recipient is known by where the address itself shall not stand."""
    return sha256((address_of(recipient) or recipient).strip().lower().encode()).hexdigest()
